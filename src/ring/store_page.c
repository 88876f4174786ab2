/* SPDX-License-Identifier: MIT */
/* The XenStore ring page: where things are, checked against Xen's own header. */
#include <xenbus/ring.h>

#include <assert.h>
#include <xen/io/xs_wire.h>

/* The layout that guests see. Fields after `error` and two feature bits are younger than Debian 12's
 * header: they follow docs/misc/xenstore-ring.txt. */
enum {
	OFFSET_REQ = 0,
	OFFSET_RSP = 1024,
	OFFSET_REQ_CONS = 2048,
	OFFSET_REQ_PROD = 2052,
	OFFSET_RSP_CONS = 2056,
	OFFSET_RSP_PROD = 2060,
	OFFSET_FEATURES = 2064,
	OFFSET_CONNECTION = 2068,
	OFFSET_ERROR = 2072,
	OFFSET_PORT = 2076,
};

#define SAME_PLACE(ours, field) \
	static_assert((ours) == offsetof(struct xenstore_domain_interface, field), #field " moved")
SAME_PLACE(OFFSET_REQ, req);
SAME_PLACE(OFFSET_RSP, rsp);
SAME_PLACE(OFFSET_REQ_CONS, req_cons);
SAME_PLACE(OFFSET_REQ_PROD, req_prod);
SAME_PLACE(OFFSET_RSP_CONS, rsp_cons);
SAME_PLACE(OFFSET_RSP_PROD, rsp_prod);
SAME_PLACE(OFFSET_FEATURES, server_features);
SAME_PLACE(OFFSET_CONNECTION, connection);
SAME_PLACE(OFFSET_ERROR, error);
static_assert(STORE_PAGE_RING_BYTES == XENSTORE_RING_SIZE, "ring size");
static_assert(STORE_PAGE_FEATURE_RECONNECT == XENSTORE_SERVER_FEATURE_RECONNECTION, "feature bit");
static_assert(STORE_PAGE_FEATURE_ERROR == XENSTORE_SERVER_FEATURE_ERROR, "feature bit");
static_assert(STORE_PAGE_CONNECTED == XENSTORE_CONNECTED, "connection");
static_assert(STORE_PAGE_RECONNECT == XENSTORE_RECONNECT, "connection");
static_assert(STORE_PAGE_ERROR_COMM == XENSTORE_ERROR_COMM, "error");
static_assert(STORE_PAGE_ERROR_RINGIDX == XENSTORE_ERROR_RINGIDX, "error");
static_assert(STORE_PAGE_ERROR_PROTO == XENSTORE_ERROR_PROTO, "error");
static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "an index is a plain word in memory");

static _Atomic uint32_t *word(uint8_t *page, size_t offset)
{
	return (_Atomic uint32_t *)(void *)(page + offset);
}

static struct byte_ring ring_at(uint8_t *page, size_t data, size_t cons, size_t prod)
{
	return (struct byte_ring){
		.data = page + data,
		.cons = word(page, cons),
		.prod = word(page, prod),
		.size = STORE_PAGE_RING_BYTES,
	};
}

void store_page_attach(struct store_page *view, void *page)
{
	uint8_t *bytes = page;

	assert((uintptr_t)page % sizeof(uint32_t) == 0);
	view->req = ring_at(bytes, OFFSET_REQ, OFFSET_REQ_CONS, OFFSET_REQ_PROD);
	view->rsp = ring_at(bytes, OFFSET_RSP, OFFSET_RSP_CONS, OFFSET_RSP_PROD);
	view->server_features = word(bytes, OFFSET_FEATURES);
	view->connection = word(bytes, OFFSET_CONNECTION);
	view->error = word(bytes, OFFSET_ERROR);
	view->evtchn_port = word(bytes, OFFSET_PORT);
}

void store_page_reset(struct store_page *view)
{
	atomic_store_explicit(view->req.cons, 0, memory_order_relaxed);
	atomic_store_explicit(view->req.prod, 0, memory_order_relaxed);
	atomic_store_explicit(view->rsp.cons, 0, memory_order_relaxed);
	atomic_store_explicit(view->rsp.prod, 0, memory_order_release);
}
