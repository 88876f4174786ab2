/* SPDX-License-Identifier: MIT */
/*
 * /dev/xen/xenbus: the kernel's own connection, shared with the kernel and with every process that opens it.
 *
 * It looks like a byte stream and is none. Each write(2) is parsed on its own: a second message in it is dropped
 * though its bytes count as written, so exactly one message goes into a write. Somewhat less than a whole payload
 * fits. A WATCH's depth is dropped with OK, and XS_RESET_WATCHES would drop the kernel's watches too.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <base/list.h>
#include <xenbus/host.h>
#include <xenbus/wire.h>

#include "transport.h"

#define DEVICE_PAYLOAD_MAX 4080u

struct device_transport {
	struct transport base;
	struct xenbus_source source;
	bool want_send;
	int fd;	    /* -1: not open */
	char *path; /* NULL: @fd came from outside and opens once */
	int given;  /* that descriptor until it is open; -1 */
};

static struct device_transport *to_device(struct transport *transport)
{
	return list_entry(transport, struct device_transport, base);
}

static void device_ready(struct xenbus_source *source, unsigned int events)
{
	struct device_transport *d = list_entry(source, struct device_transport, source);

	d->base.ready(&d->base);
}

static int device_open(struct transport *transport)
{
	struct device_transport *d = to_device(transport);
	int fd = d->given, err;

	d->given = -1;
	if (d->path)
		fd = open(d->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	else if (fd < 0)
		errno = ENOENT;
	if (fd < 0)
		return -errno;
	err = xenbus_source_add(transport->host, &d->source, fd, XENBUS_SOURCE_READ);
	if (err) {
		close(fd);
		return err;
	}
	d->fd = fd;
	d->want_send = false;
	transport->depth = TRANSPORT_DEPTH_NO;
	return 0;
}

/* Writes the first message of @data, which holds whole messages, since a write takes one or nothing. */
static ssize_t device_send(struct transport *transport, const void *data, size_t len)
{
	struct xsd_sockmsg header;
	ssize_t sent;
	size_t size;

	assert(len >= WIRE_HEADER_SIZE);
	wire_header_get(data, &header);
	size = WIRE_HEADER_SIZE + header.len;
	assert(size <= len);
	sent = write(to_device(transport)->fd, data, size);
	if (sent < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return (size_t)sent == size ? sent : -EIO;
}

static ssize_t device_recv(struct transport *transport, void *buf, size_t size)
{
	ssize_t got = read(to_device(transport)->fd, buf, size);

	if (got >= 0)
		return got;
	return errno == EINTR ? -EAGAIN : -errno;
}

static void device_want_send(struct transport *transport, bool want)
{
	struct device_transport *d = to_device(transport);

	if (d->want_send == want)
		return;
	d->want_send = want;
	xenbus_source_modify(transport->host, &d->source,
			     XENBUS_SOURCE_READ | (want ? XENBUS_SOURCE_WRITE : 0));
}

static void device_close(struct transport *transport)
{
	struct device_transport *d = to_device(transport);

	if (d->fd < 0)
		return;
	xenbus_source_remove(transport->host, &d->source);
	close(d->fd);
	d->fd = -1;
}

static void device_free(struct transport *transport)
{
	struct device_transport *d = to_device(transport);

	if (d->given >= 0)
		close(d->given);
	free(d->path);
	free(d);
}

static const struct transport_ops device_ops = {
	.payload_max = DEVICE_PAYLOAD_MAX,
	.no_reset = true,
	.open = device_open,
	.send = device_send,
	.recv = device_recv,
	.want_send = device_want_send,
	.close = device_close,
	.free = device_free,
};

static struct device_transport *device_new(struct xenbus_host *host)
{
	struct device_transport *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->base.ops = &device_ops;
	d->base.host = host;
	d->source.ready = device_ready;
	d->source.fd = d->fd = d->given = -1;
	return d;
}

int transport_device_new(struct xenbus_host *host, const char *path, struct transport **out)
{
	struct device_transport *d = device_new(host);

	if (!d)
		return -ENOMEM;
	d->path = strdup(path);
	if (!d->path) {
		free(d);
		return -ENOMEM;
	}
	*out = &d->base;
	return 0;
}

int transport_device_new_fd(struct xenbus_host *host, int fd, struct transport **out)
{
	struct device_transport *d = device_new(host);

	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	d->given = fd;
	*out = &d->base;
	return 0;
}
