/* SPDX-License-Identifier: MIT */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H
/*
 * Watches hang in a trie of the paths they name, so a change looks only at the watches on its own path:
 *
 *     "/" - "local" - "domain" - "5" - "device"        a change of /local/domain/5/device/x meets the
 *      w                          w       w,w          watches along its way, and nothing else
 *
 * "@name" and "@name/arg" have a trie of their own.
 */
#include "core.h"
#include "domain.h"

struct wnode {
	uint32_t parent, first, next, prev; /* as in struct node */
	uint32_t chain;
	uint32_t name, name_len;
	uint32_t count;	      /* watches here */
	struct list watches;  /* in order of registration */
	struct charge charge; /* who made it pays until nobody needs it */
};

struct watch {
	uint64_t seq; /* order of registration, over all connections */
	struct conn *conn;
	struct list on_conn, on_wnode;
	struct watch *fired; /* next in a list of watches that fire */
	struct charge charge;
	uint64_t token_hash;
	uint32_t wnode;
	uint32_t path_len, token_len;
	uint16_t depth;	   /* levels below the path, WIRE_DEPTH_ALL */
	uint16_t home_len; /* relative watch: bytes that its event paths lose in front, 0: absolute */
	char text[];	   /* canonical path, NUL, token, NUL */
};

int watches_init(struct store *s);
void watches_done(struct store *s);
static inline struct wnode *wnode_at(const struct store *s, uint32_t wnode)
{
	return SLAB_AT(&s->wnodes, struct wnode, wnode);
}
uint32_t wnode_find(const struct store *s, uint32_t parent, const char *name, size_t len);
static inline const char *watch_token(const struct watch *w)
{
	return w->text + w->path_len + 1;
}

/* What a client asks for. Borrowed. */
struct watch_spec {
	const char *path; /* canonical */
	size_t path_len;
	const char *token;
	size_t token_len;
	uint16_t depth, home_len;
};
struct watch *watch_find(struct store *s, struct conn *conn, const struct watch_spec *spec);
/* Does not fire. 0 and *@out; -ENOMEM. */
int watch_new(struct store *s, struct conn *conn, const struct watch_spec *spec, struct watch **out);
void watch_free(struct store *s, struct watch *w);
/* The bytes that such a watch will be charged at most. */
uint64_t watch_cost(const struct watch_spec *spec);

/* Sends the watch's first event: its own path. */
void watch_fire_first(struct store *s, struct store_effects *out, struct watch *w);
/* The node at @path changed. @node: it or, if it was removed, what it was, with .parent still right;
 * @old_perms: its list before, 0 if the same. Fires all watches on it and above. */
void watch_fire(struct store *s, struct store_effects *out, const char *path, size_t len, uint32_t node,
		uint32_t parent, uint32_t old_perms);
/* The same for a removal: first each watch beneath whose node is there, with its own path. Call when
 * @node is unlinked or still there, but not yet reclaimed. */
void watch_fire_removed(struct store *s, struct store_effects *out, const char *path, size_t len,
			uint32_t node, uint32_t parent);
/* "@introduceDomain", "@releaseDomain" about @domid. */
void watch_fire_special(struct store *s, struct store_effects *out, enum special special, uint32_t domid);
/* Its first half: only the watches beneath. */
void watch_fire_beneath(struct store *s, struct store_effects *out, const char *path, size_t len,
			uint32_t node);
extern const char *const special_names[SPECIAL_COUNT];
/* The special event that @path names (with or without an argument), or -1. */
int special_of(const char *path, size_t len);

#endif
