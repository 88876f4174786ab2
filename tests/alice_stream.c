/* SPDX-License-Identifier: MIT */
/* The two ends of alice's conversation, on one page of ordinary memory; then each against a liar. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <nettle/sha2.h>

#include "stream_back.h"
#include "stream_front.h"

#define STORE_MAX (2u << 20)

/* Stores in memory; @room reservations are given before it says "not now". */
struct memory {
	uint8_t *data;
	size_t len;
	size_t room; /* SIZE_MAX: no limit */
	int failure, unfinished;
};

struct world {
	struct stream_front front;
	struct stream_back back;
	struct ring_shared *ring;
	uint8_t *pages;
	struct memory memory;
	unsigned int front_notified, back_notified;
};

static uint8_t *memory_reserve(void *ctx)
{
	struct memory *m = ctx;

	return m->room ? m->data + m->len : NULL;
}

static void memory_commit(void *ctx, uint32_t len)
{
	struct memory *m = ctx;

	m->len += len;
	m->room -= m->room != SIZE_MAX;
	assert_in_range(m->len, 0, STORE_MAX);
}

static int memory_finish(void *ctx)
{
	struct memory *m = ctx;

	if (m->unfinished) {
		m->unfinished--;
		return -EINPROGRESS;
	}
	return m->failure;
}

static int memory_error(void *ctx)
{
	return ((struct memory *)ctx)->failure;
}

static void open_world(struct world *w, uint32_t pages)
{
	struct stream_sink sink = { memory_reserve, memory_commit, memory_finish, memory_error, &w->memory };

	*w = (struct world){ 0 };
	w->ring = aligned_alloc(4096, 4096);
	w->pages = aligned_alloc(4096, ALICE_MAX_PAGES * 4096);
	w->memory.data = malloc(STORE_MAX + ALICE_PAGE_BYTES);
	w->memory.room = SIZE_MAX;
	assert_non_null(w->memory.data);
	memset(w->ring, 0xa5, 4096);
	memset(w->pages, 0xa5, ALICE_MAX_PAGES * 4096);
	stream_front_init(&w->front, w->ring, w->pages, pages, true);
	stream_back_init(&w->back, w->ring, w->pages, pages, &sink);
}

static void close_world(struct world *w)
{
	free(w->ring);
	free(w->pages);
	free(w->memory.data);
}

static void front_push(struct world *w)
{
	w->back_notified += stream_front_push(&w->front);
}

/* The back does all it can; 0 or its error. */
static int back_steps(struct world *w)
{
	int got;

	do {
		got = stream_back_process(&w->back, 16);
		w->front_notified += stream_back_push(&w->back);
	} while (got > 0);
	return got;
}

static void greet(struct world *w)
{
	stream_front_hello(&w->front);
	front_push(w);
	assert_int_equal(back_steps(w), 0);
	assert_int_equal(stream_front_receive(&w->front), 1);
}

static uint8_t content(uint64_t at)
{
	return (uint8_t)(at * 2654435761u >> 13);
}

/* Fills what pages are free from what is left; ends the stream at its end. */
static void send_some(struct world *w, uint64_t total)
{
	uint8_t *page;

	while (w->front.phase == STREAM_FRONT_STREAMING && (page = stream_front_next(&w->front))) {
		uint64_t left = total - w->front.sent;
		uint32_t len = left < ALICE_PAGE_BYTES ? (uint32_t)left : ALICE_PAGE_BYTES;

		for (uint32_t i = 0; i < len; i++)
			page[i] = content(w->front.sent + i);
		if (len)
			stream_front_commit(&w->front, len);
		else
			stream_front_end(&w->front);
	}
	front_push(w);
}

