/* SPDX-License-Identifier: MIT */
#ifndef STORE_DOMAIN_H
#define STORE_DOMAIN_H
/*
 * A domain instance: one life of a domid, and the account of all that it makes the store hold. It is there
 * from the first mention of an existing domain until that dies or is released; the account outlives it
 * until the last refund.
 */
#include "core.h"

struct introduction { /* an INTRODUCE that waits for the ring to be mapped */
	uint32_t conn, req_id, tx_id;
	bool pending, first;
};

/* Of one quota: the most there was, how often it was refused, and the limit that the log last told
 * of (0: none, or before the store was loaded). */
struct usage {
	uint64_t max, refused;
	uint32_t told;
};

struct limits; /* limit.h */

struct domain {
	uint32_t domid;
	uint64_t instance; /* serial, never reused */
	uint32_t refs;
	bool alive, introduced;
	bool shutdown;	       /* @releaseDomain was sent for its shutdown */
	bool doom_told;	       /* that a transaction of it was doomed is in the log */
	struct domain *target; /* what it is the stub domain of; NULL */
	struct list conns;
	struct conn *ring;
	uint64_t gfn;
	uint32_t port;
	struct introduction intro;
	uint32_t owned; /* first node it owns */

	uint32_t nodes, watches, transactions, perm_entries;
	uint64_t memory;
	uint32_t features;    /* WIRE_FEATURE_ bits that its ring page offers */
	uint32_t outstanding; /* replies that it has not taken */
	struct limits *own;   /* NULL: the defaults hold for it */
	struct usage use[STORE_QUOTA_KINDS];
	struct store_traffic past; /* of its connections that are gone */
	struct store_cause
		*causes;   /* STORE_CAUSES why its transactions were lost, not sorted; NULL: none was */
	struct list grown; /* in s->grown */

	uint32_t pending_nodes; /* scratch of a commit */
	int64_t pending_bytes;
	bool pending_fits;
};

/* Bytes that somebody pays for; embedded in what is paid for. Zero-initialise. */
struct charge {
	struct domain *who;
	uint64_t bytes;
};
void charge_take(struct store *s, struct charge *charge, struct domain *who, uint64_t bytes);
void charge_release(struct store *s, struct charge *charge);

/* It has @figure of @kind now. */
static inline void domain_reached(struct domain *d, enum store_quota_kind kind, uint64_t figure)
{
	if (figure > d->use[kind].max)
		d->use[kind].max = figure;
}
/* It makes the store hold @bytes more. What counts as its most is what is left when the input is done with. */
static inline void domain_hold(struct store *s, struct domain *d, uint64_t bytes)
{
	d->memory += bytes;
	if (d->memory > d->use[STORE_QUOTA_MEMORY].max && list_empty(&d->grown))
		list_add_tail(&s->grown, &d->grown);
}
static inline void domain_let_go(struct domain *d, uint64_t bytes)
{
	d->memory -= bytes;
}

/* Is there an instance, or, asked of the hypervisor, a domain that could have one? */
bool domain_exists(const struct store *s, uint32_t domid);
/* The living instance of @domid, or NULL. */
struct domain *domain_lookup(const struct store *s, uint32_t domid);
/* The living instance, made if the domain exists in the hypervisor: 0 and *@out; -ENOENT; -ENOMEM. */
int domain_mention(struct store *s, uint32_t domid, struct domain **out);
/* The same without asking anybody. */
int domain_create(struct store *s, uint32_t domid, struct domain **out);
/* Smallest living domid >= @domid, or NULL. */
struct domain *domain_at_or_after(const struct store *s, uint32_t domid);
void domain_ref(struct domain *domain);
void domain_unref(struct store *s, struct domain *domain);
/* Ends the instance: its nodes, connections and claims go; events are appended to @out. */
void domain_die(struct store *s, struct domain *domain, struct store_effects *out);
void domains_done(struct store *s);
/* stats.c: of all its connections, those that are gone included. */
void domain_traffic(const struct domain *domain, struct store_traffic *out);

static inline bool domain_is_privileged(const struct domain *domain)
{
	return domain->domid == 0;
}

#endif
