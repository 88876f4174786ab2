/* SPDX-License-Identifier: MIT */
/* Requests: pipelined, matched, cancelled, failed once; the connection lost and made again. */
#include <errno.h>
#include <stdlib.h>

#include "client_world.h"
#include "failing_alloc.h"

#define MANY 300

static void every_reply_reaches_its_own_request(void **state)
{
	struct client_world w;
	struct test_request *req = calloc(MANY, sizeof(*req));
	char path[32];

	client_world_init(&w);
	for (int i = 0; i < MANY; i++) {
		req[i] = test_request();
		snprintf(path, sizeof(path), "/n/%d", i);
		assert_int_equal(submit(&w, &req[i], XS_READ, path), 0);
	}
	settle(&w);
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "/n/%d", i);
		assert_int_equal(req[i].done, 1);
		assert_int_equal(req[i].error, 0);
		assert_string_equal(req[i].reply, path);
		assert_int_equal(req[i].len, strlen(path));
	}
	client_world_deinit(&w);
	free(req);
}

static void one_turns_submits_go_out_in_one_piece(void **state)
{
	struct client_world w;
	struct test_request req[50];

	client_world_init(&w);
	for (int i = 0; i < 50; i++) {
		req[i] = test_request();
		assert_int_equal(submit(&w, &req[i], XS_READ, "/a"), 0);
	}
	settle(&w);
	assert_int_equal(w.store.messages, 50);
	assert_int_equal(w.store.reads, 1);
	client_world_deinit(&w);
}

static int held;
static struct xsd_sockmsg holding[3];

static void answer_last_first(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload)
{
	holding[held++] = *header;
	for (; held == 3; held = 0)
		for (int i = 2; i >= 0; i--)
			fake_store_reply(store, &holding[i], &"abc"[i], 1);
}

static void replies_may_come_in_any_order(void **state)
{
	struct client_world w;
	struct test_request req[3] = { test_request(), test_request(), test_request() };

	client_world_init(&w);
	w.store.handle = answer_last_first;
	for (int i = 0; i < 3; i++)
		assert_int_equal(submit(&w, &req[i], XS_READ, "/a"), 0);
	settle(&w);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(req[i].done, 1);
		assert_int_equal(req[i].reply[0], "abc"[i]);
	}
	client_world_deinit(&w);
}

static void replies_cut_anywhere_are_put_together(void **state)
{
	for (size_t chunk = 1; chunk <= 40; chunk++) {
		struct client_world w;
		struct test_request req[3] = { test_request(), test_request(), test_request() };

		client_world_init(&w);
		w.store.chunk = chunk;
		for (int i = 0; i < 3; i++)
			assert_int_equal(submit(&w, &req[i], XS_READ, "/a/b/c"), 0);
		settle(&w);
		for (int i = 0; i < 3; i++)
			assert_string_equal(req[i].reply, "/a/b/c");
		client_world_deinit(&w);
	}
}

static void the_largest_payload_passes_and_one_more_byte_is_refused(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	char *data = calloc(1, XENSTORE_PAYLOAD_MAX + 1);
	struct iovec iov[2] = { { data, XENSTORE_PAYLOAD_MAX }, { data, 1 } };
	const struct iovec wrap[2] = { { data, 16 }, { data, SIZE_MAX - 8 } };

	memset(data, 'x', XENSTORE_PAYLOAD_MAX);
	client_world_init(&w);
	assert_int_equal(xenstore_submit(w.xs, &req.req, XS_READ, 0, iov, 2), -E2BIG);
	assert_int_equal(xenstore_submit(w.xs, &req.req, XS_READ, 0, wrap, 2), -E2BIG);
	assert_int_equal(xenstore_submit(w.xs, &req.req, XS_READ, 0, iov, 1), 0);
	settle(&w);
	assert_int_equal(req.done, 1);
	assert_int_equal(req.len, XENSTORE_PAYLOAD_MAX - 1);
	client_world_deinit(&w);
	free(data);
}

