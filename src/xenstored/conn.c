/* SPDX-License-Identifier: MIT */
#include "conn.h"

#include <assert.h>
#include <errno.h>
#include <syslog.h>

#include <xenbus/store.h>
#include <xenbus/wire.h>

#include "server.h"

void conn_init(struct conn *conn, struct server *server, const struct conn_ops *ops)
{
	conn->server = server;
	conn->ops = ops;
	list_init(&conn->ready);
	list_init(&conn->dirty);
	fairness_rest(&server->fairness, &conn->patience);
}

void conn_ready(struct conn *conn)
{
	if (conn->dead || !list_empty(&conn->ready))
		return;
	conn->meter.heard_ns = server_now(conn->server);
	list_add_tail(&conn->server->ready, &conn->ready);
}

void conn_heard(struct conn *conn)
{
	if (list_empty(&conn->ready))
		fairness_heard(&conn->server->fairness, &conn->patience);
	conn_ready(conn);
}

static void make_dirty(struct conn *conn)
{
	if (!conn->dead && list_empty(&conn->dirty))
		list_add_tail(&conn->server->dirty, &conn->dirty);
}

bool conn_paused(const struct conn *conn)
{
	uint32_t outstanding;

	if (outbox_used(&conn->out) > OUT_PAUSE)
		return true;
	if (!conn->guest)
		return false;
	outstanding = store_domain_limit(conn->server->store, conn->domid, STORE_QUOTA_OUTSTANDING);
	return outstanding && conn->out.replies >= outstanding;
}

/* The store keeps account of what waits here. */
static void tell_drained(struct conn *conn, size_t bytes, uint32_t replies)
{
	struct store_input in = {
		.type = STORE_IN_DRAINED, .conn = conn->id, .bytes = bytes, .replies = replies
	};

	if (bytes && conn->id != STORE_CONN_NONE)
		server_apply(conn->server, &in);
}

void conn_drop_buffers(struct conn *conn)
{
	size_t dropped = outbox_used(&conn->out);
	uint32_t replies = conn->out.replies;

	inbox_clear(&conn->in, &conn->server->pool);
	outbox_clear(&conn->out, &conn->server->pool);
	meter_dropped(&conn->meter);
	tell_drained(conn, dropped, replies);
}

void conn_stop(struct conn *conn, enum conn_fault fault)
{
	if (conn->over)
		return;
	conn->over = true;
	conn->ops->stopped(conn, fault);
}

void conn_kill(struct conn *conn)
{
	if (conn->dead)
		return;
	conn->over = conn->dead = true;
	inbox_clear(&conn->in, &conn->server->pool);
	outbox_clear(&conn->out, &conn->server->pool);
	list_del(&conn->dirty);
	list_del(&conn->ready);
	list_add_tail(&conn->server->dead, &conn->ready);
}

static bool is_reply(const void *message)
{
	struct xsd_sockmsg header;

	wire_header_get(message, &header);
	return header.type != XS_WATCH_EVENT;
}

void conn_queue(struct conn *conn, const void *message, size_t len)
{
	struct server *server = conn->server;
	uint32_t replies = conn->out.replies;

	if (server_is_traced(server))
		server_trace_out(server, conn, message, len);
	if (conn->over) {
		tell_drained(conn, len, is_reply(message));
		return;
	}
	if (outbox_used(&conn->out) + len > OUT_LIMIT ||
	    outbox_add(&conn->out, &server->pool, message, len)) {
		conn_stop(conn, CONN_MEMORY);
		return;
	}
	meter_queued(&conn->meter, conn->out.replies, outbox_used(&conn->out), conn->out.replies - replies);
	make_dirty(conn);
}

static enum conn_fault fault_of(int err)
{
	if (err == -EPIPE)
		return CONN_CLOSED;
	return err == -EPROTO ? CONN_INDEX : CONN_GONE;
}

