/* SPDX-License-Identifier: MIT */
/*
 * What one connection, or one process with many, can do to the others. Each kind is a step that sends what the server
 * takes at the moment and reads, or does not, what it answers; the driver calls it as often as it can.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum {
	SENDS_A_STEP = 400,
	TAKES_A_STEP = 4000,
	HALF_OPEN = 32, /* connections of which nothing whole ever comes */
};

struct hostile {
	struct load *load;
	const struct hostile_kind *kind;
	struct peer_conn *conn; /* NULL: it has no lasting one */
	struct peer_conn *half[HALF_OPEN];
	char home[40];
	char out[sizeof(struct xsd_sockmsg) + PEER_PAYLOAD_MAX];
	size_t out_at, out_len;
	uint32_t seed, n, tx;
	bool gone;  /* the server closed it, as it may */
	bool asked; /* nothing more before an answer */
};

/* -- sending without waiting --------------------------------------------------------------------------- */

/* False: the server takes no more at the moment. */
static bool send_rest(struct hostile *h)
{
	while (h->out_at < h->out_len) {
		ssize_t n = peer_try_send(h->conn, h->out + h->out_at, h->out_len - h->out_at);

		if (n <= 0) {
			h->gone |= n < 0;
			return false;
		}
		h->out_at += (size_t)n;
	}
	return true;
}

/* The same; else the message is on its way. */
static bool push(struct hostile *h, uint32_t type, uint32_t tx, const void *payload, size_t len)
{
	const struct xsd_sockmsg header = { type, ++h->n, tx, (uint32_t)len };

	if (h->gone || !h->conn || !send_rest(h))
		return false;
	memcpy(h->out, &header, sizeof(header));
	if (len)
		memcpy(h->out + sizeof(header), payload, len);
	h->out_at = 0;
	h->out_len = sizeof(header) + len;
	send_rest(h);
	return true;
}

static bool push_path(struct hostile *h, uint32_t type, const char *path)
{
	return push(h, type, 0, path, strlen(path) + 1);
}

static void note(struct hostile *h, const struct peer_message *message)
{
	if (message->header.type == XS_WATCH_EVENT)
		return;
	h->load->now.hostile_ops++;
	h->load->now.hostile_errors += message->header.type == XS_ERROR;
	if (message->header.type == XS_TRANSACTION_START)
		h->tx = (uint32_t)strtoul(message->payload, NULL, 10);
	h->asked = false;
}

static void take(struct hostile *h)
{
	struct peer_message message;
	int err = 0;

	for (int i = 0; i < TAKES_A_STEP && h->conn && !err; i++) {
		err = peer_receive(h->conn, &message, 0);
		if (!err)
			note(h, &message);
	}
	h->gone |= err == -EPIPE;
}

/* "%s" is its home. */
static size_t in_home(const struct hostile *h, char *payload, size_t size, const char *format, unsigned int n)
{
	size_t len = (size_t)snprintf(payload, size, "%s/", h->home);

	return len + (size_t)snprintf(payload + len, size - len, format, n) + 1;
}

/* -- kinds ---------------------------------------------------------------------------------------------- */

static void flood(struct hostile *h)
{
	for (int i = 0; i < SENDS_A_STEP && push_path(h, XS_READ, "/"); i++)
		;
	take(h);
}

static void list_without_end(struct hostile *h)
{
	for (int i = 0; i < SENDS_A_STEP && push(h, XS_DIRECTORY_PART, 0,
						 "/load/big\0"
						 "0",
						 12);
	     i++)
		;
	take(h);
}

/* Asks for much and takes nothing. */
static void stall(struct hostile *h)
{
	for (int i = 0; i < SENDS_A_STEP && push(h, XS_DIRECTORY_PART, 0,
						 "/load/big\0"
						 "0",
						 12);
	     i++)
		;
}

static void watch_all(struct hostile *h)
{
	static const char everything[] = "/\0storm";

	push(h, XS_WATCH, 0, everything, sizeof(everything));
}

