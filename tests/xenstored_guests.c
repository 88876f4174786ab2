/* SPDX-License-Identifier: MIT */
/* The daemon and its guests' rings, round by round, in a world of the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <xenbus/ring.h>
#include <xenbus/wire.h>

#include "failing_alloc.h"
#include "server_world.h"

/* -- serving ------------------------------------------------------------------------------------ */

static void dom0_is_introduced_at_the_start_and_told_once(void **state)
{
	struct world *w = world_begin();
	struct store_page page = guest_page(w, 0);

	assert_int_equal(w->xen.domains[0].notified, 1);
	assert_int_equal(atomic_load(page.connection), STORE_PAGE_CONNECTED);
	assert_int_equal(atomic_load(page.server_features), 15);
	guest_expect_read(w, 0, "/tool/xenstored", "");
	assert_int_equal(fake_xen_held(&w->xen), 2);
	world_end(w);
}

static void a_guest_is_served_on_its_ring(void **state)
{
	struct world *w = world_begin();
	struct store_page page;
	struct answer answer;

	guest_add(w, 3);
	page = guest_page(w, 3);
	assert_int_equal(atomic_load(page.server_features), 15);
	guest_ask(w, 3, XS_WRITE, "data\0here", 9, &answer);
	assert_string_equal(answer.payload, "OK");
	guest_expect_read(w, 3, "data", "here");
	guest_expect_read(w, 0, "/local/domain/3/data", "here");
	world_end(w);
}

static void what_a_guest_asked_before_it_was_introduced_is_answered(void **state)
{
	struct world *w = world_begin();
	struct answer answer;

	fake_xen_create(&w->xen, 3);
	guest_put(w, 3, XS_READ, 8, "/tool", 6);
	assert_string_equal(guest_introduce(w, 3), "OK");
	world_settle(w);
	guest_get(w, 3, &answer);
	assert_int_equal(answer.header.req_id, 8);
	world_end(w);
}

static void one_turn_is_one_notification(void **state)
{
	struct world *w = world_begin();
	struct answer answer;

	guest_add(w, 3);
	w->xen.domains[3].notified = 0;
	for (uint32_t i = 0; i < 10; i++)
		guest_put(w, 3, XS_WRITE, i, "k\0v", 3);
	fake_xen_kick(&w->xen, 3);
	world_settle(w);
	assert_int_equal(w->xen.domains[3].notified, 1);
	for (uint32_t i = 0; i < 10; i++) {
		guest_get(w, 3, &answer);
		assert_int_equal(answer.header.req_id, i);
		assert_string_equal(answer.payload, "OK");
	}
	world_end(w);
}

static void a_reply_larger_than_the_ring_comes_in_parts(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	char payload[1900];

	guest_add(w, 3);
	memset(payload, 'v', sizeof(payload));
	memcpy(payload, "/local/domain/3/long", 21);
	/* Dom0 writes it, in parts too: its ring is as small. */
	{
		struct store_page page = guest_page(w, 0);
		char message[WIRE_HEADER_SIZE + sizeof(payload)];
		size_t sent = 0;

		wire_header_put(message, XS_WRITE, 9, 0, sizeof(payload));
		memcpy(message + WIRE_HEADER_SIZE, payload, sizeof(payload));
		while (sent < sizeof(message)) {
			int n = byte_ring_put(&page.req, message + sent, sizeof(message) - sent);

			assert_true(n > 0);
			sent += (size_t)n;
			fake_xen_kick(&w->xen, 0);
			world_settle(w);
		}
		guest_get(w, 0, &answer);
		assert_string_equal(answer.payload, "OK");
	}
	guest_ask(w, 3, XS_READ, "long", 5, &answer);
	assert_int_equal(answer.header.type, XS_READ);
	assert_int_equal(answer.header.len, sizeof(payload) - 21);
	assert_memory_equal(answer.payload, payload + 21, answer.header.len);
	world_end(w);
}

/* -- a guest that notifies only when it must, as Linux ---------------------------------------------- */

static void ask_silently(void *arg)
{
	guest_put(arg, 3, XS_READ, 8, "/tool", 6);
}

/* Both answers are there, without a kick for the second. */
static void expect_the_silent_one(struct world *w)
{
	struct store_page page = guest_page(w, 3);
	struct answer answer;

	guest_put(w, 3, XS_READ, 7, "/tool", 6);
	fake_xen_kick(&w->xen, 3);
	world_settle(w);
	assert_int_equal(byte_ring_used(&page.rsp), 2 * (WIRE_HEADER_SIZE + sizeof("ENOENT")));
	guest_get(w, 3, &answer);
	assert_int_equal(answer.header.req_id, 7);
	guest_get(w, 3, &answer);
	assert_int_equal(answer.header.req_id, 8);
}

