/* SPDX-License-Identifier: MIT */
/* A transport that splits bytes where it likes, fails and comes again. */
#include "client_run.h"
#include <errno.h>

static int wire_open(struct transport *t)
{
	struct wire *w = (struct wire *)t;
	struct run *r = w->run;

	if (choose(r->choices) >= 0xf0)
		return -ECONNREFUSED;
	w->open = true;
	w->ended = false;
	w->in_len = w->head_len = w->message_left = 0;
	r->connection++;
	r->garbled = r->spoilt = false;
	return 0;
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
		server_hears(w->run, w->head, w->head_len - WIRE_HEADER_SIZE);
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

const struct transport_ops fuzz_wire_ops = {
	.payload_max = WIRE_PAYLOAD_MAX,
	.edge = true,
	.open = wire_open,
	.send = wire_send,
	.recv = wire_recv,
	.close = wire_close,
	.free = wire_free,
};
