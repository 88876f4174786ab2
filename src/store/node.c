/* SPDX-License-Identifier: MIT */
#include "node.h"
#include <base/siphash.h>
#include "domain.h"

static uint64_t hash_name(const struct store *s, uint32_t parent, const char *name, size_t len)
{
	return siphash(s->config.hash_seed, parent, name, len);
}

static uint32_t *node_chain(void *ctx, uint32_t node)
{
	return &node_at(ctx, node)->chain;
}

uint64_t node_hash(const struct store *s, const struct node *n)
{
	return hash_name(s, n->parent, node_name(s, n), n->name_len);
}

static uint64_t item_hash(void *ctx, uint32_t node)
{
	return node_hash(ctx, node_at(ctx, node));
}

static struct index_items items(struct store *s)
{
	return (struct index_items){ s, node_chain, item_hash };
}

int nodes_init(struct store *s)
{
	slab_init(&s->nodes, &s->mem, sizeof(struct node));
	slab_init(&s->versions, &s->mem, sizeof(struct version));
	blobs_init(&s->blobs, &s->mem);
	return index_init(&s->node_index, &s->mem);
}

bool node_is_visible(const struct store *s, const struct node *n, uint64_t snapshot)
{
	if (n->birth > snapshot)
		return false;
	return !(n->flags & NODE_DEAD) || version_at(s, n->versions)->until > snapshot;
}

uint32_t node_find(const struct store *s, uint32_t parent, const char *name, size_t len, uint64_t snapshot)
{
	uint32_t node = *index_bucket(&s->node_index, hash_name(s, parent, name, len));

	while (node) {
		const struct node *n = node_at(s, node);

		if (n->parent == parent && n->name_len == len && !memcmp(node_name(s, n), name, len) &&
		    node_is_visible(s, n, snapshot))
			break;
		node = n->chain;
	}
	return node;
}

bool node_is_current(const struct store *s, uint32_t node)
{
	while (node && node != s->root) {
		const struct node *n = node_at(s, node);

		if (n->flags & NODE_DEAD)
			return false;
		node = n->parent;
	}
	return node == s->root;
}

/* The oldest version after @snapshot that holds what @aspect says, or NULL: it is as it was. */
static const struct version *version_holding(const struct store *s, const struct node *n, uint64_t snapshot,
					     unsigned aspect)
{
	const struct version *found = NULL;

	for (uint32_t at = n->versions; at; at = version_at(s, at)->older) {
		const struct version *v = version_at(s, at);

		if (v->until <= snapshot)
			break;
		if (v->changed & aspect)
			found = v;
	}
	return found;
}

uint32_t node_perms_at(const struct store *s, uint32_t node, uint64_t snapshot)
{
	const struct node *n = node_at(s, node);
	const struct version *v = version_holding(s, n, snapshot, CHANGED_PERMS);

	return v ? v->perms : n->perms;
}

const char *node_value_at(const struct store *s, uint32_t node, uint64_t snapshot, uint32_t *len)
{
	const struct node *n = node_at(s, node);
	const struct version *v = version_holding(s, n, snapshot, CHANGED_VALUE);

	*len = v ? v->value_len : n->value_len;
	return blob_at(&s->blobs, v ? v->value : n->value);
}

unsigned node_changed_since(const struct store *s, uint32_t node, uint64_t snapshot)
{
	unsigned changed = 0;

	for (uint32_t at = node_at(s, node)->versions; at; at = version_at(s, at)->older) {
		const struct version *v = version_at(s, at);

		if (v->until <= snapshot)
			break;
		changed |= v->changed;
	}
	return changed;
}

struct author node_changed_by(const struct store *s, uint32_t node, unsigned changed)
{
	uint32_t at = node_at(s, node)->versions;

	while (at && !(version_at(s, at)->changed & changed))
		at = version_at(s, at)->older;
	if (!at)
		return (struct author){ STORE_DOMID_NONE, STORE_CONN_NONE };
	return version_at(s, at)->by[__builtin_ctz(changed)];
}

uint64_t node_bytes(const struct node *n)
{
	return sizeof(*n) + blob_size(n->name_len) + blob_size(n->value_len);
}