static void a_request_under_way_is_busy(void **state)
{
	struct client_world w;
	struct test_request req = test_request();

	client_world_init(&w);
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), -EBUSY);
	settle(&w);
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
	settle(&w);
	assert_int_equal(req.done, 2);
	client_world_deinit(&w);
}

static void a_cancelled_request_never_ends_and_disturbs_no_other(void **state)
{
	struct client_world w;
	struct test_request a = test_request(), b = test_request();
	struct xenstore_counters c;

	client_world_init(&w);
	assert_int_equal(submit(&w, &a, XS_READ, "/a"), 0);
	assert_int_equal(submit(&w, &b, XS_READ, "/b"), 0);
	xenstore_cancel(w.xs, &a.req);
	xenstore_cancel(w.xs, &a.req);
	assert_int_equal(submit(&w, &a, XS_READ, "/c"), 0);
	xenstore_counters(w.xs, &c);
	assert_int_equal(c.pending, 3);
	settle(&w);
	assert_int_equal(a.done, 1);
	assert_string_equal(a.reply, "/c");
	assert_string_equal(b.reply, "/b");
	xenstore_counters(w.xs, &c);
	assert_int_equal(c.pending, 0);
	assert_int_equal(c.replies, 3);
	client_world_deinit(&w);
}

static const char *error_sent;

static void answer_error(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload)
{
	fake_store_error(store, header, error_sent);
}

static void an_error_is_the_errno_of_its_name(void **state)
{
	for (size_t i = 0; i <= sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
		const bool known = i < sizeof(xsd_errors) / sizeof(xsd_errors[0]);
		struct client_world w;
		struct test_request req = test_request();

		client_world_init(&w);
		error_sent = known ? xsd_errors[i].errstring : "EQUOTA";
		w.store.handle = answer_error;
		assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
		settle(&w);
		assert_int_equal(req.done, 1);
		assert_int_equal(req.error, known ? -xsd_errors[i].errnum : -EIO);
		client_world_deinit(&w);
	}
}

/* The server dies at its nth message, for every n: what was answered is, what was not fails once. */
static void a_dying_server_fails_the_rest_once(void **state)
{
	for (int nth = 1; nth <= 9; nth++) {
		struct client_world w;
		struct test_request req[8];

		client_world_init(&w);
		w.store.die_at = nth;
		for (int i = 0; i < 8; i++) {
			req[i] = test_request();
			assert_int_equal(submit(&w, &req[i], XS_READ, "/a"), 0);
			settle(&w);
			if (w.lost)
				break;
			assert_int_equal(req[i].error, 0);
			assert_int_equal(req[i].done, 1);
		}
		if (nth <= 8) {
			assert_int_equal(req[nth - 1].done, 1);
			assert_int_equal(req[nth - 1].error, -ENOTCONN);
		}
		assert_int_equal(w.lost, nth <= 8);
		client_world_deinit(&w);
	}
}

static int order[8], ended;

static void note_order(struct test_request *req)
{
	order[ended++] = req->reply[0];
}

static void what_is_pending_fails_in_order_of_submission(void **state)
{
	struct client_world w;
	struct test_request req[8];

	client_world_init(&w);
	w.store.die_at = 1;
	ended = 0;
	for (int i = 0; i < 8; i++) {
		req[i] = test_request();
		req[i].reply[0] = (char)i;
		req[i].then = note_order;
		assert_int_equal(submit(&w, &req[i], XS_READ, "/a"), 0);
	}
	settle(&w);
	assert_int_equal(ended, 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(order[i], i);
	client_world_deinit(&w);
}

static void submit_again(struct test_request *req)
{
	req->then = NULL;
	assert_int_equal(submit(req->world, req, XS_READ, "/again"), -ENOTCONN);
	assert_false(xenstore_connected(req->world->xs));
}

static void while_it_is_down_requests_are_refused(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w");

	client_world_init(&w);
	settle(&w);
	fake_store_down(&w.store);
	w.store.die_at = 1;
	req.then = submit_again;
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
	while (!w.lost)
		assert_true(xenbus_host_dispatch(&w.host.base, 0) >= 0);
	assert_int_equal(req.done, 1);
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), -ENOTCONN);
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), -ENOTCONN);
	client_world_deinit(&w);
}

