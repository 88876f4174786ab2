/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H
/*
 * What carries a session's bytes. A transport knows how to reach the server and how to move bytes; it
 * does not know what they say, save that the device must not split or join messages.
 *
 *     session --send, recv, want_send--> transport --> socket, ring page, /dev/xen/xenbus
 *             <---- opened, ready -----
 *
 * Calls down never call up: ready() and opened() come from the loop only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct xen_platform;
struct xenbus_host;
struct transport;

/* May a WATCH carry a depth? */
enum transport_depth {
	TRANSPORT_DEPTH_NO,
	TRANSPORT_DEPTH_YES,
	TRANSPORT_DEPTH_TRY, /* nobody told: a server without it answers EINVAL */
};

struct transport_ops {
	size_t payload_max; /* bytes a message may carry beside its header */
	bool edge;	    /* ready() tells of changes only: read until -EAGAIN */
	bool no_reset;	    /* XS_RESET_WATCHES would hit others who share the connection */

	/* Connects. 0; -EINPROGRESS: opened() tells how it ended; -errno: not reachable, may be tried again.
	 * Sets depth, features and inherited. */
	int (*open)(struct transport *transport);
	/* Takes some of @len bytes that start at a message's beginning, or where the last call left off.
	 * Returns the bytes taken, > 0; -EAGAIN; any other -errno: the connection is lost. */
	ssize_t (*send)(struct transport *transport, const void *data, size_t len);
	/* Returns bytes, 1..@size; 0 the end; -EAGAIN nothing there; other -errno: the connection is lost. */
	ssize_t (*recv)(struct transport *transport, void *buf, size_t size);
	/* Whether ready() should tell when send() may go on. NULL: it always does. */
	void (*want_send)(struct transport *transport, bool want);
	/* Ends the connection; open() may follow. Not connected: nothing. */
	void (*close)(struct transport *transport);
	/* Frees a closed transport. */
	void (*free)(struct transport *transport);
};

struct transport {
	const struct transport_ops *ops;
	struct xenbus_host *host;
	enum transport_depth depth;
	uint32_t features; /* XENSTORE_SERVER_FEATURE_* of the ring, else 0 */
	bool inherited;	   /* answers to somebody who used the connection before may still come */

	/* Set by the session. */
	void (*opened)(struct transport *transport, int error);
	void (*ready)(struct transport *transport);
	void *owner;
};

/* Each returns 0 and *@out, not yet open; -ENOMEM, or what its comment adds. */

/* open() answers as xenbus_stream_connect() does. */
int transport_socket_new(struct xenbus_host *host, const char *path, struct transport **out);
/* Takes the domain's ring page: the errors of xen_platform_store_ring() and _evtchn_open(). */
int transport_ring_new(struct xenbus_host *host, struct xen_platform *platform, struct transport **out);
int transport_device_new(struct xenbus_host *host, const char *path, struct transport **out);
/* The device's manners on an open descriptor, which is taken over, by an open() that works once. For tests. */
int transport_device_new_fd(struct xenbus_host *host, int fd, struct transport **out);

#endif
