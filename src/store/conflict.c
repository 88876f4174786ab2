/* SPDX-License-Identifier: MIT */
#include "conflict.h"
#include "conn.h"
#include "domain.h"
#include "tx.h"

const char *store_conflict_name(enum store_conflict kind)
{
	static const char *const names[STORE_CONFLICT_KINDS] = {
		[STORE_CONFLICT_WRITTEN] = "written",	   [STORE_CONFLICT_PERMS] = "permissions",
		[STORE_CONFLICT_CHILDREN] = "children",	   [STORE_CONFLICT_REMOVED] = "removed",
		[STORE_CONFLICT_CREATED] = "created",	   [STORE_CONFLICT_OWNER] = "owner-died",
		[STORE_CONFLICT_QUOTA] = "quota",	   [STORE_CONFLICT_KEPT_LONG] = "kept-long",
		[STORE_CONFLICT_MEMORY] = "out-of-memory", [STORE_CONFLICT_RESTARTED] = "restarted",
	};

	return names[kind];
}

static void describe(const struct store *s, const struct tx *tx, const struct objection *why,
		     struct store_cause *cause)
{
	char path[WIRE_ABS_PATH_MAX];
	const size_t len = why->t ? txnode_path(s, tx, why->t, path) : 0;
	const size_t shown = len < STORE_PATH_SHOWN ? len : STORE_PATH_SHOWN - 1;

	cause->kind = why->kind;
	cause->quota = why->quota;
	cause->domid = why->who.domid;
	cause->conn = why->who.conn;
	cause->path_len = (uint32_t)len;
	memcpy(cause->path, path, shown);
	cause->path[shown] = '\0';
}

/* The same trouble again? The connection may be another. */
static bool is_same(const struct store_cause *a, const struct store_cause *b)
{
	return a->kind == b->kind && a->quota == b->quota && a->domid == b->domid &&
	       a->path_len == b->path_len && !strcmp(a->path, b->path);
}

/* The one like @cause, else the one not seen for longest: a free one, if there is. */
static struct store_cause *place_for(struct store_cause *causes, const struct store_cause *cause)
{
	struct store_cause *oldest = causes;

	for (struct store_cause *c = causes; c < causes + STORE_CAUSES; c++) {
		if (c->count && is_same(c, cause))
			return c;
		if (c->at < oldest->at)
			oldest = c;
	}
	oldest->count = 0;
	return oldest;
}

static void put(struct store_cause *place, const struct store_cause *cause)
{
	const uint64_t before = place->count && is_same(place, cause) ? place->count : 0;

	*place = *cause;
	place->count = before + 1;
}

/* A client that left is still domain 0; another domain's ring is there as long as the domain. */
static void blame(struct store *s, const struct author *who)
{
	struct conn *conn = conn_find(s, who->conn);

	if (conn)
		conn->traffic.blamed++;
	else if (who->domid == 0)
		s->dom0->past.blamed++;
}

void conflict_record(struct store *s, struct conn *conn, const struct tx *tx, const struct objection *why)
{
	struct domain *domain = conn->domain;
	struct store_cause cause = { .loser = conn->id, .at = s->stats.conflicts };

	describe(s, tx, why, &cause);
	blame(s, &why->who); /* a limit in the way is no connection's doing, and dom0 has none */
	if (!domain->causes)
		domain->causes = mem_zalloc(&s->mem, STORE_CAUSES * sizeof(*domain->causes));
	if (domain->causes)
		put(place_for(domain->causes, &cause), &cause);
	if (!conn->cause)
		conn->cause = mem_zalloc(&s->mem, sizeof(*conn->cause));
	if (conn->cause)
		put(conn->cause, &cause);
}