static void check_arrived(struct world *w, uint64_t total)
{
	struct sha256_ctx sha;
	uint8_t digest[32];

	assert_int_equal(w->front.phase, STREAM_FRONT_DONE);
	assert_int_equal(w->memory.len, total);
	assert_int_equal(w->front.stored, total);
	for (uint64_t i = 0; i < total; i++)
		if (w->memory.data[i] != content(i))
			fail_msg("byte %llu differs", (unsigned long long)i);
	sha256_init(&sha);
	sha256_update(&sha, total, w->memory.data);
	sha256_digest(&sha, sizeof(digest), digest);
	assert_memory_equal(digest, w->front.sent_digest, sizeof(digest));
	assert_memory_equal(digest, w->front.stored_digest, sizeof(digest));
}

static void a_stream_of_any_length_arrives_through_any_number_of_pages(void **state)
{
	static const uint64_t totals[] = { 0, 1, 4095, 4096, 4097, 63 * 4096, 64 * 4096, 65 * 4096, 1000003 };
	static const uint32_t pages[] = { 1, 2, 62, 63, 64, 256 };
	struct world w;

	for (size_t t = 0; t < sizeof(totals) / sizeof(totals[0]); t++) {
		for (size_t p = 0; p < sizeof(pages) / sizeof(pages[0]); p++) {
			open_world(&w, pages[p]);
			greet(&w);
			while (w.front.phase != STREAM_FRONT_DONE) {
				send_some(&w, totals[t]);
				assert_int_equal(back_steps(&w), 0);
				assert_true(stream_front_receive(&w.front) >= 0);
			}
			check_arrived(&w, totals[t]);
			assert_int_equal(w.front.requests, (totals[t] + 4095) / 4096 + 2);
			close_world(&w);
		}
	}
}

static void nobody_is_notified_who_did_not_ask(void **state)
{
	struct world w;

	open_world(&w, 64);
	greet(&w);
	assert_int_equal(w.back_notified, 1); /* a fresh ring asks for its first entry */
	assert_int_equal(w.front_notified, 1);
	while (w.front.phase != STREAM_FRONT_DONE) {
		send_some(&w, 1 << 20);
		back_steps(&w);
		stream_front_receive(&w.front);
	}
	assert_int_equal(w.back_notified, 1);
	assert_int_equal(w.front_notified, 1);
	close_world(&w);
}

static void a_sleeper_is_woken_once_for_half_of_what_is_in_flight(void **state)
{
	struct world w;

	open_world(&w, 64);
	greet(&w);
	send_some(&w, 1 << 20);
	assert_int_equal(ring_front_inflight(&w.front.ring), 63);
	assert_int_equal(stream_front_wait(&w.front), 0);
	for (int batch = 0; batch < 2; batch++) {
		assert_int_equal(stream_back_process(&w.back, 16), 16);
		assert_int_equal(stream_back_push(&w.back), batch == 1);
	}
	close_world(&w);
}

static void without_pages_hello_is_all(void **state)
{
	struct world w;

	open_world(&w, 0);
	greet(&w);
	assert_int_equal(w.front.phase, STREAM_FRONT_GREETED);
	assert_int_equal(w.front.hi_value, 234);
	assert_int_equal(w.back.hello_value, 233);
	assert_int_equal(w.back.phase, STREAM_BACK_GREETED);
	close_world(&w);
}

static void a_full_sink_holds_the_front_back(void **state)
{
	struct world w;

	open_world(&w, 64);
	greet(&w);
	w.memory.room = 5;
	send_some(&w, 1 << 20);
	assert_int_equal(back_steps(&w), -EAGAIN);
	assert_int_equal(stream_front_receive(&w.front), 5);
	send_some(&w, 1 << 20);
	assert_int_equal(back_steps(&w), -EAGAIN);
	assert_int_equal(w.memory.len, 5 * 4096);
	assert_int_equal(ring_front_inflight(&w.front.ring), 63);
	while (w.front.phase != STREAM_FRONT_DONE) {
		w.memory.room = 3;
		back_steps(&w);
		stream_front_receive(&w.front);
		send_some(&w, 1 << 20);
	}
	w.memory.room = SIZE_MAX;
	check_arrived(&w, 1 << 20);
	close_world(&w);
}

