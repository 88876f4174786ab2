/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_CLIENT_H
#define XENSTORED_CLIENT_H
/* One program of dom0: the transport over its end of the unix socket. */
#include <stdint.h>

#include <base/list.h>

#include "conn.h"
#include "source.h"

struct sockets;

struct client {
	struct conn conn;
	struct source source;
	struct list all;
	int fd;
	uint32_t events; /* what epoll waits for */
};

/* Takes @fd over, also where it fails: 0 or -errno. */
int client_new(struct sockets *sockets, int fd);

#endif
