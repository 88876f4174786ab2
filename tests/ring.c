/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#define xen_mb() __sync_synchronize()
#define xen_rmb() __sync_synchronize()
#define xen_wmb() __sync_synchronize()
#include <xen/io/ring.h>
#include <xenbus/ring.h>

struct req {
	uint64_t id;
	uint32_t word[3];
};
struct rsp {
	uint64_t id;
	int32_t status;
};
DEFINE_RING_TYPES(demo, struct req, struct rsp);

struct tiny {
	uint8_t byte;
};
DEFINE_RING_TYPES(tiny, struct tiny, struct tiny);

struct huge {
	uint8_t bytes[1500];
};
DEFINE_RING_TYPES(huge, struct huge, struct huge);

#define SLOT sizeof(union demo_sring_entry)

static void *new_pages(size_t bytes)
{
	void *pages = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);

	assert_non_null(pages);
	memset(pages, 0xa5, bytes);
	return pages;
}

/* Puts both halves of a demo ring at entry @at, as if it had been in use so long. */
static void wind(struct demo_sring *sring, uint32_t at)
{
	SHARED_RING_INIT(sring);
	sring->req_prod = sring->rsp_prod = at;
	sring->req_event = sring->rsp_event = at + 1;
}

static void sizes_are_xens(void **state)
{
	for (size_t pages = 1; pages <= 16; pages++) {
		size_t bytes = pages * 4096;

		assert_int_equal(ring_size(bytes, sizeof(union demo_sring_entry)),
				 __CONST_RING_SIZE(demo, bytes));
		assert_int_equal(ring_size(bytes, sizeof(union tiny_sring_entry)),
				 __CONST_RING_SIZE(tiny, bytes));
		assert_int_equal(ring_size(bytes, sizeof(union huge_sring_entry)),
				 __CONST_RING_SIZE(huge, bytes));
	}
	assert_int_equal(ring_size(4096, 4032), 1);
	assert_int_equal(ring_size(4096, 4033), 0);
	assert_int_equal(ring_size(10, 1), 0);
	assert_int_equal(ring_size(4096, 0), 0);
}

static void what_the_front_makes_is_xens(void **state)
{
	struct demo_sring *ours = new_pages(4096), *theirs = new_pages(4096);
	struct demo_front_ring xen;
	struct ring_front front;

	XEN_FRONT_RING_INIT(&xen, theirs, 4096);
	assert_int_equal(ring_front_init(&front, ours, 4096, SLOT), 0);
	assert_memory_equal(ours, theirs, 4096);
	assert_int_equal(front.size, RING_SIZE(&xen));
	assert_int_equal(ring_front_init(&front, ours, 4096, 4096), -EINVAL);
	free(ours);
	free(theirs);
}

/* -- in lockstep with Xen's own macros -----------------------------------------------------------
 *
 * Two worlds make the same random steps. In one both ends are Xen's; in the other one end is ours.
 * After each step every byte of both pages, every decision to notify and every "is there work" agree. */

struct world {
	struct demo_sring *page;
	struct demo_front_ring xfront;
	struct demo_back_ring xback;
};

