/* SPDX-License-Identifier: MIT */
#ifndef STORE_CORE_H
#define STORE_CORE_H
/*
 * What a store is made of, and how the parts point at each other:
 *
 *     conn --- watches ---> wnode (trie of watched paths)
 *      |  \--- txs -------> txnode (what one transaction touched) --> node
 *      v                                                              ^ |
 *     domain (an instance) <--- entries --- perm_list <---------------|-+
 *      \--------- owned -----------------------------------------------
 *
 * Time is s->stamp: one step for every change, whatever it changes. A transaction sees the store as of
 * the stamp at its start.
 */
#include <assert.h>
#include <base/list.h>
#include <errno.h>
#include <string.h>
#include <xenbus/store.h>
#include <xenbus/wire.h>
#include <xenbus/store_stats.h>
#include "author.h"
#include "blob.h"
#include "index.h"
#include "mem.h"
#include "slab.h"

#define STAMP_NOW UINT64_MAX /* as a snapshot: the store as it is now */
#define DOMID_PAGES 128u
#define DOMID_PAGE 256u

enum special { SPECIAL_INTRODUCE, SPECIAL_RELEASE, SPECIAL_COUNT };

struct conn;
struct domain;
struct tx;

struct store {
	struct store_config config;
	struct mem mem;
	uint64_t stamp;

	struct slab nodes, versions, perms, wnodes;
	struct blobs blobs;
	struct index node_index, perms_index, wnode_index;
	uint32_t root;
	uint32_t dom0_only;		 /* the list "n0", at hand where making one could fail */
	uint32_t special[SPECIAL_COUNT]; /* permission lists of the special events */

	struct list txs;		      /* transactions that hold a snapshot, oldest first */
	uint64_t newest;		      /* start of the newest of them; 0: none */
	uint64_t version_bytes;		      /* what snapshots keep alive */
	bool overdrawn;			      /* a limit on that was passed: see tx_enforce_limits() */
	struct list disown_queue;	      /* versions of dead nodes whose owners still pay */
	uint32_t free_queue, free_queue_last; /* detached nodes nobody can see, linked by next */

	uint32_t watch_root, watch_special; /* tries of "/..." and "@..." */
	uint64_t watch_seq;
	uint64_t watch_count;

	struct domain **domains[DOMID_PAGES];
	uint64_t instances; /* serial of the newest instance */
	uint32_t domain_count;
	uint32_t domain_zombies; /* dead instances that something still refers to */
	struct domain *dom0;
	struct list grown; /* domains that made the store hold more than ever, in the input in hand */
	uint64_t past_max[STORE_QUOTA_KINDS]; /* the most that domains had which are gone */

	struct conn **conns; /* by id, a hash table with chains */
	uint32_t conn_buckets, conn_count, next_conn;
	uint32_t bereft_count; /* connections that a message was lost for; may count some that are gone */
	uint64_t tx_count;
	uint64_t urgent;      /* open transactions of who lost too many before */
	uint64_t urgent_ever; /* that there were */

	struct author author; /* of the changes that the input in hand makes */
	struct authors authors;
	struct store_stats stats;
};

#endif
