/* SPDX-License-Identifier: MIT */
/* Which watches a change fires, and in which order. */
#include "conn.h"
#include "event.h"
#include "node.h"
#include "watch.h"

/* Its own path. */
static void send_own(struct store *s, struct store_effects *out, struct watch *w)
{
	event_send(s, out, w, &(struct news){ .path = w->text, .len = w->path_len });
}

void watch_fire_first(struct store *s, struct store_effects *out, struct watch *w)
{
	send_own(s, out, w);
}

/* Lists of watches linked by .fired, in order of registration. */
static struct watch *merge(struct watch *a, struct watch *b)
{
	struct watch *head = NULL, **tail = &head;

	while (a && b) {
		struct watch **first = a->seq < b->seq ? &a : &b;

		*tail = *first;
		tail = &(*first)->fired;
		*first = (*first)->fired;
	}
	*tail = a ? a : b;
	return head;
}

/* The watches of one trie node that reach @below levels down, in front of @others. */
static struct watch *collect(const struct store *s, uint32_t wnode, uint32_t below, struct watch *others)
{
	struct watch *head = NULL, **tail = &head;

	list_for_each (pos, &wnode_at(s, wnode)->watches) {
		struct watch *w = list_entry(pos, struct watch, on_wnode);

		if (w->depth != WIRE_DEPTH_ALL && w->depth < below)
			continue;
		*tail = w;
		tail = &w->fired;
	}
	*tail = NULL;
	return merge(head, others);
}

static uint32_t count_components(const char *path, size_t len)
{
	struct wire_strings p = { path, len };
	uint32_t count = 0;
	size_t ignored;

	while (wire_next_component(&p, &ignored))
		count++;
	return count;
}

/* All watches on @path or above it. */
static struct watch *collect_path(const struct store *s, const char *path, size_t len)
{
	struct wire_strings p = { path, len };
	uint32_t below = count_components(path, len);
	uint32_t at = s->watch_root;
	struct watch *fired = collect(s, at, below, NULL);
	size_t name_len;

	for (const char *name; at && (name = wire_next_component(&p, &name_len)) != NULL;) {
		at = wnode_find(s, at, name, name_len);
		if (at)
			fired = collect(s, at, --below, fired);
	}
	return fired;
}

/* What decides who may learn of a change: the lists of the node, now and before, and of its parent. */
struct audience {
	uint32_t perms[3];
};

static bool may_know(const struct store *s, const struct audience *a, const struct domain *who)
{
	for (int i = 0; i < 3; i++)
		if (a->perms[i] && (perms_access(s, a->perms[i], who) & ACCESS_READ))
			return true;
	return false;
}

static struct audience audience_of(const struct store *s, uint32_t node, uint32_t parent, uint32_t old_perms)
{
	return (struct audience){ { node_at(s, node)->perms, old_perms,
				    parent ? node_at(s, parent)->perms : 0 } };
}

void watch_fire(struct store *s, struct store_effects *out, const char *path, size_t len, uint32_t node,
		uint32_t parent, uint32_t old_perms)
{
	const struct audience a = audience_of(s, node, parent, old_perms);
	struct news news = { .path = path, .len = len };

	if (!s->watch_count)
		return;
	for (struct watch *w = collect_path(s, path, len), *next; w; w = next) {
		next = w->fired;
		if (may_know(s, &a, w->conn->domain))
			event_send(s, out, w, &news);
	}
}

/* Each watch exactly here learns that its node is gone. */
static void fire_gone(struct store *s, struct store_effects *out, uint32_t wnode, uint32_t node)
{
	const struct audience a = audience_of(s, node, node_at(s, node)->parent, 0);

	list_for_each (pos, &wnode_at(s, wnode)->watches) {
		struct watch *w = list_entry(pos, struct watch, on_wnode);

		if (may_know(s, &a, w->conn->domain))
			send_own(s, out, w);
	}
}

/* The first of @wnode and its later siblings whose node is there. */
static uint32_t first_present(const struct store *s, uint32_t wnode, uint32_t parent_node, uint32_t *node)
{
	for (; wnode; wnode = wnode_at(s, wnode)->next) {
		const struct wnode *w = wnode_at(s, wnode);

		*node = node_find(s, parent_node, blob_at(&s->blobs, w->name), w->name_len, STAMP_NOW);
		if (*node)
			return wnode;
	}
	return 0;
}

/* Walks the trie beneath @top and the tree beneath @node in step, children before parents. */
static void fire_beneath(struct store *s, struct store_effects *out, uint32_t top, uint32_t node)
{
	uint32_t at = top, child_node = 0;
	uint32_t child = first_present(s, wnode_at(s, top)->first, node, &child_node);

	for (;;) {
		while (child) {
			at = child;
			node = child_node;
			child = first_present(s, wnode_at(s, at)->first, node, &child_node);
		}
		if (at == top)
			return;
		fire_gone(s, out, at, node);
		child = first_present(s, wnode_at(s, at)->next, node_at(s, node)->parent, &child_node);
		at = wnode_at(s, at)->parent;
		node = node_at(s, node)->parent;
	}
}

void watch_fire_beneath(struct store *s, struct store_effects *out, const char *path, size_t len,
			uint32_t node)
{
	struct wire_strings p = { path, len };
	uint32_t at = s->watch_root;
	size_t name_len;

	for (const char *name; at && (name = wire_next_component(&p, &name_len)) != NULL;)
		at = wnode_find(s, at, name, name_len);
	if (at && wnode_at(s, at)->first)
		fire_beneath(s, out, at, node);
}

void watch_fire_removed(struct store *s, struct store_effects *out, const char *path, size_t len,
			uint32_t node, uint32_t parent)
{
	watch_fire_beneath(s, out, path, len, node);
	watch_fire(s, out, path, len, node, parent, 0);
}

static size_t special_path(char buf[64], enum special special, uint32_t domid)
{
	const size_t name_len = strlen(special_names[special]);

	memcpy(buf, special_names[special], name_len);
	buf[name_len] = '/';
	return name_len + 1 + wire_put_number(buf + name_len + 1, domid);
}

/* A watch on "@name" learns the name, or with depth 1 the domain too; one on "@name/5" of that domain only. */
void watch_fire_special(struct store *s, struct store_effects *out, enum special special, uint32_t domid)
{
	const struct audience a = { { s->special[special] } };
	char path[64];
	const size_t len = special_path(path, special, domid);
	const size_t name_len = strlen(special_names[special]);
	const uint32_t named = wnode_find(s, s->watch_special, path, name_len);
	const uint32_t exact = named ? wnode_find(s, named, path + name_len + 1, len - name_len - 1) : 0;
	struct watch *fired = named ? collect(s, named, 0, NULL) : NULL;

	if (exact)
		fired = collect(s, exact, 0, fired);
	for (struct watch *next; fired; fired = next) {
		next = fired->fired;
		if (!may_know(s, &a, fired->conn->domain))
			continue;
		event_send(s, out, fired,
			   &(struct news){ .path = path,
					   .len = fired->path_len == name_len && fired->depth != 1 ? name_len
												   : len });
	}
}