static uint32_t dice(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static struct world new_world(size_t bytes, uint32_t at)
{
	struct world w = { .page = new_pages(bytes) };

	wind(w.page, at);
	FRONT_RING_ATTACH(&w.xfront, w.page, at, bytes);
	BACK_RING_ATTACH(&w.xback, w.page, at, bytes);
	return w;
}

static void xen_front_put(struct world *w, const struct req *req)
{
	*RING_GET_REQUEST(&w->xfront, w->xfront.req_prod_pvt) = *req;
	w->xfront.req_prod_pvt++;
}

static void xen_back_put(struct world *w, const struct rsp *rsp)
{
	*RING_GET_RESPONSE(&w->xback, w->xback.rsp_prod_pvt) = *rsp;
	w->xback.rsp_prod_pvt++;
}

static bool xen_front_take(struct world *w, struct rsp *rsp)
{
	if (!RING_HAS_UNCONSUMED_RESPONSES(&w->xfront))
		return false;
	RING_COPY_RESPONSE(&w->xfront, w->xfront.rsp_cons, rsp);
	w->xfront.rsp_cons++;
	return true;
}

static bool xen_back_take(struct world *w, struct req *req)
{
	if (!RING_HAS_UNCONSUMED_REQUESTS(&w->xback))
		return false;
	RING_COPY_REQUEST(&w->xback, w->xback.req_cons, req);
	w->xback.req_cons++;
	return true;
}

/* One random step of Xen's back, in both worlds. */
static void step_xen_backs(struct world *a, struct world *b, uint32_t roll, uint32_t *id)
{
	struct rsp rsp = { .id = ++*id, .status = -(int)*id };
	struct req x, y;
	int work, twin;

	switch (roll % 4) {
	case 0:
		assert_int_equal(xen_back_take(a, &x), xen_back_take(b, &y));
		break;
	case 1:
		if (a->xback.req_cons == a->xback.rsp_prod_pvt)
			break;
		xen_back_put(a, &rsp);
		xen_back_put(b, &rsp);
		break;
	case 2:
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&a->xback, work);
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&b->xback, twin);
		assert_int_equal(work, twin);
		break;
	default:
		RING_FINAL_CHECK_FOR_REQUESTS(&a->xback, work);
		RING_FINAL_CHECK_FOR_REQUESTS(&b->xback, twin);
		assert_int_equal(work, twin);
	}
}

static void step_front(struct world *xen, struct ring_front *ours, uint32_t roll, uint32_t *id)
{
	struct req req = { .id = ++*id, .word = { *id, ~*id, 3 } };
	struct rsp x, y;
	int work;

	switch (roll % 4) {
	case 0:
		assert_int_equal(ring_front_free(ours), RING_FREE_REQUESTS(&xen->xfront));
		assert_int_equal(ring_front_put(ours, &req, sizeof(req)),
				 RING_FULL(&xen->xfront) ? -ENOSPC : 0);
		if (!RING_FULL(&xen->xfront))
			xen_front_put(xen, &req);
		break;
	case 1:
		RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&xen->xfront, work);
		assert_int_equal(ring_front_push(ours), work);
		break;
	case 2:
		work = xen_front_take(xen, &x);
		assert_int_equal(ring_front_take(ours, &y, sizeof(y)), work);
		if (work) {
			assert_int_equal(x.id, y.id);
			assert_int_equal(x.status, y.status);
		}
		break;
	default:
		RING_FINAL_CHECK_FOR_RESPONSES(&xen->xfront, work);
		assert_int_equal(ring_front_wait(ours), work);
	}
}

static void our_front_steps_as_xens(void **state)
{
	const size_t bytes[] = { 4096, 2 * 4096, 64 + SLOT, 64 + 4 * SLOT };
	uint32_t seed = 1, id = 0;

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		uint32_t at = UINT32_MAX - 200;
		struct world xen = new_world(bytes[i], at), half = new_world(bytes[i], at);
		struct ring_front front;

		assert_int_equal(ring_front_attach(&front, half.page, bytes[i], SLOT, at), 0);
		for (int step = 0; step < 40000; step++) {
			uint32_t roll = dice(&seed);

			if (roll & 0x100)
				step_front(&xen, &front, roll, &id);
			else
				step_xen_backs(&xen, &half, roll, &id);
			assert_memory_equal(xen.page, half.page, bytes[i]);
		}
		assert_true(xen.page->req_prod < at && xen.page->rsp_prod < at); /* both wrapped */
		free(xen.page);
		free(half.page);
	}
}

static void step_xen_fronts(struct world *a, struct world *b, uint32_t roll, uint32_t *id)
{
	struct req req = { .id = ++*id, .word = { *id, ~*id, 7 } };
	struct rsp x, y;
	int work, twin;

	switch (roll % 4) {
	case 0:
		if (RING_FULL(&a->xfront))
			break;
		xen_front_put(a, &req);
		xen_front_put(b, &req);
		break;
	case 1:
		RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&a->xfront, work);
		RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&b->xfront, twin);
		assert_int_equal(work, twin);
		break;
	case 2:
		assert_int_equal(xen_front_take(a, &x), xen_front_take(b, &y));
		break;
	default:
		RING_FINAL_CHECK_FOR_RESPONSES(&a->xfront, work);
		RING_FINAL_CHECK_FOR_RESPONSES(&b->xfront, twin);
		assert_int_equal(work, twin);
	}
}

