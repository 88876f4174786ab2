/* SPDX-License-Identifier: MIT */
/* Domains, and the guests in them: the test's own end of their rings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "peer_impl.h"

static void order(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

int peer_kick(struct peer_conn *conn)
{
	struct machine *machine = conn->peer->machine;
	uint32_t port;

	if (!conn->ring)
		return -EINVAL;
	port = atomic_load(&machine->domains[conn->domid].port);
	if (port)
		machine_raise(machine, conn->peer->fifo, port);
	return 0;
}

/* Copies between @bytes and the ring @data from index @at on. */
static void put(char *data, uint32_t at, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[MASK_XENSTORE_IDX(at + i)] = bytes[i];
}

static void get(const char *data, uint32_t at, char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = data[MASK_XENSTORE_IDX(at + i)];
}

/* Noted before the ring is looked at: what the server does after that ends a wait at once. */
static void look(struct peer_conn *conn)
{
	conn->seen = atomic_load(&conn->peer->machine->domains[conn->domid].events);
}

static ssize_t guest_send(struct peer_conn *conn, const void *bytes, size_t len)
{
	struct xenstore_domain_interface *ring = conn->ring;
	uint32_t used;
	size_t n;

	look(conn);
	used = ring->req_prod - *(volatile uint32_t *)&ring->req_cons;
	order();
	if (used >= XENSTORE_RING_SIZE)
		return peer_has_ended(conn->peer) ? -EPIPE : 0;
	n = XENSTORE_RING_SIZE - used < len ? XENSTORE_RING_SIZE - used : len;
	put(ring->req, ring->req_prod, bytes, n);
	order();
	*(volatile uint32_t *)&ring->req_prod = ring->req_prod + (uint32_t)n;
	peer_kick(conn);
	return (ssize_t)n;
}

static ssize_t guest_receive(struct peer_conn *conn, void *bytes, size_t len)
{
	struct xenstore_domain_interface *ring = conn->ring;
	uint32_t there;
	size_t n;

	look(conn);
	there = *(volatile uint32_t *)&ring->rsp_prod - ring->rsp_cons;
	order();
	if (there == 0)
		return peer_has_ended(conn->peer) ? -EPIPE : 0;
	n = there < len ? there : len;
	get(ring->rsp, ring->rsp_cons, bytes, n);
	order();
	*(volatile uint32_t *)&ring->rsp_cons = ring->rsp_cons + (uint32_t)n;
	peer_kick(conn);
	return (ssize_t)n;
}

static void guest_wait(struct peer_conn *conn, bool sending, int ms)
{
	machine_await(conn->peer->machine, conn->domid, conn->seen, ms);
}

static void guest_close(struct peer_conn *conn)
{
	munmap(conn->ring, MACHINE_PAGE);
}

static const struct peer_conn_ops guest_ops = {
	.send = guest_send,
	.receive = guest_receive,
	.wait = guest_wait,
	.close = guest_close,
};

static _Atomic uint32_t *flags_of(struct peer *peer, uint32_t domid)
{
	return &peer->machine->domains[domid].flags;
}

static bool exists(struct peer *peer, uint32_t domid)
{
	return domid < MACHINE_DOMAINS && atomic_load(flags_of(peer, domid));
}

int peer_guest(struct peer *peer, uint32_t domid, struct peer_conn **out)
{
	struct peer_conn *conn;

	if (!exists(peer, domid))
		return -ESRCH;
	conn = peer_conn_new(peer, &guest_ops);
	if (!conn)
		return -ENOMEM;
	conn->domid = domid;
	conn->ring = machine_map_ring(peer->file, domid);
	if (!conn->ring) {
		int err = -errno;

		conn->ops = NULL;
		peer_conn_close(conn);
		return err;
	}
	memset(conn->ring, 0, MACHINE_PAGE);
	*out = conn;
	return 0;
}

struct xenstore_domain_interface *peer_ring(struct peer_conn *conn)
{
	return conn->ring;
}

int peer_domain_create(struct peer *peer, uint32_t domid)
{
	if (domid == 0 || domid >= MACHINE_DOMAINS)
		return -EINVAL;
	if (exists(peer, domid))
		return -EEXIST;
	atomic_store(flags_of(peer, domid), MACHINE_EXISTS);
	return 0;
}

int peer_domain_shutdown(struct peer *peer, uint32_t domid)
{
	if (!exists(peer, domid))
		return -ESRCH;
	atomic_store(flags_of(peer, domid), MACHINE_EXISTS | MACHINE_SHUTDOWN);
	return 0;
}

int peer_domain_destroy(struct peer *peer, uint32_t domid)
{
	if (domid == 0 || !exists(peer, domid))
		return -ESRCH;
	atomic_store(flags_of(peer, domid), 0);
	return 0;
}

int peer_virq(struct peer *peer)
{
	uint32_t port = atomic_load(&peer->machine->virq);

	if (!port)
		return -ENOENT;
	machine_raise(peer->machine, peer->fifo, port);
	return 0;
}
