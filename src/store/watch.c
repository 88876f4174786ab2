/* SPDX-License-Identifier: MIT */
#include "watch.h"
#include <base/siphash.h>
#include "conn.h"

const char *const special_names[SPECIAL_COUNT] = { "@introduceDomain", "@releaseDomain" };

static uint64_t hash_name(const struct store *s, uint32_t parent, const char *name, size_t len)
{
	return siphash(s->config.hash_seed, parent, name, len);
}

static const char *wnode_name(const struct store *s, const struct wnode *w)
{
	return blob_at(&s->blobs, w->name);
}

static uint32_t *wnode_chain(void *ctx, uint32_t wnode)
{
	return &wnode_at(ctx, wnode)->chain;
}

static uint64_t wnode_hash(void *ctx, uint32_t wnode)
{
	const struct wnode *w = wnode_at(ctx, wnode);

	return hash_name(ctx, w->parent, wnode_name(ctx, w), w->name_len);
}

static struct index_items items(struct store *s)
{
	return (struct index_items){ s, wnode_chain, wnode_hash };
}

int watches_init(struct store *s)
{
	slab_init(&s->wnodes, &s->mem, sizeof(struct wnode));
	if (index_init(&s->wnode_index, &s->mem))
		return -ENOMEM;
	s->watch_root = slab_alloc(&s->wnodes);
	s->watch_special = slab_alloc(&s->wnodes);
	if (!s->watch_root || !s->watch_special)
		return -ENOMEM;
	list_init(&wnode_at(s, s->watch_root)->watches);
	list_init(&wnode_at(s, s->watch_special)->watches);
	return 0;
}

void watches_done(struct store *s)
{
	assert(s->wnodes.live <= 2);
	index_done(&s->wnode_index);
	slab_done(&s->wnodes);
}

static bool is_special(const char *path, size_t len)
{
	return len && path[0] == '@';
}

/* Components of a special path as the trie has them: of "@a/b/c" they are "@a" and "b/c", since its
 * text is free. */
static const char *next_special_name(struct wire_strings *p, size_t *len)
{
	const char *start = p->at;
	const char *slash;

	if (!p->left)
		return NULL;
	if (*start == '/') {
		*len = p->left - 1;
		p->at += p->left;
		p->left = 0;
		return start + 1;
	}
	slash = memchr(start, '/', p->left);
	*len = slash ? (size_t)(slash - start) : p->left;
	p->at += *len;
	p->left -= *len;
	return start;
}

struct walk {
	struct wire_strings rest;
	bool special;
};

static uint32_t walk_begin(const struct store *s, struct walk *walk, const char *path, size_t len)
{
	*walk = (struct walk){ { path, len }, is_special(path, len) };
	return walk->special ? s->watch_special : s->watch_root;
}

static const char *walk_next(struct walk *walk, size_t *len)
{
	return walk->special ? next_special_name(&walk->rest, len) : wire_next_component(&walk->rest, len);
}

uint32_t wnode_find(const struct store *s, uint32_t parent, const char *name, size_t len)
{
	uint32_t wnode;

	if (!wnode_at(s, parent)->first)
		return 0;
	wnode = *index_bucket(&s->wnode_index, hash_name(s, parent, name, len));
	while (wnode) {
		const struct wnode *w = wnode_at(s, wnode);

		if (w->parent == parent && w->name_len == len && !memcmp(wnode_name(s, w), name, len))
			break;
		wnode = w->chain;
	}
	return wnode;
}

static void link_child(struct store *s, struct wnode *up, uint32_t wnode, struct wnode *w)
{
	if (!up->first) {
		up->first = wnode;
		w->prev = wnode;
		return;
	}
	w->prev = wnode_at(s, up->first)->prev;
	wnode_at(s, w->prev)->next = wnode;
	wnode_at(s, up->first)->prev = wnode;
}

static uint32_t wnode_new(struct store *s, uint32_t parent, const char *name, size_t len,
			  struct domain *payer)
{
	const struct index_items it = items(s);
	const uint32_t wnode = slab_alloc(&s->wnodes);
	struct wnode *w;

	if (!wnode)
		return 0;
	w = wnode_at(s, wnode);
	if (blob_new(&s->blobs, name, (uint32_t)len, &w->name)) {
		slab_free(&s->wnodes, wnode);
		return 0;
	}
	w->name_len = (uint32_t)len;
	w->parent = parent;
	list_init(&w->watches);
	link_child(s, wnode_at(s, parent), wnode, w);
	index_add(&s->wnode_index, &it, wnode);
	charge_take(s, &w->charge, payer, sizeof(*w) + blob_size(w->name_len));
	return wnode;
}

static void wnode_unlink(struct store *s, uint32_t wnode)
{
	const struct wnode *w = wnode_at(s, wnode);
	struct wnode *up = wnode_at(s, w->parent);

	if (w->next)
		wnode_at(s, w->next)->prev = w->prev;
	else
		wnode_at(s, up->first)->prev = w->prev;
	if (up->first == wnode)
		up->first = w->next;
	else
		wnode_at(s, w->prev)->next = w->next;
}