static void step_back(struct world *xen, struct ring_back *ours, uint32_t roll, uint32_t *id)
{
	struct rsp rsp = { .id = ++*id, .status = 9 };
	struct req x, y;
	int work;

	switch (roll % 4) {
	case 0:
		work = xen_back_take(xen, &x);
		assert_int_equal(ring_back_take(ours, &y, sizeof(y)), work);
		if (work)
			assert_memory_equal(x.word, y.word, sizeof(x.word));
		break;
	case 1:
		assert_int_equal(ring_back_inflight(ours), xen->xback.req_cons - xen->xback.rsp_prod_pvt);
		if (ring_back_inflight(ours) == 0)
			break;
		xen_back_put(xen, &rsp);
		ring_back_put(ours, &rsp, sizeof(rsp));
		break;
	case 2:
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&xen->xback, work);
		assert_int_equal(ring_back_push(ours), work);
		break;
	default:
		RING_FINAL_CHECK_FOR_REQUESTS(&xen->xback, work);
		assert_int_equal(ring_back_wait(ours), work);
	}
}

static void our_back_steps_as_xens(void **state)
{
	const size_t bytes[] = { 4096, 2 * 4096, 64 + SLOT, 64 + 4 * SLOT };
	uint32_t seed = 2, id = 0;

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		uint32_t at = UINT32_MAX - 200;
		struct world xen = new_world(bytes[i], at), half = new_world(bytes[i], at);
		struct ring_back back;

		assert_int_equal(ring_back_attach(&back, half.page, bytes[i], SLOT, at), 0);
		for (int step = 0; step < 40000; step++) {
			uint32_t roll = dice(&seed);

			if (roll & 0x100)
				step_back(&xen, &back, roll, &id);
			else
				step_xen_fronts(&xen, &half, roll, &id);
			assert_memory_equal(xen.page, half.page, bytes[i]);
		}
		assert_true(xen.page->req_prod < at && xen.page->rsp_prod < at);
		free(xen.page);
		free(half.page);
	}
}

/* -- peers that lie ------------------------------------------------------------------------------ */

/* With @taken requests taken and @answered of them answered, the front claims every req_prod near every
 * power of two: what Xen's own check calls an overflow, or goes back, is refused and moves nothing. */
static void a_front_that_lies_is_refused(void **state)
{
	struct demo_sring *page = new_pages(4096);

	for (uint32_t taken = 0; taken <= 4; taken++) {
		for (uint32_t answered = 0; answered <= taken; answered++) {
			uint32_t at = UINT32_MAX - 2;
			struct ring_back back;
			struct req req;

			wind(page, at);
			assert_int_equal(ring_back_attach(&back, page, 4096, SLOT, at), 0);
			page->req_prod = at + taken;
			for (uint32_t i = 0; i < taken; i++)
				assert_int_equal(ring_back_take(&back, &req, sizeof(req)), 1);
			for (uint32_t i = 0; i < answered; i++)
				ring_back_put(&back, &req, sizeof(struct rsp));
			for (uint32_t bit = 0; bit < 32; bit++) {
				for (int delta = -2; delta <= 2; delta++) {
					uint32_t ahead = (1u << bit) + (uint32_t)delta;
					bool sane = ahead >= taken && ahead - answered <= back.size;
					struct ring_back before = back;

					page->req_prod = at + ahead;
					assert_int_equal(ring_back_ready(&back),
							 sane ? (int)(ahead - taken) : -EPROTO);
					if (sane)
						continue;
					assert_int_equal(ring_back_take(&back, &req, sizeof(req)), -EPROTO);
					assert_int_equal(ring_back_wait(&back), -EPROTO);
					assert_memory_equal(&before, &back, sizeof(back));
				}
			}
		}
	}
	free(page);
}

