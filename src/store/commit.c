/* SPDX-License-Identifier: MIT */
/*
 * TRANSACTION_END T: is everything the answers rested on still true, would the quotas still allow it, is
 * there memory; then apply all, then tell the watchers: one event a changed node, in order of first access.
 */
#include "node.h"
#include "quota.h"
#include "tx.h"
#include "watch.h"

#define for_each_txnode(t, list, member)                                                       \
	for (struct txnode *t = list_first(list, struct txnode, member); &t->member != (list); \
	     t = list_entry(t->member.next, struct txnode, member))

static bool is_changed(const struct txnode *t)
{
	return t->removed || (t->exists && (t->fresh || t->has_value || t->perms));
}

/* In order of first access, so that what is above has been looked at. */
static bool still_true(struct store *s, const struct tx *tx, struct txnode *t)
{
	unsigned changed;

	t->alive =
		t == tx->root || (t->parent->alive && t->base && !(node_at(s, t->base)->flags & NODE_DEAD));
	if (!t->rests)
		return true;
	if (t->rests & RESTS_ABSENT)
		return t->parent->alive &&
		       !node_find(s, t->parent->base, blob_at(&s->blobs, t->name), t->name_len, STAMP_NOW);
	if (!t->alive)
		return false;
	changed = node_changed_since(s, t->base, tx->start);
	return !((t->rests & RESTS_VALUE) && (changed & CHANGED_VALUE)) &&
	       !((t->rests & RESTS_PERMS) && (changed & CHANGED_PERMS)) &&
	       !((t->rests & RESTS_CHILDREN) && (changed & CHANGED_CHILDREN));
}

/* A list set here may name an owner that died since. */
static bool owner_lives(const struct store *s, const struct txnode *t)
{
	return !t->perms || perms_owner(s, t->perms)->alive;
}

static bool is_valid(struct store *s, struct tx *tx)
{
	for_each_txnode (t, &tx->nodes, by_access)
		if (!still_true(s, tx, t) || !owner_lives(s, t))
			return false;
	return true;
}

static uint32_t count_changed(const struct tx *tx)
{
	uint32_t count = 0;

	for_each_txnode (t, &tx->nodes, by_access)
		count += is_changed(t);
	return count;
}

static void remove_base(struct store *s, struct txnode *t)
{
	t->was = t->base;
	t->old_perms = perms_ref(s, node_at(s, t->was)->perms);
	node_remove(s, t->was);
	t->base = 0;
}

static void change_base(struct store *s, struct txnode *t)
{
	if (t->has_value)
		node_set_value(s, t->base, t->value, t->value_len);
	if (t->perms) {
		t->old_perms = perms_ref(s, node_at(s, t->base)->perms);
		node_set_perms(s, t->base, t->perms);
	}
}

static void create_base(struct store *s, struct txnode *t)
{
	t->base = node_new(s, t->name, t->name_len, t->value, t->value_len, t->perms);
	assert(t->base); /* reserved */
	t->name_given = true;
	node_attach(s, t->parent->base, t->base);
}

/* The node has them now. */
static void forget_given(struct txnode *t)
{
	t->value = 0;
	t->perms = 0;
}

static void apply(struct store *s, struct tx *tx)
{
	s->stamp++;
	for_each_txnode (t, &tx->nodes, by_access)
		if (t->removed)
			remove_base(s, t);
		else if (is_changed(t) && !t->fresh)
			change_base(s, t);
	for_each_txnode (t, &tx->created, by_creation)
		create_base(s, t);
}

static size_t txnode_path(const struct store *s, const struct tx *tx, const struct txnode *t,
			  char buf[WIRE_ABS_PATH_MAX])
{
	size_t at = WIRE_ABS_PATH_MAX;

	for (; t != tx->root; t = t->parent) {
		assert(at > t->name_len);
		at -= t->name_len;
		memcpy(buf + at, blob_at(&s->blobs, t->name), t->name_len);
		buf[--at] = '/';
	}
	if (at == WIRE_ABS_PATH_MAX)
		buf[--at] = '/';
	memmove(buf, buf + at, WIRE_ABS_PATH_MAX - at);
	return WIRE_ABS_PATH_MAX - at;
}

/* Removed by name, and then with all around it: who watches from above learns of both, as on C xenstored. Linux takes a
 * device's node for removed by that node's own event alone. */
static void tell_gone(struct store *s, const struct tx *tx, struct txnode *top, struct store_effects *out)
{
	char path[WIRE_ABS_PATH_MAX];

	for (struct txnode *t = txnode_next_beneath(top, top); t; t = txnode_next_beneath(t, top))
		if (t->gone && !t->exists)
			watch_fire(s, out, path, txnode_path(s, tx, t, path), t->base,
				   node_at(s, t->base)->parent, 0);
}

static void tell(struct store *s, const struct tx *tx, struct txnode *t, struct store_effects *out)
{
	char path[WIRE_ABS_PATH_MAX];
	const size_t len = txnode_path(s, tx, t, path);
	const uint32_t parent = t == tx->root ? 0 : t->parent->base;

	if (t->was) {
		tell_gone(s, tx, t, out);
		watch_fire_beneath(s, out, path, len, t->was);
	}
	watch_fire(s, out, path, len, t->base ? t->base : t->was, parent, t->old_perms);
}

static void tell_all(struct store *s, struct tx *tx, struct store_effects *out)
{
	if (!s->watch_count)
		return;
	for_each_txnode (t, &tx->nodes, by_access)
		if (is_changed(t) && (t->was || !t->implied))
			tell(s, tx, t, out);
}

static int reserve(struct store *s, struct tx *tx)
{
	if (slab_reserve(&s->nodes, tx->created_nodes))
		return -ENOMEM;
	tx_give_up_snapshot(s, tx); /* or it would keep versions of its own changes for itself */
	return version_reserve(s, 2 * count_changed(tx));
}

int tx_commit(struct store *s, struct tx *tx, struct store_effects *out)
{
	if (tx->doomed)
		return -EAGAIN;
	if (!tx->wrote)
		return 0;
	if (!is_valid(s, tx) || !quota_allows_commit(s, tx))
		return -EAGAIN;
	if (reserve(s, tx))
		return -ENOMEM;
	apply(s, tx);
	tell_all(s, tx, out);
	for_each_txnode (t, &tx->nodes, by_access)
		if (is_changed(t))
			forget_given(t);
	return 0;
}