/* It found our index behind its own, because we were about to move it: no event comes. */
static void what_comes_while_its_ring_is_read_is_found(void **state)
{
	struct world *w = world_begin();

	guest_add(w, 3);
	w->xen.domains[3].arg = w;
	w->xen.domains[3].at_notify = ask_silently;
	expect_the_silent_one(w);
	assert_null(w->xen.domains[3].at_notify);
	w->xen.domains[3].at_unmask = ask_silently;
	expect_the_silent_one(w);
	assert_null(w->xen.domains[3].at_unmask);
	world_end(w);
}

enum { MANY = 50 }; /* names that do not fit in the ring at once */

struct taker {
	struct world *w;
	size_t taken;
};

/* It takes what there is, and did not find the ring full. */
static void take_silently(void *arg)
{
	struct taker *taker = arg;
	struct store_page page = guest_page(taker->w, 3);
	char buf[STORE_PAGE_RING_BYTES];
	int n = byte_ring_get(&page.rsp, buf, sizeof(buf));

	assert_true(n >= 0);
	taker->taken += (size_t)n;
	if (n)
		taker->w->xen.domains[3].at_notify = take_silently;
}

static void room_made_while_its_ring_is_filled_is_found(void **state)
{
	struct world *w = world_begin();
	struct taker taker = { .w = w };
	struct answer answer;
	char path[64];

	guest_add(w, 3);
	for (int i = 0; i < MANY; i++) {
		int len = snprintf(path, sizeof(path), "data/a-name-of-twenty-nine-bytes-%02d", i) + 1;

		guest_ask(w, 3, XS_MKDIR, path, (size_t)len, &answer);
	}
	w->xen.domains[3].arg = &taker;
	w->xen.domains[3].at_notify = take_silently;
	guest_put(w, 3, XS_DIRECTORY, 9, "data", 5);
	fake_xen_kick(&w->xen, 3);
	world_settle(w);
	w->xen.domains[3].at_notify = NULL;
	assert_int_equal(taker.taken, WIRE_HEADER_SIZE + MANY * sizeof("a-name-of-twenty-nine-bytes-00"));
	world_end(w);
}

/* -- greed -------------------------------------------------------------------------------------- */

static uint32_t consumed_of(struct world *w, uint32_t domid)
{
	struct store_page page = guest_page(w, domid);

	return atomic_load(page.req.cons);
}

/* Replies fill its ring; then 20 requests may be outstanding, and no byte more is read. */
static void a_guest_that_takes_no_replies_is_not_read_from(void **state)
{
	struct world *w = world_begin();
	struct store_page page;
	struct answer answer;
	uint32_t put_in = 0, taken, got = 0;

	guest_add(w, 3);
	page = guest_page(w, 3);
	for (int round = 0; round < 100; round++) {
		while (byte_ring_space(&page.req) >= 64)
			guest_put(w, 3, XS_READ, put_in++, "nothing", 8);
		fake_xen_kick(&w->xen, 3);
		world_settle(w);
	}
	taken = consumed_of(w, 3);
	fake_xen_kick(&w->xen, 3);
	world_settle(w);
	assert_int_equal(consumed_of(w, 3), taken);
	assert_true(put_in < 200);
	guest_expect_read(w, 0, "/tool/xenstored", "");
	while (got < put_in) {
		guest_get(w, 3, &answer);
		assert_int_equal(answer.header.req_id, got++);
	}
	world_end(w);
}

/* CONTROL changes it while the guest is there: with 1, what is read ahead of the replies is one request. */
static void the_limit_on_outstanding_requests_can_be_changed(void **state)
{
	struct world *w = world_begin();
	struct store_page page;
	struct answer answer;

	guest_add(w, 3);
	page = guest_page(w, 3);
	guest_ask(w, 0, XS_CONTROL, "quota\0set\0outstanding\0001", 24, &answer);
	assert_string_equal(answer.payload, "OK");
	for (uint32_t i = 0; i < 20; i++)
		guest_put(w, 3, XS_READ, i, "nothing", 8);
	fake_xen_kick(&w->xen, 3);
	world_serve(w);
	assert_int_equal(byte_ring_used(&page.rsp), WIRE_HEADER_SIZE + sizeof("ENOENT"));
	world_settle(w);
	for (uint32_t i = 0; i < 20; i++) {
		guest_get(w, 3, &answer);
		assert_int_equal(answer.header.req_id, i);
	}
	world_end(w);
}

