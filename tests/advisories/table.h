/* SPDX-License-Identifier: MIT */
#ifndef ADVISORIES_TABLE_H
#define ADVISORIES_TABLE_H
/* The rows: an advisory, what must hold, how it is tried. */
#include "trial.h"

enum {
	SOCKET = 1,	 /* tried with t->who a client on a socket */
	RING = 2,	 /* tried with t->who a guest on its ring */
	SMALL_STACK = 4, /* the server has a stack that recursion per level would pass */
	PARTS = 4,	 /* of a row at most */
};

struct row {
	const char *name, *claim;
	struct {
		trial_case *run; /* NULL: no more */
		unsigned int where;
	} parts[PARTS];
	const char *elsewhere; /* not NULL: no server is tried here; whom it is about */
};

extern const struct row rows[];
extern const size_t row_count;

/* Tries all parts on one server: the first that does not hold decides. The text, at most @size bytes: "holds",
 * "fails: ...", "cannot be seen: ...". */
enum verdict row_try(const struct row *row, enum peer_kind kind, char *text, size_t size);

#endif
