/* SPDX-License-Identifier: MIT */
/* xenstored's unix socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <base/list.h>
#include <xenbus/client.h>
#include <xenbus/host.h>

#include "transport.h"

struct socket_transport {
	struct transport base;
	struct xenbus_source source;
	bool want_send;
	int fd; /* -1: not connected */
	struct sockaddr_un address;
};

static struct socket_transport *to_socket(struct transport *transport)
{
	return list_entry(transport, struct socket_transport, base);
}

static void socket_ready(struct xenbus_source *source, unsigned int events)
{
	struct socket_transport *s = list_entry(source, struct socket_transport, source);

	s->base.ready(&s->base);
}

/* A unix socket connects at once, unless the server's backlog is full (C xenstored's holds one): then it
 * waits for a place, but not so long that a server which hangs would hang its clients. All other calls are
 * made with MSG_DONTWAIT. */
#define CONNECT_WAIT_US 500000

static int socket_open(struct transport *transport)
{
	const struct timeval patience = { .tv_usec = CONNECT_WAIT_US };
	struct socket_transport *s = to_socket(transport);
	int fd, err = 0;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&s->address, sizeof(s->address)))
		err = -errno;
	if (!err)
		err = xenbus_source_add(transport->host, &s->source, fd, XENBUS_SOURCE_READ);
	if (err) {
		close(fd);
		return err;
	}
	s->fd = fd;
	s->want_send = false;
	transport->depth = TRANSPORT_DEPTH_TRY;
	return 0;
}

static ssize_t socket_send(struct transport *transport, const void *data, size_t len)
{
	ssize_t sent = send(to_socket(transport)->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		return sent;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t socket_recv(struct transport *transport, void *buf, size_t size)
{
	ssize_t got = recv(to_socket(transport)->fd, buf, size, MSG_DONTWAIT);

	if (got >= 0)
		return got;
	return errno == EINTR ? -EAGAIN : -errno;
}

static void socket_want_send(struct transport *transport, bool want)
{
	struct socket_transport *s = to_socket(transport);

	if (s->want_send == want)
		return;
	s->want_send = want;
	xenbus_source_modify(transport->host, &s->source,
			     XENBUS_SOURCE_READ | (want ? XENBUS_SOURCE_WRITE : 0));
}

static void socket_close(struct transport *transport)
{
	struct socket_transport *s = to_socket(transport);

	if (s->fd < 0)
		return;
	xenbus_source_remove(transport->host, &s->source);
	close(s->fd);
	s->fd = -1;
}

static void socket_free(struct transport *transport)
{
	free(to_socket(transport));
}

static const struct transport_ops socket_ops = {
	.payload_max = XENSTORE_PAYLOAD_MAX,
	.open = socket_open,
	.send = socket_send,
	.recv = socket_recv,
	.want_send = socket_want_send,
	.close = socket_close,
	.free = socket_free,
};

int transport_socket_new(struct xenbus_host *host, const char *path, struct transport **out)
{
	struct socket_transport *s;

	if (strlen(path) >= sizeof(s->address.sun_path))
		return -ENAMETOOLONG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->base.ops = &socket_ops;
	s->base.host = host;
	s->source.ready = socket_ready;
	s->source.fd = -1;
	s->fd = -1;
	s->address.sun_family = AF_UNIX;
	strcpy(s->address.sun_path, path);
	*out = &s->base;
	return 0;
}