/* The flooder has its ring full again before each round; the victim asks once. */
static void a_flooding_guest_costs_the_victim_one_turn_and_us_no_events(void **state)
{
	struct world *w = world_begin();
	struct store_page flooder, victim;
	struct answer answer;
	char dump[1024];
	uint32_t before;

	guest_add(w, 3);
	guest_add(w, 4);
	flooder = guest_page(w, 3);
	victim = guest_page(w, 4);
	before = w->xen.asked;
	for (int round = 0; round < 50; round++) {
		while (byte_ring_space(&flooder.req) >= 32)
			guest_put(w, 3, XS_READ, 1, "x", 2);
		while (byte_ring_get(&flooder.rsp, dump, sizeof(dump)) > 0)
			;
		fake_xen_kick(&w->xen, 3);
		if (round == 25) {
			guest_put(w, 4, XS_READ, 5, "y", 2);
			fake_xen_kick(&w->xen, 4);
		}
		world_serve(w);
		if (round == 25)
			assert_true(byte_ring_used(&victim.rsp) > 0); /* in the very round */
	}
	assert_true(w->xen.asked - before <= 2 * 50 + 2);
	guest_get(w, 4, &answer);
	assert_int_equal(answer.header.req_id, 5);
	world_end(w);
}

/* All kick at once: whoever is not looked at in this round is passed by one more turn of everybody who is. */
static void all_that_kicked_have_their_turn_in_the_same_round(void **state)
{
	const uint32_t last = FAKE_DOMAINS - 1;
	struct world *w = world_begin();
	uint64_t served;

	for (uint32_t domid = 1; domid <= last; domid++)
		guest_add(w, domid);
	world_settle(w);
	served = w->server.fairness.now.served;
	for (uint32_t domid = 1; domid <= last; domid++) {
		guest_put(w, domid, XS_READ, 5, "x", 2);
		fake_xen_kick(&w->xen, domid);
	}
	world_serve(w);
	assert_int_equal(w->server.fairness.now.served - served, last);
	assert_int_equal(w->server.fairness.most_guest, 1);
	world_end(w);
}

/* Five hundred watches match each of the twenty writes of a guest to @nodes nodes: so many are in its first turn. */
static uint64_t writes_in_a_turn(int nodes)
{
	struct world *w = world_begin();
	int watcher = socket_connect(w);
	struct answer answer;
	char payload[32];
	uint64_t served;

	guest_add(w, 3);
	for (int i = 0; i < 500; i++) {
		size_t len = (size_t)snprintf(payload, sizeof(payload), "/local/domain/3%c%d", 0, i) + 1;

		socket_ask(w, watcher, XS_WATCH, 0, payload, len, &answer);
		assert_int_equal(read(watcher, payload, 16), 16);
		assert_true(read(watcher, answer.payload, sizeof(answer.payload)) > 0); /* the first event */
	}
	served = w->server.fairness.now.served;
	for (int i = 0; i < 20; i++) {
		size_t len = (size_t)snprintf(payload, sizeof(payload), "k%d%cx", i % nodes, 0);

		guest_put(w, 3, XS_WRITE, 5, payload, len);
	}
	fake_xen_kick(&w->xen, 3);
	world_serve(w);
	served = w->server.fairness.now.served - served;
	close(watcher);
	world_settle(w);
	world_end(w);
	return served;
}

/* After a few writes, not after 32. */
static void a_turn_ends_at_its_cost_too(void **state)
{
	assert_int_equal(writes_in_a_turn(20), TURN_EFFECTS / 501 + 1);
}

/* The same node each time, so each event equals one that waits: to find that out is work as well. */
static void events_that_are_merged_count_as_cost(void **state)
{
	assert_int_equal(writes_in_a_turn(1), TURN_EFFECTS / 501 + 1);
}

/* -- lies --------------------------------------------------------------------------------------- */

static void expect_dead_and_revive(struct world *w, uint32_t domid, uint32_t error)
{
	struct store_page page = guest_page(w, domid);
	uint32_t notified = w->xen.domains[domid].notified;

	assert_int_equal(atomic_load(page.error), error);
	/* It stays dead however often it kicks ... */
	for (int i = 0; i < 10; i++) {
		fake_xen_kick(&w->xen, domid);
		world_settle(w);
	}
	assert_int_equal(w->xen.domains[domid].notified, notified);
	guest_expect_read(w, 0, "/tool/xenstored", "");
	/* ... until it asks to reconnect. */
	atomic_store(page.connection, STORE_PAGE_RECONNECT);
	fake_xen_kick(&w->xen, domid);
	world_settle(w);
	assert_int_equal(atomic_load(page.connection), STORE_PAGE_CONNECTED);
	assert_int_equal(atomic_load(page.error), STORE_PAGE_ERROR_NONE);
	assert_int_equal(atomic_load(page.req.prod) | atomic_load(page.rsp.prod), 0);
	assert_int_equal(w->xen.domains[domid].notified, notified + 1);
	guest_expect_read(w, domid, "/tool", "EACCES");
}