/* Told of all that others do. */
static void wait_for_nothing(struct hostile *h)
{
	send_rest(h);
}

/* Told of all that it does. */
static void hoard_events(struct hostile *h)
{
	char payload[128];

	for (int i = 0; i < SENDS_A_STEP; i++) {
		size_t len = in_home(h, payload, sizeof(payload), "n%u", h->n % 500);

		if (!push(h, XS_WRITE, 0, payload, len))
			break;
	}
}

static void start_transaction(struct hostile *h)
{
	h->asked = push(h, XS_TRANSACTION_START, 0, "", 1);
}

/* As many nodes in each transaction as a guest may touch, most of them new, and half of them thrown away. */
static void giant_transactions(struct hostile *h)
{
	char payload[128];

	take(h);
	if (h->asked)
		return;
	if (!h->tx) {
		start_transaction(h);
		return;
	}
	for (int i = 0; i < SENDS_A_STEP; i++) {
		unsigned int k = h->seed % 1000;
		size_t len = in_home(h, payload, sizeof(payload), "giant/n%u", k);

		if (!push(h, XS_WRITE, h->tx, payload, len + 8))
			break;
		if (++h->seed % 1000)
			continue;
		push(h, XS_TRANSACTION_END, h->tx, h->seed % 2000 ? "F" : "T", 2);
		h->tx = 0;
		h->asked = true;
		break;
	}
}

/* Transactions that it leaves open, and then makes expensive: each sees what it overwrites afterwards. */
static void left_open(struct hostile *h)
{
	char payload[1024] = "";

	take(h);
	if (h->seed < 12) {
		h->seed += push(h, XS_TRANSACTION_START, 0, "", 1);
		return;
	}
	for (int i = 0; i < SENDS_A_STEP; i++) {
		in_home(h, payload, sizeof(payload), "open/n%u", h->n % 200);
		if (!push(h, XS_WRITE, 0, payload, sizeof(payload)))
			break;
	}
}

/* Every write fires as many events as it may have watches. */
static void watch_storm(struct hostile *h)
{
	char payload[128];

	for (int i = 0; i < SENDS_A_STEP; i++) {
		size_t len = in_home(h, payload, sizeof(payload), "storm", 0);

		if (h->seed < 200)
			len += (size_t)snprintf(payload + len, sizeof(payload) - len, "token-%u", h->seed) +
			       1;
		if (!push(h, h->seed < 200 ? XS_WATCH : XS_WRITE, 0, payload, len))
			break;
		h->seed += h->seed < 200;
	}
	take(h);
}

/* Nodes, watches and transactions until it is refused, and on. */
static void hammer_quotas(struct hostile *h)
{
	char payload[512] = "";

	for (int i = 0; i < SENDS_A_STEP; i++) {
		size_t len = in_home(h, payload, sizeof(payload), "q%u", h->n);
		bool sent;

		if (h->n % 8 == 0)
			sent = push(h, XS_WATCH, 0, payload, len + (size_t)sprintf(payload + len, "t") + 1);
		else if (h->n % 8 == 1)
			sent = push(h, XS_TRANSACTION_START, 0, "", 1);
		else
			sent = push(h, XS_WRITE, 0, payload, sizeof(payload) - h->n % 300);
		if (!sent)
			break;
	}
	take(h);
}

