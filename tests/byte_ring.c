/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <xen/io/xs_wire.h>
#include <xenbus/ring.h>

#define BARRIER() __sync_synchronize() /* what xen_mb() is at its strongest */

static struct xenstore_domain_interface *new_page(struct store_page *view, uint32_t at)
{
	struct xenstore_domain_interface *page = aligned_alloc(4096, 4096);

	assert_non_null(page);
	memset(page, 0, 4096);
	page->req_cons = page->req_prod = at;
	page->rsp_cons = page->rsp_prod = at;
	store_page_attach(view, page);
	return page;
}

static uint8_t byte_number(uint32_t x)
{
	return (uint8_t)(x * 2654435761u >> 24);
}

static void the_page_is_xens(void **state)
{
	struct store_page view;
	struct xenstore_domain_interface *page = new_page(&view, 0);

	assert_int_equal(byte_ring_put(&view.req, "req", 3), 3);
	assert_int_equal(byte_ring_put(&view.rsp, "reply", 5), 5);
	atomic_store(view.server_features, 11);
	atomic_store(view.connection, 1);
	atomic_store(view.error, 3);
	assert_memory_equal(page->req, "req", 3);
	assert_memory_equal(page->rsp, "reply", 5);
	assert_int_equal(page->req_prod, 3);
	assert_int_equal(page->req_cons, 0);
	assert_int_equal(page->rsp_prod, 5);
	assert_int_equal(page->rsp_cons, 0);
	assert_int_equal(page->server_features, 11);
	assert_int_equal(page->connection, 1);
	assert_int_equal(page->error, 3);
	store_page_reset(&view);
	assert_int_equal(page->req_prod | page->req_cons | page->rsp_prod | page->rsp_cons, 0);
	free(page);
}

/* All lengths at all offsets, through the end of the buffer and through 2^32. */
static void bytes_come_out_as_they_went_in(void **state)
{
	struct store_page view;
	struct xenstore_domain_interface *page = new_page(&view, UINT32_MAX - 100000);
	uint32_t put = UINT32_MAX - 100000, got = put;
	uint8_t buf[STORE_PAGE_RING_BYTES + 1];

	for (size_t len = 1; len <= sizeof(buf); len++) {
		size_t fits = len < STORE_PAGE_RING_BYTES ? len : STORE_PAGE_RING_BYTES;

		for (size_t i = 0; i < len; i++)
			buf[i] = byte_number(put + (uint32_t)i);
		assert_int_equal(byte_ring_put(&view.req, buf, len), fits);
		put += (uint32_t)fits;
		assert_int_equal(byte_ring_used(&view.req), fits);
		assert_int_equal(byte_ring_space(&view.req), STORE_PAGE_RING_BYTES - fits);
		assert_int_equal(byte_ring_get(&view.req, buf, len / 2), len / 2);
		assert_int_equal(byte_ring_get(&view.req, buf + len / 2, sizeof(buf)), fits - len / 2);
		for (size_t i = 0; i < fits; i++)
			assert_int_equal(buf[i], byte_number(got++));
	}
	assert_true(put < UINT32_MAX - 100000); /* it wrapped */
	assert_int_equal(page->req_prod, put);
	assert_int_equal(page->req_cons, got);
	free(page);
}

