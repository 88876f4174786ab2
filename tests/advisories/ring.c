/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "read_once.h"

static uint32_t now(const XENSTORE_RING_IDX *field)
{
	return *(const volatile XENSTORE_RING_IDX *)field;
}

static void kick(struct trial *t, struct peer_conn *conn)
{
	must(t, !peer_kick(conn), "no event reaches the server");
}

/* 16 requests of 64 bytes, across the ring's end: it is exactly full. */
static void a_full_ring_is_worked_off(struct trial *t)
{
	char payload[48] = { 0 };
	struct peer_message reply;
	char all[XENSTORE_RING_SIZE];

	for (uint32_t i = 0; i < 16; i++) {
		const struct xsd_sockmsg header = { XS_WRITE, i, 0, sizeof(payload) };

		snprintf(payload, sizeof(payload), "full/%u", i);
		memcpy(all + i * 64, &header, sizeof(header));
		memcpy(all + i * 64 + sizeof(header), payload, sizeof(payload));
	}
	must(t, stuff(t, t->who, all, sizeof(all)) == sizeof(all), "the request ring does not become empty");
	kick(t, t->who);
	for (uint32_t i = 0; i < 16; i++) {
		const int err = peer_receive(t->who, &reply, PEER_PATIENCE_MS);

		must(t, !err, "a ring with 1024 bytes is not worked off");
		must(t, reply.header.type == XS_WRITE && reply.header.req_id == i,
		     "a ring with 1024 bytes is not answered in order");
	}
	ok(t, t->dom0, XS_READ, "/local/domain/%u/full/15|", WHO);
}

/* Two replies of 1016 bytes, while the guest takes none: the second waits and is not cut. */
static void a_full_response_ring_waits(struct trial *t)
{
	char value[1002] = "v";
	struct peer_message reply;

	memset(value + 2, 'x', 1000);
	ask_bytes(t, t->who, 0, XS_WRITE, value, sizeof(value));
	for (uint32_t i = 0; i < 2; i++)
		stuff_message(t, t->who, XS_READ, i, "v", 2);
	kick(t, t->who);
	ok(t, t->dom0, XS_READ, "/|");
	for (uint32_t i = 0; i < 2; i++) {
		must(t, !peer_receive(t->who, &reply, PEER_PATIENCE_MS),
		     "a full response ring is not gone on with");
		must(t, reply.header.len == 1000 && !memcmp(reply.payload, value + 2, 1000),
		     "a reply is cut by a full response ring");
	}
}

/* Others came later and were served: what the guest did has been seen by then. */
static void stays_alone(struct trial *t, struct peer_conn *conn, uint32_t answered, uint32_t error)
{
	const struct xenstore_domain_interface *page = peer_ring(conn);

	others_are_served(t);
	must(t, now(&page->rsp_prod) == answered, "what broken indices say is there is answered");
	if (t->kind == PEER_OURS)
		must(t, now(&page->error) == error, "the guest is not told what it broke");
}

static void a_request_index_beyond_the_ring(struct trial *t)
{
	struct xenstore_domain_interface *page = peer_ring(t->who);
	const uint32_t answered = now(&page->rsp_prod);

	*(volatile XENSTORE_RING_IDX *)&page->req_prod = now(&page->req_cons) + 5000;
	kick(t, t->who);
	stays_alone(t, t->who, answered, XENSTORE_ERROR_RINGIDX);
}

static void a_response_index_beyond_the_ring(struct trial *t)
{
	struct peer_conn *conn = guest(t, WHO + 1);
	struct xenstore_domain_interface *page = peer_ring(conn);
	const uint32_t answered = now(&page->rsp_prod);

	*(volatile XENSTORE_RING_IDX *)&page->rsp_cons = answered + 1;
	stuff_message(t, conn, XS_READ, 1, "v", 2);
	kick(t, conn);
	stays_alone(t, conn, answered, XENSTORE_ERROR_RINGIDX);
}

void xsa_38(struct trial *t)
{
	if (t->kind == PEER_OURS)
		must(t, indices_are_read_once(), "an index is read twice");
	a_full_ring_is_worked_off(t);
	a_full_response_ring_waits(t);
	a_request_index_beyond_the_ring(t);
	a_response_index_beyond_the_ring(t);
}

/* -- 325: a guest that broke the protocol is not dead -------------------------------------------- */