static void the_end_is_answered_when_all_is_stored(void **state)
{
	struct world w;

	open_world(&w, 4);
	greet(&w);
	send_some(&w, 100);
	w.memory.unfinished = 2;
	assert_int_equal(back_steps(&w), -EAGAIN);
	assert_int_equal(back_steps(&w), -EAGAIN);
	assert_int_equal(stream_front_receive(&w.front), 1);
	assert_int_equal(w.front.phase, STREAM_FRONT_ENDING);
	assert_int_equal(back_steps(&w), 0);
	assert_int_equal(stream_front_receive(&w.front), 1);
	check_arrived(&w, 100);
	close_world(&w);
}

static void storage_that_fails_is_told(void **state)
{
	struct world w;

	open_world(&w, 4);
	greet(&w);
	w.memory.failure = -ENOSPC;
	send_some(&w, 100);
	assert_int_equal(back_steps(&w), 0);
	assert_true(stream_front_receive(&w.front) > 0);
	assert_int_equal(w.front.phase, STREAM_FRONT_FAILED);
	assert_int_equal(w.back.error, -ENOSPC);
	close_world(&w);
}

static void what_changes_after_the_copy_is_neither_stored_nor_hashed(void **state)
{
	struct world w;

	open_world(&w, 1);
	greet(&w);
	send_some(&w, 4000);
	assert_int_equal(stream_back_process(&w.back, 1), 1);
	memset(w.pages, 0, 4096);
	stream_back_push(&w.back);
	while (w.front.phase != STREAM_FRONT_DONE) {
		stream_front_receive(&w.front);
		send_some(&w, 4000);
		back_steps(&w);
	}
	check_arrived(&w, 4000);
	close_world(&w);
}

static void responses_leave_no_old_bytes_behind(void **state)
{
	struct alice_response expected = { .op = ALICE_OP_DATA, .id = 0 };
	struct world w;

	open_world(&w, 1);
	greet(&w);
	memset(w.ring->slots, 0xa5, sizeof(union alice_slot) * ALICE_RING_SLOTS);
	send_some(&w, 1);
	assert_int_equal(back_steps(&w), 0);
	assert_memory_equal(w.ring->slots + sizeof(union alice_slot), &expected, sizeof(expected));
	close_world(&w);
}

/* -- a front that lies --------------------------------------------------------------------------- */

/* Puts requests as they are, straight into the ring. */
static void inject(struct world *w, const struct alice_request *req, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(ring_front_put(&w->front.ring, &req[i], sizeof(*req)), 0);
	ring_front_push(&w->front.ring);
}

#define GOOD                                                          \
	{                                                             \
		.op = ALICE_OP_DATA, .id = 1, .page = 1, .length = 10 \
	}
#define HELLO                                                           \
	{                                                               \
		.op = ALICE_OP_HELLO, .id = 300, .value = 233, .arg = 1 \
	}

