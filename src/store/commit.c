/* SPDX-License-Identifier: MIT */
/*
 * TRANSACTION_END T: is everything the answers rested on still true, would the quotas still allow it, is
 * there memory; then apply all, then tell the watchers: one event a changed node, in order of first access.
 */
#include "conflict.h"
#include "limit.h"
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

static void object(struct objection *why, enum store_conflict kind, const struct txnode *t, struct author who)
{
	*why = (struct objection){ kind, t, who, NULL };
}

/* Not part of the tree any more: it was removed, or something above it. */
static void object_removed(struct store *s, const struct txnode *t, struct objection *why)
{
	while (!t->parent->alive)
		t = t->parent;
	object(why, STORE_CONFLICT_REMOVED, t, node_changed_by(s, t->base, CHANGED_DEAD));
}

static bool still_absent(struct store *s, const struct txnode *t, struct objection *why)
{
	uint32_t node;

	if (!t->parent->alive) {
		object_removed(s, t->parent, why);
		return false;
	}
	node = node_find(s, t->parent->base, blob_at(&s->blobs, t->name), t->name_len, STAMP_NOW);
	if (node)
		object(why, STORE_CONFLICT_CREATED, t, author_of(s, node_at(s, node)->birth));
	return !node;
}

static bool still_the_same(struct store *s, const struct tx *tx, const struct txnode *t,
			   struct objection *why)
{
	static const struct {
		unsigned rests, changed;
		enum store_conflict kind;
	} facts[] = {
		{ RESTS_VALUE, CHANGED_VALUE, STORE_CONFLICT_WRITTEN },
		{ RESTS_PERMS, CHANGED_PERMS, STORE_CONFLICT_PERMS },
		{ RESTS_CHILDREN, CHANGED_CHILDREN, STORE_CONFLICT_CHILDREN },
	};
	const unsigned changed = node_changed_since(s, t->base, tx->start);

	for (size_t i = 0; changed && i < sizeof(facts) / sizeof(facts[0]); i++) {
		if (!(t->rests & facts[i].rests) || !(changed & facts[i].changed))
			continue;
		object(why, facts[i].kind, t, node_changed_by(s, t->base, facts[i].changed));
		return false;
	}
	return true;
}

/* In order of first access, so that what is above has been looked at. */
static bool still_true(struct store *s, const struct tx *tx, struct txnode *t, struct objection *why)
{
	t->alive =
		t == tx->root || (t->parent->alive && t->base && !(node_at(s, t->base)->flags & NODE_DEAD));
	if (!t->rests)
		return true;
	if (t->rests & RESTS_ABSENT)
		return still_absent(s, t, why);
	if (!t->alive) {
		object_removed(s, t, why);
		return false;
	}
	return still_the_same(s, tx, t, why);
}

/* A list set here may name an owner that died since. */
static bool owner_lives(const struct store *s, const struct txnode *t, struct objection *why)
{
	const struct domain *owner = t->perms ? perms_owner(s, t->perms) : NULL;

	if (!owner || owner->alive)
		return true;
	object(why, STORE_CONFLICT_OWNER, t, (struct author){ owner->domid, STORE_CONN_NONE });
	return false;
}

static bool is_valid(struct store *s, struct tx *tx, struct objection *why)
{
	for_each_txnode (t, &tx->nodes, by_access)
		if (!still_true(s, tx, t, why) || !owner_lives(s, t, why))
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

size_t txnode_path(const struct store *s, const struct tx *tx, const struct txnode *t,
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

	for (struct txnode *t = txnode_leaves_first(NULL, top); t; t = txnode_leaves_first(t, top))
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

/* Others used up the quota meanwhile: EAGAIN to who asked, and to the operator a refusal like any. */
static void tell_refusal(struct store *s, const struct tx *tx, const struct objection *why,
			 struct store_effects *out)
{
	struct domain *owner = domain_lookup(s, why->who.domid);
	const int kind = limit_kind(why->quota, strlen(why->quota));
	char path[WIRE_ABS_PATH_MAX];

	if (owner && kind >= 0)
		limit_tell(s, out, owner, (enum store_quota_kind)kind, "refused", XS_TRANSACTION_END, path,
			   txnode_path(s, tx, why->t, path));
}

int tx_commit(struct store *s, struct tx *tx, struct store_effects *out, struct objection *why)
{
	if (tx->doomed) {
		*why = tx->doom;
		return -EAGAIN;
	}
	if (!tx->wrote)
		return 0;
	if (!is_valid(s, tx, why))
		return -EAGAIN;
	if (!quota_allows_commit(s, tx, why)) {
		tell_refusal(s, tx, why, out);
		return -EAGAIN;
	}
	if (reserve(s, tx))
		return -ENOMEM;
	apply(s, tx);
	tell_all(s, tx, out);
	for_each_txnode (t, &tx->nodes, by_access)
		if (is_changed(t))
			forget_given(t);
	return 0;
}
