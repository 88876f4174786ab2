/* SPDX-License-Identifier: MIT */
/* Messages over a connection, whatever it runs on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peer_impl.h"

#define SLICE_MS 100 /* between two looks whether the server is still there */
#define HEADER sizeof(struct xsd_sockmsg)
#define BARRIER 0xb0000000u /* among the ids of requests; events have 0 */

struct kept {
	struct list in;
	struct xsd_sockmsg header;
	char payload[];
};

int64_t peer_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

struct peer_conn *peer_conn_new(struct peer *peer, const struct peer_conn_ops *ops)
{
	struct peer_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->peer = peer;
	conn->ops = ops;
	conn->fd = -1;
	list_init(&conn->kept);
	list_add_tail(&peer->conns, &conn->in);
	return conn;
}

void peer_conn_close(struct peer_conn *conn)
{
	if (!conn)
		return;
	if (conn->ops)
		conn->ops->close(conn);
	list_for_each_safe (link, next, &conn->kept)
		free(list_entry(link, struct kept, in));
	list_del(&conn->in);
	free(conn);
}

static int slice(int64_t until)
{
	int64_t left = until - peer_now();

	return left < 0 ? 0 : left < SLICE_MS ? (int)left : SLICE_MS;
}

int peer_send_bytes(struct peer_conn *conn, const void *bytes, size_t len)
{
	int64_t until = peer_now() + PEER_PATIENCE_MS;

	while (len) {
		ssize_t n = conn->ops->send(conn, bytes, len);

		if (n < 0)
			return (int)n;
		if (n == 0) {
			int ms = slice(until);

			if (ms == 0)
				return -ETIME;
			conn->ops->wait(conn, true, ms);
		}
		bytes = (const char *)bytes + n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t peer_try_send(struct peer_conn *conn, const void *bytes, size_t len)
{
	return conn->ops->send(conn, bytes, len);
}

int peer_fd(const struct peer_conn *conn)
{
	return conn->fd;
}

int peer_send(struct peer_conn *conn, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *payload,
	      size_t len)
{
	const struct xsd_sockmsg header = { type, req_id, tx_id, (uint32_t)len };
	char message[HEADER + PEER_PAYLOAD_MAX];
	int err;

	if (len <= PEER_PAYLOAD_MAX) { /* as one, as clients do */
		memcpy(message, &header, HEADER);
		if (len)
			memcpy(message + HEADER, payload, len);
		return peer_send_bytes(conn, message, HEADER + len);
	}
	err = peer_send_bytes(conn, &header, HEADER);
	return err ? err : peer_send_bytes(conn, payload, len);
}

/* How many bytes the message in @partial has; as far as it is known. */
static size_t wanted(const struct peer_conn *conn)
{
	struct xsd_sockmsg header;

	if (conn->got < HEADER)
		return HEADER;
	memcpy(&header, conn->partial, HEADER);
	return header.len > PEER_PAYLOAD_MAX ? SIZE_MAX : HEADER + header.len;
}

/* 1: the message is whole. 0: more is to come. -EPIPE; -EPROTO: the server's fault, longer than any may be. */
static int receive_more(struct peer_conn *conn)
{
	size_t want;

	while ((want = wanted(conn)) > conn->got || conn->got < HEADER) {
		ssize_t n;

		if (want == SIZE_MAX)
			return -EPROTO;
		n = conn->ops->receive(conn, conn->partial + conn->got, want - conn->got);
		if (n <= 0)
			return (int)n;
		conn->got += (size_t)n;
	}
	return 1;
}

static void take(struct peer_conn *conn, struct peer_message *message)
{
	memcpy(&message->header, conn->partial, HEADER);
	memcpy(message->payload, conn->partial + HEADER, message->header.len);
	message->payload[message->header.len] = '\0';
	conn->got = 0;
}

static bool take_kept(struct peer_conn *conn, struct peer_message *message)
{
	struct kept *kept;

	if (list_empty(&conn->kept))
		return false;
	kept = list_first(&conn->kept, struct kept, in);
	message->header = kept->header;
	memcpy(message->payload, kept->payload, kept->header.len);
	message->payload[kept->header.len] = '\0';
	list_del(&kept->in);
	free(kept);
	return true;
}

static int keep(struct peer_conn *conn, const struct peer_message *message)
{
	struct kept *kept = malloc(sizeof(*kept) + message->header.len);

	if (!kept)
		return -ENOMEM;
	kept->header = message->header;
	memcpy(kept->payload, message->payload, message->header.len);
	list_add_tail(&conn->kept, &kept->in);
	return 0;
}

static int receive_fresh(struct peer_conn *conn, struct peer_message *message, int64_t until)
{
	for (;;) {
		int got = receive_more(conn), ms;

		if (got < 0)
			return got;
		if (got) {
			take(conn, message);
			return 0;
		}
		ms = slice(until);
		if (ms == 0)
			return -ETIME;
		conn->ops->wait(conn, false, ms);
	}
}

int peer_receive(struct peer_conn *conn, struct peer_message *message, int patience_ms)
{
	if (take_kept(conn, message))
		return 0;
	return receive_fresh(conn, message, peer_now() + patience_ms);
}

/* The reply with @req_id. Replies to what was sent before it are dropped, events are kept. */
static int await_reply(struct peer_conn *conn, uint32_t req_id, struct peer_message *reply)
{
	int64_t until = peer_now() + PEER_PATIENCE_MS;

	for (;;) {
		int err = receive_fresh(conn, reply, until);

		if (err)
			return err;
		if (reply->header.type == XS_WATCH_EVENT)
			err = keep(conn, reply);
		else if (reply->header.req_id == req_id)
			return 0;
		if (err)
			return err;
	}
}

int peer_ask(struct peer_conn *conn, uint32_t type, uint32_t tx_id, const void *payload, size_t len,
	     struct peer_message *reply)
{
	uint32_t req_id = ++conn->req_id;
	int err = peer_send(conn, type, req_id, tx_id, payload, len);

	return err ? err : await_reply(conn, req_id, reply);
}

/* A request that changes nothing and that every server answers to everybody: its reply comes behind all that is owed. */
static int await_all(struct peer_conn *conn)
{
	uint32_t req_id = BARRIER | ++conn->req_id;
	struct peer_message reply;
	int err = peer_send(conn, XS_GET_DOMAIN_PATH, req_id, 0, "0", 2);

	return err ? err : await_reply(conn, req_id, &reply);
}

int peer_event(struct peer_conn *conn, struct peer_message *event)
{
	int err;

	if (take_kept(conn, event))
		return 0;
	err = await_all(conn);
	if (err)
		return err;
	return take_kept(conn, event) ? 0 : -EAGAIN;
}