static void every_request_that_breaks_the_rules_is_refused(void **state)
{
	static const struct {
		const char *breach;
		bool fresh; /* before any hello */
		unsigned int count;
		struct alice_request req[2];
	} lies[] = {
		{ "an unknown operation", false, 1, { { .op = 0 } } },
		{ "an unknown operation", false, 1, { { .op = 4 } } },
		{ "an unknown operation", false, 1, { { .op = 0xffff } } },
		{ "an id out of bounds",
		  false,
		  1,
		  { { .op = ALICE_OP_DATA, .id = ALICE_MAX_IDS, .length = 1 } } },
		{ "an id out of bounds", false, 1, { { .op = ALICE_OP_DATA, .id = 0xffff, .length = 1 } } },
		{ "an id in two requests",
		  false,
		  2,
		  { GOOD, { .op = ALICE_OP_DATA, .id = 1, .page = 2, .length = 1 } } },
		{ "a page in two requests",
		  false,
		  2,
		  { GOOD, { .op = ALICE_OP_DATA, .id = 2, .page = 1, .length = 1 } } },
		{ "a page index out of bounds",
		  false,
		  1,
		  { { .op = ALICE_OP_DATA, .page = 4, .length = 1 } } },
		{ "a page index out of bounds",
		  false,
		  1,
		  { { .op = ALICE_OP_DATA, .page = 0xffff, .length = 1 } } },
		{ "a length out of bounds", false, 1, { { .op = ALICE_OP_DATA } } },
		{ "a length out of bounds", false, 1, { { .op = ALICE_OP_DATA, .length = 4097 } } },
		{ "a length out of bounds", false, 1, { { .op = ALICE_OP_DATA, .length = 0xffffffff } } },
		{ "unknown flags", false, 1, { { .op = ALICE_OP_DATA, .flags = 1, .length = 1 } } },
		{ "an end with flags or data", false, 1, { { .op = ALICE_OP_END, .length = 1 } } },
		{ "an end with flags or data", false, 1, { { .op = ALICE_OP_END, .flags = 1 } } },
		{ "a second hello", false, 1, { HELLO } },
		{ "data outside a stream", true, 1, { GOOD } },
		{ "an end outside a stream", true, 1, { { .op = ALICE_OP_END } } },
		{ "a hello that is not 233", true, 1, { { .op = ALICE_OP_HELLO, .value = 234, .arg = 1 } } },
		{ "unknown flags",
		  true,
		  1,
		  { { .op = ALICE_OP_HELLO, .value = 233, .arg = 1, .flags = 2 } } },
		{ "data outside a stream", false, 2, { { .op = ALICE_OP_END, .id = 3 }, GOOD } },
		{ "an end outside a stream",
		  false,
		  2,
		  { { .op = ALICE_OP_END, .id = 3 }, { .op = ALICE_OP_END, .id = 4 } } },
	};
	struct world w;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		open_world(&w, 4);
		if (!lies[i].fresh)
			greet(&w);
		inject(&w, lies[i].req, lies[i].count);
		assert_int_equal(back_steps(&w), -EPROTO);
		assert_string_equal(w.back.breach, lies[i].breach);
		close_world(&w);
	}
}

static void an_index_that_lies_is_refused_by_either_end(void **state)
{
	struct world w;

	open_world(&w, 4);
	greet(&w);
	w.ring->req_prod += ALICE_RING_SLOTS + 1;
	assert_int_equal(stream_back_wait(&w.back), -EPROTO);
	assert_int_equal(back_steps(&w), -EPROTO);
	assert_string_equal(w.back.breach, "a request index out of bounds");
	w.ring->rsp_prod++;
	assert_int_equal(stream_front_wait(&w.front), -EPROTO);
	assert_int_equal(stream_front_receive(&w.front), -EPROTO);
	assert_string_equal(w.front.breach, "a response index out of bounds");
	close_world(&w);
}

static void a_page_is_free_again_when_its_answer_is_out(void **state)
{
	static const struct alice_request good = GOOD;
	struct world w;

	open_world(&w, 4);
	greet(&w);
	for (int i = 0; i < 200; i++) {
		struct alice_response rsp;

		inject(&w, &good, 1);
		assert_int_equal(back_steps(&w), 0);
		assert_int_equal(ring_front_take(&w.front.ring, &rsp, sizeof(rsp)), 1);
		assert_int_equal(rsp.status, ALICE_OK);
	}
	close_world(&w);
}

static void only_a_refs_page_within_bounds_is_read(void **state)
{
	static const struct {
		uint32_t count, bytes, max;
		int result;
	} cases[] = {
		{ 0, 4096, 256, -EPROTO },  { 1, 4096, 256, 1 },
		{ 256, 4096, 256, 256 },    { 257, 4096, 256, -EPROTO },
		{ 8, 4096, 8, 8 },	    { 9, 4096, 8, -EPROTO },
		{ 1, 65536, 256, -EPROTO }, { UINT32_MAX, 4096, 256, -EPROTO },
	};
	struct alice_refs page = { .refs = { 77, 78 } };
	uint32_t refs[ALICE_MAX_PAGES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		page.count = cases[i].count;
		page.page_bytes = cases[i].bytes;
		assert_int_equal(stream_back_read_refs(&page, cases[i].max, refs), cases[i].result);
	}
	assert_int_equal(refs[0], 77);
	assert_int_equal(refs[1], 78);
}