size_t node_path(const struct store *s, uint32_t node, char buf[WIRE_ABS_PATH_MAX])
{
	size_t at = WIRE_ABS_PATH_MAX;

	for (; node != s->root; node = node_at(s, node)->parent) {
		const struct node *n = node_at(s, node);

		assert(at > n->name_len);
		at -= n->name_len;
		memcpy(buf + at, node_name(s, n), n->name_len);
		buf[--at] = '/';
	}
	if (at == WIRE_ABS_PATH_MAX)
		buf[--at] = '/';
	memmove(buf, buf + at, WIRE_ABS_PATH_MAX - at);
	return WIRE_ABS_PATH_MAX - at;
}

uint32_t node_new(struct store *s, uint32_t name, uint32_t name_len, uint32_t value, uint32_t value_len,
		  uint32_t perms)
{
	const uint32_t node = slab_alloc(&s->nodes);
	struct node *n;

	if (!node)
		return 0;
	n = node_at(s, node);
	n->name = name;
	n->name_len = name_len & 0xfff;
	n->value = value;
	n->value_len = value_len & 0x1fff;
	n->perms = perms;
	n->birth = s->stamp;
	n->flags = NODE_DISOWNED;
	return node;
}

static void link_child(struct store *s, struct node *up, uint32_t node, struct node *n)
{
	if (!up->first) {
		up->first = node;
		n->prev = node;
		return;
	}
	n->prev = node_at(s, up->first)->prev;
	node_at(s, n->prev)->next = node;
	node_at(s, up->first)->prev = node;
}

static void touch_children(struct store *s, uint32_t node)
{
	struct version *v = version_for(s, node);

	if (v)
		version_mark(s, v, CHANGED_CHILDREN);
	node_at(s, node)->gen = s->stamp;
}

void node_attach(struct store *s, uint32_t parent, uint32_t node)
{
	const struct index_items it = items(s);
	struct node *n = node_at(s, node);

	touch_children(s, parent);
	n->parent = parent;
	n->birth = n->gen = s->stamp;
	if (s->newest)
		author_note(s);
	link_child(s, node_at(s, parent), node, n);
	index_add(&s->node_index, &it, node);
	node_own(s, node);
}

void node_unlink(struct store *s, uint32_t node)
{
	const struct index_items it = items(s);
	struct node *n = node_at(s, node);
	struct node *up = node_at(s, n->parent);

	index_remove(&s->node_index, &it, node);
	if (n->next)
		node_at(s, n->next)->prev = n->prev;
	else
		node_at(s, up->first)->prev = n->prev;
	if (up->first == node)
		up->first = n->next;
	else
		node_at(s, n->prev)->next = n->next;
	n->parent = n->next = n->prev = 0;
}

void node_set_value(struct store *s, uint32_t node, uint32_t value, uint32_t len)
{
	struct node *n = node_at(s, node);
	struct domain *owner = perms_owner(s, n->perms);
	struct version *v = version_for(s, node);

	domain_let_go(owner, blob_size(n->value_len));
	domain_hold(s, owner, blob_size(len));
	if (v && !(v->changed & CHANGED_VALUE)) {
		v->value = n->value;
		v->value_len = n->value_len;
		version_charge(s, v, blob_size(n->value_len));
	} else {
		blob_free(&s->blobs, n->value, n->value_len);
	}
	if (v)
		version_mark(s, v, CHANGED_VALUE);
	n->value = value;
	n->value_len = len & 0x1fff;
	n->gen = s->stamp;
}

void node_set_perms(struct store *s, uint32_t node, uint32_t perms)
{
	struct node *n = node_at(s, node);
	struct version *v = version_for(s, node);
	const uint32_t old = n->perms;

	node_disown(s, node);
	n->perms = perms;
	node_own(s, node);
	n->gen = s->stamp;
	if (v && !(v->changed & CHANGED_PERMS))
		v->perms = old;
	else
		perms_unref(s, old);
	if (v)
		version_mark(s, v, CHANGED_PERMS);
}

void node_remove(struct store *s, uint32_t node)
{
	struct node *n = node_at(s, node);
	struct version *v;

	assert(node != s->root && !(n->flags & NODE_DEAD));
	touch_children(s, n->parent);
	v = version_for(s, node);
	if (!v) {
		reclaim_queue(s, node);
		return;
	}
	n->flags |= NODE_DEAD;
	version_mark(s, v, CHANGED_DEAD);
	v->cursor = node;
	list_add_tail(&s->disown_queue, &v->disown);
}
