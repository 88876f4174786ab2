/* SPDX-License-Identifier: MIT */
/*
 * A session of the client whose server answers what it likes, over a transport that splits bytes where it likes,
 * fails and comes again. Every request that was taken ends exactly once, a cancelled one never; nothing is left when
 * the session is closed, also from within a callback.
 */
#include "fuzz.h"
#include <errno.h>
#include <sys/uio.h>
#include <xenbus/client.h>
#include <xenbus/wire.h>

#include "session.h"
#include "virtual_host.h"

#define REQUESTS 6
#define WATCHES 3
#define SEEN 16

struct wire {
	struct transport base; /* first */
	struct run *run;
	bool open, ended;
	uint8_t in[1 << 16]; /* sent by the server, not received yet */
	size_t in_len;
	uint8_t head[WIRE_HEADER_SIZE + 64]; /* what the session is sending: its header and first bytes */
	size_t head_len, message_left;
};

struct one_request {
	struct xenstore_request req;
	struct run *run;
	bool busy;
};

struct one_watch {
	struct xenstore_watch watch;
	struct run *run;
	bool set;
};

struct run {
	struct choices *choices;
	struct virtual_host host;
	struct wire *wire;
	struct xenstore *xs; /* NULL: closed */
	struct one_request requests[REQUESTS];
	struct one_watch watches[WATCHES];
	struct xsd_sockmsg seen[SEEN]; /* headers of requests */
	char token[64];
	uint32_t seen_count;
	int depth;
};

static int wire_open(struct transport *t)
{
	struct wire *w = (struct wire *)t;

	if (choose(w->run->choices) >= 0xf0)
		return -ECONNREFUSED;
	w->open = true;
	w->ended = false;
	w->in_len = w->head_len = w->message_left = 0;
	return 0;
}

/* A whole header has been sent, or as much of the payload as a token is looked for in. */
static void note_message(struct wire *w)
{
	struct run *r = w->run;
	struct xsd_sockmsg h;
	const char *token;
	size_t len;

	wire_header_get(w->head, &h);
	r->seen[r->seen_count++ % SEEN] = h;
	if (h.type != XS_WATCH)
		return;
	len = w->head_len - WIRE_HEADER_SIZE;
	token = memchr(w->head + WIRE_HEADER_SIZE, '\0', len);
	if (token)
		snprintf(r->token, sizeof(r->token), "%.*s", (int)((char *)w->head + w->head_len - token - 1),
			 token + 1);
}

static void sent_byte(struct wire *w, uint8_t byte)
{
	struct xsd_sockmsg h;

	if (w->head_len < sizeof(w->head))
		w->head[w->head_len++] = byte;
	if (w->message_left) {
		w->message_left--;
	} else if (w->head_len == WIRE_HEADER_SIZE) {
		wire_header_get(w->head, &h);
		fuzz_expect(h.len <= WIRE_PAYLOAD_MAX);
		w->message_left = h.len;
	} else {
		return;
	}
	if (!w->message_left) {
		note_message(w);
		w->head_len = 0;
	}
}

static ssize_t wire_send(struct transport *t, const void *data, size_t len)
{
	struct wire *w = (struct wire *)t;
	const uint8_t k = choose(w->run->choices);

	fuzz_expect(w->open && len);
	if (k >= 0xf8)
		return -EPIPE;
	if (k >= 0xe0)
		len = len < k - 0xdfu ? len : k - 0xdfu;
	for (size_t i = 0; i < len; i++)
		sent_byte(w, ((const uint8_t *)data)[i]);
	return (ssize_t)len;
}

static ssize_t wire_recv(struct transport *t, void *buf, size_t size)
{
	struct wire *w = (struct wire *)t;
	const uint8_t k = choose(w->run->choices);
	size_t n = w->in_len < size ? w->in_len : size;

	fuzz_expect(w->open && size);
	if (!n)
		return w->ended ? (k & 1 ? 0 : -ECONNRESET) : -EAGAIN;
	if (k >= 0xc0)
		n = n < k - 0xbfu ? n : k - 0xbfu;
	memcpy(buf, w->in, n);
	w->in_len -= n;
	memmove(w->in, w->in + n, w->in_len);
	return (ssize_t)n;
}

static void wire_close(struct transport *t)
{
	((struct wire *)t)->open = false;
}

static void wire_free(struct transport *t)
{
	struct wire *w = (struct wire *)t;

	fuzz_expect(!w->open);
	w->run->wire = NULL;
	free(w);
}

