/* SPDX-License-Identifier: MIT */
/* Superseded versions: made when a snapshot can see what is about to change, paid for by the oldest
 * transaction that can, freed when none can. */
#include "domain.h"
#include "limit.h"
#include "node.h"
#include "tx.h"

int version_reserve(struct store *s, uint32_t count)
{
	return s->newest ? slab_reserve(&s->versions, count) : 0;
}

/* The oldest transaction whose start is @from or later. */
static struct tx *oldest_since(const struct store *s, uint64_t from)
{
	struct tx *tx = list_first(&s->txs, struct tx, by_start);

	if (tx->start >= from)
		return tx;
	tx = list_last(&s->txs, struct tx, by_start);
	for (;;) {
		struct tx *older = list_entry(tx->by_start.prev, struct tx, by_start);

		if (older->start < from)
			return tx;
		tx = older;
	}
}

void version_charge(struct store *s, struct version *v, uint64_t bytes)
{
	struct domain *who = v->payer->conn->domain;

	v->bytes += bytes;
	domain_hold(s, who, bytes);
	s->version_bytes += bytes;
	if (s->config.quota.versions && s->version_bytes > s->config.quota.versions)
		s->overdrawn = true;
	if (limit_is_passed(s, who, STORE_QUOTA_MEMORY, who->memory))
		s->overdrawn = true;
}

static struct version *version_new(struct store *s, uint32_t node, uint64_t from)
{
	const uint32_t version = slab_alloc(&s->versions);
	struct version *v;

	assert(version); /* reserved */
	v = version_at(s, version);
	v->until = s->stamp;
	v->node = node;
	v->older = node_at(s, node)->versions;
	node_at(s, node)->versions = version;
	v->payer = oldest_since(s, from);
	list_add_tail(&v->payer->charged, &v->charged);
	list_init(&v->disown);
	version_charge(s, v, sizeof(*v));
	return v;
}

struct version *version_for(struct store *s, uint32_t node)
{
	const struct node *n = node_at(s, node);
	struct version *v = n->versions ? version_at(s, n->versions) : NULL;

	if (n->birth > s->newest)
		return NULL;
	if (v && v->until > s->newest) /* nobody looked since its first change: one version for both */
		return v;
	return version_new(s, node, v ? v->until : n->birth);
}

static void refund(struct store *s, struct version *v)
{
	domain_let_go(v->payer->conn->domain, v->bytes);
	s->version_bytes -= v->bytes;
	list_del(&v->charged);
}

static void take_from_chain(struct store *s, const struct version *v)
{
	uint32_t *link = &node_at(s, v->node)->versions;

	while (version_at(s, *link) != v)
		link = &version_at(s, *link)->older;
	const uint32_t version = *link;

	*link = v->older;
	slab_free(&s->versions, version);
}

/* Nobody can see @v, but older snapshots may have read through it: what it holds and the next older
 * version does not, that one takes over. */
static void fold_into_older(struct store *s, struct version *v)
{
	struct version *older = version_at(s, v->older);
	const unsigned moved = v->changed & ~older->changed;
	uint64_t bytes = v->bytes - sizeof(*v);

	if (moved & CHANGED_VALUE) {
		older->value = v->value;
		older->value_len = v->value_len;
	} else if (v->changed & CHANGED_VALUE) {
		bytes -= blob_size(v->value_len);
		blob_free(&s->blobs, v->value, v->value_len);
	}
	if (moved & CHANGED_PERMS)
		older->perms = v->perms;
	else
		perms_unref(s, v->perms);
	if (!list_empty(&v->disown)) {
		older->cursor = v->cursor;
		list_add(&v->disown, &older->disown);
	}
	for (unsigned kind = 0; kind < CHANGED_KINDS; kind++)
		if (v->changed & 1u << kind)
			older->by[kind] = v->by[kind];
	older->changed |= v->changed;
	version_charge(s, older, bytes);
}

/* What it holds goes, and a dead node with it. */
static void forget(struct store *s, struct version *v)
{
	blob_free(&s->blobs, v->value, v->value_len);
	perms_unref(s, v->perms);
}

static void version_free(struct store *s, struct version *v)
{
	const uint32_t node = v->node;
	const bool gone = (v->changed & CHANGED_DEAD) && !v->older;

	refund(s, v);
	if (v->older)
		fold_into_older(s, v);
	else
		forget(s, v);
	list_del(&v->disown);
	take_from_chain(s, v);
	if (!gone)
		return;
	node_at(s, node)->flags &= 0x7f & ~NODE_DEAD; /* not even remembered any more */
	reclaim_queue(s, node);
}

void version_pass_on(struct store *s, struct tx *from, struct tx *next)
{
	list_for_each_safe (pos, tmp, &from->charged) {
		struct version *v = list_entry(pos, struct version, charged);
		const uint64_t bytes = v->bytes;

		if (!next || next->start >= v->until) {
			version_free(s, v);
			continue;
		}
		refund(s, v);
		v->bytes = 0;
		v->payer = next;
		list_add_tail(&next->charged, &v->charged);
		version_charge(s, v, bytes);
	}
}
