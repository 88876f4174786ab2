/* SPDX-License-Identifier: MIT */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H
/*
 * Xen's migration stream (designs/xenstore-migration): a header, then records of type, length, body,
 * padded to 8 bytes. Ours is little-endian, version 1, or 2 if a watch has a depth or a domain is offered less
 * than all features.
 *
 *     GLOBAL_DATA  GLOBAL_QUOTA_DATA  INSTANCES  DOMAIN_DATA of who has limits or features of its own
 *     per connection, in order of id: CONNECTION_DATA  WATCH_DATA...  TRANSACTION_DATA...
 *     NODE_DATA..., parents first, children in order; then the special events' lists
 *     USE of the past, USE per domain  END
 *
 * INSTANCES and USE are ours alone: the stamp, the bytes that old versions may take, the next connection's id,
 * and each living domain instance; the maxima and the refusals of each quota. A
 * permission entry in a stream that is not marked stale means the instance that lives. Transactions keep
 * their ids, not their snapshots: loaded, they answer from what is now and end with EAGAIN.
 */
#include <stdint.h>

#define STREAM_IDENT "xenstore"
#define STREAM_HEADER_SIZE 16u
#define STREAM_RECORD_SIZE 8u
#define STREAM_BIG_ENDIAN 1u

enum stream_type {
	STREAM_END = 0,
	STREAM_GLOBAL = 1,
	STREAM_CONNECTION = 2,
	STREAM_WATCH = 3,
	STREAM_TRANSACTION = 4,
	STREAM_NODE = 5,
	STREAM_QUOTA = 6,
	STREAM_DOMAIN = 7,
	STREAM_WATCH_EXTENDED = 8,
	STREAM_INSTANCES = 0x58420001,
	STREAM_USE = 0x58420002,
};

#define STREAM_RING 0u
#define STREAM_SOCKET 1u
#define STREAM_PERM_STALE 1u

#define STREAM_INTRODUCED 1u
#define STREAM_SHUTDOWN 2u
#define STREAM_PAST 0xffffffffu /* in USE: all domains that are gone */

#endif
