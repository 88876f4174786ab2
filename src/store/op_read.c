/* SPDX-License-Identifier: MIT */
/* READ, DIRECTORY, DIRECTORY_PART, GET_PERMS. */
#include "request.h"
#include "watch.h"

static int find_only_path(struct request *rq, unsigned rests)
{
	const char *path;
	size_t len;

	if (request_one_string(rq, &path, &len))
		return -EINVAL;
	return request_path(rq, path, len) ?: request_find(rq, ACCESS_READ, rests);
}

int op_read(struct request *rq)
{
	const int err = find_only_path(rq, RESTS_VALUE);
	const char *value;
	uint32_t len;

	if (err)
		return err;
	if (rq->tx)
		value = txnode_value(rq->s, rq->tx, rq->spot.t, &len);
	else
		value = node_value_at(rq->s, rq->spot.node, STAMP_NOW, &len);
	return reply(rq, value, len);
}

/* The names of the children of what was found, in order of creation. */
struct children {
	const struct request *rq;
	uint64_t snapshot;
	uint32_t parent;      /* 0: no child comes from the store */
	uint32_t node;	      /* the next to look at */
	uint32_t last;	      /* the one that was given out */
	const struct list *t; /* then the overlay's own, the last looked at; NULL: not in a transaction */
};

static void children_begin(struct children *c, const struct request *rq)
{
	const struct spot *spot = &rq->spot;

	*c = (struct children){ .rq = rq, .snapshot = STAMP_NOW, .parent = spot->node };
	if (rq->tx) {
		c->snapshot = rq->tx->start;
		c->parent = spot->t->fresh ? 0 : spot->t->base;
		c->t = &spot->t->children;
	}
	c->node = c->parent ? node_at(rq->s, c->parent)->first : 0;
}

/* Is it hidden by what the transaction did? */
static bool is_hidden(const struct children *c, const struct node *n)
{
	const struct request *rq = c->rq;
	const struct txnode *t;

	if (!node_is_visible(rq->s, n, c->snapshot))
		return true;
	if (!rq->tx || list_empty(&rq->spot.t->children))
		return false;
	t = tx_known_child(rq->s, rq->tx, rq->spot.t, node_name(rq->s, n), n->name_len);
	return t && (t->removed || t->fresh);
}

static const char *children_next(struct children *c, size_t *len)
{
	const struct store *s = c->rq->s;

	while (c->node) {
		const struct node *n = node_at(s, c->node);

		c->last = c->node;
		c->node = n->next;
		if (is_hidden(c, n))
			continue;
		*len = n->name_len;
		return node_name(s, n);
	}
	while (c->t && (c->t = c->t->next) != &c->rq->spot.t->children) {
		const struct txnode *t = list_entry(c->t, struct txnode, sibling);

		if (!t->fresh)
			continue;
		*len = t->name_len;
		return blob_at(&s->blobs, t->name);
	}
	c->t = NULL;
	return NULL;
}

int op_directory(struct request *rq)
{
	const int err = find_only_path(rq, RESTS_CHILDREN);
	struct children c;
	struct message m;
	const char *name;
	size_t len;

	if (err)
		return err;
	children_begin(&c, rq);
	message_begin(&m, rq->out);
	while (m.len <= WIRE_PAYLOAD_MAX && (name = children_next(&c, &len)) != NULL) {
		message_put_name(&m, name, len);
	}
	return reply_finish(rq, &m);
}

/* A number that changes whenever the node or its child list does, as the asker sees them. Nothing of a
 * snapshot changes; a later stamp of the node itself is somebody else's news. */
static uint64_t generation(const struct request *rq)
{
	const struct txnode *t = rq->spot.t;
	uint64_t gen;

	if (!rq->tx)
		return node_at(rq->s, rq->spot.node)->gen;
	if (t->gen)
		return t->gen;
	gen = node_at(rq->s, t->base)->gen;
	return gen < rq->tx->start ? gen : rq->tx->start;
}