void xsa_325(struct trial *t)
{
	static const struct xsd_sockmsg too_long = { XS_READ, 1, 0, 5000 };
	struct xenstore_domain_interface *page = peer_ring(t->who);
	struct peer_conn *other = guest(t, WHO + 1);

	ok(t, t->dom0, XS_WATCH, "@releaseDomain|gone|");
	events(t, t->dom0, "");
	*(volatile XENSTORE_RING_IDX *)&page->req_prod = now(&page->req_cons) + 5000;
	kick(t, t->who);
	stuff(t, other, &too_long, sizeof(too_long));
	kick(t, other);
	others_are_served(t);
	must(t, is_introduced(t, WHO), "a guest with broken indices is released");
	must(t, is_introduced(t, WHO + 1), "a guest with broken framing is released");
	must(t, events(t, t->dom0, "@releaseDomain") == 0,
	     "a guest that broke the protocol is told to be dead");
	die(t, WHO);
	must(t, events(t, t->dom0, "@releaseDomain") == 1, "its death is not told once");
	die(t, WHO + 1);
	must(t, events(t, t->dom0, "@releaseDomain") == 1, "its death is not told once");
}

/* -- 326, 416: what a guest costs that takes no replies ------------------------------------------ */

enum { STALLED_MAX = 1500 /* requests taken of one, replies on its ring included */ };

/* Puts requests on the ring until the server takes no more; returns how many it took. */
static uint32_t stall(struct trial *t, struct peer_conn *conn, const char *path, uint32_t *sent)
{
	const struct xenstore_domain_interface *page = peer_ring(conn);
	uint32_t quiet = 0, taken = now(&page->req_cons), bytes = 0;
	const uint32_t size = sizeof(struct xsd_sockmsg) + (uint32_t)strlen(path) + 1;

	*sent = 0;
	while (quiet < 20 && bytes / size < 3 * STALLED_MAX) {
		while (stuff_message(t, conn, XS_READ, *sent, path, strlen(path) + 1))
			++*sent;
		kick(t, conn);
		ok(t, t->dom0, XS_READ, "/|"); /* the server came by */
		quiet = now(&page->req_cons) == taken ? quiet + 1 : 0;
		bytes += now(&page->req_cons) - taken;
		taken = now(&page->req_cons);
	}
	return bytes / size;
}

static void take_all(struct trial *t, struct peer_conn *conn, uint32_t sent)
{
	struct peer_message reply;

	for (uint32_t i = 0; i < sent; i++) {
		must(t, !peer_receive(conn, &reply, PEER_PATIENCE_MS),
		     "a guest that takes replies again gets none");
		must(t, reply.header.req_id == i, "replies are lost");
	}
}

void xsa_326_ring(struct trial *t)
{
	uint32_t sent, taken;

	taken = stall(t, t->who, "/", &sent);
	must(t, taken <= STALLED_MAX, "a stalled guest's requests are taken without end");
	others_are_served(t);
	take_all(t, t->who, sent);
}

enum { GUESTS_416 = 6, ROUNDS_416 = 24, WARM_416 = 6, GROWTH_416_KIB = 1024 };

void xsa_416(struct trial *t)
{
	struct peer_conn *conns[GUESTS_416];
	char value[2002] = "v";
	uint32_t sent[GUESTS_416];
	long warm = 0;

	memset(value + 2, 'x', 2000);
	for (uint32_t i = 0; i < GUESTS_416; i++) {
		conns[i] = guest(t, 20 + i);
		ask_bytes(t, conns[i], 0, XS_WRITE, value, sizeof(value));
	}
	for (uint32_t round = 0; round < ROUNDS_416; round++) {
		for (uint32_t i = 0; i < GUESTS_416; i++)
			stall(t, conns[i], "v", &sent[i]);
		for (uint32_t i = 0; i < GUESTS_416; i++)
			take_all(t, conns[i], sent[i]);
		if (round == WARM_416)
			warm = peer_rss(t->peer);
	}
	must(t, peer_rss(t->peer) <= warm + GROWTH_416_KIB, "what replies took is not given back");
	others_are_served(t);
}

/* -- 420: lengths no message can have ----------------------------------------------------------- */

static void send_on_ring(struct trial *t, uint32_t domid, const struct xsd_sockmsg *header)
{
	struct peer_conn *conn = guest(t, domid);
	const struct xenstore_domain_interface *page = peer_ring(conn);
	const uint32_t answered = now(&page->rsp_prod);

	stuff(t, conn, header, sizeof(*header));
	kick(t, conn);
	stays_alone(t, conn, answered, XENSTORE_ERROR_PROTO);
}

static void send_on_socket(struct trial *t, const struct xsd_sockmsg *header)
{
	struct peer_conn *conn = socket_of(t);
	struct peer_message reply;

	peer_send_bytes(conn, header, sizeof(*header));
	others_are_served(t);
	if (t->kind == PEER_OURS)
		must(t, peer_receive(conn, &reply, PEER_PATIENCE_MS) == -EPIPE,
		     "a client without framing is kept");
	peer_conn_close(conn);
}

void xsa_420(struct trial *t)
{
	static const uint32_t lengths[] = {
		4097, 0x40000000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff
	};

	for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct xsd_sockmsg header = { XS_WRITE, 1, 0, lengths[i] };

		if (t->ring)
			send_on_ring(t, 20 + i, &header);
		else
			send_on_socket(t, &header);
	}
}
