/* SPDX-License-Identifier: MIT */
/*
 * The 1st, 2nd, 3rd ... allocation of a script of requests fails: that request is answered ENOMEM and has
 * changed nothing, everything after goes on, and nothing leaks.
 */
#include "store_world.h"
#include "failing_alloc.h"

#define STEPS 64

struct run {
	struct store *store;
	struct store_effects fx;
	uint32_t tool, guest, tx;
	uint8_t *dump; /* before the step */
	size_t dump_len;
};

static bool exists(void *ctx, uint32_t domid)
{
	return domid < 10;
}

/* "t ..." the tool, "g ..." the guest, "T ..." and "G ..." the same in the last begun transaction;
 * "deep N" a path of N levels, written by the tool; "many N" nodes below /many, each with its value. */
static const char *const script[STEPS] = {
	"connect",
	"introduce",
	"t WRITE /local/domain/5|",
	"t SET_PERMS /local/domain/5|n5|",
	"g WRITE a/b/c|value",
	"g WATCH a|token|",
	"g WATCH some/deeper/path|token|",
	"t WATCH /|token|",
	"t SET_PERMS @releaseDomain|n0|r5|r6|",
	"g SET_PERMS a|n5|r1|r2|",
	"t SET_QUOTA 5|watches|100|",
	"t SET_QUOTA outstanding|30|",
	"many 700",
	"deep 600",
	"t TRANSACTION_START |",
	"T READ /local/domain/5/a/b/c|",
	"T WRITE /local/domain/5/a/b/c|other",
	"T WRITE /x/y/z|deep",
	"T DIRECTORY /local/domain/5|",
	"T SET_PERMS /x/y|n5|r2|",
	"T RM /local/domain/5/a/b|",
	"T WRITE /local/domain/5/a/b|new",
	"T TRANSACTION_END T|",
	"g TRANSACTION_START |",
	"G WRITE mine/1|1",
	"G WRITE mine/2|1",
	"t WRITE /local/domain/5/a|changed",
	"t SET_PERMS /local/domain/5/a|n5|r7|",
	"t RM /many|",
	"t WRITE /many/again|",
	"G READ a|",
	"G TRANSACTION_END T|",
	"g TRANSACTION_START |",
	"G WRITE gone|1",
	"t RM /deep|",
	"G TRANSACTION_END F|",
	"many 300",
	"tick",
	"dead",
	"tick",
};

/* A step may miss what an earlier, failed one was to make: -ENOENT, or an answer of that name. */
static void apply(struct run *r, struct store_input *in)
{
	store_effects_clear(&r->fx);
	store_apply(r->store, in, &r->fx);
}

/* The first reply among the effects, or "" if there is none; 'failed' if effects were lost. */
static const char *answer_of(const struct run *r)
{
	if (r->fx.failed)
		return "failed";
	for (size_t i = 0; i < r->fx.count; i++)
		if (r->fx.list[i].type == STORE_OUT_REPLY)
			return (const char *)r->fx.bytes + r->fx.list[i].offset + WIRE_HEADER_SIZE;
	return "";
}

static bool is_enomem(const struct run *r)
{
	const char *answer = answer_of(r);

	return !strncmp(answer, "ENOMEM", 6) || !strcmp(answer, "failed");
}

static void ask(struct run *r, uint32_t conn, uint32_t tx, const char *request)
{
	char payload[8192];
	const size_t op_len = strcspn(request, " "), len = strlen(request + op_len + 1);
	struct store_input in = { .type = STORE_IN_MESSAGE, .conn = conn, .tx_id = tx, .payload = payload };

	memcpy(payload, request + op_len + 1, len);
	for (size_t i = 0; i < len; i++)
		payload[i] = payload[i] == '|' ? '\0' : payload[i];
	in.len = (uint32_t)len;
	while (!wire_op_name(in.op) || strncmp(wire_op_name(in.op), request, op_len) ||
	       strlen(wire_op_name(in.op)) != op_len)
		in.op++;
	apply(r, &in);
	if (in.op == XS_TRANSACTION_START && !is_enomem(r))
		r->tx = (uint32_t)strtoul(answer_of(r), NULL, 10);
}

