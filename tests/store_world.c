/* SPDX-License-Identifier: MIT */
#include "store_world.h"

static bool domain_exists(void *ctx, uint32_t domid)
{
	const struct world *w = ctx;

	return domid < 65536 && w->exists[domid];
}

struct world *world_new_with(const struct store_quota *quota)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->config = (struct store_config){
		.quota = *quota, .hash_seed = { 1, 2 }, .domain_exists = domain_exists, .ctx = w
	};
	assert_int_equal(store_new(&w->config, &w->store), 0);
	return w;
}

struct world *world_new(void)
{
	struct store_quota quota;

	store_quota_defaults(&quota);
	return world_new_with(&quota);
}

void world_free(struct world *w)
{
	store_free(w->store);
	store_effects_free(&w->fx);
	for (size_t i = 0; i < WORLD_CONNS; i++)
		free(w->events[i]);
	free(w);
}

/* A store made of this one's dump must dump the same bytes. */
static void check_dump(struct world *w)
{
	uint8_t *first, *second;
	size_t first_len, second_len;
	const char *why = NULL;
	struct store *copy;

	assert_int_equal(store_dump(w->store, &first, &first_len), 0);
	assert_int_equal(store_new(&w->config, &copy), 0);
	if (store_load(copy, first, first_len, &why))
		fail_msg("load: %s", why);
	if (store_check(copy))
		fail_msg("after load: %s", store_check(copy));
	assert_int_equal(store_dump(copy, &second, &second_len), 0);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
	free(first);
	free(second);
	store_free(copy);
}

void world_end(struct world *w)
{
	const char *wrong = store_check(w->store);

	if (wrong)
		fail_msg("%s", wrong);
	check_dump(w);
	world_free(w);
}

static void append(char *text, size_t size, const char *format, ...)
{
	const size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	assert_true(vsnprintf(text + len, size - len, format, args) < (int)(size - len));
	va_end(args);
}

/* Payload as text, in malloc'ed memory. */
static char *as_text(const uint8_t *bytes, size_t len)
{
	char *text = malloc(len + 1);

	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = bytes[i] ? (char)bytes[i] : '|';
	text[len] = '\0';
	return text;
}

static void take_event(struct world *w, uint32_t conn, const char *text)
{
	char **heard = &w->events[conn];
	const size_t old = *heard ? strlen(*heard) : 0;
	char *joined = realloc(*heard, old + strlen(text) + 2);

	assert_true(conn < WORLD_CONNS);
	assert_non_null(joined);
	sprintf(joined + old, "%s%s", old ? " " : "", text);
	*heard = joined;
}

static void take_message(struct world *w, const struct store_effect *e)
{
	const uint8_t *message = w->fx.bytes + e->offset;
	struct xsd_sockmsg h;
	char *text;

	assert_true(e->len >= WIRE_HEADER_SIZE && e->len <= WIRE_MESSAGE_MAX);
	wire_header_get(message, &h);
	assert_int_equal(h.len, e->len - WIRE_HEADER_SIZE);
	text = as_text(message + WIRE_HEADER_SIZE, h.len);
	if (e->type == STORE_OUT_EVENT) {
		assert_int_equal(h.type, XS_WATCH_EVENT);
		take_event(w, e->conn, text);
	} else {
		strcpy(w->reply, text);
		w->reply_len = h.len;
	}
	free(text);
}

static void map_ring(struct world *w, uint32_t domid)
{
	struct store_input in = { .type = STORE_IN_MAPPED, .domid = domid, .error = w->map_error };
	struct store_effects outer = w->fx;

	w->fx = (struct store_effects){ 0 };
	assert_int_equal(world_apply(w, &in), 0);
	store_effects_free(&w->fx);
	w->fx = outer;
}

static void drain(struct world *w, const struct store_effect *e)
{
	struct store_input in = { .type = STORE_IN_DRAINED, .conn = e->conn, .bytes = e->len };
	struct store_effects none = { 0 };

	store_apply(w->store, &in, &none);
	store_effects_free(&none);
}

