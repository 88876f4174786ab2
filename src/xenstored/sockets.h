/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_SOCKETS_H
#define XENSTORED_SOCKETS_H
/* The unix socket: dom0's clients, all privileged (the socket's mode is 0600). */
#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include <base/list.h>
#include <xenbus/host.h>

struct server;

struct sockets {
	struct server *server;
	struct xenbus_source source; /* of fd */
	int fd;			     /* listening; -1: not */
	int spare; /* given up for a moment to turn somebody away when descriptors have run out */
	bool full; /* said so already */
	struct sockaddr_un address;
	dev_t dev; /* of what we bound, so that we remove only that */
	ino_t ino;
	struct list clients; /* struct client, by .all */
};

void sockets_init(struct sockets *sockets, struct server *server);
/* Binds XENSTORED_PATH, else XENSTORED_RUNDIR/socket, else /run/xenstored/socket, and listens. What a dead
 * server left behind is replaced; -EADDRINUSE somebody answers there. Other -errno; all said in the log. */
int sockets_listen(struct sockets *sockets);
/* Closes every connection and removes the socket. */
void sockets_close(struct sockets *sockets);

#endif