static void ask_deep(struct run *r, unsigned levels)
{
	char request[4096] = "WRITE /deep";

	for (unsigned i = 0; i < levels; i++)
		strcat(request, i % 2 ? "/a" : "/b");
	strcat(request, "|value");
	ask(r, r->tool, 0, request);
}

static void introduce(struct run *r)
{
	struct store_input mapped = { .type = STORE_IN_MAPPED, .domid = 5 };

	ask(r, r->tool, 0, "INTRODUCE 5|1|1|");
	for (size_t i = 0; i < r->fx.count; i++)
		if (r->fx.list[i].type == STORE_OUT_MAP_RING)
			r->guest = r->fx.list[i].conn;
	if (r->guest)
		apply(r, &mapped);
}

static void step(struct run *r, const char *what)
{
	struct store_input in = { .type = STORE_IN_CONNECT };
	const char *arg = strchr(what, ' ');

	if (!strcmp(what, "connect")) {
		apply(r, &in);
		r->tool = in.conn;
	} else if (!strcmp(what, "introduce")) {
		introduce(r);
	} else if (!strncmp(what, "deep", 4)) {
		ask_deep(r, (unsigned)atoi(arg));
	} else if (!strcmp(what, "tick") || !strcmp(what, "dead")) {
		in = (struct store_input){ .type = what[0] == 't' ? STORE_IN_TICK : STORE_IN_DOMAIN_DEAD,
					   .domid = 5 };
		apply(r, &in);
	} else {
		const bool tool = what[0] == 't' || what[0] == 'T';

		ask(r, tool ? r->tool : r->guest, what[0] == 'T' || what[0] == 'G' ? r->tx : 0, arg + 1);
	}
}

/* The stamp may move on although nothing changed, a domain once mentioned has its instance, and its maxima are
 * what it once had: so without those records. Returns the new length. */
static size_t drop_private(uint8_t *dump, size_t len)
{
	for (size_t at = 16; at + 8 <= len;) {
		uint32_t type, size;

		memcpy(&type, dump + at, 4);
		memcpy(&size, dump + at + 4, 4);
		size = 8 + ((size + 7) & ~7u);
		if (type >> 16 == 0x5842) {
			memmove(dump + at, dump + at + size, len - at - size);
			len -= size;
		} else {
			at += size;
		}
	}
	return len;
}

static void take_dump(struct run *r)
{
	const struct failing_alloc saved = failing_alloc;

	alloc_fail(0, false);
	free(r->dump);
	assert_int_equal(store_dump(r->store, &r->dump, &r->dump_len), 0);
	r->dump_len = drop_private(r->dump, r->dump_len);
	failing_alloc.calls = saved.calls;
	failing_alloc.fail_at = saved.fail_at;
}

static bool is_unchanged(struct run *r)
{
	uint8_t *now;
	size_t len;
	bool same;

	assert_int_equal(store_dump(r->store, &now, &len), 0);
	len = drop_private(now, len);
	same = len == r->dump_len && !memcmp(now, r->dump, len);
	free(now);
	return same;
}

/* Runs a step; returns whether the failing allocation was among its own. */
static bool guarded_step(struct run *r, const char *what)
{
	const long fail_at = failing_alloc.fail_at;
	const bool pending = fail_at && failing_alloc.calls < fail_at;
	char first[64];

	if (pending)
		take_dump(r);
	step(r, what);
	if (!pending || failing_alloc.calls < fail_at)
		return false;
	alloc_fail(0, false);
	snprintf(first, sizeof(first), "%s", answer_of(r));
	if (store_check(r->store))
		fail_msg("%s: %s", what, store_check(r->store));
	if (is_enomem(r) && strcmp(first, "failed") && strncmp(what, "T TRANSACTION_END", 17) &&
	    strncmp(what, "G TRANSACTION_END", 17) && !is_unchanged(r))
		fail_msg("%s: ENOMEM, but something changed", what);
	return true;
}

static void many_step(struct run *r, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char request[128];

		snprintf(request, sizeof(request), "t WRITE /many/n%03u|%0*u", i, (int)(i % 90), i);
		guarded_step(r, request);
	}
}