static void indices_out_of_bounds_stop_that_guest_alone(void **state)
{
	static const uint32_t ahead[] = { 1025, 2048, 5000, 0x7fffffff, 0x80000000, 0xffffffff };
	struct world *w = world_begin();

	guest_add(w, 3);
	guest_add(w, 4);
	for (size_t i = 0; i < 2 * sizeof(ahead) / sizeof(ahead[0]); i++) {
		struct store_page page = guest_page(w, 3);
		struct byte_ring *ring = i % 2 ? &page.req : &page.rsp;

		if (i % 2)
			atomic_store(ring->prod, atomic_load(ring->cons) + ahead[i / 2]);
		else
			atomic_store(ring->cons, atomic_load(ring->prod) - ahead[i / 2]);
		if (i % 2 == 0)
			guest_put(w, 3, XS_READ, 1, "x", 2); /* so that there is something to answer */
		fake_xen_kick(&w->xen, 3);
		world_settle(w);
		guest_expect_read(w, 4, "/tool", "EACCES");
		expect_dead_and_revive(w, 3, STORE_PAGE_ERROR_RINGIDX);
	}
	world_end(w);
}

static void a_message_too_long_stops_that_guest_alone(void **state)
{
	static const uint32_t lengths[] = { 4097, 0x40000000, 0x80000000, 0xffffffff };
	struct world *w = world_begin();

	guest_add(w, 3);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct store_page page = guest_page(w, 3);
		char header[WIRE_HEADER_SIZE];

		wire_header_put(header, XS_READ, 1, 0, lengths[i]);
		assert_int_equal(byte_ring_put(&page.req, header, sizeof(header)), sizeof(header));
		fake_xen_kick(&w->xen, 3);
		world_settle(w);
		expect_dead_and_revive(w, 3, STORE_PAGE_ERROR_PROTO);
	}
	world_end(w);
}

static void reconnecting_drops_half_a_message_and_the_watches(void **state)
{
	struct world *w = world_begin();
	struct store_page page;
	struct answer answer;

	guest_add(w, 3);
	page = guest_page(w, 3);
	guest_ask(w, 3, XS_WATCH, "data\0token", 11, &answer);
	guest_get(w, 3, &answer);
	assert_int_equal(byte_ring_put(&page.req, "half", 4), 4);
	fake_xen_kick(&w->xen, 3);
	world_settle(w);
	atomic_store(page.connection, STORE_PAGE_RECONNECT);
	fake_xen_kick(&w->xen, 3);
	world_settle(w);
	guest_ask(w, 0, XS_WRITE, "/local/domain/3/data\0x", 22, &answer);
	world_settle(w);
	assert_true(guest_is_empty(w, 3));
	guest_expect_read(w, 3, "data", "x");
	world_end(w);
}

/* -- features: what dom0 sets before is what the page says, and what is served ------------------------ */

static void set_features(struct world *w, uint32_t domid, unsigned int features)
{
	struct answer answer;
	char payload[32];
	const int len = snprintf(payload, sizeof(payload), "%u%c%u", domid, 0, features) + 1;

	guest_ask(w, 0, WIRE_SET_FEATURE, payload, (size_t)len, &answer);
	assert_string_equal(answer.payload, "OK");
}

static void a_page_offers_what_was_set_for_its_domain(void **state)
{
	struct world *w = world_begin();

	guest_add(w, 3);
	assert_int_equal(atomic_load(guest_page(w, 3).server_features), WIRE_FEATURES_ALL);
	for (uint32_t features = 0; features <= WIRE_FEATURES_ALL; features++) {
		struct answer answer;

		fake_xen_create(&w->xen, 4);
		set_features(w, 4, features);
		guest_add(w, 4);
		assert_int_equal(atomic_load(guest_page(w, 4).server_features), features);
		guest_ask(w, 4, WIRE_GET_FEATURE, "", 0, &answer);
		assert_int_equal(atoi(answer.payload), features);
		assert_string_equal(guest_introduce(w, 4), "OK");
		assert_int_equal(atomic_load(guest_page(w, 4).server_features), features);
		fake_xen_destroy(&w->xen, 4);
		world_settle(w);
	}
	world_end(w);
}

