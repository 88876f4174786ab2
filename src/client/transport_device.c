/* SPDX-License-Identifier: MIT */
/*
 * /dev/xen/xenbus: the kernel's own connection, shared with the kernel and with every process that opens it.
 *
 * It looks like a byte stream and is none. Each write(2) is parsed on its own: a second message in it is dropped
 * though its bytes count as written, so exactly one message goes into a write. Somewhat less than a whole payload
 * fits. A WATCH's depth is dropped with OK, and XS_RESET_WATCHES would drop the kernel's watches too.
 *
 * The kernel keeps one request a file, and sends it in its own time: a second write would change what the first one
 * says. So each waits for the reply to the one before; nothing is pipelined here.
 *
 * A write never waits for room: poll(2) knows only of reading. A WATCH or UNWATCH is waited for in the write, and a
 * WATCH that the store refuses gets no reply: the write fails with the store's error. We make the reply:
 *
 *     write() = -ENOSPC -> refused [ERROR ENOSPC] -> read behind what the kernel has queued, which ends with a message
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

#include "out_queue.h"
#include "transport.h"

#define DEVICE_PAYLOAD_MAX 4080u

struct device_transport {
	struct transport base;
	struct xenbus_source source;
	int fd;			  /* -1: not open */
	char *path;		  /* NULL: @fd came from outside and opens once */
	int given;		  /* that descriptor until it is open; -1 */
	struct out_queue refused; /* replies that the kernel does not make */
	struct xenbus_work work;  /* tells of them */
	bool awaits;		  /* the kernel has a request, that of id: */
	uint32_t id;
	uint8_t header[WIRE_HEADER_SIZE]; /* of the message that is coming in: */
	size_t header_len;		  /* bytes of it that have come */
	size_t payload_left;
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

static void refused_ready(struct xenbus_work *work)
{
	struct device_transport *d = list_entry(work, struct device_transport, work);

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
	d->awaits = false;
	d->header_len = d->payload_left = 0;
	transport->depth = TRANSPORT_DEPTH_NO;
	return 0;
}

/* Is @error what the store said to the WATCH of @header? Then its reply is queued and the message has been taken. */
static int refuse(struct device_transport *d, const struct xsd_sockmsg *header, int error)
{
	const char *name = wire_error_name(error);
	const uint32_t len = (uint32_t)strlen(name) + 1;
	uint8_t *reply;

	if (header->type != XS_WATCH || wire_error_number(name, len - 1) != error)
		return -error;
	reply = out_queue_append(&d->refused, WIRE_HEADER_SIZE + len);
	if (!reply)
		return -ENOMEM;
	wire_header_put(reply, XS_ERROR, header->req_id, header->tx_id, len);
	memcpy(reply + WIRE_HEADER_SIZE, name, len);
	xenbus_work_post(d->base.host, &d->work);
	return 0;
}

/* Whether the kernel still has a request once its write is over: those about watches are waited for in it. */
static bool is_kept(const struct xsd_sockmsg *header)
{
	return header->type != XS_WATCH && header->type != XS_UNWATCH;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void message_begins(struct device_transport *d)
{
	struct xsd_sockmsg header;

	wire_header_get(d->header, &header);
	d->header_len = 0;
	d->payload_left = header.len;
	if (header.type != XS_WATCH_EVENT && header.req_id == d->id)
		d->awaits = false;
}

/* Follows the kernel's messages through the @len bytes at @in: one may be the reply that is awaited. */
static void look_for_reply(struct device_transport *d, const uint8_t *in, size_t len)
{
	for (size_t part; len; in += part, len -= part) {
		if (d->payload_left) {
			part = smaller(d->payload_left, len);
			d->payload_left -= part;
			continue;
		}
		part = smaller(WIRE_HEADER_SIZE - d->header_len, len);
		memcpy(d->header + d->header_len, in, part);
		d->header_len += part;
		if (d->header_len == WIRE_HEADER_SIZE)
			message_begins(d);
	}
}

/* Writes the first message of @data, which holds whole messages, since a write takes one or nothing. */
static ssize_t device_send(struct transport *transport, const void *data, size_t len)
{
	struct device_transport *d = to_device(transport);
	struct xsd_sockmsg header;
	ssize_t sent;
	size_t size;
	int err;

	assert(len >= WIRE_HEADER_SIZE);
	wire_header_get(data, &header);
	size = WIRE_HEADER_SIZE + header.len;
	assert(size <= len);
	if (d->awaits)
		return -EAGAIN;
	do
		sent = write(d->fd, data, size);
	while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		err = refuse(d, &header, errno);
		return err ? err : (ssize_t)size;
	}
	d->awaits = is_kept(&header);
	d->id = header.req_id;
	return (size_t)sent == size ? sent : -EIO;
}

static ssize_t recv_refused(struct device_transport *d, void *buf, size_t size)
{
	size_t len = out_queue_bytes(&d->refused);

	if (!len)
		return -EAGAIN;
	if (len > size)
		len = size;
	memcpy(buf, d->refused.data + d->refused.head, len);
	out_queue_consume(&d->refused, len);
	if (out_queue_bytes(&d->refused))
		xenbus_work_post(d->base.host, &d->work);
	return (ssize_t)len;
}

/* Not in the middle of one of ours, which may have been cut short: the kernel's wait. */
static ssize_t device_recv(struct transport *transport, void *buf, size_t size)
{
	struct device_transport *d = to_device(transport);
	ssize_t got = -1;

	errno = EAGAIN;
	if (!d->refused.head)
		got = read(d->fd, buf, size);
	if (got > 0)
		look_for_reply(d, buf, (size_t)got);
	if (got > 0 && out_queue_bytes(&d->refused))
		xenbus_work_post(transport->host, &d->work);
	if (got >= 0)
		return got;
	return errno == EINTR || errno == EAGAIN ? recv_refused(d, buf, size) : -errno;
}

static void device_close(struct transport *transport)
{
	struct device_transport *d = to_device(transport);

	if (d->fd < 0)
		return;
	xenbus_work_cancel(transport->host, &d->work);
	out_queue_reset(&d->refused);
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
	d->work.run = refused_ready;
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
