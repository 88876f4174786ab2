/* SPDX-License-Identifier: MIT */
#ifndef STORE_CONFLICT_H
#define STORE_CONFLICT_H
/* Why transactions are lost: what spoke against a commit, and the record of it. */
#include "author.h"
#include "core.h"

struct txnode;

/* What speaks against a commit. */
struct objection {
	enum store_conflict kind;
	const struct txnode *t; /* where; NULL: no path */
	struct author who;
	const char *quota; /* static; NULL: none */
};

static inline struct objection objection_to_all(enum store_conflict kind, const char *quota)
{
	return (struct objection){ kind, NULL, { STORE_DOMID_NONE, STORE_CONN_NONE }, quota };
}

/* @tx of @conn was lost because of @why. Where there is no memory to say so it is only counted. */
void conflict_record(struct store *s, struct conn *conn, const struct tx *tx, const struct objection *why);

#endif
