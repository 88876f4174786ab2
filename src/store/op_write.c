/* SPDX-License-Identifier: MIT */
/* WRITE, MKDIR, RM, SET_PERMS. Whatever can fail is done before the first change. */
#include "create.h"
#include "quota.h"
#include "request.h"
#include "watch.h"

static int overwrite_now(struct request *rq, const struct value *v)
{
	const uint32_t node = rq->spot.node;
	uint32_t blob;

	if (version_reserve(rq->s, 1) || blob_new(&rq->s->blobs, v->bytes, v->len, &blob))
		return -ENOMEM;
	rq->s->stamp++;
	node_set_value(rq->s, node, blob, v->len);
	watch_fire(rq->s, rq->out, rq->path, rq->path_len, node, node_at(rq->s, node)->parent, 0);
	return 0;
}

static int overwrite_in_tx(struct request *rq, const struct value *v)
{
	uint32_t blob;

	if (blob_new(&rq->s->blobs, v->bytes, v->len, &blob))
		return -ENOMEM;
	txnode_write(rq->s, rq->tx, rq->spot.t, blob, v->len);
	return 0;
}

static uint32_t value_len(const struct request *rq)
{
	uint32_t len;

	if (rq->tx)
		txnode_value(rq->s, rq->tx, rq->spot.t, &len);
	else
		node_value_at(rq->s, rq->spot.node, STAMP_NOW, &len);
	return len;
}

static int overwrite(struct request *rq, const struct value *v)
{
	const uint32_t perms = spot_perms(rq);
	const uint32_t before = blob_size(value_len(rq)), after = blob_size(v->len);
	int err = quota_check(rq, STORE_QUOTA_NODE_SIZE, (uint64_t)v->len + perms_size(rq->s, perms));

	if (!err && after > before)
		err = quota_check_memory(rq, rq->tx ? rq->dom : perms_owner(rq->s, perms), after - before);
	if (err)
		return err;
	return rq->tx ? overwrite_in_tx(rq, v) : overwrite_now(rq, v);
}

int op_write(struct request *rq)
{
	struct wire_strings payload = { rq->in->payload, rq->in->len };
	struct value v;
	size_t len;
	const char *path = wire_next_string(&payload, &len);
	int err = path ? request_path(rq, path, len) : -EINVAL;

	if (err)
		return err;
	v = (struct value){ payload.at, (uint32_t)payload.left };
	err = request_find(rq, ACCESS_WRITE, RESTS_PERMS);
	if (!err)
		err = overwrite(rq, &v);
	else if (err == -ENOENT)
		err = request_create(rq, &v);
	return err ? err : reply_ok(rq);
}

int op_mkdir(struct request *rq)
{
	const struct value nothing = { "", 0 };
	const char *path;
	size_t len;
	int err = request_one_string(rq, &path, &len);

	if (!err)
		err = request_path(rq, path, len);
	if (!err)
		err = request_find(rq, ACCESS_WRITE, RESTS_PERMS);
	if (err == -ENOENT)
		err = request_create(rq, &nothing);
	return err ? err : reply_ok(rq);
}

static int remove_now(struct request *rq)
{
	const uint32_t node = rq->spot.node, parent = node_at(rq->s, node)->parent;

	if (version_reserve(rq->s, 2))
		return -ENOMEM;
	rq->s->stamp++;
	node_remove(rq->s, node);
	watch_fire_removed(rq->s, rq->out, rq->path, rq->path_len, node, parent);
	return 0;
}

/* Is only the last name of the path missing? */
static bool parent_exists(const struct request *rq)
{
	struct wire_strings names = rq->spot.names;
	size_t len;

	return wire_next_component(&names, &len) && !wire_next_component(&names, &len);
}

int op_rm(struct request *rq)
{
	const char *path;
	size_t len;
	int err = request_one_string(rq, &path, &len);

	if (!err)
		err = request_path(rq, path, len);
	if (!err)
		err = request_find(rq, ACCESS_WRITE, RESTS_PERMS);
	if (err == -ENOENT && parent_exists(rq))
		return reply_ok(rq);
	if (!err && rq->path_len == 1)
		err = -EINVAL;
	if (err)
		return err;
	if (rq->tx)
		txnode_remove(rq->s, rq->tx, rq->spot.t);
	else
		err = remove_now(rq);
	return err ? err : reply_ok(rq);
}

static int set_special_perms(struct request *rq, const char *path, size_t len, uint32_t perms)
{
	const int special = special_of(path, len);
	int err;

	if (special < 0 || strlen(special_names[special]) != len)
		return -EINVAL;
	if (!(perms_access(rq->s, rq->s->special[special], rq->dom) & ACCESS_OWNER))
		return -EACCES;
	if (!domain_is_privileged(rq->dom) &&
	    perms_owner(rq->s, perms) != perms_owner(rq->s, rq->s->special[special]))
		return -EPERM;
	err = quota_check_memory(rq, perms_owner(rq->s, perms), 0);
	if (err)
		return err;
	perms_unref(rq->s, rq->s->special[special]);
	rq->s->special[special] = perms_ref(rq->s, perms);
	return 0;
}

static int set_perms_now(struct request *rq, uint32_t perms)
{
	struct store *s = rq->s;
	const uint32_t node = rq->spot.node;
	const uint32_t old = node_at(s, node)->perms;

	if (version_reserve(s, 1))
		return -ENOMEM;
	s->stamp++;
	perms_ref(s, old);
	node_set_perms(s, node, perms_ref(s, perms));
	watch_fire(s, rq->out, rq->path, rq->path_len, node, node_at(s, node)->parent, old);
	perms_unref(s, old);
	return 0;
}

/* The memory of the owner it names is looked at last, when that is the asker's own: of another's it learns nothing. */
static int set_node_perms(struct request *rq, uint32_t perms)
{
	uint64_t size;
	int err = request_find(rq, ACCESS_WRITE | ACCESS_OWNER, RESTS_PERMS);

	if (err)
		return err;
	if (!domain_is_privileged(rq->dom) && perms_owner(rq->s, perms) != perms_owner(rq->s, spot_perms(rq)))
		return -EPERM;
	size = (uint64_t)value_len(rq) + perms_size(rq->s, perms);
	err = quota_check(rq, STORE_QUOTA_NODE_SIZE, size);
	if (!err)
		err = quota_check_memory(rq, perms_owner(rq->s, perms), 0);
	if (err)
		return err;
	if (!rq->tx)
		return set_perms_now(rq, perms);
	txnode_set_perms(rq->s, rq->tx, rq->spot.t, perms_ref(rq->s, perms));
	return 0;
}

int op_set_perms(struct request *rq)
{
	struct wire_strings payload = { rq->in->payload, rq->in->len };
	size_t len;
	const char *path = wire_next_string(&payload, &len);
	const size_t count = wire_count_strings(payload.at, payload.left);
	const bool special = path && len && path[0] == '@';
	uint32_t perms;
	int err;

	if (!path || !count || payload.at[payload.left - 1])
		return -EINVAL;
	if (!special && (err = request_path(rq, path, len)) != 0)
		return err;
	err = quota_check(rq, STORE_QUOTA_PERMS, count);
	if (!err)
		err = perms_parse(rq->s, payload, (uint32_t)count,
				  request_features(rq) & WIRE_FEATURE_DOMID_ANY, &perms);
	if (err)
		return err;
	err = special ? set_special_perms(rq, path, len, perms) : set_node_perms(rq, perms);
	perms_unref(rq->s, perms);
	return err ? err : reply_ok(rq);
}
