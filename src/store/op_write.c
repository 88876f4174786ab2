/* SPDX-License-Identifier: MIT */
/* WRITE, MKDIR, RM, SET_PERMS. Whatever can fail is done before the first change. */
#include "quota.h"
#include "request.h"
#include "watch.h"

struct value {
	const char *bytes;
	uint32_t len;
};

/* A new node has its parent's list; who is not privileged owns what it makes, or its target does. */
static int perms_for_new(struct request *rq, uint32_t *perms)
{
	const uint32_t above = spot_above_perms(rq);

	if (domain_is_privileged(rq->dom)) {
		*perms = perms_ref(rq->s, above);
		return 0;
	}
	return perms_with_owner(rq->s, above, rq->dom->target ? rq->dom->target : rq->dom, perms);
}

/* The nodes that a creation needs, and their bytes. */
static uint32_t measure(struct wire_strings names, const struct value *v, uint64_t *bytes)
{
	uint32_t count = 0;
	size_t len;

	*bytes = blob_size(v->len);
	for (; wire_next_component(&names, &len); count++)
		*bytes += sizeof(struct node) + blob_size((uint32_t)len);
	return count;
}

static int check_creation(struct request *rq, uint32_t perms, const struct value *v)
{
	uint64_t bytes;
	const uint32_t count = measure(rq->spot.names, v, &bytes);
	int err = quota_check(rq, QUOTA_NODE_SIZE, (uint64_t)v->len + perms_size(rq->s, perms));

	if (!err)
		err = quota_check_nodes(rq, perms_owner(rq->s, perms), count, bytes);
	return err;
}

/* One node, hanging nowhere. 0: out of memory. */
static uint32_t make_node(struct store *s, const char *name, size_t len, const struct value *v,
			  uint32_t perms)
{
	uint32_t name_blob, value_blob, node;

	if (blob_new(&s->blobs, name, (uint32_t)len, &name_blob))
		return 0;
	if (blob_new(&s->blobs, v->bytes, v->len, &value_blob))
		goto free_name;
	node = node_new(s, name_blob, (uint32_t)len, value_blob, v->len, perms);
	if (!node)
		goto free_value;
	perms_ref(s, perms);
	return node;

free_value:
	blob_free(&s->blobs, value_blob, v->len);
free_name:
	blob_free(&s->blobs, name_blob, (uint32_t)len);
	return 0;
}

/* The missing nodes, one beneath the other; only the last has a value. 0 and the first and last; -ENOMEM. */
static int make_branch(struct store *s, struct wire_strings names, const struct value *v, uint32_t perms,
		       uint32_t *top, uint32_t *leaf)
{
	size_t len;
	const char *name = wire_next_component(&names, &len);

	*top = *leaf = 0;
	while (name) {
		struct wire_strings rest = names;
		size_t next_len;
		const char *next = wire_next_component(&rest, &next_len);
		const struct value nothing = { "", 0 };
		const uint32_t node = make_node(s, name, len, next ? &nothing : v, perms);

		if (!node) {
			if (*top)
				node_discard(s, *top);
			return -ENOMEM;
		}
		if (*leaf)
			node_attach(s, *leaf, node);
		else
			*top = node;
		*leaf = node;
		name = next;
		len = next_len;
		names = rest;
	}
	return 0;
}

static int create_now(struct request *rq, uint32_t perms, const struct value *v)
{
	struct store *s = rq->s;
	uint32_t top, leaf;

	if (version_reserve(s, 1))
		return -ENOMEM;
	s->stamp++;
	if (make_branch(s, rq->spot.names, v, perms, &top, &leaf))
		return -ENOMEM;
	node_attach(s, rq->spot.above, top);
	watch_fire(s, rq->out, rq->path, rq->path_len, leaf, node_at(s, leaf)->parent, 0);
	return 0;
}

/* One level of the overlay, beneath @parent. */
static int create_level(struct request *rq, struct txnode *t, const struct value *v, uint32_t perms)
{
	uint32_t blob;

	if (blob_new(&rq->s->blobs, v->bytes, v->len, &blob))
		return -ENOMEM;
	txnode_create(rq->s, rq->tx, t, blob, v->len, perms_ref(rq->s, perms));
	return 0;
}

static int create_in_tx(struct request *rq, uint32_t perms, const struct value *v)
{
	struct wire_strings names = rq->spot.names;
	struct txnode *t = rq->spot.t_missing, *first = t;
	const struct value nothing = { "", 0 };
	size_t len;
	const char *name = wire_next_component(&names, &len);
	int err;

	for (;;) {
		name = wire_next_component(&names, &len);
		err = create_level(rq, t, name ? &nothing : v, perms);
		t->implied = !err && name;
		if (!err && name)
			err = tx_child(rq->s, rq->tx, t, name, len, &t);
		if (err || !name)
			break;
	}
	if (err && first->exists)
		txnode_remove(rq->s, rq->tx, first);
	return err;
}

static int create(struct request *rq, const struct value *v)
{
	uint32_t perms;
	int err;

	if (!(perms_access(rq->s, spot_above_perms(rq), rq->dom) & ACCESS_WRITE))
		return -EACCES;
	err = perms_for_new(rq, &perms);
	if (err)
		return err;
	err = check_creation(rq, perms, v);
	if (!err)
		err = rq->tx ? create_in_tx(rq, perms, v) : create_now(rq, perms, v);
	perms_unref(rq->s, perms);
	return err;
}

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
	int err = quota_check(rq, QUOTA_NODE_SIZE, (uint64_t)v->len + perms_size(rq->s, perms));

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
		err = create(rq, &v);
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
		err = create(rq, &nothing);
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

	if (special < 0 || strlen(special_names[special]) != len)
		return -EINVAL;
	if (!domain_is_privileged(rq->dom))
		return -EACCES;
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

static int set_node_perms(struct request *rq, uint32_t perms)
{
	uint64_t size;
	int err = request_find(rq, ACCESS_WRITE | ACCESS_OWNER, RESTS_PERMS);

	if (err)
		return err;
	if (!domain_is_privileged(rq->dom) && perms_owner(rq->s, perms) != perms_owner(rq->s, spot_perms(rq)))
		return -EPERM;
	size = (uint64_t)value_len(rq) + perms_size(rq->s, perms);
	err = quota_check(rq, QUOTA_NODE_SIZE, size);
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
	err = quota_check(rq, QUOTA_PERMS, count);
	if (!err)
		err = perms_parse(rq->s, payload, (uint32_t)count, &perms);
	if (err)
		return err;
	err = special ? set_special_perms(rq, path, len, perms) : set_node_perms(rq, perms);
	perms_unref(rq->s, perms);
	return err ? err : reply_ok(rq);
}
