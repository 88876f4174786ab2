/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H
/*
 * A session from the inside.
 *
 *     DOWN --timer, open()--> OPENING --opened(0)--> UP --lost--> DOWN
 *                                '------opened(error)------------>'
 *
 * Requests are taken while OPENING and sent once UP. Every way in from the loop (work, timer, transport) is
 * bracketed by session_enter() and session_leave(), so that a callback may close the session: memory goes
 * when the last bracket closes.
 */
#include <base/list.h>
#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/wire.h>

#include "event_queue.h"
#include "out_queue.h"
#include "slots.h"
#include "transport.h"

#define SESSION_IN_BYTES 32768u

enum session_state {
	SESSION_DOWN,
	SESSION_OPENING,
	SESSION_UP,
};

enum watch_state {
	WATCH_ADDING, /* the first WATCH is on its way: a refusal ends the watch */
	WATCH_SET,    /* the server said OK */
	WATCH_AGAIN,  /* set once, sent anew on this connection: a refusal is tried again later */
	WATCH_UNSET,  /* not known to the server: to be sent */
};

struct xenstore {
	struct xenbus_host *host;
	struct transport *transport;
	struct xenstore_events events;
	enum session_state state;
	bool closed;	    /* xenstore_close() ran */
	bool was_up;	    /* reconnected() is for the next time */
	bool heard;	    /* the server said something on this connection: it is worth connecting at once */
	bool more;	    /* the last batch ended at its bound: receive from work */
	bool receiving;	    /* submits need not post work: what they queue is flushed behind the replies */
	unsigned int depth; /* brackets open */

	struct list pending;   /* requests with an owner, in order of submission */
	struct slots requests; /* by req_id, the cancelled included */
	struct slots watches;  /* by token */
	struct out_queue out;
	struct event_queue queue;
	uint8_t *in; /* SESSION_IN_BYTES, and one for a NUL */
	size_t in_used;

	struct xenbus_work work;   /* flush and, after a long batch, receive */
	struct xenbus_timer timer; /* DOWN: connect; UP: send refused watches anew */
	uint64_t backoff_ns;
	struct xenstore_counters counters;
};

/* What lies in xenstore_request.impl and xenstore_watch.impl. */
struct request_impl {
	struct list link;
	struct xenstore *xs; /* NULL: not busy */
	uint32_t id;
};

struct watch_impl {
	struct xenstore *xs; /* NULL: not registered */
	uint32_t id;
};

_Static_assert(sizeof(struct request_impl) <= sizeof(((struct xenstore_request *)0)->impl), "impl");
_Static_assert(sizeof(struct watch_impl) <= sizeof(((struct xenstore_watch *)0)->impl), "impl");

static inline struct request_impl *request_impl(struct xenstore_request *req)
{
	return (struct request_impl *)req->impl;
}

static inline struct watch_impl *watch_impl(struct xenstore_watch *watch)
{
	return (struct watch_impl *)watch->impl;
}

/* -- session.c: connection and life ----------------------------------------------------------- */

/* Starts a session on @transport, which it owns from now on, also on error. */
int session_open(struct xenbus_host *host, struct transport *transport, const struct xenstore_events *events,
		 struct xenstore **out);
void session_enter(struct xenstore *xs);
/* @xs may be gone when it returns. */
void session_leave(struct xenstore *xs);
/* Ends the connection: fails what is pending and arranges to connect again. */
void session_lost(struct xenstore *xs, int error);
/* Arms the timer unless it is due earlier. */
void session_retry_in(struct xenstore *xs, uint64_t ns);

/* -- request.c: out ---------------------------------------------------------------------------- */

/* A request whose size and session were judged. @req may be NULL: nobody asks. @watch: the token that a
 * WATCH sets, with or without @depth. 0 or -ENOMEM. */
int request_queue(struct xenstore *xs, struct xenstore_request *req, const struct xsd_sockmsg *header,
		  const struct iovec *iov, int count, uint32_t watch, bool depth);
/* May @req carry another request, and is the session able to? 0, -EBUSY or -ENOTCONN. */
int request_check(const struct xenstore *xs, struct xenstore_request *req);
/* @req is busy no more; detaching twice is harmless. */
void request_detach(struct xenstore_request *req);
/* Ends @req: detached, then done(). */
void request_finish(struct xenstore_request *req, int error, const char *reply, size_t len);
/* All pending requests end with @error; no id is out any more. */
void requests_fail(struct xenstore *xs, int error);
/* Sends what the transport takes. May lose the connection. */
void session_flush(struct xenstore *xs);

/* -- receive.c: in ----------------------------------------------------------------------------- */

/* Reads what has come, within a bound, and runs callbacks. May lose the connection. */
void session_receive(struct xenstore *xs);

/* -- watch.c ----------------------------------------------------------------------------------- */

/* A WATCH_EVENT's payload: queued, or delivered with others. 0; -EPROTO malformed. */
int watch_event(struct xenstore *xs, const char *payload, size_t len);
/* Runs fired() for everything queued. */
void watch_events_deliver(struct xenstore *xs);
/* The reply to a WATCH whose slot was @slot. True: it is being asked anew, @req with it. */
bool watch_reply(struct xenstore *xs, const struct slot *slot, struct xenstore_request *req, int error);
/* The connection is gone: no watch is known to the server. */
void watches_unset(struct xenstore *xs);
/* Sends every watch that the server does not know. */
void watches_send(struct xenstore *xs);
void watches_forget(struct xenstore *xs);

#endif
