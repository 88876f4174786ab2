/* SPDX-License-Identifier: MIT */
/*
 * Deferred removal. A removed subtree goes through one or two walks, a slice at a time:
 *
 *   seen by a snapshot:  disown_queue: owners stop paying, the snapshot's transaction starts to
 *   seen by nobody:      free_queue: leaf after leaf is disowned (if it was not) and freed
 *
 * Nobody can change a removed subtree, so a walk may stop anywhere and go on later.
 */
#include "domain.h"
#include "node.h"

/* The owner's list is in order of creation; as with siblings, the first's owned_prev is the last. */
void node_own(struct store *s, uint32_t node)
{
	struct node *n = node_at(s, node);
	struct domain *owner = perms_owner(s, n->perms);
	struct node *first;

	n->owned_next = 0;
	n->owned_prev = node;
	if (owner->owned) {
		first = node_at(s, owner->owned);
		n->owned_prev = first->owned_prev;
		node_at(s, first->owned_prev)->owned_next = node;
		first->owned_prev = node;
	} else {
		owner->owned = node;
	}
	n->flags &= (uint32_t)~NODE_DISOWNED & 0x7f;
	owner->nodes++;
	domain_reached(owner, STORE_QUOTA_NODES, owner->nodes);
	domain_hold(s, owner, node_bytes(n));
}

void node_disown(struct store *s, uint32_t node)
{
	struct node *n = node_at(s, node);
	struct domain *owner = perms_owner(s, n->perms);

	if (n->flags & NODE_DISOWNED)
		return;
	if (n->owned_next)
		node_at(s, n->owned_next)->owned_prev = n->owned_prev;
	else
		node_at(s, owner->owned)->owned_prev = n->owned_prev;
	if (owner->owned == node)
		owner->owned = n->owned_next;
	else
		node_at(s, n->owned_prev)->owned_next = n->owned_next;
	n->flags |= NODE_DISOWNED;
	owner->nodes--;
	domain_let_go(owner, node_bytes(n));
}

static void node_free(struct store *s, uint32_t node)
{
	const struct node *n = node_at(s, node);

	assert(!n->first && !n->versions);
	node_disown(s, node);
	blob_free(&s->blobs, n->name, n->name_len);
	blob_free(&s->blobs, n->value, n->value_len);
	perms_unref(s, n->perms);
	slab_free(&s->nodes, node);
}

static void push_free_queue(struct store *s, uint32_t node)
{
	if (s->free_queue_last)
		node_at(s, s->free_queue_last)->next = node;
	else
		s->free_queue = node;
	s->free_queue_last = node;
}

void reclaim_queue(struct store *s, uint32_t node)
{
	node_unlink(s, node);
	push_free_queue(s, node);
}

static void pop_free_queue(struct store *s)
{
	const uint32_t node = s->free_queue;

	s->free_queue = node_at(s, node)->next;
	if (!s->free_queue)
		s->free_queue_last = 0;
	node_free(s, node);
}

static uint32_t free_some(struct store *s, uint32_t budget)
{
	uint32_t at = s->free_queue;

	while (at && budget) {
		const struct node *n = node_at(s, at);
		const uint32_t up = n->parent;

		if (n->first) {
			at = n->first;
			continue;
		}
		budget--;
		if (at == s->free_queue) {
			pop_free_queue(s);
			at = s->free_queue;
			continue;
		}
		node_unlink(s, at);
		node_free(s, at);
		at = up;
	}
	return budget;
}

/* A node removed earlier than what is above it has a walk of its own, and may be freed before this one
 * ends: so no walk steps on it. */
static uint32_t skip_dead(const struct store *s, uint32_t at)
{
	while (at && (node_at(s, at)->flags & NODE_DEAD))
		at = node_at(s, at)->next;
	return at;
}

/* The node after @at in a walk of @top's subtree, parents first; 0: that was all. */
static uint32_t next_in_subtree(const struct store *s, uint32_t at, uint32_t top)
{
	uint32_t next = skip_dead(s, node_at(s, at)->first);

	while (!next && at != top) {
		next = skip_dead(s, node_at(s, at)->next);
		at = node_at(s, at)->parent;
	}
	return next;
}

/* Returns false at the end of the subtree. */
static bool disown_one(struct store *s, struct version *v)
{
	const struct node *n = node_at(s, v->cursor);

	if (!(n->flags & NODE_DISOWNED)) {
		node_disown(s, v->cursor);
		version_charge(s, v, node_bytes(n));
	}
	v->cursor = next_in_subtree(s, v->cursor, v->node);
	return v->cursor != 0;
}

static uint32_t disown_some(struct store *s, uint32_t budget)
{
	while (budget && !list_empty(&s->disown_queue)) {
		struct version *v = list_first(&s->disown_queue, struct version, disown);

		budget--;
		if (!disown_one(s, v))
			list_del(&v->disown);
	}
	return budget;
}

uint32_t reclaim_slice(struct store *s, uint32_t budget)
{
	return free_some(s, disown_some(s, budget));
}

void reclaim_all(struct store *s)
{
	while (reclaim_is_due(s))
		reclaim_slice(s, UINT32_MAX);
}

bool reclaim_is_due(const struct store *s)
{
	return s->free_queue || !list_empty(&s->disown_queue);
}

void node_discard(struct store *s, uint32_t node)
{
	push_free_queue(s, node);
	reclaim_all(s);
}
