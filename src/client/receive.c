/* SPDX-License-Identifier: MIT */
/* What comes in: bytes cut into messages, replies matched, events passed on. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "session.h"

/* Reads a turn may make: enough to empty a socket, few enough for the loop's other sources. */
#define RECEIVE_ROUNDS 4

/* The -errno of an ERROR reply. Servers end the name with a NUL; one that does not is understood too. */
static int reply_error(const char *payload, size_t len)
{
	int error = wire_error_number(payload, strnlen(payload, len));

	return error ? -error : -EIO;
}

static int message_reply(struct xenstore *xs, const struct xsd_sockmsg *header, const char *payload)
{
	struct slot *found = slots_get(&xs->requests, header->req_id);
	struct xenstore_request *req;
	struct slot slot;
	int error = 0;

	if (!found)
		return xs->transport->inherited ? 0 : -EPROTO;
	if (header->type != XS_ERROR && header->type != found->op)
		return -EPROTO;
	slot = *found;
	req = slot.object;
	slots_put(&xs->requests, header->req_id);
	xs->counters.replies++;
	if (header->type == XS_ERROR)
		error = reply_error(payload, header->len);
	if (slot.watch && watch_reply(xs, &slot, req, error))
		return 0;
	if (req)
		request_finish(req, error, payload, header->len);
	return 0;
}

static int message_in(struct xenstore *xs, const struct xsd_sockmsg *header, const char *payload)
{
	if (xs->events.message)
		xs->events.message(xs->events.ctx, false, header->type, header->req_id, header->tx_id,
				   payload, header->len);
	if (header->type == XS_WATCH_EVENT)
		return watch_event(xs, payload, header->len);
	return message_reply(xs, header, payload);
}

/* Handles every whole message of the in buffer and moves the rest to its front. 0 or -EPROTO. */
static int messages_in(struct xenstore *xs)
{
	size_t at = 0;
	int err = 0;

	while (!err && xs->state == SESSION_UP && xs->in_used - at >= WIRE_HEADER_SIZE) {
		struct xsd_sockmsg header;
		char *payload = (char *)xs->in + at + WIRE_HEADER_SIZE;
		char behind;

		wire_header_get(xs->in + at, &header);
		if (header.len > WIRE_PAYLOAD_MAX)
			return -EPROTO;
		if (xs->in_used - at - WIRE_HEADER_SIZE < header.len)
			break;
		/* The NUL that callers are promised may lie on the next header's first byte. */
		behind = payload[header.len];
		payload[header.len] = '\0';
		err = message_in(xs, &header, payload);
		payload[header.len] = behind;
		at += WIRE_HEADER_SIZE + header.len;
		xs->heard = true;
	}
	if (xs->state != SESSION_UP)
		return err;
	memmove(xs->in, xs->in + at, xs->in_used - at);
	xs->in_used -= at;
	return err;
}

/* Returns 0 when all that had come is read, 1 when there may be more, or why the connection is lost. */
static int receive_some(struct xenstore *xs)
{
	struct transport *transport = xs->transport;

	for (int round = 0; round < RECEIVE_ROUNDS; round++) {
		const size_t room = SESSION_IN_BYTES - xs->in_used;
		ssize_t got = transport->ops->recv(transport, xs->in + xs->in_used, room);
		int err;

		if (got == -EAGAIN)
			return 0;
		if (got <= 0)
			return got ? (int)got : -ECONNRESET;
		xs->in_used += (size_t)got;
		xs->counters.bytes_in += (uint64_t)got;
		err = messages_in(xs);
		if (err || xs->state != SESSION_UP)
			return err;
		if ((size_t)got < room && !transport->ops->edge)
			return 0;
	}
	return 1;
}

void session_receive(struct xenstore *xs)
{
	int more;

	if (xs->state != SESSION_UP || xs->receiving)
		return;
	xs->receiving = true;
	more = receive_some(xs);
	watch_events_deliver(xs);
	xs->receiving = false;
	if (xs->state != SESSION_UP)
		return;
	if (more < 0) {
		session_lost(xs, more);
		return;
	}
	xs->more = more > 0;
	if (more)
		xenbus_work_post(xs->host, &xs->work);
	session_flush(xs);
}