static void run_script(struct run *r)
{
	for (size_t i = 0; i < STEPS && script[i]; i++)
		if (!strncmp(script[i], "many", 4))
			many_step(r, (unsigned)atoi(script[i] + 5));
		else
			guarded_step(r, script[i]);
}

/* Returns whether an allocation failed. */
static bool run_with_failure(long nth)
{
	struct store_config config = { .hash_seed = { 1, 2 }, .domain_exists = exists };
	const long live = failing_alloc.live;
	struct run r = { 0 };
	bool failed;

	store_quota_defaults(&config.quota);
	alloc_fail(nth, false);
	if (store_new(&config, &r.store)) {
		assert_true(alloc_failed());
		assert_int_equal(failing_alloc.live, live);
		return true;
	}
	run_script(&r);
	failed = nth && failing_alloc.fail_at == 0;
	alloc_fail(0, false);
	store_free(r.store);
	store_effects_free(&r.fx);
	free(r.dump);
	assert_int_equal(failing_alloc.live, live);
	return failed;
}

static void any_one_allocation_may_fail(void **state)
{
	long nth = 1;

	while (nth < 100000 && run_with_failure(nth))
		nth++;
	print_message("%ld allocations\n", nth - 1);
	assert_true(nth > 50);
}

/* The 1st, 2nd ... allocation of a write that two connections hear of: whoever misses a message is named. */
static void who_misses_a_message_is_told(void **state)
{
	struct store_config config = { .hash_seed = { 1, 2 }, .domain_exists = exists };
	struct store_input connect = { .type = STORE_IN_CONNECT };
	unsigned lost_events = 0, lost_replies = 0;
	struct run r = { 0 };
	uint32_t watcher, id;

	store_quota_defaults(&config.quota);
	assert_int_equal(store_new(&config, &r.store), 0);
	apply(&r, &connect);
	watcher = connect.conn;
	apply(&r, &connect);
	r.tool = connect.conn;
	ask(&r, watcher, 0, "WATCH /a|token|");
	for (long nth = 1; nth < 20; nth++) {
		char request[32];

		snprintf(request, sizeof(request), "WRITE /a/%ld|x",
			 nth);		   /* an equal event would be merged */
		store_effects_free(&r.fx); /* so that it must allocate */
		r.fx = (struct store_effects){ 0 };
		alloc_fail(nth, false);
		ask(&r, r.tool, 0, request);
		alloc_fail(0, false);
		if (!r.fx.failed)
			assert_int_equal(store_next_bereft(r.store), STORE_CONN_NONE);
		while (r.fx.failed && (id = store_next_bereft(r.store)) != STORE_CONN_NONE) {
			lost_events += id == watcher;
			lost_replies += id == r.tool;
		}
	}
	assert_true(lost_events > 0);
	assert_true(lost_replies > 0);
	store_free(r.store);
	store_effects_free(&r.fx);
}

static void loading_and_dumping_fail_cleanly(void **state)
{
	struct store_config config = { .hash_seed = { 1, 2 }, .domain_exists = exists };
	struct run r = { 0 };
	const long live = failing_alloc.live;

	store_quota_defaults(&config.quota);
	assert_int_equal(store_new(&config, &r.store), 0);
	for (size_t i = 0; i < 16; i++)
		if (!strncmp(script[i], "many", 4))
			many_step(&r, 20);
		else
			step(&r, script[i]);
	take_dump(&r);
	for (long nth = 1, err = -1; err && nth < 100000; nth++) {
		struct store *copy;
		const char *why;
		uint8_t *again;
		size_t len;

		assert_int_equal(store_new(&config, &copy), 0);
		alloc_fail(nth, false);
		err = store_load(copy, r.dump, r.dump_len, &why);
		assert_true(err == 0 || (err == -EINVAL && why) || err == -ENOMEM);
		if (!err)
			err = store_dump(copy, &again, &len);
		if (!err)
			free(again);
		assert_true(err == 0 || alloc_failed());
		alloc_fail(0, false);
		store_free(copy);
	}
	store_free(r.store);
	store_effects_free(&r.fx);
	free(r.dump);
	assert_int_equal(failing_alloc.live, live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_one_allocation_may_fail),
		cmocka_unit_test(who_misses_a_message_is_told),
		cmocka_unit_test(loading_and_dumping_fail_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
