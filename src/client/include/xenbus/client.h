/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_CLIENT_H
#define XENBUS_CLIENT_H
/*
 * A session with xenstored: requests pipelined, replies matched by id, watch events handed out by token.
 *
 *     caller -> xenstore_submit -> [out queue] -> transport -> xenstored
 *     done() <- match req_id    <- [in buffer] <-     "     <-
 *     fired() <- token -> watch <-
 *
 * Transports: the unix socket, a domain's own ring page, /dev/xen/xenbus. All run on the caller's
 * xenbus_host; nothing here blocks except the calls named *_wait or documented so. Callbacks run from
 * the loop, never from inside the call that caused them. Not thread-safe.
 *
 * When the connection is lost every pending request ends with -ENOTCONN, once; requests submitted while
 * it is down end likewise. The session connects again (at once, then every 100 ms doubling to 2 s),
 * sets every watch again and then calls reconnected(). Transactions do not survive.
 *
 * Errors: 0 or -errno; an error that the server sent is the errno of its name (<xen/io/xs_wire.h>
 * xsd_errors; an unknown name is -EIO, and the name is in the trace).
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#pragma GCC visibility push(default)

struct xenbus_host;
struct xen_platform;
struct xen_platform_evtchn;
struct xenstore;

#ifndef XENSTORE_PAYLOAD_MAX /* Xen's <xen/io/xs_wire.h> has it too */
#define XENSTORE_PAYLOAD_MAX 4096u
#endif
#define XENSTORE_PATH_MAX 3072u
#define XBT_NULL 0u /* no transaction, as in <xenstore.h> */

/* What a session tells its owner. Any member may be NULL. */
struct xenstore_events {
	void (*lost)(void *ctx, int error); /* connection lost; requests have been failed */
	void (*reconnected)(void *ctx);	    /* connected anew, all watches sent */
	/* Every message in (reply or event) and out, for traces. @out: from us; called from inside the
	 * submit, so it must not use the session. */
	void (*message)(void *ctx, bool out, uint32_t op, uint32_t req_id, uint32_t tx_id,
			const void *payload, size_t len);
	void *ctx;
};

/* Which transport: XENSTORED_PATH set, or the world is dom0's: the socket (XENSTORED_PATH, else
 * $XENSTORED_RUNDIR/socket, else /run/xenstored/socket); a domU whose world offers a ring: the ring;
 * else /dev/xen/xenbus. @platform may be NULL (socket or device). @events is copied.
 * Returns 0 and *@out, closed with xenstore_close(). -ECONNREFUSED, -ENOENT, ...: not reachable now;
 * *@why (static, may be NULL) says which path was tried. */
int xenstore_open(struct xenbus_host *host, struct xen_platform *platform,
		  const struct xenstore_events *events, struct xenstore **out, const char **why);
int xenstore_open_socket(struct xenbus_host *host, const char *path, const struct xenstore_events *events,
			 struct xenstore **out);
int xenstore_open_ring(struct xenbus_host *host, struct xen_platform *platform,
		       const struct xenstore_events *events, struct xenstore **out);
int xenstore_open_device(struct xenbus_host *host, const char *path, const struct xenstore_events *events,
			 struct xenstore **out);
/* The socket path that xenstore_open() would use, into @buf of @size bytes. 0 or -ENAMETOOLONG. */
int xenstore_socket_path(char *buf, size_t size);

/* Ends the session: pending requests end with -ENOTCONN before it returns, watches are forgotten,
 * memory is freed. May be called from a callback of the session. NULL is allowed. */
void xenstore_close(struct xenstore *xs);

/* One request. Embedded in the caller's object; busy from submit until done() or cancel. */
struct xenstore_request {
	/* @error 0: @reply has @len bytes and a NUL behind them, borrowed until done() returns.
	 * @error < 0: @reply is NULL. */
	void (*done)(struct xenstore_request *req, int error, const char *reply, size_t len);
	void *impl[6]; /* the session's; zero-initialise */
};

