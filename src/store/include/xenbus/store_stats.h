/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STORE_STATS_H
#define XENBUS_STORE_STATS_H
/*
 * Who makes the store work, and who makes whose transactions fail.
 *
 *     connection ---- traffic      what it asked, what it was told        counted where it happens: once a request
 *         |     '---- cause        why its last transaction was lost
 *     domain -------- traffic      its connections', those that are gone included: added up when asked
 *               '---- causes       the STORE_CAUSES last seen reasons why its transactions were lost
 *
 * Counts are of one instance of a domain: a domid used again starts at 0, and so does a loaded store.
 *
 * A node does not know who changed it. While a transaction is open, what it saw is kept when it changes, and
 * there the one who changed it is noted, once for each kind of change. What was created meanwhile nobody saw; its
 * stamp of birth is looked up in a short table of who had which stamps (author.h). So a node costs no byte more,
 * and a store without transactions notes nothing.
 */
#include <xenbus/store.h>

#define STORE_OPS 32u /* kinds of operations: the protocol's numbers; the last stands for all that are none */
#define STORE_ERRORS 24u      /* kinds of errors: wire_error_index() */
#define STORE_CAUSES 6u	      /* kept for a domain; another takes the place of the one not seen for longest */
#define STORE_PATH_SHOWN 256u /* bytes of a cause's path; what is longer is cut */
#define STORE_DOMID_NONE UINT32_MAX

struct store_traffic {
	uint64_t requests[STORE_OPS];
	uint64_t errors[STORE_ERRORS];
	uint64_t events;	 /* sent */
	uint64_t events_merged;	 /* not sent: an equal one was still queued */
	uint64_t events_dropped; /* not sent: too long, or no room for them */
	uint64_t committed;	 /* transactions ended with T and OK */
	uint64_t conflicts;	 /* ... and EAGAIN */
	uint64_t blamed;	 /* EAGAINs, anybody's, that its changes were the cause of */
};

/* Why a transaction was lost: what had happened to its path since it started. */
enum store_conflict {
	STORE_CONFLICT_WRITTEN,	  /* its value was written */
	STORE_CONFLICT_PERMS,	  /* its permission list was set */
	STORE_CONFLICT_CHILDREN,  /* a child was made or removed */
	STORE_CONFLICT_REMOVED,	  /* it was removed */
	STORE_CONFLICT_CREATED,	  /* it was made, and had been missing */
	STORE_CONFLICT_OWNER,	  /* the transaction gave it to a domain that died */
	STORE_CONFLICT_QUOTA,	  /* its owner may not hold what the transaction made */
	STORE_CONFLICT_KEPT_LONG, /* no path: open while too many bytes of old versions came up */
	STORE_CONFLICT_MEMORY,	  /* no path: the store had no memory to keep it */
	STORE_CONFLICT_RESTARTED, /* no path: it was open when the store was loaded */
	STORE_CONFLICT_KINDS
};
/* "written", "permissions", ... */
const char *store_conflict_name(enum store_conflict kind);

struct store_cause {
	enum store_conflict kind;
	const char *quota; /* static: the limit in the way; NULL: none is */
	uint32_t domid;	   /* whose change it was, or whose limit; STORE_DOMID_NONE: not known any more */
	uint32_t conn;	   /* by which connection; STORE_CONN_NONE: by none (its domain died), or not known */
	uint32_t loser;	   /* the connection whose transaction was the last that it cost */
	uint64_t count;	   /* transactions that it cost */
	uint64_t at;	   /* rises with every conflict of the store: which is newer */
	uint32_t path_len; /* all of it, which may be more than is here */
	char path[STORE_PATH_SHOWN]; /* with a NUL */
};

struct store_conn_stats {
	uint32_t conn, domid;
	bool ring;			/* the domain's; else a socket client of domain 0 */
	uint32_t watches, transactions; /* it has now */
	uint64_t queued;		/* bytes of replies and events that it has not taken */
	struct store_traffic traffic;
	struct store_cause cause; /* of its last lost transaction; .count is 0: there is none */
};
/* 0, or -ENOENT there is no such connection. */
int store_conn_stats(const struct store *store, uint32_t conn, struct store_conn_stats *out);
/* Connections in rising order of their ids: the smallest > @after (start with STORE_CONN_NONE), or STORE_CONN_NONE.
 * Looks at all of them. */
uint32_t store_next_conn(const struct store *store, uint32_t after);

/* 0, or -ENOENT no instance of @domid. */
int store_domain_traffic(const struct store *store, uint32_t domid, struct store_traffic *out);
/* Why transactions of @domid were lost, the last seen first. Their number; 0 too where there is no such domain. */
size_t store_domain_causes(const struct store *store, uint32_t domid, struct store_cause out[STORE_CAUSES]);
/* The serial number of the domain's instance: another life of a domid has another. 0: no such domain. */
uint64_t store_domain_instance(const struct store *store, uint32_t domid);

/* Adds @from to @to. */
void store_traffic_add(struct store_traffic *to, const struct store_traffic *from);
uint64_t store_traffic_requests(const struct store_traffic *traffic);

#endif
