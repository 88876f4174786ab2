/* SPDX-License-Identifier: MIT */
/* The overlay of a transaction: what it touched, in the shape of the tree. */
#include "limit.h"
#include "tx.h"
#include <base/siphash.h>
#include "node.h"

struct txnode *txnode_new(struct store *s, struct tx *tx, const char *name, size_t len)
{
	struct txnode *t = mem_zalloc(&s->mem, sizeof(*t));

	if (!t)
		return NULL;
	if (blob_new(&s->blobs, name, (uint32_t)len, &t->name)) {
		mem_free(&s->mem, t, sizeof(*t));
		return NULL;
	}
	t->name_len = (uint32_t)len;
	list_init(&t->by_creation);
	list_init(&t->sibling);
	list_init(&t->children);
	list_add_tail(&tx->nodes, &t->by_access);
	charge_take(s, &tx->charge, tx->conn->domain, sizeof(*t) + blob_size(t->name_len));
	return t;
}

static void give_back(struct tx *tx, uint64_t bytes)
{
	tx->charge.bytes -= bytes;
	domain_let_go(tx->charge.who, bytes);
}

static void drop_value(struct store *s, struct tx *tx, struct txnode *t)
{
	blob_free(&s->blobs, t->value, t->value_len);
	give_back(tx, blob_size(t->value_len));
	t->value = t->value_len = 0;
	t->has_value = false;
}

/* Undoes what the transaction did to it; what rests on its base stays. */
static void forget_changes(struct store *s, struct tx *tx, struct txnode *t)
{
	drop_value(s, tx, t);
	perms_unref(s, t->perms);
	t->perms = 0;
	if (t->fresh)
		tx->created_nodes--;
	t->fresh = false;
	list_del(&t->by_creation);
}

void txnode_free(struct store *s, struct tx *tx, struct txnode *t)
{
	forget_changes(s, tx, t);
	perms_unref(s, t->old_perms);
	if (!t->name_given)
		blob_free(&s->blobs, t->name, t->name_len);
	list_del(&t->by_access);
	mem_free(&s->mem, t, sizeof(*t));
}

static uint64_t hash_child(const struct store *s, const struct txnode *parent, const char *name, size_t len)
{
	return siphash(s->config.hash_seed, parent->hash, name, len);
}

static bool is_too_much(const struct store *s, const struct tx *tx, uint64_t more)
{
	const struct domain *who = tx->conn->domain;

	return limit_is_passed(s, who, STORE_QUOTA_MEMORY, who->memory + more);
}

static void grow_table(struct store *s, struct tx *tx)
{
	const uint32_t room = tx->buckets * 2;
	struct txnode **table = NULL;

	if (!is_too_much(s, tx, (room - tx->buckets) * sizeof(*table)))
		table = mem_zalloc(&s->mem, room * sizeof(*table));
	if (!table)
		return; /* longer chains do no harm */
	list_for_each (pos, &tx->nodes) {
		struct txnode *t = list_entry(pos, struct txnode, by_access);

		if (t == tx->root)
			continue;
		t->chain = table[t->hash & (room - 1)];
		table[t->hash & (room - 1)] = t;
	}
	charge_take(s, &tx->charge, tx->conn->domain, (room - tx->buckets) * sizeof(*table));
	mem_free(&s->mem, tx->table, tx->buckets * sizeof(*table));
	tx->table = table;
	tx->buckets = room;
}

static struct txnode *lookup(const struct store *s, const struct tx *tx, const struct txnode *parent,
			     uint64_t hash, const char *name, size_t len)
{
	struct txnode *t = tx->table[hash & (tx->buckets - 1)];

	while (t && !(t->hash == hash && t->parent == parent && t->name_len == len &&
		      !memcmp(blob_at(&s->blobs, t->name), name, len)))
		t = t->chain;
	return t;
}

struct txnode *tx_known_child(const struct store *s, const struct tx *tx, const struct txnode *parent,
			      const char *name, size_t len)
{
	return lookup(s, tx, parent, hash_child(s, parent, name, len), name, len);
}

struct txnode *txnode_next_beneath(struct txnode *t, const struct txnode *top)
{
	if (!list_empty(&t->children))
		return list_first(&t->children, struct txnode, sibling);
	while (t != top && t->sibling.next == &t->parent->children)
		t = t->parent;
	return t == top ? NULL : list_entry(t->sibling.next, struct txnode, sibling);
}

static struct txnode *deepest_first(struct txnode *t)
{
	while (!list_empty(&t->children))
		t = list_first(&t->children, struct txnode, sibling);
	return t;
}

struct txnode *txnode_leaves_first(struct txnode *t, struct txnode *top)
{
	if (!t)
		t = deepest_first(top);
	else if (t->sibling.next == &t->parent->children)
		t = t->parent;
	else
		t = deepest_first(list_entry(t->sibling.next, struct txnode, sibling));
	return t == top ? NULL : t;
}

