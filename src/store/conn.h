/* SPDX-License-Identifier: MIT */
#ifndef STORE_CONN_H
#define STORE_CONN_H
/*
 * A connection: a socket client (of dom0) or a domain's ring; what it set up, and what it has not read.
 *
 * Output is a stream of bytes numbered from 0. sent - drained of them are still queued and are charged to
 * the domain. An event equal to one that is queued is not sent again; the table knows by hash at which
 * byte such an event starts.
 */
#include "core.h"

struct queued_event {
	uint64_t hash;
	uint64_t at; /* stream position of its first byte, plus 1; 0: never used */
};

/* Where the next DIRECTORY_PART of a long listing will go on: good while the directory's gen is the same. */
struct part_cursor {
	uint64_t gen, offset;
	uint32_t node, child;
};

struct conn {
	uint32_t id;
	bool ring;
	bool broken; /* broke the framing: ignored until its ring is reset */
	bool bereft; /* a message for it was lost for want of memory */
	struct domain *domain;
	struct list on_domain;
	struct conn *chain;
	struct list watches;
	uint32_t watch_count;
	struct list txs;
	uint32_t last_tx;
	uint32_t
		lost; /* transactions that ended with EAGAIN, less those that were committed; at most 2 * LOST_MANY */

	struct part_cursor part;

	uint64_t sent, drained;
	uint32_t replies; /* among what is queued */
	struct queued_event *queued;
	uint32_t queued_room, queued_used;
	uint64_t full_at; /* no room for a larger table, drained so far plus 1; 0: there was */

	struct store_traffic traffic;
	struct store_cause *cause; /* of its last lost transaction; NULL: none */
};

struct conn *conn_find(const struct store *s, uint32_t id);
/* 0 and *@out; -ENOMEM. */
int conn_new(struct store *s, struct domain *domain, bool ring, struct conn **out);
/* The same with a given @id, which must be free. For loading. */
int conn_new_with_id(struct store *s, struct domain *domain, bool ring, uint32_t id, struct conn **out);
/* Ends its watches and transactions and frees it. */
void conn_free(struct store *s, struct conn *conn);
/* Ends its watches and transactions and forgets what is queued: as new. */
void conn_reset(struct store *s, struct conn *conn);
/* Ends its watches and transactions. */
void conn_drop_claims(struct store *s, struct conn *conn);
void conn_sent(struct store *s, struct conn *conn, size_t bytes);
/* A message for it was lost: told by store_next_bereft(). */
void conn_bereave(struct store *s, struct conn *conn);
/* The same, and it is a reply. */
void conn_replied(struct store *s, struct conn *conn, size_t bytes);
/* @bytes of its output were taken, and with them the last byte of @replies replies. */
void conn_drained(struct store *s, struct conn *conn, uint64_t bytes, uint32_t replies);
/* Is an event of this hash still queued? */
bool conn_event_is_queued(const struct conn *conn, uint64_t hash);
/* One is about to be: before it is counted as sent. */
void conn_note_event(struct store *s, struct conn *conn, uint64_t hash);
/* What its domain pays for a table of @room queued events. */
uint64_t conn_queue_bytes(uint32_t room);
void conns_done(struct store *s);

#endif
