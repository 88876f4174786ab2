/* SPDX-License-Identifier: MIT */
#ifndef STORE_TX_H
#define STORE_TX_H
/*
 * A transaction: a snapshot, and an overlay of what it touched.
 *
 *     txnode "/" - txnode "a" - txnode "x"       one for every name looked at, in the shape of the tree;
 *       base: node   base: node   base: 0        base is the node of the snapshot, 0: absent there
 *
 * 'rests' says on which facts about the base the answers given so far rest; they are checked at the end.
 * 'fresh' and 'removed' and the has_ bits say what the transaction did; they are applied at the end.
 *
 *     rests               because of                             still true if
 *     RESTS_VALUE         READ                                   value not written since the start
 *     RESTS_PERMS         GET_PERMS, any write to it, below it   list not set
 *     RESTS_CHILDREN      DIRECTORY, DIRECTORY_PART              no child made or removed
 *     RESTS_ALIVE         all of these                           same incarnation, nothing above removed
 *     RESTS_ABSENT        a creation, or the answer "absent"     no such name
 */
#include "conflict.h"
#include "conn.h"
#include "core.h"
#include "domain.h"

#define RESTS_VALUE 1u
#define RESTS_PERMS 2u
#define RESTS_CHILDREN 4u
#define RESTS_ALIVE 8u
#define RESTS_ABSENT 16u

struct txnode {
	struct list by_access;	 /* in tx->nodes, by first access */
	struct list by_creation; /* in tx->created while fresh */
	struct list sibling;	 /* in parent->children; fresh ones in order of creation */
	struct list children;
	struct txnode *parent, *chain;
	uint64_t hash;
	uint64_t gen; /* 0: the base's */
	uint32_t base;
	uint32_t name, name_len;
	uint32_t value, value_len;
	uint32_t perms; /* referenced; 0: the base's */
	uint8_t rests;
	bool exists;	/* as the transaction sees it */
	bool fresh;	/* made here: has nothing to do with the base */
	bool removed;	/* the base was removed here */
	bool gone;	/* the base was removed here, and then what is above it: has an event of its own */
	bool has_value; /* written here */
	bool implied;	/* made only because something beneath it was: fires no event of its own */
	bool counted;	/* against the quota of touched nodes */
	/* At the end only: */
	bool alive;	    /* the base is still part of the tree */
	bool name_given;    /* the name's blob went to the node */
	uint32_t was;	    /* the node that was removed */
	uint32_t old_perms; /* its list before, referenced; 0: the same */
};

struct tx {
	uint32_t id;
	struct conn *conn;
	struct list on_conn;
	struct list by_start; /* in s->txs unless doomed */
	uint64_t start;	      /* STAMP_NOW once doomed */
	bool doomed, wrote;
	bool urgent;	       /* privileged, and others made it fail too often */
	struct objection doom; /* why, once doomed */
	struct list charged;   /* versions it pays for */
	struct charge charge;
	struct list nodes, created;
	struct txnode *root;
	struct txnode **table;
	uint32_t buckets, count;
	uint32_t touched;	/* nodes that count against the quota */
	uint32_t created_nodes; /* fresh ones */
};

#define LOST_MANY 3u /* transactions that a privileged connection may lose before its next is urgent */
#define TX_BUCKETS_MIN 8u
/* Bytes that an empty one costs: itself, its table and its root. */
#define TX_BYTES (sizeof(struct tx) + TX_BUCKETS_MIN * sizeof(struct txnode *) + sizeof(struct txnode) + 8)

/* 0 and *@out; -ENOMEM. */
int tx_new(struct store *s, struct conn *conn, struct tx **out);
int tx_new_with_id(struct store *s, struct conn *conn, uint32_t id, struct tx **out);
/* Forgets it and all it did. */
void tx_free(struct store *s, struct tx *tx);
struct tx *tx_find(const struct conn *conn, uint32_t id);
/* Gives up its snapshot: it goes on answering, from what is now, and cannot be committed because of @why. */
void tx_doom(struct store *s, struct tx *tx, struct objection why);
/* Takes it out of the snapshots; what only it could see goes. Its nodes' bases stay good until the input in
 * hand is done with. */
void tx_give_up_snapshot(struct store *s, struct tx *tx);
/* Dooms the oldest transactions of who is over a limit. */
void tx_enforce_limits(struct store *s, struct store_effects *out);

/* txnode.c. A txnode in no tree; NULL: out of memory. */
struct txnode *txnode_new(struct store *s, struct tx *tx, const char *name, size_t len);
void txnode_free(struct store *s, struct tx *tx, struct txnode *t);
/* The overlay's child of @parent by that name, made if it is not there: 0 and *@out; -ENOMEM; -EDQUOT: it would
 * make the transaction's domain hold too much. */
int tx_child(struct store *s, struct tx *tx, struct txnode *parent, const char *name, size_t len,
	     struct txnode **out);
/* The same, or NULL if it was never touched. */
struct txnode *tx_known_child(const struct store *s, const struct tx *tx, const struct txnode *parent,
			      const char *name, size_t len);
/* The next of @top's subtree after @t, parents first; begin with @top itself. NULL: that was the last. */
struct txnode *txnode_next_beneath(struct txnode *t, const struct txnode *top);
/* The same with what is beneath a node before it; starts with NULL. */
struct txnode *txnode_leaves_first(struct txnode *t, struct txnode *top);
uint32_t txnode_perms(const struct store *s, const struct tx *tx, const struct txnode *t);
const char *txnode_value(const struct store *s, const struct tx *tx, const struct txnode *t, uint32_t *len);
/* An answer rests on these. */
void txnode_rest(struct tx *tx, struct txnode *t, unsigned rests);

/* Takes over the blob. */
void txnode_write(struct store *s, struct tx *tx, struct txnode *t, uint32_t value, uint32_t len);
/* Takes over the reference. */
void txnode_set_perms(struct store *s, struct tx *tx, struct txnode *t, uint32_t perms);
/* Takes over blob and reference; t->exists must be false. */
void txnode_create(struct store *s, struct tx *tx, struct txnode *t, uint32_t value, uint32_t len,
		   uint32_t perms);
void txnode_remove(struct store *s, struct tx *tx, struct txnode *t);
/* A stamp for something that nobody else sees. */
uint64_t tx_stamp(struct store *s);

/* commit.c: 0 applied and events appended; -EAGAIN *@why; -ENOMEM (nothing changed). Does not free it. */
int tx_commit(struct store *s, struct tx *tx, struct store_effects *out, struct objection *why);
/* Writes the absolute path, returns its length. */
size_t txnode_path(const struct store *s, const struct tx *tx, const struct txnode *t,
		   char buf[WIRE_ABS_PATH_MAX]);

#endif
