/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_GRANTS_H
#define PLATFORM_LOCAL_BROKER_GRANTS_H
/*
 * Granted pages.
 *
 *      share, gives refs --- segment, one memfd --- mapping, of pages of one or several segments
 *
 * A segment is the pages of one share: one granter, one domain that may map them, one right. So its memfd
 * can be handed to that domain whole. It comes sealed against every change of size and of seals:
 *
 *      SHARE    segment made: SHRINK, GROW; refs reserved, not yet valid; descriptor to the granter
 *      SHARED   the granter has mapped it: FUTURE_WRITE if it is granted read-only, then SEAL; refs valid
 *
 * so that a peer without the right to write cannot get it by mprotect or by opening /proc/self/fd. A peer
 * that has it but maps read-only is handed a descriptor opened so.
 */
#include "broker.h"
#include "segment.h"

struct broker_grant {
	struct broker_share *share;
	uint32_t ref, page;
};

struct broker_share {
	struct broker_object object; /* id 0: the store ring's, in no connection */
	struct broker_domain *owner;
	uint64_t peer; /* serial of who may map */
	struct broker_segment *segment;
	struct broker_notify notify;
	bool valid; /* may be mapped */
	uint32_t count;
	struct broker_grant grants[]; /* count */
};

struct broker_mapping {
	struct broker_object object;
	struct account *payer;
	struct broker_notify notify;
	uint32_t count;
	struct {
		struct broker_segment *segment;
		uint32_t page;
	} pages[]; /* count */
};

/* The store ring of a new domU: grant LOCAL_STORE_REF to the domain @peer, valid at once. */
int store_share_new(struct broker_domain *owner, uint64_t peer, struct broker_share **out);
/* Revokes the grants. Returns the number of pages that are still mapped by others. */
uint32_t share_free(struct broker_share *share);
void mapping_free(struct broker_mapping *mapping);

/* Whether @r, a SHARE or MAP, asks for something that can be. */
bool valid_pages(const struct local_request *r);

broker_op op_share, op_shared, op_unshare, op_map, op_unmap;

#endif