/* Whole messages, each wrong in its own way. */
static void malformed(struct hostile *h)
{
	static const struct {
		uint32_t type, tx;
		const char *payload;
		size_t len;
	} wrongs[] = {
		{ XS_READ, 0, "no end", 6 },
		{ XS_READ, 0, "", 0 },
		{ XS_READ, 0, "//", 3 },
		{ XS_READ, 0, "/bad\x01name", 10 },
		{ XS_WRITE, 0, "/", 1 },
		{ XS_WRITE, 77777, "x\0y", 3 },
		{ XS_WATCH, 0, "x", 2 },
		{ XS_WATCH, 0, "x\0t\0-1", 7 },
		{ XS_WATCH_EVENT, 0, "/\0t", 4 },
		{ XS_ERROR, 0, "EINVAL", 7 },
		{ XS_TRANSACTION_END, 0, "maybe", 6 },
		{ XS_TRANSACTION_END, 4242, "T", 2 },
		{ XS_SET_PERMS, 0, "x\0z9", 5 },
		{ XS_DIRECTORY_PART, 0, "/\0-5", 5 },
		{ XS_UNWATCH, 0, "nobody\0t", 9 },
		{ 0xffffffffu, 0xffffffffu, "x", 2 },
		{ 127, 0, "", 0 },
	};
	const size_t count = sizeof(wrongs) / sizeof(wrongs[0]);

	for (int i = 0; i < SENDS_A_STEP; i++) {
		size_t k = h->n % count;

		if (!push(h, wrongs[k].type, wrongs[k].tx, wrongs[k].payload, wrongs[k].len))
			break;
	}
	take(h);
}

/* A folder of many, made and removed. */
static void rebuild(struct hostile *h)
{
	char payload[128];

	for (int i = 0; i < SENDS_A_STEP; i++) {
		size_t len = h->n % 300 ? in_home(h, payload, sizeof(payload), "tree/a/b/c/n%u", h->n)
					: in_home(h, payload, sizeof(payload), "tree", 0);

		if (!push_path(h, h->n % 300 ? XS_MKDIR : XS_RM, payload) || !len)
			break;
	}
	take(h);
}

/* What domain 0's transactions read. */
static void contend(struct hostile *h)
{
	h->load->contended = true;
	for (int i = 0; i < SENDS_A_STEP && push(h, XS_WRITE, 0, "data\0x", 6); i++)
		;
	take(h);
}

/* A message that cannot be framed, which ends the ring, and a new beginning. */
static void break_and_reconnect(struct hostile *h)
{
	static const struct xsd_sockmsg too_long = { XS_READ, 0, 0, 0x7fffffff };
	struct xenstore_domain_interface *ring = peer_ring(h->conn);

	if (*(volatile uint32_t *)&ring->connection)
		return;
	if (h->seed++ % 3 == 0)
		peer_try_send(h->conn, &too_long, sizeof(too_long));
	else if (h->seed % 3 == 1)
		*(volatile uint32_t *)&ring->req_prod += 5000;
	else
		peer_try_send(h->conn, "half a message", 14);
	peer_kick(h->conn);
	h->load->now.hostile_ops++;
	*(volatile uint32_t *)&ring->connection = 1;
	peer_kick(h->conn);
}

static void connect_ask_and_close(struct hostile *h)
{
	static const struct xsd_sockmsg ask = { XS_READ, 1, 0, 2 };

	for (int i = 0; i < 16; i++) {
		struct peer_conn *conn;

		if (peer_connect(h->load->peer, &conn))
			return;
		peer_try_send(conn, &ask, sizeof(ask));
		peer_try_send(conn, "/", 2);
		h->load->now.hostile_ops++;
		peer_conn_close(conn);
	}
}

static void connect_and_vanish(struct hostile *h)
{
	for (int i = 0; i < 16; i++) {
		unsigned int k = h->n++ % HALF_OPEN;

		peer_conn_close(h->half[k]);
		h->half[k] = NULL;
		if (peer_connect(h->load->peer, &h->half[k]))
			return;
		h->load->now.hostile_ops++;
		if (h->n % 3)
			peer_try_send(h->half[k], "half a header", h->n % 3 == 1 ? 13 : 3);
	}
}

/* A guest that dies with a full ring, and comes again under its number. */
static void die_and_return(struct hostile *h)
{
	for (int i = 0; i < SENDS_A_STEP && push(h, XS_WRITE, 0, "data\0x", 6); i++)
		;
	peer_conn_close(h->conn);
	load_guest_gone(h->load, LOAD_HOSTILE);
	h->out_at = h->out_len = 0;
	h->conn = load_guest(h->load, LOAD_HOSTILE);
	h->load->now.hostile_ops++;
}