void conn_flush(struct conn *conn)
{
	size_t sent = 0, used;
	uint32_t replies = conn->out.replies;
	bool was_paused = conn_paused(conn);

	list_del(&conn->dirty);
	while ((used = outbox_used(&conn->out)) > 0) {
		int n = conn->ops->drain(conn, conn->out.data + conn->out.start, used);

		if (n < 0) {
			conn_stop(conn, fault_of(n) == CONN_INDEX ? CONN_INDEX : CONN_GONE);
			return;
		}
		outbox_take(&conn->out, &conn->server->pool, (size_t)n);
		sent += (size_t)n;
		if ((size_t)n < used)
			break;
	}
	replies -= conn->out.replies;
	meter_taken(&conn->meter, replies);
	tell_drained(conn, sent, replies);
	if (was_paused && !conn_paused(conn)) {
		fairness_rest(&conn->server->fairness, &conn->patience);
		conn_ready(conn);
	}
}

static void count(struct conn *conn, unsigned int nth)
{
	struct fairness *f = &conn->server->fairness;
	uint32_t passed = fairness_serve(f, &conn->patience, nth);
	uint32_t *most = conn->guest ? &f->most_guest : &f->most;

	if (passed > *most)
		*most = passed;
}

/* Works off the first message of the inbox, the @nth in this turn. False: there is no whole one. */
static bool take_message(struct conn *conn, unsigned int nth)
{
	struct inbox *in = &conn->in;
	struct xsd_sockmsg header;
	struct store_input input;

	if (in->end - in->start < WIRE_HEADER_SIZE)
		return false;
	wire_header_get(in->data + in->start, &header);
	if (header.len <= WIRE_PAYLOAD_MAX && in->end - in->start < WIRE_HEADER_SIZE + header.len)
		return false;
	count(conn, nth);
	input = (struct store_input){
		.type = STORE_IN_MESSAGE,
		.conn = conn->id,
		.op = header.type,
		.req_id = header.req_id,
		.tx_id = header.tx_id,
		.len = header.len,
		.payload = in->data + in->start + WIRE_HEADER_SIZE,
	};
	if (header.len > WIRE_PAYLOAD_MAX) {
		input.payload = NULL;
		server_message(conn->server, conn, &input);
		conn_stop(conn, CONN_PROTOCOL); /* the framing is lost, whatever the store says */
		return true;
	}
	/* What is consumed first, because the store's answer may end the connection and its inbox. */
	in->start += WIRE_HEADER_SIZE + header.len;
	server_message(conn->server, conn, &input);
	return true;
}

/* Reads what there is. False: nothing came. */
static bool read_more(struct conn *conn)
{
	size_t room;
	uint8_t *to = inbox_room(&conn->in, &conn->server->pool, &room);
	int n;

	if (!to) {
		conn_stop(conn, CONN_MEMORY);
		return false;
	}
	n = conn->ops->fill(conn, to, room);
	conn->readable = n == (int)room;
	if (n < 0) {
		conn_stop(conn, fault_of(n));
		return false;
	}
	conn->in.end += (uint32_t)n;
	meter_read(&conn->meter);
	return n > 0;
}

/* By number and by cost: a write that ten thousand watches match costs what a thousand reads do. */
static bool work_off(struct conn *conn)
{
	const uint64_t carried = conn->server->carried;
	unsigned int done = 0;

	while (!conn->over && !conn_paused(conn)) {
		if (done == TURN_REQUESTS || conn->server->carried - carried >= TURN_EFFECTS)
			return true;
		if (take_message(conn, done + 1))
			done++;
		else if (!conn->readable || !read_more(conn))
			return false;
	}
	return false;
}

void conn_turn(struct conn *conn)
{
	bool more;

	conn_flush(conn);
	more = work_off(conn);
	fairness_rest(&conn->server->fairness, &conn->patience);
	if (conn->dead)
		return;
	inbox_rest(&conn->in, &conn->server->pool);
	conn_flush(conn);
	if (more)
		conn_ready(conn);
	if (!conn->dead)
		conn->ops->settle(conn);
}