/* Its broken ring stays broken, and no field is written that it was not told of. */
static void what_is_not_offered_is_not_served(void **state)
{
	struct world *w = world_begin();
	struct store_page page;

	fake_xen_create(&w->xen, 3);
	set_features(w, 3, WIRE_FEATURE_WATCH_DEPTH);
	guest_add(w, 3);
	page = guest_page(w, 3);
	atomic_store(page.error, 77);
	atomic_store(page.req.prod, atomic_load(page.req.cons) + 5000);
	fake_xen_kick(&w->xen, 3);
	world_settle(w);
	assert_non_null(strstr(w->said, "not served until it is introduced anew"));
	atomic_store(page.connection, STORE_PAGE_RECONNECT);
	fake_xen_kick(&w->xen, 3);
	world_settle(w);
	assert_int_equal(atomic_load(page.connection), STORE_PAGE_RECONNECT);
	assert_int_equal(atomic_load(page.error), 77);
	atomic_store(page.connection, STORE_PAGE_CONNECTED);
	assert_string_equal(guest_introduce(w, 3), "OK");
	guest_expect_read(w, 3, "nothing", "ENOENT");
	world_end(w);
}

static void the_limit_on_outstanding_requests_is_a_domains_own(void **state)
{
	struct world *w = world_begin();
	struct store_domain_stats st;
	struct store_page three, four;
	struct answer answer;

	guest_add(w, 3);
	guest_add(w, 4);
	guest_ask(w, 0, WIRE_SET_QUOTA, "3\0outstanding\0002", 16, &answer);
	assert_string_equal(answer.payload, "OK");
	for (uint32_t domid = 3; domid <= 4; domid++) {
		for (uint32_t i = 0; i < 10; i++)
			guest_put(w, domid, XS_READ, i, "nothing", 8);
		fake_xen_kick(&w->xen, domid);
	}
	world_serve(w);
	three = guest_page(w, 3);
	four = guest_page(w, 4);
	assert_int_equal(byte_ring_used(&three.rsp), 2 * (WIRE_HEADER_SIZE + sizeof("ENOENT")));
	assert_int_equal(byte_ring_used(&four.rsp), 10 * (WIRE_HEADER_SIZE + sizeof("ENOENT")));
	for (uint32_t i = 0; i < 10; i++) {
		guest_get(w, 3, &answer);
		assert_int_equal(answer.header.req_id, i);
	}
	world_settle(w);
	assert_int_equal(store_domain_stats(w->server.store, 3, &st), 0);
	assert_int_equal(st.quota[STORE_QUOTA_OUTSTANDING].now, 0);
	assert_int_equal(st.quota[STORE_QUOTA_OUTSTANDING].max, 2);
	assert_int_equal(store_domain_stats(w->server.store, 4, &st), 0);
	assert_int_equal(st.quota[STORE_QUOTA_OUTSTANDING].max, 10);
	world_end(w);
}

/* -- coming and going ----------------------------------------------------------------------------- */

static void a_domains_death_frees_its_ring_and_is_told_once(void **state)
{
	struct world *w = world_begin();
	struct answer answer;

	guest_add(w, 3);
	guest_add(w, 4);
	guest_ask(w, 0, XS_WATCH, "@releaseDomain\0t", 17, &answer);
	guest_get(w, 0, &answer);
	assert_int_equal(answer.header.type, XS_WATCH_EVENT);
	fake_xen_shutdown(&w->xen, 3);
	world_settle(w);
	guest_get(w, 0, &answer);
	assert_int_equal(answer.header.type, XS_WATCH_EVENT);
	assert_int_equal(fake_xen_held(&w->xen), 6); /* shut down is not gone */
	fake_xen_destroy(&w->xen, 3);
	world_settle(w);
	guest_get(w, 0, &answer);
	assert_int_equal(answer.header.type, XS_WATCH_EVENT);
	assert_int_equal(fake_xen_held(&w->xen), 4);
	fake_xen_destroy(&w->xen, 9); /* nobody we know: nothing is said */
	world_settle(w);
	assert_true(guest_is_empty(w, 0));
	guest_expect_read(w, 4, "/tool", "EACCES");
	world_end(w);
}