/* At once, then every 100 ms doubling to 2 s. */
static void it_connects_again_at_the_times_promised(void **state)
{
	static const unsigned int ms[] = { 0, 100, 200, 400, 800, 1600, 2000, 2000, 2000 };
	struct client_world w;
	struct test_request req = test_request();
	uint64_t before;

	client_world_init(&w);
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
	settle(&w);
	fake_store_down(&w.store);
	fake_store_hangup(&w.store);
	before = w.host.now_ns;
	settle(&w);
	assert_int_equal(w.lost, 1);
	assert_int_equal(w.host.now_ns, before); /* tried at once, in vain */
	for (size_t i = 1; i < sizeof(ms) / sizeof(ms[0]); i++) {
		before = w.host.now_ns;
		assert_int_equal(xenbus_host_dispatch(&w.host.base, -1), 1);
		assert_int_equal(w.host.now_ns - before, ms[i] * 1000000ull);
	}
	assert_int_equal(w.reconnected, 0);
	fake_store_up(&w.store);
	while (!w.reconnected)
		assert_int_equal(xenbus_host_dispatch(&w.host.base, -1), 1);
	assert_int_equal(w.lost, 1);
	assert_int_equal(submit(&w, &req, XS_READ, "/b"), 0);
	settle(&w);
	assert_string_equal(req.reply, "/b");
	client_world_deinit(&w);
}

/* A server that accepts and hangs up without a word is not hammered. */
static void a_mute_server_is_backed_off_from(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	uint64_t start;

	client_world_init(&w);
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
	settle(&w); /* it was not mute the first time */
	start = w.host.now_ns;
	for (int i = 0; i < 6; i++) {
		while (w.store.conn < 0)
			assert_true(xenbus_host_dispatch(&w.host.base, -1) >= 0);
		fake_store_hangup(&w.store);
	}
	assert_true(w.host.now_ns - start >= (0 + 100 + 200 + 400 + 800) * 1000000ull);
	client_world_deinit(&w);
}

static void opening_without_a_server_says_why_and_holds_nothing(void **state)
{
	struct client_world w;

	client_world_init_closed(&w);
	fake_store_down(&w.store);
	assert_int_equal(client_world_open(&w), -ENOENT);
	assert_null(w.xs);
	client_world_deinit(&w);
}

static void close_session(struct test_request *req)
{
	xenstore_close(req->world->xs);
	req->world->xs = NULL;
}

static void closing_fails_what_is_pending_before_it_returns(void **state)
{
	struct client_world w;
	struct test_request req = test_request();

	client_world_init(&w);
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
	xenstore_close(w.xs);
	assert_int_equal(req.done, 1);
	assert_int_equal(req.error, -ENOTCONN);
	w.xs = NULL;
	client_world_deinit(&w);
}

/* From the nth of several callbacks that one batch, or one loss, brings. */
static void a_callback_may_close_the_session(void **state)
{
	for (int nth = 0; nth < 4; nth++) {
		for (int dies = 0; dies < 2; dies++) {
			struct client_world w;
			struct test_request req[4];

			client_world_init(&w);
			w.store.die_at = dies;
			for (int i = 0; i < 4; i++) {
				req[i] = test_request();
				if (i == nth)
					req[i].then = close_session;
				assert_int_equal(submit(&w, &req[i], XS_READ, "/a"), 0);
			}
			settle(&w);
			for (int i = 0; i < 4; i++) {
				assert_int_equal(req[i].done, 1);
				assert_int_equal(req[i].error, dies || i > nth ? -ENOTCONN : 0);
			}
			assert_null(w.xs);
			client_world_deinit(&w);
		}
	}
}

