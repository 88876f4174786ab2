/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include <xenbus/platform.h>
#include <xenbus/wire.h>

#include "guests.h"
#include "server.h"

static struct guest *guest_of(struct conn *conn)
{
	return list_entry(conn, struct guest, conn);
}

static void notify(struct guest *guest)
{
	guest->kick = false;
	if (xen_platform_evtchn_notify(guest->guests->xce, guest->port))
		log_line(&guest->conn.server->log, LOG_DEBUG, "%s: cannot be notified", guest->conn.name);
}

static int guest_fill(struct conn *conn, void *buf, size_t size)
{
	struct guest *guest = guest_of(conn);
	int n = byte_ring_get(&guest->page.req, buf, size);

	guest->kick |= n > 0;
	return n;
}

static int guest_drain(struct conn *conn, const void *buf, size_t len)
{
	struct guest *guest = guest_of(conn);
	int n = byte_ring_put(&guest->page.rsp, buf, len);

	guest->kick |= n > 0;
	return n;
}

/* Is there something to do that no event may tell of? Linux notifies only where it finds our index at its own old one, so
 * what it wrote, or took, while we looked at the ring is ours to find: after our indices, with a fence between. */
static bool has_moved(const struct guest *guest)
{
	const struct conn *conn = &guest->conn;

	if (conn->over)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	if (!conn_paused(conn) && byte_ring_used(&guest->page.req) != 0)
		return true;
	return outbox_used(&conn->out) && byte_ring_space(&guest->page.rsp) != 0;
}

static void go_on(struct conn *conn)
{
	conn->readable = true;
	conn_ready(conn);
}

/* Looked at again after unmasking, too: Linux has no fence between its index and its look at ours, and by then its index
 * has long been seen. */
static void guest_settle(struct conn *conn)
{
	struct guest *guest = guest_of(conn);

	if (guest->kick)
		notify(guest);
	if (!list_empty(&conn->ready))
		return;
	if (has_moved(guest)) {
		go_on(conn);
		return;
	}
	if (!guest->masked)
		return;
	guest->masked = false;
	xen_platform_evtchn_unmask(guest->guests->xce, guest->port);
	if (has_moved(guest))
		go_on(conn);
}

static const char *fault_text(enum conn_fault fault)
{
	switch (fault) {
	case CONN_INDEX:
		return "its ring indices are out of bounds";
	case CONN_PROTOCOL:
		return "it sent a message too long";
	case CONN_MEMORY:
		return "it takes no events, or memory is short";
	case CONN_CLOSED:
	case CONN_GONE:
		break;
	}
	return "its ring is gone";
}

static uint32_t fault_code(enum conn_fault fault)
{
	if (fault == CONN_INDEX)
		return STORE_PAGE_ERROR_RINGIDX;
	return fault == CONN_PROTOCOL ? STORE_PAGE_ERROR_PROTO : STORE_PAGE_ERROR_COMM;
}

_Static_assert(STORE_PAGE_FEATURE_RECONNECT == WIRE_FEATURE_RECONNECTION &&
		       STORE_PAGE_FEATURE_ERROR == WIRE_FEATURE_ERROR &&
		       STORE_PAGE_FEATURE_WATCH_DEPTH == WIRE_FEATURE_WATCH_DEPTH &&
		       STORE_PAGE_FEATURE_DOMID_ANY == WIRE_FEATURE_DOMID_ANY,
	       "the page says what the store offers");

static void reset_in_store(struct conn *conn)
{
	struct store_input in = { .type = STORE_IN_RING_RESET, .conn = conn->id };

	server_apply(conn->server, &in);
}

/* The domain stays introduced; its ring is dead until it asks to reconnect, or is introduced anew. */
static void guest_stopped(struct conn *conn, enum conn_fault fault)
{
	struct guest *guest = guest_of(conn);

	log_line(&conn->server->log, guest->told ? LOG_DEBUG : LOG_WARNING,
		 "domain %u: %s: not served until it %s", guest->domid, fault_text(fault),
		 guest->features & STORE_PAGE_FEATURE_RECONNECT ? "reconnects" : "is introduced anew");
	guest->told = true;
	conn_drop_buffers(conn);
	reset_in_store(conn);
	if (guest->features & STORE_PAGE_FEATURE_ERROR)
		atomic_store_explicit(guest->page.error, fault_code(fault), memory_order_release);
	notify(guest);
}

static void guest_free(struct conn *conn)
{
	free(guest_of(conn));
}

static int guest_unread(const struct conn *conn)
{
	return byte_ring_used(&list_entry(conn, const struct guest, conn)->page.req);
}

static const struct conn_ops guest_ops = {
	.fill = guest_fill,
	.drain = guest_drain,
	.unread = guest_unread,
	.settle = guest_settle,
	.stopped = guest_stopped,
	.free = guest_free,
};

static void connect_page(struct guest *guest, bool fresh)
{
	struct store_page *page = &guest->page;

	if (fresh)
		store_page_reset(page);
	if (guest->features & STORE_PAGE_FEATURE_ERROR)
		atomic_store_explicit(page->error, STORE_PAGE_ERROR_NONE, memory_order_relaxed);
	atomic_store_explicit(page->server_features, guest->features, memory_order_relaxed);
	atomic_store_explicit(page->connection, STORE_PAGE_CONNECTED, memory_order_release);
	notify(guest);
}

static bool wants_reconnect(const struct guest *guest)
{
	return (guest->features & STORE_PAGE_FEATURE_RECONNECT) &&
	       atomic_load_explicit(guest->page.connection, memory_order_acquire) == STORE_PAGE_RECONNECT;
}

/* A server that is gone moved its indices: what it was told, watches above all, is unknown here, and half a
 * message may be on either ring. A guest that was early has moved its own only. */
static bool served_before(const struct guest *guest)
{
	return atomic_load_explicit(guest->page.req.cons, memory_order_acquire) ||
	       atomic_load_explicit(guest->page.rsp.prod, memory_order_acquire);
}

void guest_start(struct guest *guest, struct server *server, uint32_t id, bool fresh)
{
	struct conn *conn = &guest->conn;

	conn_init(conn, server, &guest_ops);
	conn->id = id;
	conn->domid = guest->domid;
	conn->guest = guest->domid != 0;
	snprintf(conn->name, sizeof(conn->name), "d%u", guest->domid);
	store_page_attach(&guest->page, guest->mapped);
	connect_page(guest, fresh || wants_reconnect(guest) || served_before(guest));
	go_on(conn);
}

static void reconnect(struct guest *guest)
{
	struct conn *conn = &guest->conn;

	log_line(&conn->server->log, LOG_DEBUG, "domain %u: reconnects", guest->domid);
	conn_drop_buffers(conn);
	reset_in_store(conn);
	conn->over = false;
	connect_page(guest, true);
}

void guest_event(struct guest *guest)
{
	struct conn *conn = &guest->conn;

	guest->masked = true;
	if (wants_reconnect(guest))
		reconnect(guest);
	conn->readable = true;
	conn_heard(conn);
}
