/* SPDX-License-Identifier: MIT */
/* Watches: fired, merged, removed, refused, set again, with a depth where the server knows it. */
#include <errno.h>

#include "client_world.h"
#include "failing_alloc.h"

static void a_watch_fires_once_set_and_once_an_event(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w");

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, &req.req), 0);
	settle(&w);
	assert_int_equal(req.done, 1);
	assert_int_equal(req.error, 0);
	assert_int_equal(watch.fired, 1);
	assert_string_equal(watch.last, "/w");
	fake_store_event(&w.store, "/w/deeper", w.store.token);
	settle(&w);
	assert_int_equal(watch.fired, 2);
	assert_string_equal(watch.last, "/w/deeper");
	client_world_deinit(&w);
}

static void a_watch_is_registered_once(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w"), pathless = test_watch(NULL);

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &pathless.watch, NULL), -EINVAL);
	assert_int_equal(xenstore_watch_remove(w.xs, &watch.watch, NULL), -ENOENT);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, &req.req), 0);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), -EBUSY);
	settle(&w);
	assert_int_equal(xenstore_watch_remove(w.xs, &watch.watch, NULL), 0);
	assert_int_equal(xenstore_watch_remove(w.xs, &watch.watch, NULL), -ENOENT);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
	settle(&w);
	assert_int_equal(watch.fired, 2);
	client_world_deinit(&w);
}

static void a_path_too_long_for_a_message_is_refused(void **state)
{
	static char path[XENSTORE_PAYLOAD_MAX];
	struct client_world w;
	struct test_watch watch = test_watch(path);
	struct xenstore_counters c;

	memset(path, 'x', sizeof(path) - 1);
	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), -E2BIG);
	path[XENSTORE_PAYLOAD_MAX - 1 - 9] = '\0'; /* 9: the token and its NUL */
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
	settle(&w);
	assert_int_equal(watch.fired, 1);
	assert_int_equal(strlen(watch.last), XENSTORE_PAYLOAD_MAX - 1 - 9);
	xenstore_counters(w.xs, &c);
	assert_int_equal(c.watches, 1);
	client_world_deinit(&w);
}

static void events_after_removal_are_stale(void **state)
{
	struct client_world w;
	struct test_watch watch = test_watch("/w"), other = test_watch("/other");
	struct xenstore_counters c;
	char old[64];

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
	settle(&w);
	snprintf(old, sizeof(old), "%s", w.store.token);
	assert_int_equal(xenstore_watch_remove(w.xs, &watch.watch, NULL), 0);
	assert_int_equal(xenstore_watch_add(w.xs, &other.watch, NULL), 0); /* takes the slot */
	fake_store_event(&w.store, "/w", old);
	settle(&w);
	assert_int_equal(watch.fired, 1);
	assert_int_equal(other.fired, 1);
	xenstore_counters(w.xs, &c);
	assert_int_equal(c.events_stale, 1);
	client_world_deinit(&w);
}

static void equal_events_of_one_batch_are_one(void **state)
{
	struct client_world w;
	struct test_watch a = test_watch("/a"), b = test_watch("/b");
	struct xenstore_counters c;
	char token[64];

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &a.watch, NULL), 0);
	settle(&w);
	snprintf(token, sizeof(token), "%s", w.store.token);
	assert_int_equal(xenstore_watch_add(w.xs, &b.watch, NULL), 0);
	settle(&w);
	a.fired = b.fired = 0;
	for (int i = 0; i < 100; i++) {
		fake_store_event(&w.store, i % 2 ? "/a/x" : "/a/y", token);
		fake_store_event(&w.store, "/a/x", w.store.token);
	}
	settle(&w);
	assert_int_equal(a.fired, 2);
	assert_int_equal(b.fired, 1);
	xenstore_counters(w.xs, &c);
	assert_int_equal(c.events, 202);
	assert_int_equal(c.events_merged, 197);
	client_world_deinit(&w);
}

/* More distinct events than the queue has bytes for, in one go. */
static void a_flood_costs_no_memory_and_loses_nothing(void **state)
{
	struct client_world w;
	struct test_watch watch = test_watch("/w");
	struct test_request req = test_request();
	char path[64];
	long before;

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
	settle(&w);
	before = failing_alloc.live;
	for (int i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), "/w/%d", i);
		fake_store_event(&w.store, path, w.store.token);
	}
	assert_int_equal(submit(&w, &req, XS_READ, "/behind"), 0);
	settle(&w);
	assert_int_equal(watch.fired, 10001);
	assert_string_equal(watch.last, "/w/9999");
	assert_string_equal(req.reply, "/behind");
	assert_int_equal(failing_alloc.live, before);
	client_world_deinit(&w);
}