static void a_full_ring_takes_nothing_an_empty_one_gives_nothing(void **state)
{
	struct store_page view;
	struct xenstore_domain_interface *page = new_page(&view, 77);
	uint8_t buf[STORE_PAGE_RING_BYTES] = { 0 };

	assert_int_equal(byte_ring_get(&view.rsp, buf, 1), 0);
	assert_int_equal(byte_ring_put(&view.rsp, buf, 0), 0);
	assert_int_equal(byte_ring_put(&view.rsp, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(byte_ring_put(&view.rsp, buf, 1), 0);
	assert_int_equal(byte_ring_space(&view.rsp), 0);
	assert_int_equal(byte_ring_get(&view.rsp, buf, 0), 0);
	assert_int_equal(byte_ring_get(&view.rsp, buf, 1), 1);
	assert_int_equal(byte_ring_put(&view.rsp, buf, 2), 1);
	free(page);
}

/* Every distance that a liar could write: up to 1024 is a ring, anything else is refused whole. */
static void indices_too_far_apart_are_refused_and_nothing_is_touched(void **state)
{
	struct store_page view;
	struct xenstore_domain_interface *page = new_page(&view, 0);
	uint8_t buf[8], before[4096];

	for (uint32_t bit = 0; bit < 32; bit++) {
		for (int delta = -2; delta <= 2; delta++) {
			uint32_t distance = (1u << bit) + (uint32_t)delta;
			bool sane = distance <= STORE_PAGE_RING_BYTES;

			page->req_cons = UINT32_MAX - 5;
			page->req_prod = page->req_cons + distance;
			memcpy(before, page, sizeof(before));
			assert_int_equal(byte_ring_used(&view.req), sane ? (int)distance : -EPROTO);
			if (sane)
				continue;
			assert_int_equal(byte_ring_space(&view.req), -EPROTO);
			assert_int_equal(byte_ring_put(&view.req, buf, sizeof(buf)), -EPROTO);
			assert_int_equal(byte_ring_get(&view.req, buf, sizeof(buf)), -EPROTO);
			assert_memory_equal(before, page, sizeof(before));
		}
	}
	free(page);
}

/* -- a peer in the manner of Xen's macros, in another thread ------------------------------------ */

enum { STREAM = 1 << 20 };

struct peer {
	struct xenstore_domain_interface *page;
	uint32_t wrong;
};

static void *xen_reader(void *arg)
{
	struct peer *peer = arg;
	volatile XENSTORE_RING_IDX *prod = &peer->page->req_prod, *cons = &peer->page->req_cons;

	for (uint32_t at = *cons, end = at + STREAM; at != end;) {
		uint32_t upto = *prod;

		BARRIER();
		for (; at != upto; at++)
			peer->wrong += (uint8_t)peer->page->req[MASK_XENSTORE_IDX(at)] != byte_number(at);
		BARRIER();
		*cons = at;
		sched_yield();
	}
	return NULL;
}

static void *xen_writer(void *arg)
{
	struct peer *peer = arg;
	volatile XENSTORE_RING_IDX *prod = &peer->page->rsp_prod, *cons = &peer->page->rsp_cons;

	for (uint32_t at = *prod, end = at + STREAM; at != end;) {
		uint32_t limit = *cons + XENSTORE_RING_SIZE;

		BARRIER();
		for (; at != end && at != limit; at++)
			peer->page->rsp[MASK_XENSTORE_IDX(at)] = (char)byte_number(at);
		BARRIER();
		*prod = at;
		sched_yield();
	}
	return NULL;
}

static void a_reader_of_xens_kind_gets_every_byte(void **state)
{
	struct store_page view;
	struct peer peer = { .page = new_page(&view, UINT32_MAX - STREAM / 2) };
	uint8_t chunk[300];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, xen_reader, &peer), 0);
	for (uint32_t sent = 0, base = UINT32_MAX - STREAM / 2; sent < STREAM;) {
		size_t len = STREAM - sent < sizeof(chunk) ? STREAM - sent : sizeof(chunk);
		int put;

		for (size_t i = 0; i < len; i++)
			chunk[i] = byte_number(base + sent + (uint32_t)i);
		put = byte_ring_put(&view.req, chunk, len);
		assert_true(put >= 0);
		sent += (uint32_t)put;
		if (put == 0)
			sched_yield();
	}
	pthread_join(thread, NULL);
	assert_int_equal(peer.wrong, 0);
	free(peer.page);
}

static void a_writer_of_xens_kind_is_read_to_the_byte(void **state)
{
	struct store_page view;
	struct peer peer = { .page = new_page(&view, UINT32_MAX - STREAM / 2) };
	uint8_t chunk[300];
	uint32_t wrong = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, xen_writer, &peer), 0);
	for (uint32_t got = 0, base = UINT32_MAX - STREAM / 2; got < STREAM;) {
		int n = byte_ring_get(&view.rsp, chunk, sizeof(chunk));

		assert_true(n >= 0);
		for (int i = 0; i < n; i++)
			wrong += chunk[i] != byte_number(base + got++);
		if (n == 0)
			sched_yield();
	}
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
	free(peer.page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_is_xens),
		cmocka_unit_test(bytes_come_out_as_they_went_in),
		cmocka_unit_test(a_full_ring_takes_nothing_an_empty_one_gives_nothing),
		cmocka_unit_test(indices_too_far_apart_are_refused_and_nothing_is_touched),
		cmocka_unit_test(a_reader_of_xens_kind_gets_every_byte),
		cmocka_unit_test(a_writer_of_xens_kind_is_read_to_the_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