static void an_id_can_live_again(void **state)
{
	struct world *w = world_begin();
	struct answer answer;

	for (int life = 0; life < 5; life++) {
		guest_add(w, 3);
		guest_expect_read(w, 3, "trace", "ENOENT");
		guest_ask(w, 3, XS_WRITE, "trace\0x", 7, &answer);
		assert_string_equal(answer.payload, "OK");
		fake_xen_destroy(&w->xen, 3);
		world_settle(w);
		assert_int_equal(fake_xen_held(&w->xen), 2);
	}
	world_end(w);
}

static void introducing_again_binds_again_and_empties_the_ring(void **state)
{
	struct world *w = world_begin();
	struct store_page page;
	struct answer answer;

	guest_add(w, 3);
	page = guest_page(w, 3);
	assert_int_equal(byte_ring_put(&page.req, "half", 4), 4);
	fake_xen_kick(&w->xen, 3);
	world_settle(w);
	assert_string_equal(guest_introduce(w, 3), "OK");
	assert_int_equal(atomic_load(page.req.prod), 0);
	assert_int_equal(fake_xen_held(&w->xen), 4);
	guest_ask(w, 3, XS_WRITE, "a\0b", 3, &answer);
	assert_string_equal(answer.payload, "OK");
	world_end(w);
}

static void release_lets_go_of_the_ring(void **state)
{
	struct world *w = world_begin();
	struct answer answer;

	guest_add(w, 3);
	guest_add(w, 4);
	/* Both have a turn due in the round that releases one of them. */
	guest_put(w, 3, XS_READ, 1, "x", 2);
	guest_put(w, 4, XS_READ, 1, "x", 2);
	guest_put(w, 0, XS_RELEASE, 2, "4", 2);
	fake_xen_kick(&w->xen, 3);
	fake_xen_kick(&w->xen, 4);
	fake_xen_kick(&w->xen, 0);
	world_settle(w);
	guest_get(w, 0, &answer);
	assert_string_equal(answer.payload, "OK");
	assert_int_equal(w->server.guests.ports.count, 2); /* dom0 and 3 */
	assert_int_equal(w->server.conns.count, 2);
	assert_int_equal(fake_xen_held(&w->xen), 4);
	world_end(w);
}

/* The toolstack's own ring goes away under the request that says so. */
static void dom0_can_introduce_itself_anew(void **state)
{
	struct world *w = world_begin();

	guest_put(w, 0, XS_INTRODUCE, 5, "0\0001\0005", 6);
	fake_xen_kick(&w->xen, 0);
	world_settle(w);
	world_settle(w);
	assert_int_equal(fake_xen_held(&w->xen), 2);
	world_end(w);
}

static void an_introduction_that_fails_holds_nothing(void **state)
{
	struct world *w = world_begin();
	const char *said = "";
	uint32_t nth = 0;

	fake_xen_create(&w->xen, 3);
	do {
		w->xen.fail = w->xen.calls + ++nth;
		said = guest_introduce(w, 3);
		w->xen.fail = 0;
		assert_int_equal(fake_xen_held(&w->xen), strcmp(said, "OK") ? 2 : 4);
	} while (strcmp(said, "OK"));
	assert_int_equal(nth, 3); /* mapping and binding were failed */
	world_end(w);
}

static void introducing_whom_there_is_not_fails(void **state)
{
	struct world *w = world_begin();

	assert_string_not_equal(guest_introduce(w, 9), "OK");
	assert_int_equal(fake_xen_held(&w->xen), 2);
	world_end(w);
}

static void a_start_that_fails_holds_nothing(void **state)
{
	for (uint32_t nth = 1, err = 1; err; nth++) {
		struct world *w = world_new();

		w->xen.fail = nth;
		err = world_open_server(w) != 0;
		if (!err)
			server_close(&w->server);
		world_free(w);
	}
}

/* -- a stream that somebody else accepted ---------------------------------------------------------- */

static uint32_t connections(struct world *w)
{
	struct store_stats stats;

	store_stats(w->server.store, &stats);
	return stats.connections;
}

static void a_stream_that_was_accepted_elsewhere_is_served(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	uint32_t before = connections(w);
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(server_accept(&w->server, pair[1]), 0);
	assert_int_equal(connections(w), before + 1);
	socket_ask(w, pair[0], XS_READ, 0, "/tool/xenstored", 16, &answer);
	assert_int_equal(answer.header.type, XS_READ);
	socket_ask(w, pair[0], XS_MKDIR, 0, "/of-the-client", 15, &answer); /* it is privileged */
	assert_string_equal(answer.payload, "OK");
	close(pair[0]);
	world_settle(w);
	assert_int_equal(connections(w), before);
	assert_int_equal(close(pair[1]), -1); /* taken over */
	world_end(w);
}