/* Responses to requests never pushed, or taken back. */
static void a_back_that_lies_is_refused(void **state)
{
	struct demo_sring *page = new_pages(4096);
	uint32_t at = UINT32_MAX - 1;
	struct ring_front front;
	struct req req = { .id = 1 };
	struct rsp rsp;

	wind(page, at);
	assert_int_equal(ring_front_attach(&front, page, 4096, SLOT, at), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ring_front_put(&front, &req, sizeof(req)), 0);
	page->rsp_prod = at + 1; /* put, but not pushed: nobody can have answered */
	assert_int_equal(ring_front_take(&front, &rsp, sizeof(rsp)), -EPROTO);
	ring_front_push(&front);
	page->rsp_prod = at + 6;
	assert_int_equal(ring_front_take(&front, &rsp, sizeof(rsp)), -EPROTO);
	assert_int_equal(ring_front_wait(&front), -EPROTO);
	page->rsp_prod = at + 3;
	assert_int_equal(ring_front_take(&front, &rsp, sizeof(rsp)), 1);
	page->rsp_prod = at;
	assert_int_equal(ring_front_ready(&front), -EPROTO);
	page->rsp_prod = at + 5;
	assert_int_equal(ring_front_ready(&front), 4);
	free(page);
}

/* The peer rewrites our own shared words: we go on by our private copies. */
static void our_own_index_in_shared_memory_is_not_believed(void **state)
{
	struct demo_sring *page = new_pages(4096);
	struct ring_front front;
	struct req req = { .id = 1 };

	assert_int_equal(ring_front_init(&front, page, 4096, SLOT), 0);
	assert_int_equal(ring_front_put(&front, &req, sizeof(req)), 0);
	assert_true(ring_front_push(&front));
	page->req_prod = 12345;
	page->req_event = 2;
	assert_int_equal(ring_front_put(&front, &req, sizeof(req)), 0);
	assert_true(ring_front_push(&front));
	assert_int_equal(page->req_prod, 2);
	assert_int_equal(ring_front_inflight(&front), 2);
	free(page);
}

static void what_was_taken_no_longer_changes(void **state)
{
	struct demo_sring *page = new_pages(4096);
	struct ring_front front;
	struct ring_back back;
	struct req req = { .id = 41, .word = { 1, 2, 3 } }, got;

	assert_int_equal(ring_front_init(&front, page, 4096, SLOT), 0);
	assert_int_equal(ring_back_attach(&back, page, 4096, SLOT, 0), 0);
	assert_int_equal(ring_front_put(&front, &req, sizeof(req)), 0);
	ring_front_push(&front);
	assert_int_equal(ring_back_take(&back, &got, sizeof(got)), 1);
	memset(page->ring, 0xff, SLOT);
	assert_int_equal(got.id, 41);
	assert_int_equal(got.word[2], 3);
	free(page);
}

static void a_front_may_ask_for_a_later_response(void **state)
{
	struct demo_sring *page = new_pages(4096);
	struct req req = { .id = 1 };
	struct rsp rsp = { .id = 1 };
	struct ring_front front;
	struct ring_back back;

	assert_int_equal(ring_front_init(&front, page, 4096, SLOT), 0);
	assert_int_equal(ring_back_attach(&back, page, 4096, SLOT, 0), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(ring_front_put(&front, &req, sizeof(req)), 0);
		ring_front_push(&front);
		assert_int_equal(ring_back_take(&back, &req, sizeof(req)), 1);
	}
	assert_int_equal(ring_front_wait_for(&front, 3), 0);
	for (int i = 1; i <= 4; i++) {
		ring_back_put(&back, &rsp, sizeof(rsp));
		assert_int_equal(ring_back_push(&back), i == 3);
	}
	assert_int_equal(ring_front_wait_for(&front, 3), 4);
	free(page);
}

/* -- two threads, who sleep only when wait() allows and wake only when push() asks ---------------- */

enum { REQUESTS = 200000 };

struct duo {
	struct demo_sring *page;
	sem_t to_front, to_back;
	unsigned int wrong, notified;
};

