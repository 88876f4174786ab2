/* SPDX-License-Identifier: MIT */
#ifndef STORE_NODE_H
#define STORE_NODE_H
/*
 * The tree.
 *
 *     node 64 B  +  name and value, each rounded up to 8 B  +  4 B of index
 *
 *     struct node          bytes      a million nodes, 10-byte names, 16-byte values
 *       birth, gen            16        node           64
 *       tree links            16        name           16
 *       owner's list           8        value          16
 *       name, value blobs      8        index           4
 *       perms, versions        8        slack of slabs  < 1
 *       index chain            4        ---------------------
 *       lengths, flags         4        sum          ~ 101      (tests/store_memory.c holds it to 110)
 *
 * A node is one incarnation of a name. What an open transaction can still see is kept: an older value or
 * list, or the fact that the child list changed, as a version of the node; a removed node stays linked
 * below its parent with NODE_DEAD. Only the top of a removed subtree is marked, what is beneath is
 * unreachable through it.
 *
 *     node.versions -> version(until 90) -> version(until 40)
 *       now              state of 40..89       state up to 39; 'changed' says in what they differ
 */
#include "core.h"
#include "perms.h"

struct node {
	uint64_t birth; /* stamp of its creation */
	uint64_t gen;	/* stamp of the last change of value, list or children */
	uint32_t parent;
	uint32_t first; /* child; its prev is the last child */
	uint32_t next, prev;
	uint32_t owned_next, owned_prev;
	uint32_t name, value;
	uint32_t perms;
	uint32_t versions;
	uint32_t chain;
	uint32_t name_len : 12, value_len : 13, flags : 7;
};
_Static_assert(sizeof(struct node) == 64, "the byte table above");

#define NODE_DEAD 1u	 /* removed, kept for a snapshot */
#define NODE_DISOWNED 2u /* its owner does not pay any more */
#define NODE_MARKED 4u	 /* scratch: a transaction at its end would remove it, */
#define NODE_BENEATH 8u	 /* ... or what is above it, */
#define NODE_KEPT 16u	 /* ... or neither */

#define CHANGED_VALUE 1u    /* the version holds the value of before */
#define CHANGED_PERMS 2u    /* ... the list of before */
#define CHANGED_CHILDREN 4u /* the child list is not what it was */
#define CHANGED_DEAD 8u	    /* the node was removed */

#define CHANGED_KINDS 4u

struct version {
	uint64_t until; /* stamp of the first of the changes */
	struct author
		by[CHANGED_KINDS]; /* whose the last change of each kind was, in the order of the bits */
	struct tx *payer;
	struct list charged; /* in payer->charged */
	struct list disown;  /* in s->disown_queue while its subtree's owners still pay */
	uint64_t bytes;
	uint32_t node, older;
	uint32_t value, value_len, perms;
	uint32_t cursor; /* where disowning goes on */
	uint32_t changed;
};

static inline struct node *node_at(const struct store *s, uint32_t node)
{
	return SLAB_AT(&s->nodes, struct node, node);
}

static inline struct version *version_at(const struct store *s, uint32_t version)
{
	return SLAB_AT(&s->versions, struct version, version);
}

static inline const char *node_name(const struct store *s, const struct node *n)
{
	return blob_at(&s->blobs, n->name);
}

int nodes_init(struct store *s);

/* The child of @parent by that name as of @snapshot (a stamp or STAMP_NOW); 0: none. */
uint32_t node_find(const struct store *s, uint32_t parent, const char *name, size_t len, uint64_t snapshot);
/* What the index knows the node by. */
uint64_t node_hash(const struct store *s, const struct node *n);
bool node_is_visible(const struct store *s, const struct node *n, uint64_t snapshot);
/* Is the node part of the tree now: neither it nor anything above it removed? */
bool node_is_current(const struct store *s, uint32_t node);
/* The node's state as of @snapshot. */
uint32_t node_perms_at(const struct store *s, uint32_t node, uint64_t snapshot);
const char *node_value_at(const struct store *s, uint32_t node, uint64_t snapshot, uint32_t *len);
/* CHANGED_ bits of all that happened to it since @snapshot. */
unsigned node_changed_since(const struct store *s, uint32_t node, uint64_t snapshot);
/* Who made the last of the changes of the kind @changed (one CHANGED_ bit). */
struct author node_changed_by(const struct store *s, uint32_t node, unsigned changed);
/* Bytes its owner pays for it. */
uint64_t node_bytes(const struct node *n);
/* Writes the absolute path, returns its length. */
size_t node_path(const struct store *s, uint32_t node, char buf[WIRE_ABS_PATH_MAX]);

/* A node that hangs nowhere: takes over the blobs @name and @value and a reference to @perms.
 * 0: out of memory, nothing taken. */
uint32_t node_new(struct store *s, uint32_t name, uint32_t name_len, uint32_t value, uint32_t value_len,
		  uint32_t perms);
/* Makes it the last child of @parent: it counts from now on. Needs version_reserve(1). */
void node_attach(struct store *s, uint32_t parent, uint32_t node);
/* Frees a node that never was attached, and all beneath it. */
void node_discard(struct store *s, uint32_t node);
/* Takes over the blob; needs version_reserve(1). */
void node_set_value(struct store *s, uint32_t node, uint32_t value, uint32_t len);
/* Takes over the reference; needs version_reserve(1). */
void node_set_perms(struct store *s, uint32_t node, uint32_t perms);
/* Removes it with all beneath: at once for everybody who looks now, memory and accounts later.
 * Needs version_reserve(2). */
void node_remove(struct store *s, uint32_t node);

/* version.c */
/* Makes sure that the next @count changes can be remembered. 0 or -ENOMEM. */
int version_reserve(struct store *s, uint32_t count);
/* The version that remembers a change happening now, or NULL: no snapshot sees the node. */
struct version *version_for(struct store *s, uint32_t node);
/* The version remembers a change of the kind @changed (one CHANGED_ bit), made by s->author. */
static inline void version_mark(const struct store *s, struct version *v, unsigned changed)
{
	v->changed |= changed;
	v->by[__builtin_ctz(changed)] = s->author;
}
void version_charge(struct store *s, struct version *v, uint64_t bytes);
/* The transaction left s->txs: passes on or frees what it paid for. @next: the one after it, or NULL. */
void version_pass_on(struct store *s, struct tx *from, struct tx *next);

/* reclaim.c */
/* The node (dead, no snapshot sees it, unlinked) waits for reclaim_slice(). */
void reclaim_queue(struct store *s, uint32_t node);
/* Does up to @budget nodes of deferred work; returns what is left of it. */
uint32_t reclaim_slice(struct store *s, uint32_t budget);
void reclaim_all(struct store *s);
bool reclaim_is_due(const struct store *s);
/* Its owner pays for the node no more. */
void node_disown(struct store *s, uint32_t node);
/* Takes it out of its parent's children and out of the index. */
void node_unlink(struct store *s, uint32_t node);
/* Takes it into the list and account of the owner its permissions name. */
void node_own(struct store *s, uint32_t node);

#endif