/* "T": it fails when what it read was written meanwhile. */
static void lose_transaction(struct world *w, int fd)
{
	struct answer answer;
	uint32_t tx;

	socket_ask(w, fd, XS_TRANSACTION_START, 0, "", 1, &answer);
	tx = (uint32_t)strtoul(answer.payload, NULL, 10);
	socket_ask(w, fd, XS_READ, tx, "/local/domain/3/data", 21, &answer);
	socket_ask(w, fd, XS_WRITE, tx, "/copy\0x", 7, &answer);
	guest_ask(w, 3, XS_WRITE, "data\0y", 6, &answer);
	socket_ask(w, fd, XS_TRANSACTION_END, tx, "T", 2, &answer);
	assert_string_equal(answer.payload, "EAGAIN");
}

/* Loses three, opens a fourth: now the guest that makes it lose has to wait. */
static int take_precedence(struct world *w)
{
	int fd = socket_connect(w);
	struct answer answer;

	guest_add(w, 3);
	guest_ask(w, 3, XS_WRITE, "data\0x", 6, &answer);
	for (int i = 0; i < 3; i++)
		lose_transaction(w, fd);
	socket_ask(w, fd, XS_TRANSACTION_START, 0, "", 1, &answer);
	guest_put(w, 3, XS_READ, 5, "data", 5);
	fake_xen_kick(&w->xen, 3);
	return fd;
}

/* A guest that is held costs no rounds: the server says when to come back, and that is when it has its turn. */
static void while_precedence_is_held_guests_wait_and_nobody_spins(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	int fd = take_precedence(w), patience = world_serve(w);

	assert_int_equal(patience, PRECEDENCE_NS / 1000000);
	assert_true(guest_is_empty(w, 3));
	w->host.now_ns += 5000000;
	assert_int_equal(server_serve(&w->server), patience - 5);
	assert_true(guest_is_empty(w, 3));
	w->host.now_ns += PRECEDENCE_NS - 5000000;
	assert_int_equal(server_serve(&w->server), -1);
	guest_get(w, 3, &answer);
	assert_int_equal(answer.header.req_id, 5);
	close(fd);
	world_settle(w);
	world_end(w);
}

static void when_there_is_no_contention_any_more_guests_go_on_at_once(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	int fd = take_precedence(w);

	assert_true(world_serve(w) > 0);
	close(fd);
	xenbus_host_dispatch(&w->host.base, 0);
	assert_int_equal(server_serve(&w->server), 0);
	assert_int_equal(server_serve(&w->server), -1);
	guest_get(w, 3, &answer);
	assert_int_equal(answer.header.req_id, 5);
	world_end(w);
}

/* As of a process that was killed: the world answers nothing, yet what is in it can be freed. */
static void a_server_whose_world_is_gone_stops_and_closes(void **state)
{
	struct world *w = world_begin();

	guest_add(w, 3);
	guest_put(w, 3, XS_READ, 5, "data", 5);
	fake_xen_kick(&w->xen, 3);
	w->xen.gone = true;
	world_serve(w);
	assert_true(w->server.stopping);
	assert_int_equal(w->server.status, 1);
	assert_string_equal(w->said, "event channels: Transport endpoint is not connected");
	world_end(w);
}

static void closing_lets_go_of_streams_too(void **state)
{
	struct world *w = world_begin();
	char byte;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(server_accept(&w->server, pair[1]), 0);
	world_end(w);
	assert_int_equal(read(pair[0], &byte, 1), 0);
	close(pair[0]);
}

/* -- without memory ------------------------------------------------------------------------------ */

static void a_start_without_memory_holds_nothing(void **state)
{
	bool failed = true;

	for (long nth = 1; failed; nth++) {
		struct world *w = world_new();
		long live = failing_alloc.live;
		int err;

		alloc_fail(nth, false);
		err = world_open_server(w);
		failed = alloc_failed();
		if (!err)
			server_close(&w->server);
		assert_int_equal(failing_alloc.live, live);
		world_free(w);
	}
}

