/* SPDX-License-Identifier: MIT */
/* The server: says right things, wrong ones and nonsense, and knows which of them it was. */
#include "client_run.h"

struct token *server_token(struct run *r, const char *text, size_t len)
{
	for (uint32_t i = 0; i < r->token_count; i++)
		if (strlen(r->tokens[i].text) == len && !memcmp(r->tokens[i].text, text, len))
			return &r->tokens[i];
	return NULL;
}

/* "/w1" NUL token NUL [depth NUL] */
static void hear_watch(struct run *r, const char *payload, size_t len)
{
	const size_t path = strnlen(payload, len) + 1;
	const size_t token = path < len ? strnlen(payload + path, len - path) : 0;
	struct token *t = &r->tokens[r->token_count];

	fuzz_expect(path == 4 && token == 8 && path + token < len);
	if (r->token_count == TOKENS || server_token(r, payload + path, token))
		return;
	*t = (struct token){ .watch = (uint32_t)payload[2] - '0' };
	memcpy(t->text, payload + path, token);
	r->token_count++;
}

void server_hears(struct run *r, const uint8_t *head, size_t len)
{
	struct sent *s = &r->sent[r->sent_count++ % SENT_MAX];
	char mark[9] = { 0 };

	*s = (struct sent){ .connection = r->connection };
	wire_header_get(head, &s->header);
	if (s->header.type == XS_WATCH) {
		hear_watch(r, (const char *)head + WIRE_HEADER_SIZE, len);
	} else if (len >= 8) {
		memcpy(mark, head + WIRE_HEADER_SIZE, 8);
		s->mark = (uint32_t)strtoul(mark, NULL, 16);
	}
}

/* Not if it would not fit. */
static bool put(struct run *r, const void *bytes, size_t len)
{
	struct wire *w = r->wire;

	if (w->in_len + len > sizeof(w->in))
		return false;
	memcpy(w->in + w->in_len, bytes, len);
	w->in_len += len;
	return true;
}

/* The newest request of that id, also on connections of before. */
static struct sent *sent_of(struct run *r, uint32_t req_id)
{
	for (uint32_t n = 0; n < SENT_MAX && n < r->sent_count; n++) {
		struct sent *s = &r->sent[(r->sent_count - 1 - n) % SENT_MAX];

		if (s->header.req_id == req_id)
			return s;
	}
	return NULL;
}

/* A reply of @type with @len bytes, that says @lie more (or, wrapping, less). An id that was not sent may still be that
 * of a request on its way out: then nothing is known. */
static void put_reply(struct run *r, uint32_t type, uint32_t req_id, uint8_t *message, size_t len,
		      uint32_t lie)
{
	struct sent *s = sent_of(r, req_id);
	const bool out = s && s->connection == r->connection && !s->answered;
	const bool ours = out && (type == XS_ERROR || type == s->header.type);
	const uint32_t said = (uint32_t)len + lie;
	const bool stray = s && type != XS_WATCH_EVENT && !ours && (out || !r->wire->base.inherited);
	const bool wrong =
		said > WIRE_PAYLOAD_MAX || (stray && !lie); /* whose payload is not all there waits */
	char mark[9];

	snprintf(mark, sizeof(mark), "%08x", r->spoilt || wrong ? SPOILT : s ? s->mark : 0);
	if (type != XS_ERROR)
		memcpy(message + WIRE_HEADER_SIZE, mark, len < 8 ? len : 8);
	wire_header_put(message, type, req_id, s ? s->header.tx_id : 0, said);
	if (!put(r, message, WIRE_HEADER_SIZE + len))
		return;
	if (out)
		s->answered = true;
	r->spoilt |= wrong && !r->garbled;
	r->garbled |= lie || (!s && type != XS_WATCH_EVENT);
}

