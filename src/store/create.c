/* SPDX-License-Identifier: MIT */
/* Making what a path names, with all that is missing above it. Whatever can fail is done first. */
#include "create.h"
#include "quota.h"
#include "request.h"
#include "watch.h"

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
	int err = quota_check(rq, STORE_QUOTA_NODE_SIZE, (uint64_t)v->len + perms_size(rq->s, perms));

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
			err = quota_tx_child(rq, t, name, len, &t);
		if (err || !name)
			break;
	}
	if (err && first->exists)
		txnode_remove(rq->s, rq->tx, first);
	return err;
}

int request_create(struct request *rq, const struct value *v)
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
