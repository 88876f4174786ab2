/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STORE_H
#define XENBUS_STORE_H
/*
 * The XenStore, pure: inputs in, effects out.
 *
 *     store_input                                        store_effects (in order)
 *     message, connect, disconnect,      +-------+       bytes for a connection (reply or event),
 *     mapped, domain dead / shut down, ->| store |  ->   connection closed, map or unmap the ring
 *     ring reset, drained, tick          +-------+       of domain N, a line for the log
 *
 * No I/O, no clock, no globals, no OS header; iteration order is deterministic. The daemon, the unit
 * tests, the fuzzers and the simulator call these same functions. One thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_CONN_NONE 0u /* no connection; real ids are > 0 and not reused while any effect names them */

/* Limits; a field's comment gives unit, the C server's option and its default. 0: unlimited, except where said. */
struct store_quota {
	uint32_t nodes;	       /* -E  nodes a domain owns, 1000 */
	uint32_t watches;      /* -W  watches a domain has set, 128 */
	uint32_t transactions; /* -t  open transactions a domain, 10 */
	uint32_t
		node_size; /* -S  bytes of value plus permission entries of one node, 2048 (child names not counted) */
	uint32_t perms;	   /* -A  permission entries a node, 5 */
	uint32_t path_max; /* -M  bytes of a path a guest may name, /local/domain/N/ not counted, 2048 */
	uint32_t
		transaction_nodes; /* -Q transaction-nodes=  distinct nodes one transaction may touch, 1024 */
	uint32_t
		outstanding; /* -Q outstanding=  requests of a domain whose replies it has not taken, 20; kept by the shell */
	uint32_t memory_hard; /* -Q memory=  bytes a domain makes the store hold, 2.5 MiB */
	uint32_t memory_soft; /* -q memory=  the same, warned about only, 2 MiB */
	uint64_t
		versions; /* bytes of superseded versions in the whole store, 256 MiB: over it the oldest transaction is doomed */
};
/* The C server's defaults. Dom0 (and every privileged connection) is held by none of the per-domain ones. */
void store_quota_defaults(struct store_quota *quota);

/* What is limited for each domain, in the order of struct store_quota. */
enum store_quota_kind {
	STORE_QUOTA_NODES,
	STORE_QUOTA_WATCHES,
	STORE_QUOTA_TRANSACTIONS,
	STORE_QUOTA_NODE_SIZE,
	STORE_QUOTA_PERMS,
	STORE_QUOTA_PATH,
	STORE_QUOTA_TX_NODES,
	STORE_QUOTA_OUTSTANDING, /* kept by the shell: over it the domain's requests are not read */
	STORE_QUOTA_MEMORY,
	STORE_QUOTA_MEMORY_SOFT, /* warned about, never refused */
	STORE_QUOTA_KINDS
};
/* The name the protocol, CONTROL and the log know it by: "nodes", ..., "memory", "soft-memory". Static. */
const char *store_quota_name(enum store_quota_kind kind);

struct store_config {
	struct store_quota quota;
	uint64_t hash_seed[2]; /* random: guests choose names */
	/* Does the domid exist in the hypervisor, introduced or not? Asked when a permission list, an
	 * INTRODUCE or a SET_TARGET names a domid that the store has no instance of. */
	bool (*domain_exists)(void *ctx, uint32_t domid);
	void *ctx;
	/* CONTROL commands that the store itself does not know (log, logfile, ...) end here; NULL: EINVAL.
	 * @args: NUL-separated, @len bytes. Writes at most @size bytes of reply, returns their number or -errno. */
	int (*control)(void *ctx, const char *cmd, const char *args, size_t len, char *reply, size_t size);
};

/* Returns 0 and a store that holds "/", "/tool", "/tool/xenstored" and what every server makes at start,
 * freed with store_free(); -ENOMEM. */
int store_new(const struct store_config *config, struct store **out);
void store_free(struct store *store);

enum store_input_type {
	STORE_IN_CONNECT, /* a socket client arrived: conn is an out-field, .domid 0 */
	STORE_IN_DISCONNECT, /* it left (or the shell threw it out): watches and transactions end; no effect names it any more */
	STORE_IN_MESSAGE,	  /* one whole request of .conn */
	STORE_IN_MAPPED,	  /* answer to STORE_OUT_MAP_RING: .domid, .error 0 or -errno */
	STORE_IN_DOMAIN_DEAD,	  /* .domid exists no more (or is dying); unknown domids are ignored */
	STORE_IN_DOMAIN_SHUTDOWN, /* .domid stopped running: @releaseDomain once until RESUME */
	STORE_IN_RING_RESET,	  /* .conn: the guest reconnects its ring: watches and transactions end */
	STORE_IN_DRAINED, /* .conn took .bytes of its queued output, replies and events: frees quota, and events equal to these are sent again */
	STORE_IN_TICK,	  /* .now_ns has come: slices of deferred removal */
};

struct store_input {
	enum store_input_type type;
	uint32_t conn;
	uint32_t domid;
	int error;
	uint64_t bytes;
	uint32_t replies; /* STORE_IN_DRAINED: so many replies were taken to the last byte */
	uint64_t now_ns;
	/* STORE_IN_MESSAGE: the header's fields in host order, and .len bytes of payload, borrowed.
	 * .len may be anything: over 4096 is answered by closing the connection. */
	uint32_t op, req_id, tx_id, len;
	const void *payload;
};