/* -- a back that lies ---------------------------------------------------------------------------- */

static void every_response_that_breaks_the_rules_is_refused(void **state)
{
	/* In flight: DATA with ids and pages 0 and 1, then END, id 257. */
	static const struct {
		const char *breach;
		unsigned int count;
		struct alice_response rsp[2];
	} lies[] = {
		{ "an answer to what was not asked", 1, { { .op = ALICE_OP_DATA, .id = 2 } } },
		{ "an answer to what was not asked", 1, { { .op = ALICE_OP_DATA, .id = ALICE_MAX_IDS } } },
		{ "an answer to what was not asked", 1, { { .op = ALICE_OP_DATA, .id = 0xffff } } },
		{ "an answer to what was not asked",
		  2,
		  { { .op = ALICE_OP_DATA, .id = 0 }, { .op = ALICE_OP_DATA, .id = 0 } } },
		{ "an answer of another operation", 1, { { .op = ALICE_OP_END, .id = 0 } } },
		{ "an answer of another operation", 1, { { .op = ALICE_OP_HELLO, .id = 257 } } },
		{ "an unknown status", 1, { { .op = ALICE_OP_DATA, .id = 0, .status = 1 } } },
		{ "an unknown status", 1, { { .op = ALICE_OP_DATA, .id = 0, .status = -2 } } },
		{ "an end without the digest asked for", 1, { { .op = ALICE_OP_END, .id = 257 } } },
		{ "an end answered before the data",
		  1,
		  { { .op = ALICE_OP_END, .id = 257, .flags = ALICE_HAS_DIGEST } } },
	};
	struct world w;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		open_world(&w, 4);
		greet(&w);
		send_some(&w, 4097);
		for (unsigned int n = 0; n < lies[i].count; n++) {
			struct alice_request req;

			assert_int_equal(ring_back_take(&w.back.ring, &req, sizeof(req)), 1);
			ring_back_put(&w.back.ring, &lies[i].rsp[n], sizeof(lies[i].rsp[n]));
		}
		ring_back_push(&w.back.ring);
		assert_int_equal(stream_front_receive(&w.front), -EPROTO);
		assert_string_equal(w.front.breach, lies[i].breach);
		close_world(&w);
	}
}

static void a_hi_that_is_none_is_refused(void **state)
{
	static const struct alice_response lies[] = {
		{ .op = ALICE_OP_HELLO, .id = 256, .value = 233, .total = 1 },
		{ .op = ALICE_OP_HELLO, .id = 256, .value = 234, .total = 2 },
		{ .op = ALICE_OP_HELLO, .id = 256, .value = 234, .total = UINT64_MAX },
	};
	struct world w;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct alice_request req;

		open_world(&w, 4);
		stream_front_hello(&w.front);
		front_push(&w);
		assert_int_equal(ring_back_take(&w.back.ring, &req, sizeof(req)), 1);
		ring_back_put(&w.back.ring, &lies[i], sizeof(lies[i]));
		ring_back_push(&w.back.ring);
		assert_int_equal(stream_front_receive(&w.front), -EPROTO);
		close_world(&w);
	}
}

static void a_front_without_a_version_in_common_stops(void **state)
{
	const struct alice_response rsp = { .op = ALICE_OP_HELLO, .id = 256, .value = 234 };
	struct alice_request req;
	struct world w;

	open_world(&w, 4);
	stream_front_hello(&w.front);
	front_push(&w);
	assert_int_equal(ring_back_take(&w.back.ring, &req, sizeof(req)), 1);
	ring_back_put(&w.back.ring, &rsp, sizeof(rsp));
	ring_back_push(&w.back.ring);
	assert_int_equal(stream_front_receive(&w.front), 1);
	assert_int_equal(w.front.phase, STREAM_FRONT_FAILED);
	assert_int_equal(w.front.rsp_version, 0);
	close_world(&w);
}