/* Frees it and what is above it, as far as nobody needs it. */
static void wnode_prune(struct store *s, uint32_t wnode)
{
	const struct index_items it = items(s);

	while (wnode != s->watch_root && wnode != s->watch_special) {
		struct wnode *w = wnode_at(s, wnode);
		const uint32_t up = w->parent;

		if (w->first || w->count)
			return;
		index_remove(&s->wnode_index, &it, wnode);
		wnode_unlink(s, wnode);
		charge_release(s, &w->charge);
		blob_free(&s->blobs, w->name, w->name_len);
		slab_free(&s->wnodes, wnode);
		wnode = up;
	}
}

/* 0: out of memory, nothing is left behind. */
static uint32_t wnode_make(struct store *s, const char *path, size_t path_len, struct domain *payer)
{
	struct walk walk;
	uint32_t at = walk_begin(s, &walk, path, path_len);
	size_t len;

	for (const char *name; (name = walk_next(&walk, &len)) != NULL;) {
		uint32_t child = wnode_find(s, at, name, len);

		if (!child)
			child = wnode_new(s, at, name, len, payer);
		if (!child) {
			wnode_prune(s, at);
			return 0;
		}
		at = child;
	}
	return at;
}

static uint32_t wnode_lookup(const struct store *s, const char *path, size_t path_len)
{
	struct walk walk;
	uint32_t at = walk_begin(s, &walk, path, path_len);
	size_t len;

	for (const char *name; at && (name = walk_next(&walk, &len)) != NULL;)
		at = wnode_find(s, at, name, len);
	return at;
}

static bool is_the_one(const struct watch *w, const struct conn *conn, const struct watch_spec *spec)
{
	return w->conn == conn && w->path_len == spec->path_len && w->token_len == spec->token_len &&
	       !memcmp(w->text, spec->path, spec->path_len) &&
	       !memcmp(watch_token(w), spec->token, spec->token_len);
}

/* Looks through the shorter of two lists: the path's watches and the connection's. */
struct watch *watch_find(struct store *s, struct conn *conn, const struct watch_spec *spec)
{
	const uint32_t wnode = wnode_lookup(s, spec->path, spec->path_len);
	struct wnode *at;

	if (!wnode)
		return NULL;
	at = wnode_at(s, wnode);
	if (at->count <= conn->watch_count) {
		list_for_each (pos, &at->watches)
			if (is_the_one(list_entry(pos, struct watch, on_wnode), conn, spec))
				return list_entry(pos, struct watch, on_wnode);
		return NULL;
	}
	list_for_each (pos, &conn->watches)
		if (is_the_one(list_entry(pos, struct watch, on_conn), conn, spec))
			return list_entry(pos, struct watch, on_conn);
	return NULL;
}

static size_t watch_size(size_t path_len, size_t token_len)
{
	return sizeof(struct watch) + path_len + token_len + 2;
}

uint64_t watch_cost(const struct watch_spec *spec)
{
	uint64_t levels = 0;

	for (size_t i = 0; i < spec->path_len; i++)
		levels += spec->path[i] == '/';
	return watch_size(spec->path_len, spec->token_len) + levels * (sizeof(struct wnode) + 8) +
	       spec->path_len;
}

static void fill(struct watch *w, const struct watch_spec *spec)
{
	w->path_len = (uint32_t)spec->path_len;
	w->token_len = (uint32_t)spec->token_len;
	w->depth = spec->depth;
	w->home_len = spec->home_len;
	memcpy(w->text, spec->path, spec->path_len);
	w->text[spec->path_len] = '\0';
	memcpy(w->text + spec->path_len + 1, spec->token, spec->token_len);
	w->text[spec->path_len + 1 + spec->token_len] = '\0';
}

int watch_new(struct store *s, struct conn *conn, const struct watch_spec *spec, struct watch **out)
{
	const size_t size = watch_size(spec->path_len, spec->token_len);
	struct watch *w = mem_zalloc(&s->mem, size);

	if (!w)
		return -ENOMEM;
	w->wnode = wnode_make(s, spec->path, spec->path_len, conn->domain);
	if (!w->wnode) {
		mem_free(&s->mem, w, size);
		return -ENOMEM;
	}
	fill(w, spec);
	w->token_hash = siphash(s->config.hash_seed, 0, spec->token, spec->token_len);
	w->seq = ++s->watch_seq;
	w->conn = conn;
	list_add_tail(&conn->watches, &w->on_conn);
	list_add_tail(&wnode_at(s, w->wnode)->watches, &w->on_wnode);
	wnode_at(s, w->wnode)->count++;
	conn->watch_count++;
	conn->domain->watches++;
	s->watch_count++;
	charge_take(s, &w->charge, conn->domain, size);
	*out = w;
	return 0;
}

void watch_free(struct store *s, struct watch *w)
{
	const uint32_t wnode = w->wnode;

	list_del(&w->on_conn);
	list_del(&w->on_wnode);
	wnode_at(s, wnode)->count--;
	w->conn->watch_count--;
	w->conn->domain->watches--;
	s->watch_count--;
	charge_release(s, &w->charge);
	mem_free(&s->mem, w, watch_size(w->path_len, w->token_len));
	wnode_prune(s, wnode);
}

int special_of(const char *path, size_t len)
{
	const char *slash = memchr(path, '/', len);
	const size_t name_len = slash ? (size_t)(slash - path) : len;

	for (int i = 0; i < SPECIAL_COUNT; i++)
		if (strlen(special_names[i]) == name_len && !memcmp(special_names[i], path, name_len))
			return i;
	return -1;
}