static const struct transport_ops wire_ops = {
	.payload_max = WIRE_PAYLOAD_MAX,
	.edge = true,
	.open = wire_open,
	.send = wire_send,
	.recv = wire_recv,
	.close = wire_close,
	.free = wire_free,
};

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

static void on_done(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct one_request *one = (struct one_request *)req;

	fuzz_expect(one->busy);
	one->busy = false;
	fuzz_expect(error ? error < 0 && !reply : len <= WIRE_PAYLOAD_MAX && !reply[len]);
	from_callback(one->run);
}

static void on_fired(struct xenstore_watch *watch, const char *path)
{
	struct one_watch *one = (struct one_watch *)watch;

	fuzz_expect(one->set && strlen(path) <= WIRE_PAYLOAD_MAX);
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
	static char payload[WIRE_PAYLOAD_MAX];
	struct iovec iov = { payload, 1 + choose(r->choices) * 16u };
	const uint32_t op = ops[choose_below(r->choices, 4)];

	iov.iov_len = iov.iov_len < sizeof(payload) ? iov.iov_len : sizeof(payload);
	if (one->busy) {
		fuzz_expect(xenstore_submit(r->xs, &one->req, op, 0, &iov, 1) < 0);
		return;
	}
	one->busy = true;
	if (xenstore_submit(r->xs, &one->req, op, 0, &iov, 1))
		one->busy = false;
}

static void toggle_watch(struct run *r, struct one_watch *one)
{
	int err;

	if (one->set) {
		one->set = false;
		err = xenstore_watch_remove(r->xs, &one->watch, NULL);
		fuzz_expect(!err || err == -ENOENT ||
			    err == -ENOMEM); /* ENOENT: refused by the server before */
		return;
	}
	one->watch = (struct xenstore_watch){ .path = "/w",
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

static void server_sends(struct wire *w, const void *bytes, size_t len)
{
	if (w->in_len + len > sizeof(w->in))
		return;
	memcpy(w->in + w->in_len, bytes, len);
	w->in_len += len;
}

static void server_answers(struct run *r)
{
	static const char *const errors[] = { "ENOENT", "EAGAIN", "EINVAL", "EQUOTA" };
	const struct xsd_sockmsg *h = &r->seen[choose_below(r->choices, SEEN)];
	const uint8_t k = choose(r->choices);
	uint32_t type = h->type, req_id = h->req_id;
	uint8_t message[WIRE_HEADER_SIZE + 256] = { 0 };
	size_t len = k % 32, lie = 0;

	if (k >= 0xe0)
		req_id = choose_u32(r->choices);
	if (k % 4 == 1) {
		type = XS_ERROR;
		len = (size_t)snprintf((char *)message + WIRE_HEADER_SIZE, 16, "%s", errors[k / 4 % 4]) +
		      (k < 0xc0);
	} else if (k % 4 == 2) {
		const int n = snprintf((char *)message + WIRE_HEADER_SIZE, 200, "/w/%u%c%s", k, 0, r->token);

		type = XS_WATCH_EVENT;
		req_id = 0;
		len = (size_t)n + (k < 0xc0);
	} else if (k % 4 == 3) {
		type = choose(r->choices);
		lie = choose_below(r->choices, 4) ? 0 : choose_u32(r->choices);
	}
	wire_header_put(message, type, req_id, h->tx_id, (uint32_t)(len + lie));
	server_sends(r->wire, message, WIRE_HEADER_SIZE + len);
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
	uint8_t bytes[32];

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
		for (size_t i = 0; i < k / 8u; i++)
			bytes[i] = choose(r->choices);
		server_sends(r->wire, bytes, k / 8u);
		break;
	case 6:
		r->wire->ended = k >= 0xc0;
		r->host.now_ns += choose(r->choices) * 10000000ull;
		break;
	default:
		tell_ready(r);
	}
	if (r->wire && choose_below(r->choices, 2))
		virtual_host_settle(&r->host);
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
	r->wire->base.ops = &wire_ops;
	r->wire->run = r;
	r->wire->base.depth = (enum transport_depth)choose_below(&choices, 3);
	r->wire->base.inherited = choose_below(&choices, 2);
	for (size_t i = 0; i < REQUESTS; i++)
		r->requests[i] = (struct one_request){ .req.done = on_done, .run = r };
	for (size_t i = 0; i < WATCHES; i++)
		r->watches[i].run = r;
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
