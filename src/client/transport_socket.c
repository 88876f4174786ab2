/* SPDX-License-Identifier: MIT */
/* xenstored's unix socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <base/list.h>
#include <xenbus/client.h>
#include <xenbus/host.h>

#include "transport.h"

struct socket_transport {
	struct transport base;
	struct xenbus_source source;
	bool want_send;
	int fd; /* -1: not connected */
	char path[];
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

static int socket_open(struct transport *transport)
{
	struct socket_transport *s = to_socket(transport);
	int fd = xenbus_stream_connect(transport->host, s->path), err;

	if (fd < 0)
		return fd;
	err = xenbus_source_add(transport->host, &s->source, fd, XENBUS_SOURCE_READ);
	if (err) {
		xenbus_stream_close(transport->host, fd);
		return err;
	}
	s->fd = fd;
	s->want_send = false;
	transport->depth = TRANSPORT_DEPTH_TRY;
	return 0;
}

static ssize_t socket_send(struct transport *transport, const void *data, size_t len)
{
	return xenbus_stream_send(transport->host, to_socket(transport)->fd, data, len);
}

static ssize_t socket_recv(struct transport *transport, void *buf, size_t size)
{
	return xenbus_stream_recv(transport->host, to_socket(transport)->fd, buf, size);
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
	xenbus_stream_close(transport->host, s->fd);
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
	size_t size = strlen(path) + 1;
	struct socket_transport *s = calloc(1, sizeof(*s) + size);

	if (!s)
		return -ENOMEM;
	s->base.ops = &socket_ops;
	s->base.host = host;
	s->source.ready = socket_ready;
	s->source.fd = -1;
	s->fd = -1;
	memcpy(s->path, path, size);
	*out = &s->base;
	return 0;
}