/* One of @k, with @filler bytes more in its path. @unterminated ones are not taken. */
static void put_event(struct run *r, uint8_t k, size_t filler, bool unterminated)
{
	uint8_t message[WIRE_HEADER_SIZE + 256 + 80] = { 0 };
	char *text = (char *)message + WIRE_HEADER_SIZE;
	struct token unknown = { .text = "00090000" }, *t = &unknown;
	size_t len;

	if (r->token_count)
		t = &r->tokens[(r->token_count - 1 - k / 4 % (r->token_count < 4 ? r->token_count : 4))];
	if (t->connection != r->connection)
		t->connection = r->connection, t->sent = t->fired = 0;
	len = (size_t)snprintf(text, 80, "%s%u/%s/%u/%u/", r->spoilt || unterminated ? "/bad" : "/w",
			       t->watch, t->text, r->connection, t->sent + 1);
	memset(text + len, 'f', filler);
	len += filler + 1;
	len += (size_t)snprintf(text + len, 16, "%s", t->text) + !unterminated;
	wire_header_put(message, XS_WATCH_EVENT, 0, 0, (uint32_t)len);
	if (!put(r, message, WIRE_HEADER_SIZE + len))
		return;
	t->sent += !unterminated;
	r->spoilt |= unterminated && !r->garbled;
}

void server_answers(struct run *r)
{
	static const char *const errors[] = { "ENOENT", "EAGAIN", "EINVAL", "EQUOTA" };
	static const struct sent none;
	const uint32_t back = choose_below(r->choices, SEEN);
	const struct sent *s = back < r->sent_count ? &r->sent[(r->sent_count - 1 - back) % SENT_MAX] : &none;
	const uint8_t k = choose(r->choices);
	uint32_t type = s->header.type, req_id = s->header.req_id, lie = 0;
	uint8_t message[WIRE_HEADER_SIZE + 256] = { 0 };
	size_t len = k % 32;

	if (k >= 0xe0)
		req_id = choose_u32(r->choices);
	if (k % 4 == 1) {
		type = XS_ERROR;
		len = (size_t)snprintf((char *)message + WIRE_HEADER_SIZE, 16, "%s", errors[k / 4 % 4]) +
		      (k < 0xc0);
	} else if (k % 4 == 2) {
		put_event(r, k, 0, k >= 0xf0);
		return;
	} else if (k % 4 == 3) {
		type = choose(r->choices);
		lie = choose_below(r->choices, 4) ? 0 : choose_u32(r->choices);
	}
	put_reply(r, type, req_id, message, len, lie);
}

void server_babbles(struct run *r, size_t count)
{
	uint8_t bytes[32];

	for (size_t i = 0; i < count; i++)
		bytes[i] = choose(r->choices);
	r->garbled |= put(r, bytes, count) && count;
}

/* All of it comes, whatever the length; of a right id and type. */
static void put_long(struct run *r, uint8_t k)
{
	static const uint16_t lengths[] = { 4096, 4097, 4095, 4112, 8192, 30000, 32751, 40000 };
	static uint8_t message[WIRE_HEADER_SIZE + 40000];

	for (uint32_t n = 0; n < SENT_MAX && n < r->sent_count; n++) {
		const struct sent *s = &r->sent[(r->sent_count - 1 - n) % SENT_MAX];

		if (s->answered || s->connection != r->connection)
			continue;
		memset(message, 'l', sizeof(message));
		put_reply(r, s->header.type, s->header.req_id, message, lengths[k % 8], 0);
		return;
	}
}

void server_floods(struct run *r)
{
	const uint8_t k = choose(r->choices);
	const size_t filler = choose(r->choices);

	if (k < 0x40) {
		put_long(r, k);
		return;
	}
	for (uint8_t i = 0; i < k; i++)
		put_event(r, k, filler, false);
}

void server_judges_event(struct run *r, uint32_t index, const char *path)
{
	uint32_t watch, connection, serial;
	char text[12];
	struct token *t;

	if (r->garbled)
		return;
	fuzz_expect(sscanf(path, "/w%u/%8[0-9a-f]/%u/%u/", &watch, text, &connection, &serial) == 4);
	t = server_token(r, text, strlen(text));
	fuzz_expect(t && watch == index && t->watch == index && !t->removed);
	fuzz_expect(connection == r->connection && serial == t->fired + 1);
	t->fired = serial;
}