static void call_from_callback(struct test_request *req)
{
	const struct iovec iov = { (void *)(uintptr_t) "/a", 3 };

	assert_int_equal(xenstore_call(req->world->xs, XS_READ, 0, &iov, 1, NULL, NULL), -EDEADLK);
}

static void a_call_waits_for_its_reply(void **state)
{
	struct client_world w;
	struct test_request req = test_request();
	const struct iovec iov = { (void *)(uintptr_t) "/call", 6 };
	char *reply;
	size_t len;

	client_world_init(&w);
	assert_int_equal(xenstore_call(w.xs, XS_READ, 0, &iov, 1, &reply, &len), 0);
	assert_string_equal(reply, "/call");
	assert_int_equal(len, 5);
	free(reply);
	req.then = call_from_callback;
	assert_int_equal(submit(&w, &req, XS_READ, "/a"), 0);
	settle(&w);
	assert_int_equal(req.done, 1);
	w.store.die_at = w.store.messages + 1;
	assert_int_equal(xenstore_call(w.xs, XS_READ, 0, &iov, 1, &reply, &len), -ENOTCONN);
	assert_null(reply);
	client_world_deinit(&w);
}

/* The server reads slowly and the program goes on submitting: everything arrives, in order. */
static void a_full_socket_is_waited_for(void **state)
{
	static struct test_request req[600];
	static char path[4000];
	struct client_world w;
	int sent = 0;

	client_world_init(&w);
	memset(path, 'x', sizeof(path) - 1);
	for (int turn = 0; turn < 60; turn++) {
		for (int i = 0; i < 10; i++, sent++) {
			req[sent] = test_request();
			snprintf(path, sizeof(path), "/%03d", sent);
			path[4] = 'x';
			assert_int_equal(submit(&w, &req[sent], XS_READ, path), 0);
		}
		w.host.idle = NULL;
		settle(&w);
		for (int i = 0; i < 4; i++)
			fake_store_step(&w.store);
		w.host.idle = fake_store_step;
	}
	settle(&w);
	for (int i = 0; i < sent; i++) {
		assert_int_equal(req[i].done, 1);
		assert_int_equal(req[i].len, sizeof(path) - 1);
		assert_int_equal(atoi(req[i].reply + 1), i);
	}
	client_world_deinit(&w);
}

/* As many as there are ids; the next is refused and disturbs nothing. */
static void ids_run_out_and_come_back(void **state)
{
	struct test_request one = test_request();
	struct client_world w;
	const struct iovec iov = { (void *)(uintptr_t) "", 1 };
	struct xenstore_request *req = calloc(65535, sizeof(*req));
	struct xenstore_counters c;

	client_world_init(&w);
	for (int i = 0; i < 65535; i++) {
		assert_int_equal(xenstore_submit(w.xs, &req[i], XS_READ, 0, &iov, 1), 0);
		xenstore_cancel(w.xs, &req[i]);
	}
	assert_int_equal(submit(&w, &one, XS_READ, "/a"), -ENOMEM);
	settle(&w);
	xenstore_counters(w.xs, &c);
	assert_int_equal(c.replies, 65535);
	assert_int_equal(submit(&w, &one, XS_READ, "/a"), 0);
	settle(&w);
	assert_string_equal(one.reply, "/a");
	client_world_deinit(&w);
	free(req);
}

static void swallow(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload)
{
}

static void a_full_socket_goes_on_without_a_reply_to_wake_it(void **state)
{
	static struct test_request req[300];
	static char path[4000];
	struct client_world w;

	client_world_init(&w);
	memset(path, 'x', sizeof(path) - 1);
	w.store.handle = swallow;
	for (int i = 0; i < 300; i++) {
		req[i] = test_request();
		assert_int_equal(submit(&w, &req[i], XS_READ, path), 0);
	}
	settle(&w);
	assert_int_equal(w.store.messages, 300);
	client_world_deinit(&w);
}

