/* SPDX-License-Identifier: MIT */
#include "request.h"

static void reply_on(struct store *s, struct store_effects *out, struct conn *conn,
		     const struct xsd_sockmsg *h, const void *payload, size_t len)
{
	struct message m;

	message_begin(&m, out);
	message_put(&m, payload, len);
	message_end(&m, STORE_OUT_REPLY, conn->id, h);
	if (out->failed)
		conn_bereave(s, conn);
	conn_replied(s, conn, WIRE_HEADER_SIZE + len);
}

void reply_to(struct store *s, struct store_effects *out, uint32_t conn_id, const struct xsd_sockmsg *h,
	      const void *payload, size_t len)
{
	struct conn *conn = conn_find(s, conn_id);

	if (conn)
		reply_on(s, out, conn, h, payload, len);
}

void reply_error_to(struct store *s, struct store_effects *out, uint32_t conn_id, uint32_t req_id,
		    uint32_t tx_id, int err)
{
	const struct xsd_sockmsg h = { .type = XS_ERROR, .req_id = req_id, .tx_id = tx_id };
	struct conn *conn = conn_find(s, conn_id);
	const uint32_t row = wire_error_row(err);
	const char *name = wire_error_in_row(row);

	s->stats.errors++;
	if (!conn)
		return;
	conn->traffic.errors[row]++;
	reply_on(s, out, conn, &h, name, strlen(name) + 1);
}

static struct xsd_sockmsg header_of(const struct request *rq)
{
	return (struct xsd_sockmsg){ .type = rq->in->op, .req_id = rq->in->req_id, .tx_id = rq->in->tx_id };
}

int reply(struct request *rq, const void *payload, size_t len)
{
	struct message m;

	message_begin(&m, rq->out);
	message_put(&m, payload, len);
	return reply_finish(rq, &m);
}

int reply_ok(struct request *rq)
{
	return reply(rq, "OK", 3);
}

int reply_string(struct request *rq, const char *string)
{
	return reply(rq, string, strlen(string) + 1);
}

int reply_finish(struct request *rq, struct message *m)
{
	const struct xsd_sockmsg h = header_of(rq);

	if (m->len > WIRE_PAYLOAD_MAX) {
		message_undo(m);
		return -E2BIG;
	}
	message_end(m, STORE_OUT_REPLY, rq->conn->id, &h);
	if (m->out->failed)
		conn_bereave(rq->s, rq->conn);
	conn_replied(rq->s, rq->conn, WIRE_HEADER_SIZE + m->len);
	return 0;
}