enum store_effect_type {
	STORE_OUT_REPLY, /* .conn, .offset, .len: a whole message, header included, in effects->bytes */
	STORE_OUT_EVENT, /* the same; a WATCH_EVENT */
	STORE_OUT_CLOSE, /* .conn broke the framing: drop it after what was queued before; a ring stays introduced but is not read */
	STORE_OUT_MAP_RING, /* .domid, .gfn, .port, .features, .conn (the id this ring will have): answer with STORE_IN_MAPPED */
	STORE_OUT_UNMAP_RING, /* .domid, .conn: the domain is gone, released or introduced anew */
	STORE_OUT_LOG,	      /* .offset, .len: one line without newline, guest bytes escaped */
};

struct store_effect {
	enum store_effect_type type;
	uint32_t conn;
	uint32_t domid;
	uint32_t offset, len;
	uint64_t gfn;
	uint32_t port;
	uint32_t features; /* WIRE_FEATURE_ bits that the domain is offered */
};

/* Filled by store_apply(), emptied by store_effects_clear(), memory reused up to 1 MiB. Zero-initialised by its owner. */
struct store_effects {
	struct store_effect *list;
	size_t count, capacity;
	uint8_t *bytes;
	size_t used, size;
	size_t spared; /* events that were fired and are not in the list: an equal one waits, or there is no room */
	bool failed; /* out of memory while appending: what follows was lost; see store_next_bereft() */
};
/* After effects that failed: a connection that a reply or an event was lost for, and which must be closed, for it
 * cannot know; each once. STORE_CONN_NONE: there is no other. */
uint32_t store_next_bereft(struct store *store);
void store_effects_clear(struct store_effects *effects);
void store_effects_free(struct store_effects *effects);

/* Applies one input and appends its effects. A privileged request's INTRODUCE is answered when MAPPED
 * comes, other requests at once. Returns 0; -ENOENT the input names a connection or domain that is
 * not there (nothing happened); -ENOMEM (CONNECT only: others answer ENOMEM to the client). */
int store_apply(struct store *store, struct store_input *in, struct store_effects *effects);

/* When the next STORE_IN_TICK is due: 0 now (there is deferred work), UINT64_MAX never. */
uint64_t store_deadline(const struct store *store);

/* A privileged connection has a transaction open after it lost several to the writes of others: who hands
 * out turns does well to let the unprivileged wait for it, for a bounded time. */
bool store_is_contended(const struct store *store);
/* 0: it is not. Else how many such transactions there ever were: more than before, another one is open. */
uint64_t store_contention(const struct store *store);

/* Domains with an instance, in rising order: the smallest domid > @after (start with -1), or -1. */
int64_t store_next_domain(const struct store *store, int64_t after);

/* The limits of who has none of its own, as they are now: CONTROL and SET_QUOTA change them. Borrowed. */
const struct store_quota *store_limits(const struct store *store);
/* What holds for @domid: its own limit or the default. 0: none, and always for dom0. */
uint32_t store_domain_limit(const struct store *store, uint32_t domid, enum store_quota_kind kind);
/* The most that any unprivileged domain, living or dead, ever had of it since the start or since the maxima were
 * reset (CONTROL "quota max -r"). */
uint64_t store_quota_max(const struct store *store, enum store_quota_kind kind);

/* One quota of one domain. */
struct store_quota_use {
	uint32_t limit; /* what holds for it; 0: none */
	bool own;	/* set for this domain alone */
	uint64_t now;	/* of nodes, watches, transactions, outstanding and memory; of the largest open one of
			 * transaction-nodes; 0 for the others, which are a request's, not a domain's */
	uint64_t max;	/* the most there was since the domain came or the maxima were reset */
	uint64_t
		refused; /* requests refused for it, and for memory events dropped; soft ones and outstanding: how
			   * often it was passed or reached */
};

struct store_domain_stats {
	uint32_t domid;
	bool introduced;
	uint32_t features; /* server_features of its ring page */
	struct store_quota_use quota[STORE_QUOTA_KINDS];
	uint32_t nodes, watches, transactions, perm_entries;
	uint64_t memory;
	uint64_t requests, events, conflicts;
};
/* 0, or -ENOENT no instance of @domid. */
int store_domain_stats(const struct store *store, uint32_t domid, struct store_domain_stats *out);

struct store_stats {
	uint64_t nodes; /* that take memory: removed ones count until they are reclaimed */
	uint64_t watches, transactions, connections, domains, version_bytes;
	uint64_t deferred_nodes; /* tops of removed subtrees that wait to be reclaimed */
	uint64_t requests[32];	 /* by op */
	uint64_t errors, events, events_merged, events_dropped, conflicts, dooms;
	uint64_t bytes; /* everything allocated, slabs included */
};
void store_stats(const struct store *store, struct store_stats *out);

/* Dump and load: Xen's migration stream (xen-doc designs/xenstore-migration), version 1, plus one private
 * record for domain instances. Canonical: two stores of equal content dump the same bytes.
 * Returns 0 and malloc'ed *@data; -ENOMEM. */
int store_dump(const struct store *store, uint8_t **data, size_t *len);
/* Loads into a store fresh from store_new(); connections keep the ids of the dump's order.
 * -EINVAL the stream is malformed, *@why (static) says where; the store is then only good for store_free(). */
int store_load(struct store *store, const uint8_t *data, size_t len, const char **why);

/* Walks every structure and compares counts with what is there. Returns NULL, or a static string: what is wrong. For tests. */
const char *store_check(const struct store *store);

#endif
