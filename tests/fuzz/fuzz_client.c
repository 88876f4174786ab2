/* SPDX-License-Identifier: MIT */
/*
 * A session of the client whose server answers what it likes, over a transport that splits bytes where it likes,
 * fails and comes again. Every request that was taken ends exactly once, with its own reply, a cancelled one never;
 * every event reaches its watch, in order; nothing is left when the session is closed, also from within a callback.
 */
#include "client_run.h"
#include <errno.h>
#include <sys/uio.h>

static void close_session(struct run *r)
{
	struct xenstore *xs = r->xs;

	r->xs = NULL;
	if (xs)
		xenstore_close(xs);
}

static void use_session(struct run *r);

/* What programs do from within a callback. */
static void from_callback(struct run *r)
{
	const uint8_t k = choose(r->choices);

	if (r->depth > 3)
		return;
	r->depth++;
	if (k >= 0xfc)
		close_session(r);
	else if (k >= 0xe0)
		use_session(r);
	r->depth--;
}

/* Its own mark; or zeros, when the server guessed an id. */
static void judge_reply(const struct one_request *one, const char *reply, size_t len)
{
	char mark[9];

	snprintf(mark, sizeof(mark), "%08x", one->mark);
	if (len >= 8 && !one->run->garbled)
		fuzz_expect(!memcmp(reply, mark, 8));
}

static void on_done(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct one_request *one = (struct one_request *)req;

	fuzz_expect(one->busy);
	one->busy = false;
	fuzz_expect(error ? error < 0 && !reply : len <= WIRE_PAYLOAD_MAX && !reply[len]);
	if (!error)
		judge_reply(one, reply, len);
	from_callback(one->run);
}

static void on_fired(struct xenstore_watch *watch, const char *path)
{
	struct one_watch *one = (struct one_watch *)watch;

	fuzz_expect(one->set && strlen(path) <= WIRE_PAYLOAD_MAX);
	server_judges_event(one->run, one->index, path);
	from_callback(one->run);
}

static void on_lost(void *ctx, int error)
{
	from_callback(ctx);
}

static void on_reconnected(void *ctx)
{
	from_callback(ctx);
}

static void some_request(struct run *r, struct one_request *one)
{
	static const uint32_t ops[] = { XS_READ, XS_WRITE, XS_DIRECTORY, XS_TRANSACTION_START };
	static char payload[8 + 255 * 17];
	const struct iovec iov = { payload, 8 + choose(r->choices) * 17u };
	const uint32_t op = ops[choose_below(r->choices, 4)];
	char mark[9];
	int err;

	if (one->busy) {
		fuzz_expect(xenstore_submit(r->xs, &one->req, op, 0, &iov, 1) < 0);
		return;
	}
	one->mark = ++r->marks;
	snprintf(mark, sizeof(mark), "%08x", one->mark);
	memcpy(payload, mark, 8);
	one->busy = true;
	err = xenstore_submit(r->xs, &one->req, op, 0, &iov, 1);
	fuzz_expect((err == -E2BIG) == (iov.iov_len > WIRE_PAYLOAD_MAX));
	if (err)
		one->busy = false;
}

/* What is told of these from now on is for nobody. */
static void forget_tokens(struct run *r, uint32_t watch)
{
	for (uint32_t i = 0; i < r->token_count; i++)
		r->tokens[i].removed |= r->tokens[i].watch == watch;
}

static void toggle_watch(struct run *r, struct one_watch *one)
{
	int err;

	if (one->set) {
		one->set = false;
		forget_tokens(r, one->index);
		err = xenstore_watch_remove(r->xs, &one->watch, NULL);
		fuzz_expect(!err || err == -ENOENT ||
			    err == -ENOMEM); /* ENOENT: refused by the server before */
		return;
	}
	one->watch = (struct xenstore_watch){ .path = one->path,
					      .fired = on_fired,
					      .depth_plus_1 = choose_below(r->choices, 3) };
	one->set = !xenstore_watch_add(r->xs, &one->watch, NULL);
}

static void use_session(struct run *r)
{
	const uint8_t k = choose(r->choices);
	struct one_request *req = &r->requests[k / 8 % REQUESTS];

	if (!r->xs)
		return;
	switch (k % 8) {
	case 0:
	case 1:
	case 2:
		some_request(r, req);
		break;
	case 3:
		xenstore_cancel(r->xs, &req->req);
		req->busy = false;
		break;
	case 4:
	case 5:
		toggle_watch(r, &r->watches[k / 8 % WATCHES]);
		break;
	default:
		xenstore_connected(r->xs);
		xenstore_features(r->xs);
	}
}

/* From the loop, as transports do it. */
static void tell_ready(struct run *r)
{
	if (r->wire && r->wire->open)
		r->wire->base.ready(&r->wire->base);
}

static void step(struct run *r)
{
	const uint8_t k = choose(r->choices);

	switch (k % 8) {
	case 0:
	case 1:
	case 2:
		use_session(r);
		break;
	case 3:
	case 4:
		server_answers(r);
		break;
	case 5:
		server_babbles(r, k / 8u);
		break;
	case 6:
		r->wire->ended = k >= 0xc0;
		r->host.now_ns += choose(r->choices) * 10000000ull;
		break;
	default:
		if (k >= 0xe0)
			server_floods(r);
		tell_ready(r);
	}
	if (!r->wire || !choose_below(r->choices, 2))
		return;
	virtual_host_settle(&r->host);
	if (r->spoilt && r->wire && r->wire->open && !r->wire->in_len)
		fuzz_fail("the session goes on after what no server may send");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices choices = { data, size };
	struct run *r = calloc(1, sizeof(*r));
	const struct xenstore_events events = { .lost = on_lost, .reconnected = on_reconnected, .ctx = r };

	fuzz_expect(r);
	r->choices = &choices;
	r->wire = calloc(1, sizeof(*r->wire));
	fuzz_expect(r->wire);
	r->wire->base.ops = &fuzz_wire_ops;
	r->wire->run = r;
	r->wire->base.depth = (enum transport_depth)choose_below(&choices, 3);
	r->wire->base.inherited = choose_below(&choices, 2);
	for (size_t i = 0; i < REQUESTS; i++)
		r->requests[i] = (struct one_request){ .req.done = on_done, .run = r };
	for (uint32_t i = 0; i < WATCHES; i++)
		r->watches[i] =
			(struct one_watch){ .run = r, .index = i, .path = { '/', 'w', (char)('0' + i) } };
	virtual_host_init(&r->host);
	r->wire->base.host = &r->host.base;
	if (session_open(&r->host.base, &r->wire->base, &events, &r->xs))
		r->xs = NULL;
	while (choices.left && r->xs)
		step(r);
	close_session(r);
	for (size_t i = 0; i < REQUESTS; i++)
		fuzz_expect(!r->requests[i].busy);
	fuzz_expect(!r->wire);
	virtual_host_deinit(&r->host);
	free(r);
	return 0;
}