/* Undoes all that the transaction did to @t and beneath it; there, nothing is left. */
static void forget_subtree(struct store *s, struct tx *tx, struct txnode *t)
{
	for (struct txnode *d = txnode_next_beneath(t, t); d; d = txnode_next_beneath(d, t)) {
		forget_changes(s, tx, d);
		d->gone |= d->removed;
		d->exists = d->removed = false;
	}
	forget_changes(s, tx, t);
	t->exists = false;
}

/* A doomed transaction has no snapshot to hold nodes still: what is there is looked up at each use. Where
 * the base went, what was made beneath it went with it. */
static void find_base_anew(struct store *s, struct tx *tx, struct txnode *t, const char *name, size_t len)
{
	t->base = t->parent->fresh || !t->parent->base ? 0
						       : node_find(s, t->parent->base, name, len, STAMP_NOW);
	if (t->fresh || t->removed)
		return;
	if (t->exists && !t->base)
		forget_subtree(s, tx, t);
	t->exists = t->base != 0;
}

int tx_child(struct store *s, struct tx *tx, struct txnode *parent, const char *name, size_t len,
	     struct txnode **out)
{
	const uint64_t hash = hash_child(s, parent, name, len);
	struct txnode *t = lookup(s, tx, parent, hash, name, len);

	assert(parent->exists);
	*out = t;
	if (t) {
		if (tx->doomed)
			find_base_anew(s, tx, t, name, len);
		return 0;
	}
	if (is_too_much(s, tx, sizeof(*t) + blob_size((uint32_t)len)))
		return -EDQUOT;
	if (tx->count >= tx->buckets)
		grow_table(s, tx);
	t = txnode_new(s, tx, name, len);
	if (!t)
		return -ENOMEM;
	t->parent = parent;
	t->hash = hash;
	t->base = parent->fresh ? 0 : node_find(s, parent->base, name, len, tx->start);
	t->exists = t->base != 0;
	t->chain = tx->table[hash & (tx->buckets - 1)];
	tx->table[hash & (tx->buckets - 1)] = t;
	tx->count++;
	list_add_tail(&parent->children, &t->sibling);
	*out = t;
	return 0;
}

uint32_t txnode_perms(const struct store *s, const struct tx *tx, const struct txnode *t)
{
	return t->perms ? t->perms : node_perms_at(s, t->base, tx->start);
}

const char *txnode_value(const struct store *s, const struct tx *tx, const struct txnode *t, uint32_t *len)
{
	if (!t->has_value)
		return node_value_at(s, t->base, tx->start, len);
	*len = t->value_len;
	return blob_at(&s->blobs, t->value);
}

/* Only what was the base's own can have been changed by others. */
void txnode_rest(struct tx *tx, struct txnode *t, unsigned rests)
{
	if (t->fresh || t->removed || (t->parent && t->parent->fresh) || (t->base && !t->exists))
		return;
	if (t->exists && t->has_value)
		rests &= ~RESTS_VALUE;
	if (t->exists && t->perms)
		rests &= ~RESTS_PERMS;
	t->rests |= (uint8_t)rests;
}

uint64_t tx_stamp(struct store *s)
{
	return ++s->stamp;
}

void txnode_write(struct store *s, struct tx *tx, struct txnode *t, uint32_t value, uint32_t len)
{
	drop_value(s, tx, t);
	charge_take(s, &tx->charge, tx->conn->domain, blob_size(len));
	t->value = value;
	t->value_len = len;
	t->has_value = true;
	t->implied = false;
	t->gen = tx_stamp(s);
	tx->wrote = true;
}

void txnode_set_perms(struct store *s, struct tx *tx, struct txnode *t, uint32_t perms)
{
	perms_unref(s, t->perms);
	t->perms = perms;
	t->implied = false;
	t->gen = tx_stamp(s);
	tx->wrote = true;
}

void txnode_create(struct store *s, struct tx *tx, struct txnode *t, uint32_t value, uint32_t len,
		   uint32_t perms)
{
	assert(!t->exists && !t->fresh);
	t->exists = t->fresh = true;
	tx->created_nodes++;
	list_add_tail(&tx->created, &t->by_creation);
	list_del(&t->sibling);
	list_add_tail(&t->parent->children, &t->sibling);
	txnode_write(s, tx, t, value, len);
	txnode_set_perms(s, tx, t, perms);
	t->parent->gen = tx_stamp(s);
}

void txnode_remove(struct store *s, struct tx *tx, struct txnode *t)
{
	forget_subtree(s, tx, t);
	t->removed = t->base && !t->parent->fresh;
	t->parent->gen = tx_stamp(s);
	tx->wrote = true;
}
