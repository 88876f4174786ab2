/* SPDX-License-Identifier: MIT */
/*
 * store_apply() with clients, guests and their deaths, each step compared with the model (tests/model), and
 * store_check() after each eighth (after each with FUZZ_TRACE set); at the end all nodes compared, dumped, loaded and compared again. Where the first byte
 * says so, with quotas on memory, which the model does not keep: then without it.
 */
#include "fuzz.h"
#include "grammar.h"
#include "model.h"
#include <xenbus/store.h>

#define CONNS 12
#define STEPS 600
#define WITHOUT_MODEL 0x80

struct client {
	uint32_t id;
	bool ring, stalled;
	uint32_t txs[4]; /* ids that START answered lately */
	uint32_t tx_count;
};

struct pending {
	uint32_t domid, conn;
};

struct run {
	struct choices *choices;
	struct store_config config;
	struct store *store;
	struct model *model; /* or NULL */
	struct store_effects fx;
	uint16_t exists; /* bit by domid; 1, 2, 3, 4, 7 are ever used */
	struct client clients[CONNS];
	struct pending pending[8];
	size_t client_count, pending_count;
	bool trace;
	uint32_t applied;
};

static bool domain_exists(void *ctx, uint32_t domid)
{
	const struct run *r = ctx;

	return domid < 16 && r->exists >> domid & 1;
}

static struct client *client_of(struct run *r, uint32_t id)
{
	for (size_t i = 0; i < r->client_count; i++)
		if (r->clients[i].id == id)
			return &r->clients[i];
	return NULL;
}

static void add_client(struct run *r, uint32_t id, bool ring)
{
	fuzz_expect(!client_of(r, id) && r->client_count < CONNS);
	r->clients[r->client_count++] = (struct client){ .id = id, .ring = ring };
}

static void remove_client(struct run *r, uint32_t id)
{
	struct client *c = client_of(r, id);

	if (c)
		*c = r->clients[--r->client_count];
}

/* Remembers a transaction's id, for requests to be in it. */
static void take_reply(struct run *r, const struct store_effect *e)
{
	struct client *c = client_of(r, e->conn);
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
		fuzz_expect(client_of(r, e->conn));
		if (!client_of(r, e->conn)->ring)
			remove_client(r, e->conn);
		break;
	case STORE_OUT_MAP_RING:
		fuzz_expect(r->pending_count < 8);
		r->pending[r->pending_count++] = (struct pending){ e->domid, e->conn };
		break;
	case STORE_OUT_UNMAP_RING:
		forget_pending(r, e->domid);
		remove_client(r, e->conn);
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

static void check(struct store *store)
{
	const char *wrong = store_check(store);

	if (wrong)
		fuzz_fail("store_check: %s", wrong);
}

static void apply(struct run *r, struct store_input *in)
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
		check(r->store);
	for (size_t i = 0; i < r->fx.count; i++)
		take_effect(r, &r->fx.list[i]);
}

/* Who is not stalled takes what it was sent. */
static void drain_all(struct run *r)
{
	for (size_t i = 0; i < r->client_count; i++) {
		struct store_input in = { .type = STORE_IN_DRAINED,
					  .conn = r->clients[i].id,
					  .bytes = UINT64_MAX };

		if (!r->clients[i].stalled)
			apply(r, &in);
	}
}

static void answer_mapping(struct run *r, int error)
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
	apply(r, &in);
}

static void connect_one(struct run *r)
{
	struct store_input in = { .type = STORE_IN_CONNECT };

	if (r->client_count > CONNS - 6)
		return;
	apply(r, &in);
	add_client(r, in.conn, false);
}

static void some_message(struct run *r, struct client *c)
{
	static struct message m;
	struct store_input in = { .type = STORE_IN_MESSAGE, .conn = c->id };
	const uint8_t tx = choose(r->choices);
	uint8_t *exact;

	make_message(r->choices, &m);
	in.op = m.op;
	in.req_id = tx;
	in.len = m.len;
	if (tx >= 0xf8)
		in.tx_id = tx;
	else if (tx >= 0x60 && c->tx_count)
		in.tx_id = c->txs[tx % (c->tx_count < 4 ? c->tx_count : 4)];
	/* To the byte, for the sanitizer. */
	exact = malloc(m.len <= sizeof(m.payload) && m.len ? m.len : 1);
	fuzz_expect(exact);
	memcpy(exact, m.payload, m.len <= sizeof(m.payload) ? m.len : 0);
	in.payload = exact;
	apply(r, &in);
	free(exact);
	if (choose_below(r->choices, 8) != 7)
		while (r->pending_count)
			answer_mapping(r, 0);
}

static void end_or_reset(struct run *r, struct client *c)
{
	struct store_input in = { .type = c->ring ? STORE_IN_RING_RESET : STORE_IN_DISCONNECT,
				  .conn = c->id };

	if (!c->ring)
		remove_client(r, in.conn);
	else
		c->tx_count = 0;
	apply(r, &in);
}

static void some_domain_input(struct run *r, enum store_input_type type)
{
	static const uint32_t domids[] = { 1, 2, 3, 4, 7, 0, 9, UINT32_MAX };
	struct store_input in = { .type = type, .domid = domids[choose_below(r->choices, 8)] };

	if (type == STORE_IN_DOMAIN_DEAD && in.domid < 16)
		r->exists &= (uint16_t) ~(1u << in.domid);
	apply(r, &in);
	/* The number may come again, at once or when the oracle is asked later. */
	if (in.domid < 16 && choose_below(r->choices, 4))
		r->exists |= (uint16_t)(1u << in.domid);
}