/* A life of two guests, whatever is answered: connections may be stopped for want of memory. */
static void live(struct world *w)
{
	char dump[1024];

	for (uint32_t domid = 3; domid <= 4; domid++) {
		struct store_page page;
		char payload[32];
		int len = snprintf(payload, sizeof(payload), "%u%c1%c5", domid, 0, 0) + 1;

		fake_xen_create(&w->xen, domid);
		page = guest_page(w, domid);
		guest_put(w, 0, XS_INTRODUCE, 1, payload, (size_t)len);
		guest_put(w, domid, XS_WATCH, 2, "@releaseDomain\0t", 17);
		guest_put(w, domid, XS_WATCH, 3, "data\0t", 7);
		guest_put(w, domid, XS_DIRECTORY, 4, "/", 2);
		fake_xen_kick(&w->xen, 0);
		fake_xen_kick(&w->xen, domid);
		world_settle(w);
		while (byte_ring_get(&page.rsp, dump, sizeof(dump)) > 0)
			;
	}
	guest_put(w, 0, XS_WRITE, 5, "/local/domain/4/data\0x", 22);
	fake_xen_kick(&w->xen, 0);
	world_settle(w);
	fake_xen_destroy(&w->xen, 3);
	world_settle(w);
}

/* Everyone who was stopped can come back, and is served. */
static void expect_service(struct world *w, uint32_t domid)
{
	struct store_page page = guest_page(w, domid);
	struct answer answer;

	atomic_store(page.connection, STORE_PAGE_RECONNECT);
	fake_xen_kick(&w->xen, domid);
	world_settle(w);
	assert_int_equal(atomic_load(page.connection), STORE_PAGE_CONNECTED);
	guest_ask(w, domid, XS_DIRECTORY, "/", 2, &answer);
	assert_int_equal(answer.header.req_id, 77);
}

static void want_of_memory_stops_nobody_for_good(void **state)
{
	long before = failing_alloc.live;
	bool failed = true;

	for (long nth = 1; failed; nth++) {
		struct world *w = world_begin();

		alloc_fail(nth, false);
		live(w);
		failed = alloc_failed();
		assert_null(store_check(w->server.store));
		expect_service(w, 0);
		if (w->xen.domains[4].bound)
			expect_service(w, 4);
		world_end(w);
		assert_int_equal(failing_alloc.live, before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dom0_is_introduced_at_the_start_and_told_once),
		cmocka_unit_test(a_guest_is_served_on_its_ring),
		cmocka_unit_test(what_a_guest_asked_before_it_was_introduced_is_answered),
		cmocka_unit_test(one_turn_is_one_notification),
		cmocka_unit_test(a_reply_larger_than_the_ring_comes_in_parts),
		cmocka_unit_test(what_comes_while_its_ring_is_read_is_found),
		cmocka_unit_test(room_made_while_its_ring_is_filled_is_found),
		cmocka_unit_test(a_guest_that_takes_no_replies_is_not_read_from),
		cmocka_unit_test(the_limit_on_outstanding_requests_can_be_changed),
		cmocka_unit_test(a_flooding_guest_costs_the_victim_one_turn_and_us_no_events),
		cmocka_unit_test(all_that_kicked_have_their_turn_in_the_same_round),
		cmocka_unit_test(a_turn_ends_at_its_cost_too),
		cmocka_unit_test(events_that_are_merged_count_as_cost),
		cmocka_unit_test(indices_out_of_bounds_stop_that_guest_alone),
		cmocka_unit_test(a_message_too_long_stops_that_guest_alone),
		cmocka_unit_test(reconnecting_drops_half_a_message_and_the_watches),
		cmocka_unit_test(a_page_offers_what_was_set_for_its_domain),
		cmocka_unit_test(what_is_not_offered_is_not_served),
		cmocka_unit_test(the_limit_on_outstanding_requests_is_a_domains_own),
		cmocka_unit_test(a_domains_death_frees_its_ring_and_is_told_once),
		cmocka_unit_test(an_id_can_live_again),
		cmocka_unit_test(introducing_again_binds_again_and_empties_the_ring),
		cmocka_unit_test(release_lets_go_of_the_ring),
		cmocka_unit_test(dom0_can_introduce_itself_anew),
		cmocka_unit_test(an_introduction_that_fails_holds_nothing),
		cmocka_unit_test(introducing_whom_there_is_not_fails),
		cmocka_unit_test(a_start_that_fails_holds_nothing),
		cmocka_unit_test(a_stream_that_was_accepted_elsewhere_is_served),
		cmocka_unit_test(closing_lets_go_of_streams_too),
		cmocka_unit_test(while_precedence_is_held_guests_wait_and_nobody_spins),
		cmocka_unit_test(when_there_is_no_contention_any_more_guests_go_on_at_once),
		cmocka_unit_test(a_server_whose_world_is_gone_stops_and_closes),
		cmocka_unit_test(a_start_without_memory_holds_nothing),
		cmocka_unit_test(want_of_memory_stops_nobody_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
