/* SPDX-License-Identifier: MIT */
/*
 * store_apply() with clients, guests and their deaths, each step compared with the model (tests/model), and
 * store_check() after each eighth (after each with FUZZ_TRACE set); at the end all nodes compared, dumped, loaded and compared again. Where the first byte
 * says so, with quotas on memory, which the model does not keep: then without it.
 */
#include "store_run.h"
#include "grammar.h"

#define STEPS 600
#define SCENES_FROM 0xc0 /* steps that choose a byte from here to 0xcf */

static bool domain_exists(void *ctx, uint32_t domid)
{
	const struct run *r = ctx;

	return domid < 16 && r->exists >> domid & 1;
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
	run_apply(r, &in);
	free(exact);
	if (choose_below(r->choices, 8) != 7)
		while (r->pending_count)
			run_answer_mapping(r, 0);
}

static void end_or_reset(struct run *r, struct client *c)
{
	struct store_input in = { .type = c->ring ? STORE_IN_RING_RESET : STORE_IN_DISCONNECT,
				  .conn = c->id };

	if (!c->ring)
		run_remove_client(r, in.conn);
	else
		c->tx_count = 0;
	run_apply(r, &in);
}

static void some_domain_input(struct run *r, enum store_input_type type)
{
	static const uint32_t domids[] = { 1, 2, 3, 4, 7, 0, 9, UINT32_MAX };

	run_domain(r, type, domids[choose_below(r->choices, 8)]);
}

static void step(struct run *r)
{
	const uint8_t what = choose(r->choices), who = choose(r->choices);
	struct client *c = r->client_count ? &r->clients[who % r->client_count] : NULL;
	struct store_input in = { 0 };

	if (what >= SCENES_FROM && what < 0xd0) {
		run_scene(r);
		return;
	}
	switch (what < 0xd0 ? 0xff : what % 12) {
	case 0:
		run_connect(r);
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
		run_apply(r, &in);
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
		run_apply(r, &in);
		break;
	case 10:
		run_answer_mapping(r, choose_below(r->choices, 2) ? -EINVAL : 0);
		break;
	case 11:
		r->exists |= (uint16_t)(1u << (1 + choose_below(r->choices, 4)));
		break;
	default:
		if (c)
			some_message(r, c);
	}
	run_drain(r);
}

static void furnish_one(struct run *r, uint32_t op, const char *payload, size_t len)
{
	run_ask(r, r->clients[0].id, op, 0, payload, len);
}

/* A client of domain 0, guests 1 and 2 with their homes, and something that is everybody's. */
static void furnish(struct run *r)
{
	run_connect(r);
	furnish_one(r, XS_INTRODUCE, "1\0001\0001", 6);
	furnish_one(r, XS_INTRODUCE, "2\0001\0001", 6);
	furnish_one(r, XS_MKDIR, "/local/domain/1", 16);
	furnish_one(r, XS_SET_PERMS, "/local/domain/1\0n1", 19);
	furnish_one(r, XS_MKDIR, "/local/domain/2", 16);
	furnish_one(r, XS_SET_PERMS, "/local/domain/2\0n2\0r1", 22);
	furnish_one(r, XS_WRITE, "/a/b\0v", 6);
	furnish_one(r, XS_SET_PERMS, "/a\0b0\0n2", 9);
	furnish_one(r, XS_SET_PERMS, "/a/b\0r0\0b1", 11);
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
	run_check(copy);
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

	run_check(r->store);
	dump_and_load(r);
	for (int i = 0; store_deadline(r->store) == 0; i++) {
		fuzz_expect(i < 100000);
		run_apply(r, &in);
	}
	if (!r->model)
		return;
	run_connect(r);
	if (r->client_count) {
		in = (struct store_input){ .type = STORE_IN_CONNECT };
		run_apply(r, &in);
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
