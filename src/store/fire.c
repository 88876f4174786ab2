/* SPDX-License-Identifier: MIT */
/* Which watches a change fires, in which order, and what each is sent. */
#include <base/siphash.h>
#include "conn.h"
#include "effects.h"
#include "limit.h"
#include "node.h"
#include "watch.h"

/* What is said of a path to a watcher: the path as it writes it, and its token. */
struct event {
	const char *path;
	size_t path_len, size;
	uint64_t hash; /* of all of it */
};

/* A token may be long and its watch fire often: its part of the hash is known. */
static struct event event_of(const struct store *s, const struct watch *w, const char *path, size_t len)
{
	const size_t skip = w->home_len < len ? w->home_len : 0;

	return (struct event){ .path = path + skip,
			       .path_len = len - skip,
			       .size = len - skip + 1 + w->token_len + 1,
			       .hash = siphash(s->config.hash_seed, w->token_hash, path + skip, len - skip) };
}

static void drop(struct store *s, struct store_effects *out, struct conn *conn)
{
	conn->traffic.events_dropped++;
	s->stats.events_dropped++;
	out->spared++;
}

/* May it be queued? An unprivileged domain that does not read its events may not fill our memory. */
static bool has_room(const struct store *s, const struct domain *who, size_t len)
{
	return !limit_is_passed(s, who, STORE_QUOTA_MEMORY, who->memory + WIRE_HEADER_SIZE + len);
}

static void put_event(struct store *s, struct store_effects *out, const struct watch *w,
		      const struct event *event)
{
	const struct xsd_sockmsg header = { .type = XS_WATCH_EVENT };
	struct conn *conn = w->conn;
	struct message m;

	message_begin(&m, out);
	message_put_name(&m, event->path, event->path_len);
	message_put(&m, watch_token(w), w->token_len + 1);
	message_end(&m, STORE_OUT_EVENT, conn->id, &header);
	if (out->failed) {
		conn_bereave(s, conn);
		return;
	}
	conn_note_event(s, conn, event->hash);
	conn_sent(s, conn, WIRE_HEADER_SIZE + m.len);
	conn->traffic.events++;
	s->stats.events++;
}

/* Whether it is sent is settled before it is put together: most of what a storm fires is not. */
static void send(struct store *s, struct store_effects *out, struct watch *w, const char *path, size_t len)
{
	const struct event event = event_of(s, w, path, len);
	struct conn *conn = w->conn;

	if (event.size > WIRE_PAYLOAD_MAX) {
		drop(s, out, conn);
	} else if (!has_room(s, conn->domain, event.size)) {
		drop(s, out, conn);
		limit_tell(s, out, conn->domain, STORE_QUOTA_MEMORY, "refused", XS_WATCH_EVENT, path, len);
	} else if (out->failed) {
		conn_bereave(s, conn);
	} else if (conn_event_is_queued(conn, event.hash)) {
		conn->traffic.events_merged++;
		s->stats.events_merged++;
		out->spared++;
	} else {
		put_event(s, out, w, &event);
	}
}

void watch_fire_first(struct store *s, struct store_effects *out, struct watch *w)
{
	send(s, out, w, w->text, w->path_len);
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

	if (!s->watch_count)
		return;
	for (struct watch *w = collect_path(s, path, len), *next; w; w = next) {
		next = w->fired;
		if (may_know(s, &a, w->conn->domain))
			send(s, out, w, path, len);
	}
}

/* Each watch exactly here learns that its node is gone. */
static void fire_gone(struct store *s, struct store_effects *out, uint32_t wnode, uint32_t node)
{
	const struct audience a = audience_of(s, node, node_at(s, node)->parent, 0);

	list_for_each (pos, &wnode_at(s, wnode)->watches) {
		struct watch *w = list_entry(pos, struct watch, on_wnode);

		if (may_know(s, &a, w->conn->domain))
			send(s, out, w, w->text, w->path_len);
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
		send(s, out, fired, path, fired->path_len == name_len && fired->depth != 1 ? name_len : len);
	}
}
