/* SPDX-License-Identifier: MIT */
#ifndef STORE_QUOTA_H
#define STORE_QUOTA_H
/*
 * The limits. Each is asked before anything changes; what is counted against it is refunded when it is
 * freed. Only requests of unprivileged domains are refused. A removed subtree counts until it is
 * reclaimed, so a refusal for too many nodes or too much memory first finishes all reclaiming.
 *
 *     kind               refused with   counted
 *     nodes              ENOSPC         nodes the domain owns
 *     watches            E2BIG          watches it set
 *     transactions       ENOSPC         open ones
 *     node size          ENOSPC         value plus 8 bytes a permission entry
 *     perms              ENOSPC         entries of one list
 *     path               EINVAL         bytes, "/local/domain/N/" not counted
 *     transaction nodes  ENOSPC         nodes one transaction looked at
 *     memory             ENOMEM         all bytes it makes the store hold
 */
#include "core.h"
#include "domain.h"

enum quota_kind {
	QUOTA_NODES,
	QUOTA_WATCHES,
	QUOTA_TRANSACTIONS,
	QUOTA_NODE_SIZE,
	QUOTA_PERMS,
	QUOTA_PATH,
	QUOTA_TX_NODES,
	QUOTA_MEMORY,
	QUOTA_MEMORY_SOFT, /* warned about, never refused */
	QUOTA_KINDS
};

struct request;
struct tx;

/* The name CONTROL and the log know it by. */
const char *quota_name(enum quota_kind kind);
/* The kind's field in @quota; NULL: no such name. */
uint32_t *quota_field(struct store_quota *quota, const char *name, size_t len, bool soft);
const char *quota_description(enum quota_kind kind);
uint32_t quota_value(const struct store_quota *quota, enum quota_kind kind);

/* May @rq make its domain's figure of @kind grow to @figure? 0 or the kind's error, logged once a domain. */
int quota_check(struct request *rq, enum quota_kind kind, uint64_t figure);
/* May @rq make @owner hold @nodes more nodes and @bytes more bytes? */
int quota_check_nodes(struct request *rq, struct domain *owner, uint32_t nodes, uint64_t bytes);
int quota_check_memory(struct request *rq, struct domain *who, uint64_t bytes);
/* Would the quotas allow what @tx did if it were done now? */
bool quota_allows_commit(struct store *s, struct tx *tx);

#endif
