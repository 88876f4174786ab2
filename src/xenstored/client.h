/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_CLIENT_H
#define XENSTORED_CLIENT_H
/* One program of dom0: the transport over its end of the unix socket. */
#include <base/list.h>

#include <xenbus/host.h>

#include "conn.h"

struct sockets;

struct client {
	struct conn conn;
	struct xenbus_source source;
	struct list all;
	int fd;		     /* of a stream */
	unsigned int events; /* what is waited for: XENBUS_SOURCE_* */
};

/* Takes @fd over, also where it fails: 0 or -errno. */
int client_new(struct sockets *sockets, int fd);

#endif
