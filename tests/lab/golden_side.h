/* SPDX-License-Identifier: MIT */
#ifndef TESTS_LAB_GOLDEN_SIDE_H
#define TESTS_LAB_GOLDEN_SIDE_H
/*
 * The rows of a table, and the kind of driver that answers: backends in dom0.
 *
 *     before | event | answers | state | after | error
 *
 *     before   how the device came to be what it is, see befores
 *     answers  the states that the kernel's end wrote then, in order; "-" none, "?" this store does not tell
 *     state    its node's at the end; "-" there is none
 *     after    what it takes itself for: the state that it wrote last, whatever its node says now;
 *              "gone": there is none any more
 *     error    what it wrote to its error node
 *
 * An event is words, done in one transaction:
 *
 *     frontend=N, backend=N              the state, whoever's it is to write
 *     frontend-removed, backend-removed  the node; both-removed
 *     both-replaced                      both, and made anew
 *     keys, bad-keys, no-keys            those of the end that is written by hand: good ones, lies, none
 *     online=N, disk                     the toolstack's
 */
#include "golden.h"

#define GOLDEN_SENTINEL 4000u /* its number; rows have the following ones */

struct golden {
	const struct golden_side *side;
	struct golden_store *store;
	struct golden_tap *tap; /* NULL: this store does not tell */
	const char *class;	/* "vbd" or "vif" */
	unsigned int domid;	/* the guest's */
	char **refs;		/* of pages that it granted; then a port */
	const char *disk;	/* "major:minor", for a vbd */
	unsigned int device;	/* of the row */
	bool incomplete;	/* it is made without its disk */
	char front[GOLDEN_PATH], back[GOLDEN_PATH];
	char answers[GOLDEN_TEXT]; /* to the last event */
	unsigned int own;	   /* the state that it wrote last; 0: none */
};

struct golden_before {
	const char *name;
	const char *events; /* that lead there, separated by ";"; each is settled */
	const char *class;  /* NULL: each */
	bool few;	    /* only what the other end does */
	bool incomplete;
};

struct golden_side {
	const struct golden_before *befores; /* up to one without a name */
	const char *const *events;	     /* up to NULL */
	const char *const *names;	     /* of the states 0 to 6, as "after" */
	void (*begin)(struct golden *g);
	void (*end)(struct golden *g);
	void (*place)(struct golden *g); /* sets the paths */
	void (*make)(struct golden *g);	 /* both nodes */
	void (*keys)(struct golden *g, bool good);
	void (*no_keys)(struct golden *g);
	/* Until everything before it, and what that brought about, has been handled. */
	void (*settle)(struct golden *g);
	bool (*is_present)(struct golden *g);
	/* It wrote @state, and takes itself for what it did before all the same. */
	bool (*is_aside)(struct golden *g, unsigned int state);
	bool is_backend;
};
extern const struct golden_side golden_backend;

void golden_place(struct golden *g, unsigned int device);
/* One event. */
void golden_do(struct golden *g, const char *event);
/* The node of the kernel's end. */
const char *golden_own(const struct golden *g);
/* Its error node, without "/error". */
void golden_error_node(const struct golden *g, char path[GOLDEN_PATH]);

#endif
