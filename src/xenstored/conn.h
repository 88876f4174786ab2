/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_CONN_H
#define XENSTORED_CONN_H
/*
 * One connection, whatever carries it: a stream of requests in, replies and events out.
 *
 *      fill -> inbox -> whole messages -> store -> outbox -> drain
 *                 (at most TURN_REQUESTS a turn)     |
 *                                                    '- over its bound: neither read nor worked off
 *
 * A connection is in server->ready while there may be something to do for it at once, in server->dirty
 * while it has output that was not offered to the transport yet, in server->dead when it only waits to
 * be freed at the end of the round. At rest it is in none, holds no buffer and costs nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/list.h>

#include "fairness.h"
#include "meter.h"
#include "queue.h"

struct server;
struct conn;

#define OUT_PAUSE (64u * 1024) /* bytes of output not taken: over it no request is read */
#define OUT_LIMIT (16u << 20)  /* bytes of output (events of others): over it the connection is given up */

enum conn_fault {
	CONN_CLOSED,   /* the peer ended its side in good order: what is queued is still delivered */
	CONN_GONE,     /* nobody is there to take anything */
	CONN_PROTOCOL, /* a length no message can have */
	CONN_INDEX,    /* ring indices */
	CONN_MEMORY,   /* no memory for its buffers, or it takes no events and has too many */
};

/* The transport. */
struct conn_ops {
	/* Bytes read, 1..size; fewer than @size: there are no more for now; 0 none; -EPIPE the peer has
	 * closed; -EPROTO broken indices; other -errno the peer is gone. */
	int (*fill)(struct conn *conn, void *buf, size_t size);
	/* Bytes taken, 0..len; fewer than @len: full, the peer must take some first; -errno as above. */
	int (*drain)(struct conn *conn, const void *buf, size_t len);
	/* Bytes of requests that wait in the transport; NULL: it cannot tell. */
	int (*unread)(const struct conn *conn);
	/* After a turn or a flush: tell the peer what changed, arrange to hear of what is waited for. */
	void (*settle)(struct conn *conn);
	/* conn->over has just been set. */
	void (*stopped)(struct conn *conn, enum conn_fault fault);
	/* Called once, when nothing refers to @conn any more: closes and frees it. */
	void (*free)(struct conn *conn);
};

struct conn {
	const struct conn_ops *ops;
	struct server *server;
	uint32_t id;	/* the store's; STORE_CONN_NONE: the store knows it no more */
	uint32_t domid; /* whose it is; sockets are domain 0's */
	bool guest;	/* held by the quota on outstanding requests */
	char name[16];	/* "d5" or "s17", for trace and log */
	struct list ready, dirty;
	struct inbox in;
	struct outbox out;
	struct patience patience;
	uint64_t held_by; /* guest: precedence.h */
	struct meter meter;
	bool readable; /* fill() may find something */
	bool last;     /* the request being worked off is its last: it leaves the store */
	bool over;     /* no request of it will be worked off any more */
	bool dead;     /* in server->dead, through .ready */
};

void conn_init(struct conn *conn, struct server *server, const struct conn_ops *ops);
/* Has a turn due. Doing it again does nothing. */
void conn_ready(struct conn *conn);
/* The same, since a poll said that there is something to be done. */
void conn_heard(struct conn *conn);
/* One turn: offers what is queued, then reads and works off requests. */
void conn_turn(struct conn *conn);
/* Queues one whole message, to be offered to the transport at the end of the turn or of the round. */
void conn_queue(struct conn *conn, const void *message, size_t len);
/* Offers what is queued to the transport. */
void conn_flush(struct conn *conn);
/* Ends the reading of requests; the transport decides what else. Doing it again does nothing. */
void conn_stop(struct conn *conn, enum conn_fault fault);
/* Puts it among the dead: freed at the end of the round. */
void conn_kill(struct conn *conn);
/* Drops what was read and not worked off, and what was queued and not taken. */
void conn_drop_buffers(struct conn *conn);
/* Does its output forbid to read requests? */
bool conn_paused(const struct conn *conn);

#endif