static void step(struct run *r)
{
	const uint8_t what = choose(r->choices), who = choose(r->choices);
	struct client *c = r->client_count ? &r->clients[who % r->client_count] : NULL;
	struct store_input in = { 0 };

	switch (what < 0xd0 ? 0xff : what % 12) {
	case 0:
		connect_one(r);
		break;
	case 1:
		if (c)
			end_or_reset(r, c);
		break;
	case 2:
	case 3:
		some_domain_input(r, STORE_IN_DOMAIN_DEAD);
		break;
	case 4:
		some_domain_input(r, STORE_IN_DOMAIN_SHUTDOWN);
		break;
	case 5:
	case 6:
		in.type = STORE_IN_TICK;
		apply(r, &in);
		break;
	case 7:
	case 8:
		if (c)
			c->stalled = !c->stalled;
		break;
	case 9:
		in = (struct store_input){ .type = STORE_IN_DRAINED,
					   .conn = c ? c->id : 999,
					   .bytes = choose(r->choices) };
		apply(r, &in);
		break;
	case 10:
		answer_mapping(r, choose_below(r->choices, 2) ? -EINVAL : 0);
		break;
	case 11:
		r->exists |= (uint16_t)(1u << (1 + choose_below(r->choices, 4)));
		break;
	default:
		if (c)
			some_message(r, c);
	}
	drain_all(r);
}

static void ask(struct run *r, uint32_t op, const char *payload, size_t len)
{
	struct store_input in = { .type = STORE_IN_MESSAGE,
				  .conn = r->clients[0].id,
				  .op = op,
				  .len = (uint32_t)len,
				  .payload = payload };

	apply(r, &in);
	while (r->pending_count)
		answer_mapping(r, 0);
	drain_all(r);
}

/* A client of domain 0, guests 1 and 2 with their homes, and something that is everybody's. */
static void furnish(struct run *r)
{
	connect_one(r);
	ask(r, XS_INTRODUCE, "1\0001\0001", 6);
	ask(r, XS_INTRODUCE, "2\0001\0001", 6);
	ask(r, XS_MKDIR, "/local/domain/1", 16);
	ask(r, XS_SET_PERMS, "/local/domain/1\0n1", 19);
	ask(r, XS_MKDIR, "/local/domain/2", 16);
	ask(r, XS_SET_PERMS, "/local/domain/2\0n2\0r1", 22);
	ask(r, XS_WRITE, "/a/b\0v", 6);
	ask(r, XS_SET_PERMS, "/a\0b0\0n2", 9);
	ask(r, XS_SET_PERMS, "/a/b\0r0\0b1", 11);
}

static void set_quota(struct run *r, uint8_t how)
{
	struct store_quota *q = &r->config.quota;

	store_quota_defaults(q);
	q->memory_hard = q->memory_soft = 0;
	q->versions = 0;
	if (how & 1)
		q->nodes = 6;
	if (how & 2)
		q->watches = 3;
	if (how & 4)
		q->transactions = 2;
	if (how & 8)
		q->transaction_nodes = 6;
	if (how & 16)
		q->node_size = 48;
	if (how & 32)
		q->perms = 2;
	if (how & 64)
		q->path_max = 24;
	if (how & WITHOUT_MODEL) {
		q->memory_hard = how & 32 ? 6000 : 0;
		q->memory_soft = 3000;
		q->versions = how & 64 ? 500 : 0;
	}
}

/* Seeds for the target that loads. */
static void write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "wb");

	fuzz_expect(f && fwrite(data, 1, size, f) == size && !fclose(f));
}

static void dump_and_load(struct run *r)
{
	struct store *copy;
	uint8_t *first, *second;
	size_t first_len, second_len;
	const char *why = "";

	fuzz_expect(!store_dump(r->store, &first, &first_len));
	if (getenv("FUZZ_DUMP"))
		write_file(getenv("FUZZ_DUMP"), first, first_len);
	fuzz_expect(!store_new(&r->config, &copy));
	if (store_load(copy, first, first_len, &why))
		fuzz_fail("its own dump is not loaded: %s", why);
	check(copy);
	fuzz_expect(!store_dump(copy, &second, &second_len));
	if (first_len != second_len || memcmp(first, second, first_len))
		fuzz_fail("a loaded dump dumps other bytes");
	free(first);
	free(second);
	store_free(copy);
}

static void finish(struct run *r)
{
	struct store_input in = { .type = STORE_IN_TICK };
	const char *wrong;

	check(r->store);
	dump_and_load(r);
	for (int i = 0; store_deadline(r->store) == 0; i++) {
		fuzz_expect(i < 100000);
		apply(r, &in);
	}
	if (!r->model)
		return;
	connect_one(r);
	if (r->client_count) {
		in = (struct store_input){ .type = STORE_IN_CONNECT };
		apply(r, &in);
		wrong = model_compare(r->model, r->store, in.conn);
		if (wrong)
			fuzz_fail("at the end: %s", wrong);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices choices = { data, size };
	struct run r = { .choices = &choices, .exists = 0x9f, .trace = getenv("FUZZ_TRACE") != NULL };
	const uint8_t how = choose(&choices);

	set_quota(&r, how);
	r.config.hash_seed[0] = how;
	r.config.domain_exists = domain_exists;
	r.config.ctx = &r;
	fuzz_expect(!store_new(&r.config, &r.store));
	if (!(how & WITHOUT_MODEL))
		r.model = model_new(&r.config);
	furnish(&r);
	for (int i = 0; i < STEPS && choices.left; i++)
		step(&r);
	finish(&r);
	if (r.model)
		model_free(r.model);
	store_free(r.store);
	store_effects_free(&r.fx);
	return 0;
}