static struct test_watch *victim;

static void remove_victim(struct test_watch *watch)
{
	assert_int_equal(xenstore_watch_remove(watch->world->xs, &victim->watch, NULL), 0);
	watch->then = NULL;
}

static void a_watch_removed_by_an_earlier_callback_does_not_fire(void **state)
{
	struct client_world w;
	struct test_watch a = test_watch("/a"), b = test_watch("/b");

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &a.watch, NULL), 0);
	assert_int_equal(xenstore_watch_add(w.xs, &b.watch, NULL), 0);
	a.world = &w;
	a.then = remove_victim;
	victim = &b;
	settle(&w);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 0);
	client_world_deinit(&w);
}

static void close_from_watch(struct test_watch *watch)
{
	xenstore_close(watch->world->xs);
	watch->world->xs = NULL;
}

static void a_watch_may_close_the_session(void **state)
{
	struct client_world w;
	struct test_watch a = test_watch("/a"), b = test_watch("/b");

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &a.watch, NULL), 0);
	assert_int_equal(xenstore_watch_add(w.xs, &b.watch, NULL), 0);
	a.world = &w;
	a.then = close_from_watch;
	settle(&w);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 0);
	assert_null(w.xs);
	client_world_deinit(&w);
}

static int refusals;
static int watches_asked;

static void refuse_watches(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload)
{
	watches_asked += header->type == XS_WATCH;
	if (header->type == XS_WATCH && refusals) {
		refusals--;
		fake_store_error(store, header, "EACCES");
	} else {
		fake_store_answer(store, header, payload);
	}
}

static void free_watch(struct test_request *req)
{
	/* Forgotten already: its owner may let it go from here. */
	assert_int_equal(xenstore_watch_remove(req->world->xs, &victim->watch, NULL), -ENOENT);
}

static void a_refused_watch_is_forgotten_before_done(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w");
	struct xenstore_counters c;

	client_world_init(&w);
	w.store.handle = refuse_watches;
	refusals = 1;
	victim = &watch;
	req.world = &w;
	req.then = free_watch;
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, &req.req), 0);
	settle(&w);
	assert_int_equal(req.error, -EACCES);
	xenstore_counters(w.xs, &c);
	assert_int_equal(c.watches, 0);
	client_world_deinit(&w);
}

static void lose_connection(struct client_world *w)
{
	const int before = w->reconnected;

	fake_store_hangup(&w->store);
	while (w->reconnected == before)
		assert_true(xenbus_host_dispatch(&w->host.base, -1) >= 0);
	settle(w);
}

static void all_watches_are_set_again_but_the_removed(void **state)
{
	struct client_world w;
	struct test_watch watch[20];
	struct xenstore_counters c;

	client_world_init(&w);
	for (int i = 0; i < 20; i++) {
		watch[i] = test_watch("/w");
		assert_int_equal(xenstore_watch_add(w.xs, &watch[i].watch, NULL), 0);
	}
	settle(&w);
	for (int i = 0; i < 20; i += 3)
		assert_int_equal(xenstore_watch_remove(w.xs, &watch[i].watch, NULL), 0);
	settle(&w);
	lose_connection(&w);
	for (int i = 0; i < 20; i++)
		assert_int_equal(watch[i].fired, i % 3 ? 2 : 1);
	xenstore_counters(w.xs, &c);
	assert_int_equal(c.reconnects, 1);
	assert_int_equal(c.watches, 13);
	client_world_deinit(&w);
}

static void a_watch_whose_reply_was_lost_is_kept(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w");

	client_world_init(&w);
	w.store.die_at = 1;
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, &req.req), 0);
	while (!w.reconnected)
		assert_true(xenbus_host_dispatch(&w.host.base, -1) >= 0);
	settle(&w);
	assert_int_equal(req.error, -ENOTCONN);
	assert_int_equal(watch.fired, 1);
	assert_int_equal(xenstore_watch_remove(w.xs, &watch.watch, NULL), 0);
	client_world_deinit(&w);
}

