/* SPDX-License-Identifier: MIT */
#include "quota.h"
#include "request.h"

int request_one_string(const struct request *rq, const char **string, size_t *len)
{
	return wire_split(rq->in->payload, rq->in->len, 1, string, len);
}

int request_domid(const char *text, size_t len, uint32_t *domid)
{
	uint64_t number;

	if (wire_number(text, len, UINT16_MAX, &number))
		return -EINVAL;
	*domid = (uint32_t)number;
	return 0;
}

uint32_t request_features(const struct request *rq)
{
	return rq->conn->ring ? rq->dom->features : WIRE_FEATURES_ALL;
}

int request_path(struct request *rq, const char *text, size_t len)
{
	const int kind = wire_path_canonical(text, len, rq->dom->domid, rq->buf, &rq->path, &rq->path_len);

	if (kind < 0 || kind == WIRE_PATH_SPECIAL)
		return -EINVAL;
	return quota_check(rq, STORE_QUOTA_PATH, rq->path_len - wire_home_prefix(rq->path, rq->path_len));
}

static void walk_now(struct request *rq)
{
	struct wire_strings p = { rq->path, rq->path_len };
	struct spot *spot = &rq->spot;
	size_t len;

	spot->node = rq->s->root;
	spot->above = 0;
	for (;;) {
		const struct wire_strings here = p;
		const char *name = wire_next_component(&p, &len);
		uint32_t child;

		spot->exists = !name;
		if (!name)
			return;
		child = node_find(rq->s, spot->node, name, len, STAMP_NOW);
		spot->above = spot->node;
		spot->node = child;
		spot->names = here;
		if (!child)
			return;
	}
}

static int walk_tx(struct request *rq)
{
	struct wire_strings p = { rq->path, rq->path_len };
	struct spot *spot = &rq->spot;
	size_t len;

	spot->t = rq->tx->root;
	spot->t_above = NULL;
	for (;;) {
		const struct wire_strings here = p;
		const char *name = wire_next_component(&p, &len);
		struct txnode *child;
		int err;

		spot->exists = !name;
		if (!name)
			return 0;
		err = quota_tx_child(rq, spot->t, name, len, &child);
		if (err)
			return err;
		spot->t_above = spot->t;
		spot->t = child;
		spot->names = here;
		if (!child->exists)
			break;
	}
	spot->t_missing = spot->t;
	return 0;
}

/* Each name that a request led to counts once. */
static int count_touched(struct request *rq, struct txnode *t)
{
	int err;

	if (t->counted)
		return 0;
	err = quota_check(rq, STORE_QUOTA_TX_NODES, (uint64_t)rq->tx->touched + 1);
	if (err)
		return err;
	t->counted = true;
	rq->tx->touched++;
	domain_reached(rq->dom, STORE_QUOTA_TX_NODES, rq->tx->touched);
	return 0;
}

static int walk(struct request *rq)
{
	int err;

	rq->spot = (struct spot){ 0 };
	if (!rq->tx) {
		walk_now(rq);
		return 0;
	}
	err = quota_check_memory(rq, rq->dom, 0);
	if (!err)
		err = walk_tx(rq);
	return err ? err : count_touched(rq, rq->spot.t);
}

uint32_t spot_perms(const struct request *rq)
{
	if (rq->tx)
		return txnode_perms(rq->s, rq->tx, rq->spot.t);
	return node_at(rq->s, rq->spot.node)->perms;
}

uint32_t spot_above_perms(const struct request *rq)
{
	if (rq->tx)
		return txnode_perms(rq->s, rq->tx, rq->spot.t_above);
	return node_at(rq->s, rq->spot.above)->perms;
}

static int check_found(struct request *rq, unsigned access, unsigned rests)
{
	if ((perms_access(rq->s, spot_perms(rq), rq->dom) & access) != access) {
		if (rq->tx)
			txnode_rest(rq->tx, rq->spot.t, RESTS_ALIVE | RESTS_PERMS);
		return -EACCES;
	}
	if (rq->tx)
		txnode_rest(rq->tx, rq->spot.t, rests | RESTS_ALIVE);
	return 0;
}

/* Who has no such right to the nearest node above learns nothing of what is missing below it. */
static int check_missing(struct request *rq, unsigned access)
{
	if (rq->tx) {
		txnode_rest(rq->tx, rq->spot.t_missing, RESTS_ABSENT);
		txnode_rest(rq->tx, rq->spot.t_above, RESTS_ALIVE | RESTS_PERMS);
	}
	if (!(perms_access(rq->s, spot_above_perms(rq), rq->dom) & access))
		return -EACCES;
	return -ENOENT;
}

int request_find(struct request *rq, unsigned access, unsigned rests)
{
	const int err = walk(rq);

	if (err)
		return err;
	return rq->spot.exists ? check_found(rq, access, rests) : check_missing(rq, access);
}