static void *our_back(void *arg)
{
	struct duo *duo = arg;
	struct ring_back back;
	struct req req;

	if (ring_back_attach(&back, duo->page, 4096, SLOT, 0))
		return arg;
	for (uint32_t done = 0; done < REQUESTS;) {
		while (ring_back_take(&back, &req, sizeof(req)) == 1) {
			struct rsp rsp = { .id = req.id, .status = (int32_t)~req.word[0] };

			duo->wrong += req.id != done || req.word[0] != (uint32_t)req.id;
			ring_back_put(&back, &rsp, sizeof(rsp));
			done++;
		}
		if (ring_back_push(&back))
			sem_post(&duo->to_front);
		if (done < REQUESTS && ring_back_wait(&back) == 0)
			sem_wait(&duo->to_back);
	}
	return NULL;
}

static void *xen_back(void *arg)
{
	struct duo *duo = arg;
	struct world w = { .page = duo->page };
	struct req req;
	int notify, work;

	BACK_RING_ATTACH(&w.xback, w.page, 0, 4096);
	for (uint32_t done = 0; done < REQUESTS;) {
		while (xen_back_take(&w, &req)) {
			struct rsp rsp = { .id = req.id, .status = (int32_t)~req.word[0] };

			duo->wrong += req.id != done || req.word[0] != (uint32_t)req.id;
			xen_back_put(&w, &rsp);
			done++;
		}
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&w.xback, notify);
		if (notify)
			sem_post(&duo->to_front);
		if (done == REQUESTS)
			break;
		RING_FINAL_CHECK_FOR_REQUESTS(&w.xback, work);
		if (!work)
			sem_wait(&duo->to_back);
	}
	return NULL;
}

static void drive_front(struct duo *duo, struct ring_front *front)
{
	uint32_t sent = 0, got = 0;
	struct rsp rsp;

	while (got < REQUESTS) {
		while (sent < REQUESTS && ring_front_free(front) > 0) {
			struct req req = { .id = sent, .word = { sent } };

			assert_int_equal(ring_front_put(front, &req, sizeof(req)), 0);
			sent++;
		}
		if (ring_front_push(front)) {
			duo->notified++;
			sem_post(&duo->to_back);
		}
		if (ring_front_wait(front) == 0)
			sem_wait(&duo->to_front);
		while (ring_front_take(front, &rsp, sizeof(rsp)) == 1) {
			duo->wrong += rsp.id != got || rsp.status != (int32_t)~got;
			got++;
		}
	}
}

static void run_duo(void *(*other)(void *))
{
	struct duo duo = { .page = new_pages(4096) };
	struct ring_front front;
	pthread_t thread;

	sem_init(&duo.to_front, 0, 0);
	sem_init(&duo.to_back, 0, 0);
	assert_int_equal(ring_front_init(&front, duo.page, 4096, SLOT), 0);
	assert_int_equal(pthread_create(&thread, NULL, other, &duo), 0);
	drive_front(&duo, &front);
	pthread_join(thread, NULL);
	assert_int_equal(duo.wrong, 0);
	assert_true(duo.notified <= REQUESTS / 2); /* a batch a wake-up, whatever the schedule */
	sem_destroy(&duo.to_front);
	sem_destroy(&duo.to_back);
	free(duo.page);
}

static void two_threads_lose_no_wakeup(void **state)
{
	run_duo(our_back);
}

static void nor_with_a_back_of_xens(void **state)
{
	run_duo(xen_back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_xens),
		cmocka_unit_test(what_the_front_makes_is_xens),
		cmocka_unit_test(our_front_steps_as_xens),
		cmocka_unit_test(our_back_steps_as_xens),
		cmocka_unit_test(a_front_that_lies_is_refused),
		cmocka_unit_test(a_back_that_lies_is_refused),
		cmocka_unit_test(our_own_index_in_shared_memory_is_not_believed),
		cmocka_unit_test(what_was_taken_no_longer_changes),
		cmocka_unit_test(a_front_may_ask_for_a_later_response),
		cmocka_unit_test(two_threads_lose_no_wakeup),
		cmocka_unit_test(nor_with_a_back_of_xens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