static void a_watch_not_taken_back_is_tried_again(void **state)
{
	struct client_world w;
	struct test_watch watch = test_watch("/w");

	client_world_init(&w);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
	settle(&w);
	w.store.handle = refuse_watches;
	refusals = 3;
	lose_connection(&w);
	assert_int_equal(watch.fired, 1);
	for (int tries = 0; watch.fired == 1; tries++) {
		assert_true(tries < 100);
		assert_true(xenbus_host_dispatch(&w.host.base, -1) >= 0);
	}
	assert_int_equal(refusals, 0);
	client_world_deinit(&w);
}

/* As a server before 4.19: two strings or EINVAL. */
static void no_depth_here(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload)
{
	watches_asked += header->type == XS_WATCH;
	if (header->type == XS_WATCH && wire_count_strings(payload, header->len) != 2)
		fake_store_error(store, header, "EINVAL");
	else
		fake_store_answer(store, header, payload);
}

static void a_depth_is_sent_and_given_up_where_unknown(void **state)
{
	struct client_world w;
	struct test_request req[4];
	struct test_watch watch[4];

	client_world_init(&w);
	w.store.handle = no_depth_here;
	watches_asked = 0;
	for (int i = 0; i < 4; i++) {
		req[i] = test_request();
		watch[i] = test_watch("/w");
		watch[i].watch.depth_plus_1 = 1;
		assert_int_equal(xenstore_watch_add(w.xs, &watch[i].watch, &req[i].req), 0);
		if (i == 2)
			settle(&w); /* three at once, then one that knows */
	}
	settle(&w);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(req[i].done, 1);
		assert_int_equal(req[i].error, 0);
		assert_int_equal(watch[i].fired, 1);
	}
	assert_int_equal(watches_asked, 7);
	client_world_deinit(&w);
}

static void want_depth_2(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload)
{
	const char *strings[3];
	size_t lens[3];

	assert_int_equal(wire_split(payload, header->len, 3, strings, lens), 0);
	assert_string_equal(strings[2], "2");
	watches_asked++;
	fake_store_answer(store, header, payload);
}

static void a_depth_is_sent_as_asked(void **state)
{
	struct client_world w;
	struct test_watch watch = test_watch("/w");

	client_world_init(&w);
	w.store.handle = want_depth_2;
	watches_asked = 0;
	watch.watch.depth_plus_1 = 3;
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
	settle(&w);
	assert_int_equal(watches_asked, 1);
	assert_int_equal(watch.fired, 1);
	client_world_deinit(&w);
}

static void a_refusal_with_a_depth_is_reported_once(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w");

	client_world_init(&w);
	w.store.handle = refuse_watches;
	refusals = 2;
	watch.watch.depth_plus_1 = 1;
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, &req.req), 0);
	settle(&w);
	assert_int_equal(req.done, 1);
	assert_int_equal(req.error, -EACCES);
	client_world_deinit(&w);
}

static void a_cancelled_watch_request_still_sets_the_watch(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w");

	client_world_init(&w);
	w.store.handle = no_depth_here;
	watch.watch.depth_plus_1 = 1;
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, &req.req), 0);
	xenstore_cancel(w.xs, &req.req);
	settle(&w);
	assert_int_equal(req.done, 0);
	assert_int_equal(watch.fired, 1);
	client_world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_fires_once_set_and_once_an_event),
		cmocka_unit_test(a_watch_is_registered_once),
		cmocka_unit_test(a_path_too_long_for_a_message_is_refused),
		cmocka_unit_test(events_after_removal_are_stale),
		cmocka_unit_test(equal_events_of_one_batch_are_one),
		cmocka_unit_test(a_flood_costs_no_memory_and_loses_nothing),
		cmocka_unit_test(a_watch_removed_by_an_earlier_callback_does_not_fire),
		cmocka_unit_test(a_watch_may_close_the_session),
		cmocka_unit_test(a_refused_watch_is_forgotten_before_done),
		cmocka_unit_test(all_watches_are_set_again_but_the_removed),
		cmocka_unit_test(a_watch_whose_reply_was_lost_is_kept),
		cmocka_unit_test(a_watch_not_taken_back_is_tried_again),
		cmocka_unit_test(a_depth_is_sent_and_given_up_where_unknown),
		cmocka_unit_test(a_depth_is_sent_as_asked),
		cmocka_unit_test(a_refusal_with_a_depth_is_reported_once),
		cmocka_unit_test(a_cancelled_watch_request_still_sets_the_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
