/* SPDX-License-Identifier: MIT */
/* How inputs reach the store and its model, and what of the effects is remembered. */
#include "store_run.h"

struct client *run_client(struct run *r, uint32_t id)
{
	for (size_t i = 0; i < r->client_count; i++)
		if (r->clients[i].id == id)
			return &r->clients[i];
	return NULL;
}

static void add_client(struct run *r, uint32_t id, bool ring)
{
	fuzz_expect(!run_client(r, id) && r->client_count < CONNS);
	r->clients[r->client_count++] = (struct client){ .id = id, .ring = ring };
}

void run_remove_client(struct run *r, uint32_t id)
{
	struct client *c = run_client(r, id);

	if (c)
		*c = r->clients[--r->client_count];
}

/* Remembers a transaction's id, for requests to be in it. */
static void take_reply(struct run *r, const struct store_effect *e)
{
	struct client *c = run_client(r, e->conn);
	struct xsd_sockmsg h;

	fuzz_expect(c && (size_t)e->offset + e->len <= r->fx.used);
	wire_header_get(r->fx.bytes + e->offset, &h);
	fuzz_expect(h.len <= WIRE_PAYLOAD_MAX && h.len == e->len - WIRE_HEADER_SIZE);
	fuzz_expect((h.type == XS_WATCH_EVENT) == (e->type == STORE_OUT_EVENT));
	if (h.type == XS_TRANSACTION_START)
		c->txs[c->tx_count++ % 4] =
			(uint32_t)strtoul((const char *)r->fx.bytes + e->offset + WIRE_HEADER_SIZE, NULL, 10);
}

static void take_log(struct run *r, const struct store_effect *e)
{
	for (uint32_t i = 0; i < e->len; i++)
		fuzz_expect(r->fx.bytes[e->offset + i] >= ' ' && r->fx.bytes[e->offset + i] <= '~');
}

static void forget_pending(struct run *r, uint32_t domid)
{
	for (size_t i = 0; i < r->pending_count; i++)
		if (r->pending[i].domid == domid)
			r->pending[i--] = r->pending[--r->pending_count];
}

static void take_effect(struct run *r, const struct store_effect *e)
{
	switch (e->type) {
	case STORE_OUT_REPLY:
	case STORE_OUT_EVENT:
		take_reply(r, e);
		break;
	case STORE_OUT_CLOSE:
		fuzz_expect(run_client(r, e->conn));
		if (!run_client(r, e->conn)->ring)
			run_remove_client(r, e->conn);
		break;
	case STORE_OUT_MAP_RING:
		fuzz_expect(r->pending_count < 8);
		r->pending[r->pending_count++] = (struct pending){ e->domid, e->conn };
		break;
	case STORE_OUT_UNMAP_RING:
		forget_pending(r, e->domid);
		run_remove_client(r, e->conn);
		break;
	case STORE_OUT_LOG:
		take_log(r, e);
	}
}

static void print_step(const struct store_input *in)
{
	static const char *const names[] = { "connect",	 "disconnect", "message", "mapped", "dead",
					     "shutdown", "ring reset", "drained", "tick" };

	fprintf(stderr, "%s conn %u domid %u error %d", names[in->type], in->conn, in->domid, in->error);
	if (in->type == STORE_IN_MESSAGE) {
		fprintf(stderr, " %s (%u) tx %u len %u ", wire_op_name(in->op), in->op, in->tx_id, in->len);
		for (uint32_t i = 0; in->len <= WIRE_PAYLOAD_MAX && i < in->len && i < 100; i++) {
			const uint8_t b = ((const uint8_t *)in->payload)[i];

			fputc(b >= ' ' && b <= '~' ? b : b ? '?' : '|', stderr);
		}
	}
	fputc('\n', stderr);
}

void run_check(const struct store *store)
{
	const char *wrong = store_check(store);

	if (wrong)
		fuzz_fail("store_check: %s", wrong);
}

void run_apply(struct run *r, struct store_input *in)
{
	const char *wrong;
	int err;

	if (r->trace)
		print_step(in);
	store_effects_clear(&r->fx);
	err = store_apply(r->store, in, &r->fx);
	fuzz_expect(!r->fx.failed);
	wrong = r->model ? model_step(r->model, in, err, &r->fx) : NULL;
	if (wrong) {
		print_step(in);
		fuzz_fail("%s", wrong);
	}
	if (r->trace || ++r->applied % 8 == 0)
		run_check(r->store);
	for (size_t i = 0; i < r->fx.count; i++)
		take_effect(r, &r->fx.list[i]);
}

void run_drain(struct run *r)
{
	for (size_t i = 0; i < r->client_count; i++) {
		struct store_input in = { .type = STORE_IN_DRAINED,
					  .conn = r->clients[i].id,
					  .bytes = UINT64_MAX };

		if (!r->clients[i].stalled)
			run_apply(r, &in);
	}
}

void run_answer_mapping(struct run *r, int error)
{
	struct store_input in = { .type = STORE_IN_MAPPED, .error = error };
	struct pending p;

	if (!r->pending_count)
		return;
	p = r->pending[0];
	in.domid = p.domid;
	if (r->client_count == CONNS)
		in.error = -ENOMEM;
	forget_pending(r, p.domid);
	if (!in.error)
		add_client(r, p.conn, true);
	run_apply(r, &in);
}

void run_connect(struct run *r)
{
	struct store_input in = { .type = STORE_IN_CONNECT };

	if (r->client_count > CONNS - 6)
		return;
	run_apply(r, &in);
	add_client(r, in.conn, false);
}

void run_ask(struct run *r, uint32_t conn, uint32_t op, uint32_t tx_id, const void *payload, size_t len)
{
	struct store_input in = { .type = STORE_IN_MESSAGE,
				  .conn = conn,
				  .op = op,
				  .tx_id = tx_id,
				  .len = (uint32_t)len,
				  .payload = payload };

	run_apply(r, &in);
	while (r->pending_count)
		run_answer_mapping(r, 0);
	run_drain(r);
}

void run_domain(struct run *r, enum store_input_type type, uint32_t domid)
{
	struct store_input in = { .type = type, .domid = domid };

	if (type == STORE_IN_DOMAIN_DEAD && domid < 16)
		r->exists &= (uint16_t) ~(1u << domid);
	run_apply(r, &in);
	/* The number may come again, at once or when the oracle is asked later. */
	if (domid < 16 && choose_below(r->choices, 4))
		r->exists |= (uint16_t)(1u << domid);
}
