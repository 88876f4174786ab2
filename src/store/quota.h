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
 *     memory             ENOMEM         all bytes it makes the store hold: nodes, lists, watches, transactions, old
 *                                       versions that they keep, and output it has not taken. Replies are
 *                                       not refused for it; "outstanding" bounds them.
 */
#include "core.h"
#include "domain.h"

struct request;
struct tx;
struct objection;
struct txnode;

/* May @rq make its domain's figure of @kind grow to @figure? 0 or the kind's error, logged once a domain. */
int quota_check(struct request *rq, enum store_quota_kind kind, uint64_t figure);
/* May @rq make @owner hold @nodes more nodes and @bytes more bytes? */
int quota_check_nodes(struct request *rq, struct domain *owner, uint32_t nodes, uint64_t bytes);
int quota_check_memory(struct request *rq, struct domain *who, uint64_t bytes);
/* tx_child() for @rq: 0 and *@out; -ENOMEM, also where the domain's memory would pass its limit. */
int quota_tx_child(struct request *rq, struct txnode *parent, const char *name, size_t len,
		   struct txnode **out);
/* @rq succeeded: what quota_check() allowed it was reached. */
void quota_note_reached(struct request *rq);
/* Would the quotas allow what @tx did if it were done now? If not, *@why. */
bool quota_allows_commit(struct store *s, struct tx *tx, struct objection *why);

#endif
