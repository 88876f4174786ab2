/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_CLIENT_H
#define XENSTORED_CLIENT_H
/* One program of dom0: the transport over its end of the unix socket. */
#include <sys/types.h>

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
	pid_t pid;	     /* who connected; 0: not known */
};

/* The request being worked off is the last one of @conn: once it is answered, its stream is @tap's, taken over.
 * -ENOSYS it is no client, but a ring. */
int client_tap(struct conn *conn, struct tap *tap);

/* The process that connected, if @conn is a client's and it is known; else 0. */
pid_t client_pid(const struct conn *conn);

/* A client whose process is @pid, 0 where that is not known. Takes @fd over, also where it fails: 0 or -errno. */
int client_new(struct sockets *sockets, int fd, pid_t pid);

#endif