static void take_effect(struct world *w, const struct store_effect *e)
{
	switch (e->type) {
	case STORE_OUT_REPLY:
	case STORE_OUT_EVENT:
		append(w->order, sizeof(w->order), " %c%u", e->type == STORE_OUT_REPLY ? 'r' : 'e', e->conn);
		take_message(w, e);
		if (!w->hold_output)
			drain(w, e);
		break;
	case STORE_OUT_CLOSE:
		append(w->order, sizeof(w->order), " c%u", e->conn);
		break;
	case STORE_OUT_MAP_RING:
		append(w->order, sizeof(w->order), " m%u", e->domid);
		map_ring(w, e->domid);
		break;
	case STORE_OUT_UNMAP_RING:
		append(w->order, sizeof(w->order), " u%u", e->domid);
		break;
	case STORE_OUT_LOG:
		append(w->log, sizeof(w->log), "%.*s\n", (int)e->len, (const char *)w->fx.bytes + e->offset);
	}
}

int world_apply(struct world *w, struct store_input *in)
{
	int err;

	store_effects_clear(&w->fx);
	err = store_apply(w->store, in, &w->fx);
	assert_false(w->fx.failed);
	if (in->type != STORE_IN_MAPPED)
		w->order[0] = '\0';
	for (size_t i = 0; i < w->fx.count; i++)
		take_effect(w, &w->fx.list[i]);
	return err;
}

void world_settle(struct world *w)
{
	struct store_input in = { .type = STORE_IN_TICK };

	while (store_deadline(w->store) == 0)
		assert_int_equal(world_apply(w, &in), 0);
}

uint32_t world_connect(struct world *w)
{
	struct store_input in = { .type = STORE_IN_CONNECT };

	assert_int_equal(world_apply(w, &in), 0);
	return in.conn;
}

void world_disconnect(struct world *w, uint32_t conn)
{
	struct store_input in = { .type = STORE_IN_DISCONNECT, .conn = conn };

	assert_int_equal(world_apply(w, &in), 0);
}

uint32_t world_introduce(struct world *w, uint32_t domid)
{
	const uint32_t tool = world_connect(w);
	uint32_t conn = 0;
	char request[64];

	w->exists[domid] = true;
	snprintf(request, sizeof(request), "INTRODUCE %u|1|7|", domid);
	says(w, tool, request, "OK|");
	for (size_t i = 0; i < w->fx.count; i++)
		if (w->fx.list[i].type == STORE_OUT_MAP_RING)
			conn = w->fx.list[i].conn;
	assert_int_not_equal(conn, 0);
	world_disconnect(w, tool);
	return conn;
}

void world_kill(struct world *w, uint32_t domid)
{
	struct store_input in = { .type = STORE_IN_DOMAIN_DEAD, .domid = domid };

	w->exists[domid] = false;
	assert_int_equal(world_apply(w, &in), 0);
}

const char *world_ask_raw(struct world *w, uint32_t conn, uint32_t tx, uint32_t op, const void *payload,
			  size_t len)
{
	struct store_input in = { .type = STORE_IN_MESSAGE,
				  .conn = conn,
				  .op = op,
				  .req_id = 77,
				  .tx_id = tx,
				  .len = (uint32_t)len,
				  .payload = payload };

	strcpy(w->reply, "no reply");
	world_apply(w, &in);
	return w->reply;
}

static uint32_t op_of(const char *request, size_t len)
{
	for (uint32_t op = 0; op < WIRE_OP_COUNT; op++) {
		const char *name = wire_op_name(op);

		if (name && strlen(name) == len && !memcmp(name, request, len))
			return op;
	}
	fail_msg("no such operation: %s", request);
	return 0;
}

const char *world_ask(struct world *w, uint32_t conn, uint32_t tx, const char *request)
{
	const size_t op_len = strcspn(request, " ");
	const char *text = request[op_len] ? request + op_len + 1 : "";
	char *payload = strdup(text);
	const char *answer;

	assert_non_null(payload);
	for (char *c = payload, *end = payload + strlen(text); c < end; c++)
		*c = *c == '|' ? '\0' : *c;
	answer = world_ask_raw(w, conn, tx, op_of(request, op_len), payload, strlen(text));
	free(payload);
	return answer;
}

uint32_t world_begin(struct world *w, uint32_t conn)
{
	const char *id = world_ask(w, conn, 0, "TRANSACTION_START |");

	assert_in_range(id[0], '0', '9');
	return (uint32_t)strtoul(id, NULL, 10);
}

char *world_heard(struct world *w, uint32_t conn)
{
	char *heard = w->events[conn];

	w->events[conn] = NULL;
	return heard ? heard : strdup("");
}