static void answers_may_come_in_any_order(void **state)
{
	struct alice_request req[8];
	struct world w;

	open_world(&w, 8);
	greet(&w);
	for (int turn = 0; turn < 20; turn++) {
		send_some(&w, 1 << 20);
		for (int i = 0; i < 8; i++)
			assert_int_equal(ring_back_take(&w.back.ring, &req[i], sizeof(req[i])), 1);
		for (int i = 8; i-- > 0;) {
			struct alice_response rsp = { .op = ALICE_OP_DATA, .id = req[(i * 3) % 8].id };

			ring_back_put(&w.back.ring, &rsp, sizeof(rsp));
		}
		ring_back_push(&w.back.ring);
		assert_int_equal(stream_front_receive(&w.front), 8);
	}
	assert_int_equal(w.front.sent, 20 * 8 * 4096);
	close_world(&w);
}

/* -- noise --------------------------------------------------------------------------------------- */

static uint32_t rnd(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Overwrites part of the shared page with small numbers (often valid) or noise. */
static void scribble(struct world *w, uint32_t *seed)
{
	uint32_t *word = (uint32_t *)(void *)w->ring;
	uint32_t count = rnd(seed) % 24;

	while (count--)
		word[rnd(seed) % (rnd(seed) % 4 ? 1024 : 4)] = rnd(seed) % 2 ? rnd(seed) % 300 : rnd(seed);
}

static void noise_in_the_ring_breaks_neither_end(void **state)
{
	unsigned int breaches = 0;

	for (uint32_t run = 1; run <= 3000; run++) {
		uint32_t seed = run * 2654435761u;
		bool front_up = true, back_up = true;
		struct world w;

		open_world(&w, 1 + run % 64);
		stream_front_hello(&w.front);
		for (int step = 0; step < 40 && (front_up || back_up); step++) {
			if (rnd(&seed) % 3 == 0)
				scribble(&w, &seed);
			if (back_up)
				back_up = back_steps(&w) != -EPROTO && stream_back_wait(&w.back) >= 0;
			if (front_up)
				front_up = stream_front_receive(&w.front) >= 0;
			if (front_up)
				send_some(&w, 300000);
			w.memory.len = w.memory.len > STORE_MAX / 2 ? 0 : w.memory.len;
		}
		breaches += !front_up + !back_up;
		close_world(&w);
	}
	assert_in_range(breaches, 1000, 6000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_of_any_length_arrives_through_any_number_of_pages),
		cmocka_unit_test(nobody_is_notified_who_did_not_ask),
		cmocka_unit_test(a_sleeper_is_woken_once_for_half_of_what_is_in_flight),
		cmocka_unit_test(without_pages_hello_is_all),
		cmocka_unit_test(a_full_sink_holds_the_front_back),
		cmocka_unit_test(the_end_is_answered_when_all_is_stored),
		cmocka_unit_test(storage_that_fails_is_told),
		cmocka_unit_test(what_changes_after_the_copy_is_neither_stored_nor_hashed),
		cmocka_unit_test(responses_leave_no_old_bytes_behind),
		cmocka_unit_test(every_request_that_breaks_the_rules_is_refused),
		cmocka_unit_test(an_index_that_lies_is_refused_by_either_end),
		cmocka_unit_test(a_page_is_free_again_when_its_answer_is_out),
		cmocka_unit_test(only_a_refs_page_within_bounds_is_read),
		cmocka_unit_test(every_response_that_breaks_the_rules_is_refused),
		cmocka_unit_test(a_hi_that_is_none_is_refused),
		cmocka_unit_test(a_front_without_a_version_in_common_stops),
		cmocka_unit_test(answers_may_come_in_any_order),
		cmocka_unit_test(noise_in_the_ring_breaks_neither_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
