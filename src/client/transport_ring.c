/* SPDX-License-Identifier: MIT */
/*
 * A domain's own ring page. Nobody is told when the server goes or the ring is made anew: INTRODUCE puts all
 * indices back to zero. So the two indices that only this side writes are remembered, and found changed they
 * mean that the old connection is over.
 *
 *     open:  ring untouched                              -> connected
 *            server offers reconnection, or asks for it  -> connection = RECONNECT, until the server clears it
 *            otherwise (only the first time)             -> connected, with a predecessor's answers on the ring;
 *                                                           the session's first message drops its watches
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <base/list.h>
#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/platform.h>
#include <xenbus/ring.h>

#include "transport.h"

struct ring_transport {
	struct transport base;
	struct xen_platform *platform;
	struct xen_platform_evtchn *xce;
	struct xenbus_source source;
	void *page;
	struct store_page ring;
	uint32_t port;
	uint32_t req_prod, rsp_cons; /* ours as last written */
	bool source_added;
	bool connected; /* between open and close, handshake included */
	bool opening;	/* waits for the server to clear `connection` */
	bool used;	/* opened before, by us */
};

static struct ring_transport *to_ring(struct transport *transport)
{
	return list_entry(transport, struct ring_transport, base);
}

static uint32_t load(_Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

/* Takes both of our indices as they are now, at the start of a connection. */
static void ring_adopt(struct ring_transport *r)
{
	r->req_prod = load(r->ring.req.prod);
	r->rsp_cons = load(r->ring.rsp.cons);
}

/* Why the connection is over, or 0. */
static int ring_check(struct ring_transport *r)
{
	if ((r->base.features & STORE_PAGE_FEATURE_ERROR) && load(r->ring.error) != STORE_PAGE_ERROR_NONE)
		return -EIO;
	if (load(r->ring.connection) != STORE_PAGE_CONNECTED)
		return -ECONNRESET;
	if (load(r->ring.req.prod) != r->req_prod || load(r->ring.rsp.cons) != r->rsp_cons)
		return -ECONNRESET;
	return 0;
}

/* Have both directions been carried nothing yet? */
static bool ring_untouched(struct ring_transport *r)
{
	return !load(r->ring.req.prod) && !load(r->ring.req.cons) && !load(r->ring.rsp.prod) &&
	       !load(r->ring.rsp.cons);
}

static void ring_notify(struct ring_transport *r)
{
	xen_platform_evtchn_notify(r->xce, r->port);
}

static void ring_learn(struct ring_transport *r)
{
	r->base.features = load(r->ring.server_features);
	r->base.depth = (r->base.features & STORE_PAGE_FEATURE_WATCH_DEPTH) ? TRANSPORT_DEPTH_YES
									    : TRANSPORT_DEPTH_NO;
}

/* Whether the server cleared `connection`; opened() when it has. */
static void ring_handshake(struct ring_transport *r)
{
	int used;

	if (load(r->ring.connection) != STORE_PAGE_CONNECTED)
		return;
	r->opening = false;
	ring_learn(r);
	ring_adopt(r);
	used = byte_ring_used(&r->ring.rsp);
	if (used >= 0)
		used = byte_ring_used(&r->ring.req);
	r->base.opened(&r->base, used < 0 ? used : 0);
}

static void ring_ready(struct xenbus_source *source, unsigned int events)
{
	struct ring_transport *r = list_entry(source, struct ring_transport, source);
	/* The handle's one port. Once: what comes now is for the loop's next turn, or a store that notifies without end
	 * would be all that the loop does. */
	int port = xen_platform_evtchn_pending(r->xce);

	if (port > 0)
		xen_platform_evtchn_unmask(r->xce, (uint32_t)port);
	if (r->opening)
		ring_handshake(r);
	else if (r->connected)
		r->base.ready(&r->base);
}

static int ring_reconnect(struct ring_transport *r)
{
	atomic_store_explicit(r->ring.connection, STORE_PAGE_RECONNECT, memory_order_release);
	r->opening = true;
	ring_notify(r);
	return -EINPROGRESS;
}

/* Decides how a connection begins; see the head of the file. */
static int ring_begin(struct ring_transport *r)
{
	const bool first = !r->used;

	r->used = true;
	if (load(r->ring.connection) != STORE_PAGE_CONNECTED) {
		r->opening = true; /* a predecessor's wish, or the domain is not introduced yet */
		return -EINPROGRESS;
	}
	if (ring_untouched(r))
		return 0;
	if (r->base.features & STORE_PAGE_FEATURE_RECONNECT)
		return ring_reconnect(r);
	if (!first)
		return -ECONNRESET; /* until INTRODUCE: framing is lost, nothing puts it right from here */
	if (byte_ring_used(&r->ring.req) < 0 || byte_ring_used(&r->ring.rsp) < 0)
		return -EPROTO;
	r->base.inherited = true;
	return 0;
}

static int ring_open(struct transport *transport)
{
	struct ring_transport *r = to_ring(transport);
	int err;

	if (!r->source_added) {
		err = xenbus_source_add(transport->host, &r->source, xen_platform_evtchn_fd(r->xce),
					XENBUS_SOURCE_READ);
		if (err)
			return err;
		r->source_added = true;
	}
	ring_learn(r);
	transport->inherited = false;
	err = ring_begin(r);
	if (err && err != -EINPROGRESS)
		return err;
	ring_adopt(r);
	r->connected = true;
	return err;
}

static ssize_t ring_send(struct transport *transport, const void *data, size_t len)
{
	struct ring_transport *r = to_ring(transport);
	int err = ring_check(r), sent;

	if (err)
		return err;
	sent = byte_ring_put(&r->ring.req, data, len);
	if (sent < 0)
		return sent;
	if (!sent)
		return -EAGAIN;
	r->req_prod += (uint32_t)sent;
	ring_notify(r);
	return sent;
}

static ssize_t ring_recv(struct transport *transport, void *buf, size_t size)
{
	struct ring_transport *r = to_ring(transport);
	int err = ring_check(r), got;

	if (err)
		return err;
	got = byte_ring_get(&r->ring.rsp, buf, size);
	if (got < 0)
		return got;
	if (!got)
		return -EAGAIN;
	r->rsp_cons += (uint32_t)got;
	ring_notify(r);
	return got;
}

/* The page and the port stay: a domain has one ring, for life. */
static void ring_close(struct transport *transport)
{
	struct ring_transport *r = to_ring(transport);

	r->connected = r->opening = false;
}

static void ring_free(struct transport *transport)
{
	struct ring_transport *r = to_ring(transport);

	if (r->source_added)
		xenbus_source_remove(transport->host, &r->source);
	xen_platform_store_ring_release(r->platform, r->page);
	xen_platform_evtchn_close(r->xce);
	free(r);
}

static const struct transport_ops ring_ops = {
	.payload_max = XENSTORE_PAYLOAD_MAX,
	.edge = true,
	.open = ring_open,
	.send = ring_send,
	.recv = ring_recv,
	.close = ring_close,
	.free = ring_free,
};

int transport_ring_new(struct xenbus_host *host, struct xen_platform *platform, struct transport **out)
{
	struct ring_transport *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->base.ops = &ring_ops;
	r->base.host = host;
	r->platform = platform;
	r->source.ready = ring_ready;
	r->source.fd = -1;
	err = xen_platform_evtchn_open(platform, &r->xce);
	if (err)
		goto free_ring;
	err = xen_platform_store_ring(platform, r->xce, &r->page, &r->port);
	if (err)
		goto close_evtchn;
	store_page_attach(&r->ring, r->page);
	*out = &r->base;
	return 0;

close_evtchn:
	xen_platform_evtchn_close(r->xce);
free_ring:
	free(r);
	return err;
}
