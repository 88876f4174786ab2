/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_CLIENT_H
#define XENSTORED_CLIENT_H
/* One program of dom0: the transport over its end of the unix socket. */
#include <base/list.h>

#include <xenbus/host.h>

#include "conn.h"

struct sockets;
struct tap;

struct client {
	struct conn conn;
	struct xenbus_source source;
	struct list all;
	struct tap *tap;     /* what it becomes; NULL: it stays what it is */
	int fd;		     /* of a stream; -1: given to .tap */
	unsigned int events; /* what is waited for: XENBUS_SOURCE_* */
};

/* The request being worked off is the last one of @conn: once it is answered, its stream is @tap's, taken over.
 * -ENOSYS it is no client, but a ring. */
int client_tap(struct conn *conn, struct tap *tap);

/* Takes @fd over, also where it fails: 0 or -errno. */
int client_new(struct sockets *sockets, int fd);

#endif
