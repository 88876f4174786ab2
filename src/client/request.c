/* SPDX-License-Identifier: MIT */
/* Requests on their way out, and how they end. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "session.h"

static bool payload_size(const struct iovec *iov, int count, size_t max, size_t *out)
{
	size_t len = 0;

	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > max - len)
			return false;
		len += iov[i].iov_len;
	}
	*out = len;
	return true;
}

static void payload_copy(uint8_t *at, const struct iovec *iov, int count)
{
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len)
			memcpy(at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
}

int request_check(const struct xenstore *xs, struct xenstore_request *req)
{
	if (req && request_impl(req)->xs)
		return -EBUSY;
	return xs->state == SESSION_DOWN ? -ENOTCONN : 0;
}

int request_queue(struct xenstore *xs, struct xenstore_request *req, const struct xsd_sockmsg *header,
		  const struct iovec *iov, int count, uint32_t watch, bool depth)
{
	struct slot *slot;
	uint8_t *at;
	uint32_t id;
	int err;

	err = slots_take(&xs->requests, req, &id);
	if (err)
		return err;
	at = out_queue_append(&xs->out, WIRE_HEADER_SIZE + header->len);
	if (!at) {
		slots_put(&xs->requests, id);
		return -ENOMEM;
	}
	slot = slots_get(&xs->requests, id);
	slot->op = header->type;
	slot->watch = watch;
	slot->depth = depth;
	wire_header_put(at, header->type, id, header->tx_id, header->len);
	payload_copy(at + WIRE_HEADER_SIZE, iov, count);
	if (req) {
		request_impl(req)->xs = xs;
		request_impl(req)->id = id;
		list_add_tail(&xs->pending, &request_impl(req)->link);
	}
	xs->counters.requests++;
	if (xs->events.message)
		xs->events.message(xs->events.ctx, true, header->type, id, header->tx_id,
				   at + WIRE_HEADER_SIZE, header->len);
	if (xs->state == SESSION_UP && !xs->receiving)
		xenbus_work_post(xs->host, &xs->work);
	return 0;
}

int xenstore_submit(struct xenstore *xs, struct xenstore_request *req, uint32_t op, uint32_t tx,
		    const struct iovec *iov, int count)
{
	struct xsd_sockmsg header = { .type = op, .tx_id = tx };
	size_t len;
	int err;

	if (!payload_size(iov, count, xs->transport->ops->payload_max, &len))
		return -E2BIG;
	if (op == XS_RESET_WATCHES && xs->transport->ops->no_reset)
		return -EOPNOTSUPP;
	err = request_check(xs, req);
	if (err)
		return err;
	header.len = (uint32_t)len;
	return request_queue(xs, req, &header, iov, count, 0, false);
}

void request_detach(struct xenstore_request *req)
{
	struct request_impl *impl = request_impl(req);

	list_del(&impl->link);
	impl->xs = NULL;
}

void xenstore_cancel(struct xenstore *xs, struct xenstore_request *req)
{
	struct slot *slot;

	if (!request_impl(req)->xs)
		return;
	assert(request_impl(req)->xs == xs);
	/* While a lost connection's requests are being failed, their ids are gone before they are. */
	slot = slots_get(&xs->requests, request_impl(req)->id);
	if (slot)
		slot->object = NULL;
	request_detach(req);
}

void request_finish(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	request_detach(req);
	if (error)
		req->done(req, error, NULL, 0);
	else
		req->done(req, 0, reply, len);
}

void requests_fail(struct xenstore *xs, int error)
{
	uint32_t index = 0, id;

	assert(xs->state == SESSION_DOWN);
	while (slots_next(&xs->requests, &index, &id))
		slots_put(&xs->requests, id);
	while (!list_empty(&xs->pending)) {
		struct request_impl *impl = list_first(&xs->pending, struct request_impl, link);

		request_finish(list_entry(impl, struct xenstore_request, impl), error, NULL, 0);
	}
}

void session_flush(struct xenstore *xs)
{
	const struct transport_ops *ops = xs->transport->ops;
	ssize_t sent = 0;

	while (out_queue_bytes(&xs->out)) {
		sent = ops->send(xs->transport, xs->out.data + xs->out.head, out_queue_bytes(&xs->out));
		if (sent < 0)
			break;
		xs->counters.bytes_out += (uint64_t)sent;
		out_queue_consume(&xs->out, (size_t)sent);
	}
	if (sent < 0 && sent != -EAGAIN)
		session_lost(xs, (int)sent);
	else if (ops->want_send)
		ops->want_send(xs->transport, sent == -EAGAIN);
}