static int take_path_and_offset(struct request *rq, uint64_t *offset)
{
	const char *strings[2];
	size_t lens[2];

	if (wire_split(rq->in->payload, rq->in->len, 2, strings, lens) ||
	    wire_number(strings[1], lens[1], UINT32_MAX, offset))
		return -EINVAL;
	return request_path(rq, strings[0], lens[0]);
}

/* The reply holds whole names, as many as fit behind the generation, and an empty one behind the last.
 * *@more: there are others; then it returns the bytes of names it put. */
static uint64_t put_part(struct children *c, struct message *m, uint64_t offset, bool *more)
{
	const size_t start = m->len;
	const char *name;
	size_t len;

	*more = true;
	while ((name = children_next(c, &len)) != NULL) {
		const size_t skip = offset < len + 1 ? (size_t)offset : len + 1;

		offset -= skip;
		if (skip == len + 1)
			continue;
		if (m->len + len + 1 - skip > WIRE_PAYLOAD_MAX - 1)
			return m->len - start;
		message_put_name(m, name + skip, len - skip);
	}
	*more = false;
	message_put(m, "", 1);
	return 0;
}

/* A long listing is asked for part by part; without this each part would walk over all before it. */
static uint64_t resume_part(const struct request *rq, struct children *c, uint64_t offset)
{
	const struct part_cursor *part = &rq->conn->part;

	if (rq->tx || part->node != rq->spot.node || part->offset != offset ||
	    part->gen != node_at(rq->s, part->node)->gen)
		return offset;
	c->node = part->child;
	return 0;
}

static void remember_part(const struct request *rq, const struct children *c, uint64_t offset)
{
	if (rq->tx)
		return;
	rq->conn->part = (struct part_cursor){ .gen = node_at(rq->s, rq->spot.node)->gen,
					       .offset = offset,
					       .node = rq->spot.node,
					       .child = c->last };
}

int op_directory_part(struct request *rq)
{
	char number[WIRE_NUMBER_MAX];
	struct children c;
	struct message m;
	uint64_t offset, done;
	bool more;
	int err = take_path_and_offset(rq, &offset);

	if (!err)
		err = request_find(rq, ACCESS_READ, RESTS_CHILDREN);
	if (err)
		return err;
	children_begin(&c, rq);
	message_begin(&m, rq->out);
	message_put(&m, number, wire_put_number(number, generation(rq)));
	message_put(&m, "", 1);
	done = put_part(&c, &m, resume_part(rq, &c, offset), &more);
	if (more)
		remember_part(rq, &c, offset + done);
	return reply_finish(rq, &m);
}

static int reply_perms(struct request *rq, uint32_t perms)
{
	const struct perm_list *list = perms_at(rq->s, perms);
	struct message m;

	message_begin(&m, rq->out);
	for (uint32_t i = 0; i < list->count; i++) {
		const struct wire_perm perm = { list->entries[i].domid, list->entries[i].access };
		char text[WIRE_PERM_MAX];

		message_put(&m, text, wire_perm_format(&perm, text));
	}
	return reply_finish(rq, &m);
}

static int get_special_perms(struct request *rq, const char *path, size_t len)
{
	const int special = special_of(path, len);
	uint32_t perms;

	if (special < 0 || strlen(special_names[special]) != len)
		return -EINVAL;
	perms = rq->s->special[special];
	if (!(perms_access(rq->s, perms, rq->dom) & ACCESS_READ))
		return -EACCES;
	return reply_perms(rq, perms);
}

int op_get_perms(struct request *rq)
{
	const char *path;
	size_t len;
	int err;

	if (!request_one_string(rq, &path, &len) && len && path[0] == '@')
		return get_special_perms(rq, path, len);
	err = find_only_path(rq, RESTS_PERMS);
	return err ? err : reply_perms(rq, spot_perms(rq));
}