static void steady_state_allocates_nothing(void **state)
{
	struct client_world w;
	struct test_request req[16];

	client_world_init(&w);
	for (int turn = 0; turn < 20; turn++) {
		if (turn == 1)
			failing_alloc.calls = 0;
		for (int i = 0; i < 16; i++) {
			req[i] = test_request();
			assert_int_equal(submit(&w, &req[i], XS_READ, "/a/b/c"), 0);
		}
		settle(&w);
	}
	assert_int_equal(failing_alloc.calls, 0);
	client_world_deinit(&w);
}

/* What a program might do, with the nth allocation failing: an error here and there, nothing held, all ends. */
static int scenario(struct client_world *w)
{
	struct test_request req[40];
	struct test_watch watch = test_watch("/w");
	struct xenstore_counters c;
	int failures = 0, submitted = 0, ended_now = 0;

	if (client_world_open(w))
		return 1;
	failures += xenstore_watch_add(w->xs, &watch.watch, NULL) != 0;
	for (int i = 0; i < 40; i++) {
		req[i] = test_request();
		if (submit(w, &req[i], XS_READ, "/a"))
			failures++;
		else
			submitted++;
	}
	settle(w);
	xenstore_counters(w->xs, &c);
	assert_int_equal(c.pending, 0);
	fake_store_hangup(&w->store);
	settle(w);
	for (int i = 0; i < 40; i++)
		ended_now += req[i].done;
	assert_int_equal(ended_now, submitted);
	xenstore_close(w->xs);
	w->xs = NULL;
	return failures;
}

static void no_failed_allocation_is_fatal_or_leaks(void **state)
{
	for (int forever = 0; forever < 2; forever++) {
		bool failed = true;

		for (long nth = 1; failed; nth++) {
			struct client_world w;
			long before;

			client_world_init_closed(&w);
			before = failing_alloc.live;
			alloc_fail(nth, forever);
			scenario(&w);
			failed = alloc_failed();
			assert_int_equal(failing_alloc.live, before);
			assert_true(failed || nth > 4);
			client_world_deinit(&w);
		}
	}
}

static void a_source_that_cannot_be_added_is_an_error_of_open(void **state)
{
	struct client_world w;
	long before;

	client_world_init_closed(&w);
	before = failing_alloc.live;
	w.host.fail_source_add = 1;
	assert_int_equal(client_world_open(&w), -ENOMEM);
	assert_int_equal(failing_alloc.live, before);
	client_world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reply_reaches_its_own_request),
		cmocka_unit_test(one_turns_submits_go_out_in_one_piece),
		cmocka_unit_test(replies_may_come_in_any_order),
		cmocka_unit_test(replies_cut_anywhere_are_put_together),
		cmocka_unit_test(the_largest_payload_passes_and_one_more_byte_is_refused),
		cmocka_unit_test(a_request_under_way_is_busy),
		cmocka_unit_test(a_cancelled_request_never_ends_and_disturbs_no_other),
		cmocka_unit_test(an_error_is_the_errno_of_its_name),
		cmocka_unit_test(a_dying_server_fails_the_rest_once),
		cmocka_unit_test(what_is_pending_fails_in_order_of_submission),
		cmocka_unit_test(while_it_is_down_requests_are_refused),
		cmocka_unit_test(it_connects_again_at_the_times_promised),
		cmocka_unit_test(a_mute_server_is_backed_off_from),
		cmocka_unit_test(opening_without_a_server_says_why_and_holds_nothing),
		cmocka_unit_test(closing_fails_what_is_pending_before_it_returns),
		cmocka_unit_test(a_callback_may_close_the_session),
		cmocka_unit_test(a_call_waits_for_its_reply),
		cmocka_unit_test(a_full_socket_is_waited_for),
		cmocka_unit_test(ids_run_out_and_come_back),
		cmocka_unit_test(a_full_socket_goes_on_without_a_reply_to_wake_it),
		cmocka_unit_test(steady_state_allocates_nothing),
		cmocka_unit_test(no_failed_allocation_is_fatal_or_leaks),
		cmocka_unit_test(a_source_that_cannot_be_added_is_an_error_of_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
