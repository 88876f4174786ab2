/* SPDX-License-Identifier: MIT */
#ifndef STORE_AUTHOR_H
#define STORE_AUTHOR_H
/*
 * Who makes the changes: s->author is whoever asks for the input in hand.
 *
 * Of a change to what a snapshot can see, the version that remembers it names the author (version.c). Of a node made
 * while there are snapshots, its stamp of birth leads there, through runs of stamps that one author had:
 *
 *      from      17   20   31                 birth 25: the author of the run from 20
 *      author    s4   d5   s4
 *
 * The last AUTHOR_RUNS runs are kept while there is a snapshot, and none when there is not. A transaction that is open
 * for so long that they turn round may learn that a node was made, and not by whom.
 */
#include <stdint.h>

#define AUTHOR_RUNS 2048u /* of 16 bytes */

struct store;

struct author {
	uint32_t domid; /* STORE_DOMID_NONE: not known */
	uint32_t conn;	/* STORE_CONN_NONE: no connection's doing */
};

struct author_run {
	uint64_t from;
	struct author who;
};

struct authors {
	struct author_run *runs; /* a ring of AUTHOR_RUNS; NULL: none was needed yet */
	uint32_t first, count;
};

/* s->author has stamp s->stamp. */
void author_note(struct store *s);
/* Who had @stamp. */
struct author author_of(const struct store *s, uint64_t stamp);
void authors_forget(struct store *s);
void authors_done(struct store *s);

#endif
