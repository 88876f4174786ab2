/* SPDX-License-Identifier: MIT */
/* A server that lies: it loses the connection, or its lie is dropped; the program never pays. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "client_world.h"

static struct {
	uint32_t type, id_xor, len;
	size_t size;
	const char *payload;
} lie;

static void answer_lie(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload)
{
	fake_store_send(store, lie.type == UINT32_MAX ? header->type : lie.type, header->req_id ^ lie.id_xor,
			0, lie.len, lie.payload, lie.size);
}

/* The session after the lie, with one request pending. */
static void expect_lost(int error)
{
	struct client_world w;
	struct test_request req = test_request();

	client_world_init(&w);
	w.store.handle = answer_lie;
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
	while (!w.lost)
		assert_true(xenbus_host_dispatch(&w.host.base, 0) > 0);
	assert_int_equal(w.lost_error, error);
	assert_int_equal(req.done, 1);
	assert_int_equal(req.error, -ENOTCONN);
	w.store.handle = NULL;
	while (!w.reconnected)
		assert_true(xenbus_host_dispatch(&w.host.base, -1) > 0);
	assert_int_equal(submit(&w, &req, XS_READ, "/b"), 0);
	settle(&w);
	assert_string_equal(req.reply, "/b");
	client_world_deinit(&w);
}

static void a_reply_to_nothing_ends_the_connection(void **state)
{
	for (int bit = 0; bit < 32; bit++) {
		lie = (typeof(lie)){ .type = UINT32_MAX, .id_xor = 1u << bit };
		expect_lost(-EPROTO);
	}
}

static void a_length_over_the_limit_ends_the_connection(void **state)
{
	static const uint32_t len[] = { 4097, 0x7fffffff, 0x80000000u, 0xfffffff0u, UINT32_MAX };

	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		lie = (typeof(lie)){ .type = UINT32_MAX, .len = len[i] };
		expect_lost(-EPROTO);
	}
}

static void a_reply_of_another_operation_ends_the_connection(void **state)
{
	static const uint32_t type[] = { XS_WRITE, XS_DIRECTORY, 20, 27, XS_INVALID, 0x80000002u };

	for (size_t i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
		lie = (typeof(lie)){ .type = type[i] };
		expect_lost(-EPROTO);
	}
}

static void an_event_without_its_strings_ends_the_connection(void **state)
{
	static const struct {
		const char *payload;
		size_t len;
	} event[] = { { "", 0 }, { "/a", 2 }, { "/a", 3 }, { "/a\0token", 8 } };

	for (size_t i = 0; i < sizeof(event) / sizeof(event[0]); i++) {
		lie = (typeof(lie)){ .type = XS_WATCH_EVENT,
				     .len = (uint32_t)event[i].len,
				     .size = event[i].len,
				     .payload = event[i].payload };
		expect_lost(-EPROTO);
	}
}

static void errors_without_a_name_are_eio(void **state)
{
	static const struct {
		const char *payload;
		size_t len;
		int error;
	} error[] = { { "", 0, -EIO },		{ "", 1, -EIO },	{ "EACCES", 6, -EACCES },
		      { "EACCES", 7, -EACCES }, { "EACCESS", 8, -EIO }, { "eacces", 7, -EIO },
		      { "ENOTCONN", 9, -EIO } };

	for (size_t i = 0; i < sizeof(error) / sizeof(error[0]); i++) {
		struct client_world w;
		struct test_request req = test_request();

		client_world_init(&w);
		w.store.handle = answer_lie;
		lie = (typeof(lie)){ .type = XS_ERROR,
				     .len = (uint32_t)error[i].len,
				     .size = error[i].len,
				     .payload = error[i].payload };
		assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
		settle(&w);
		assert_int_equal(req.error, error[i].error);
		client_world_deinit(&w);
	}
}

static void events_with_tokens_of_nobody_are_dropped(void **state)
{
	static const char *const token[] = { "",	 "0",	      "00000000", "0000000g", "ffffffff",
					     "FFFF0000", "123456789", "-0000001", " 0000001" };
	struct client_world w;
	struct test_watch watch = test_watch("/w");
	struct test_request req = test_request();
	struct xenstore_counters c;

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
	settle(&w);
	for (size_t i = 0; i < sizeof(token) / sizeof(token[0]); i++)
		fake_store_event(&w.store, "/w", token[i]);
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
	settle(&w);
	assert_int_equal(watch.fired, 1);
	assert_int_equal(req.done, 1);
	xenstore_counters(w.xs, &c);
	assert_int_equal(c.events_stale, sizeof(token) / sizeof(token[0]));
	client_world_deinit(&w);
}

/* Each turn of the loop reads a bounded amount, however much there is. */
static void a_flood_does_not_hold_the_loop(void **state)
{
	struct client_world w;
	struct xenstore_counters before, after;
	struct test_watch watch = test_watch("/w");
	const int buffer = 1 << 20;
	uint64_t most = 0;

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
	settle(&w);
	w.host.idle = NULL;
	setsockopt(w.store.conn, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	for (int i = 0; i < 20000; i++)
		fake_store_event(&w.store, "/w/x", w.store.token);
	while (fake_store_step(&w.store))
		;
	do {
		xenstore_counters(w.xs, &before);
		xenbus_host_dispatch(&w.host.base, 0);
		xenstore_counters(w.xs, &after);
		assert_true(after.bytes_in - before.bytes_in <= 4 * 32768);
		most = after.bytes_in - before.bytes_in > most ? after.bytes_in - before.bytes_in : most;
		fake_store_step(&w.store);
	} while (after.bytes_in != before.bytes_in);
	assert_int_equal(after.events, 20001);
	assert_true(watch.fired < 200);
	assert_true(most > 3 * 32768); /* the bound was what ended a turn */
	client_world_deinit(&w);
}

static void say_nothing(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload)
{
}

/* Any bytes at all, then the end: nothing is read beyond them, and every request ends once. */
static void random_bytes_never_hurt(void **state)
{
	unsigned int seed = 1;
	int heard = 0;

	for (int round = 0; round < 2000; round++) {
		struct client_world w;
		struct test_request req = test_request();
		struct test_watch watch = test_watch("/w");
		uint8_t bytes[64];

		client_world_init(&w);
		assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
		settle(&w);
		assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(rand_r(&seed) % 4 ? 0 : rand_r(&seed));
		w.store.chunk = (size_t)(rand_r(&seed) % 20) + 1;
		fake_store_send(&w.store, (uint32_t)rand_r(&seed) % 30, (uint32_t)rand_r(&seed), 0,
				(uint32_t)rand_r(&seed) % 80, bytes, sizeof(bytes));
		w.store.handle = say_nothing;
		settle(&w);
		heard += w.lost;
		fake_store_hangup(&w.store);
		settle(&w);
		assert_int_equal(req.done, 1);
		client_world_deinit(&w);
	}
	assert_true(heard > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_to_nothing_ends_the_connection),
		cmocka_unit_test(a_length_over_the_limit_ends_the_connection),
		cmocka_unit_test(a_reply_of_another_operation_ends_the_connection),
		cmocka_unit_test(an_event_without_its_strings_ends_the_connection),
		cmocka_unit_test(errors_without_a_name_are_eio),
		cmocka_unit_test(events_with_tokens_of_nobody_are_dropped),
		cmocka_unit_test(a_flood_does_not_hold_the_loop),
		cmocka_unit_test(random_bytes_never_hurt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