/* Sends operation @op (XS_READ, ...) within transaction @tx; the payload is the @count pieces of @iov, copied.
 * Returns 0, and done() will run; or, and it will not: -E2BIG payload over 4096 bytes,
 * on /dev/xen/xenbus over 4080; -EBUSY @req is busy; -EOPNOTSUPP XS_RESET_WATCHES on /dev/xen/xenbus, where it
 * would drop the kernel's own watches; -ENOMEM, also at 65535 requests under way; -ENOTCONN the connection is
 * down. What one turn of the loop submits goes out in one piece. */
int xenstore_submit(struct xenstore *xs, struct xenstore_request *req, uint32_t op, uint32_t tx,
		    const struct iovec *iov, int count);
/* Forgets @req: done() will not run; the reply is dropped when it comes. Not busy: nothing. */
void xenstore_cancel(struct xenstore *xs, struct xenstore_request *req);

/* One watch. Embedded in the caller's object; @path and callbacks set by it, kept valid while set. */
struct xenstore_watch {
	const char *path; /* absolute, or relative to the domain's home; borrowed */
	unsigned int
		depth_plus_1; /* 0: no limit; 1: the node itself; 2: and its children; needs server support, else no limit */
	/* @path: of the event as sent, NUL-terminated, borrowed until it returns. Also called once when set.
	 * Pending events for one watch with the same path may be merged, and a reply that came behind an event
	 * may be handed out before it. */
	void (*fired)(struct xenstore_watch *watch, const char *path);
	void *impl[6]; /* the session's; zero-initialise */
};

/* Registers @watch; @req, may be NULL, reports the reply (-EACCES, -ENOSPC quota, ...) as submit does.
 * Returns 0, or -errno and it is not registered: -EBUSY it is already, or @req is busy; -EINVAL no path;
 * -E2BIG; -ENOMEM; -ENOTCONN.
 * Refused by the server, the watch is forgotten before done() runs. Otherwise it is kept, and set again
 * after a reconnection, until removed: also when @req ends with -ENOTCONN. */
int xenstore_watch_add(struct xenstore *xs, struct xenstore_watch *watch, struct xenstore_request *req);
/* The token is unmapped first, so fired() never runs again, then UNWATCH is sent. @req as above.
 * Returns 0; -ENOENT it was not registered; or, the watch gone all the same but done() not to run: -EBUSY,
 * -ENOMEM and, with @req, -ENOTCONN. */
int xenstore_watch_remove(struct xenstore *xs, struct xenstore_watch *watch, struct xenstore_request *req);

/* Runs the host's loop until @req is done; for programs, not for code that runs on the loop.
 * Fills *@reply (malloc'ed, NUL behind *@len bytes, NULL on error; each may be NULL) and returns the request's
 * error; those of xenstore_submit(); -EDEADLK called from a callback of the session; or why the loop could
 * not go on. A signal does not end it. */
int xenstore_call(struct xenstore *xs, uint32_t op, uint32_t tx, const struct iovec *iov, int count,
		  char **reply, size_t *len);

/* False: lost, or the server has not yet taken its part of a ring's reset (requests are taken then). */
bool xenstore_connected(const struct xenstore *xs);
/* Ring feature bits of the server (XENSTORE_SERVER_FEATURE_*), 0 where the transport has none. */
uint32_t xenstore_features(const struct xenstore *xs);

/* Since the session began, but for the last two. */
struct xenstore_counters {
	uint64_t requests, replies, events;
	uint64_t events_stale;	/* events of a watch that was gone: dropped */
	uint64_t events_merged; /* into an equal one that was not yet handed out */
	uint64_t reconnects, bytes_out, bytes_in;
	size_t pending; /* requests whose replies have not come, the cancelled included */
	size_t watches; /* registered */
};
void xenstore_counters(const struct xenstore *xs, struct xenstore_counters *out);

#pragma GCC visibility pop

#endif