#define MIB 1024u

const struct hostile_kind hostile_kinds[] = {
	{ "flood, socket", false, NULL, flood, 8 * MIB },
	{ "flood, ring", true, NULL, flood, 8 * MIB },
	{ "listings, socket", false, NULL, list_without_end, 8 * MIB },
	{ "listings, ring", true, NULL, list_without_end, 8 * MIB },
	{ "stalled reader, socket", false, NULL, stall, 8 * MIB },
	{ "stalled reader, ring", true, NULL, stall, 8 * MIB },
	{ "stalled watcher, socket", false, watch_all, wait_for_nothing, 40 * MIB, true },
	{ "stalled watcher, ring", true, watch_all, hoard_events, 8 * MIB },
	{ "giant transactions, socket", false, NULL, giant_transactions, 8 * MIB },
	{ "giant transactions, ring", true, NULL, giant_transactions, 8 * MIB },
	{ "transactions left open, ring", true, NULL, left_open, 8 * MIB },
	{ "watch storm, socket", false, NULL, watch_storm, 34 * MIB },
	{ "watch storm, ring", true, NULL, watch_storm, 8 * MIB },
	{ "quota hammering, ring", true, NULL, hammer_quotas, 8 * MIB },
	{ "malformed, socket", false, NULL, malformed, 8 * MIB },
	{ "malformed, ring", true, NULL, malformed, 8 * MIB },
	{ "trees made and removed, socket", false, NULL, rebuild, 8 * MIB },
	{ "trees made and removed, ring", true, NULL, rebuild, 8 * MIB },
	{ "contention with dom0, ring", true, NULL, contend, 8 * MIB },
	{ "broken framing, reconnecting", true, NULL, break_and_reconnect, 8 * MIB },
	{ "connect, ask, close", false, NULL, connect_ask_and_close, 8 * MIB },
	{ "connect and vanish", false, NULL, connect_and_vanish, 8 * MIB },
	{ "guest dies and returns", true, NULL, die_and_return, 8 * MIB },
};
const size_t hostile_kind_count = sizeof(hostile_kinds) / sizeof(hostile_kinds[0]);

/* -- coming and going ------------------------------------------------------------------------------------- */

static bool open_socket(struct hostile *h)
{
	snprintf(h->home, sizeof(h->home), "/load/hostile");
	return load_ask(h->load, XS_MKDIR, h->home, strlen(h->home) + 1, NULL) &&
	       peer_connect(h->load->peer, &h->conn) == 0;
}

static bool open_ring(struct hostile *h)
{
	static const char data[] = "/local/domain/2000/data";

	snprintf(h->home, sizeof(h->home), "/local/domain/%u", LOAD_HOSTILE);
	h->conn = load_guest(h->load, LOAD_HOSTILE);
	return h->conn && load_ask(h->load, XS_WRITE, data, sizeof(data), NULL);
}

struct hostile *hostile_begin(struct load *load, const struct hostile_kind *kind)
{
	struct hostile *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->load = load;
	h->kind = kind;
	if (!(kind->ring ? open_ring(h) : open_socket(h)))
		load_wrong(load, "%s: cannot begin", kind->name);
	else if (kind->begin)
		kind->begin(h);
	return h;
}

void hostile_step(struct hostile *h)
{
	if (!h->gone && !h->load->wrongs)
		h->kind->step(h);
}

void hostile_end(struct hostile *h)
{
	struct load *load = h->load;

	load->contended = false;
	if (h->gone && !h->kind->may_close)
		load_wrong(load, "%s: the server closed the connection", h->kind->name);
	peer_conn_close(h->conn);
	for (unsigned int i = 0; i < HALF_OPEN; i++)
		peer_conn_close(h->half[i]);
	if (h->kind->ring)
		load_guest_gone(load, LOAD_HOSTILE);
	else
		load_ask(load, XS_RM, h->home, strlen(h->home) + 1, NULL);
	free(h);
}
