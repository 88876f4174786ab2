/* SPDX-License-Identifier: MIT */
/* The daemon's buffers: what goes in comes out, replies are counted until their last byte is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <xenbus/wire.h>

#include "queue.h"

enum { MESSAGES = 4000 };

static uint32_t dice(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Message @n: every third an event, lengths from nothing to the largest, mostly small. */
static size_t message(uint32_t n, uint8_t *out)
{
	uint32_t seed = n, len = dice(&seed) % 50 ? dice(&seed) % 60 : dice(&seed) % (WIRE_PAYLOAD_MAX + 1);

	wire_header_put(out, n % 3 ? XS_READ : XS_WATCH_EVENT, n, 0, len);
	memset(out + WIRE_HEADER_SIZE, (int)n, len);
	return WIRE_HEADER_SIZE + len;
}

struct model {
	size_t lengths[MESSAGES];
	uint32_t first, next; /* messages not wholly gone: first..next-1 */
	size_t gone;	      /* bytes of the first */
	size_t bytes;
};

static uint32_t model_replies(const struct model *m)
{
	uint32_t replies = 0;

	for (uint32_t n = m->first; n < m->next; n++)
		replies += n % 3 != 0;
	return replies;
}

static void model_take(struct model *m, size_t len)
{
	m->bytes -= len;
	m->gone += len;
	while (m->first < m->next && m->gone >= m->lengths[m->first])
		m->gone -= m->lengths[m->first++];
}

/* Adds and takes in random pieces; bytes and replies are the model's at every step. */
static void the_outbox_counts_replies_to_their_last_byte(void **state)
{
	static struct model m;
	static uint8_t buf[WIRE_MESSAGE_MAX];
	struct pool pool = { .count = 0 };
	struct outbox out = { .data = NULL };
	uint32_t seed = 5;

	while (m.first < MESSAGES) {
		if (m.next < MESSAGES && dice(&seed) % 5 < 3) {
			m.lengths[m.next] = message(m.next, buf);
			assert_int_equal(outbox_add(&out, &pool, buf, m.lengths[m.next]), 0);
			m.bytes += m.lengths[m.next++];
		} else if (m.bytes) {
			size_t len = 1 + dice(&seed) % (m.bytes < 300 ? m.bytes : 300);

			message(m.first, buf);
			if (len > m.lengths[m.first] - m.gone)
				len = m.lengths[m.first] - m.gone;
			assert_memory_equal(out.data + out.start, buf + m.gone, len);
			outbox_take(&out, &pool, len);
			model_take(&m, len);
		}
		assert_int_equal(outbox_used(&out), m.bytes);
		assert_int_equal(out.replies, model_replies(&m));
	}
	assert_null(out.data); /* at rest it holds nothing */
	pool_free(&pool);
}

/* One take over many messages counts as many takes. */
static void a_long_take_counts_every_message_in_it(void **state)
{
	static uint8_t buf[WIRE_MESSAGE_MAX];
	struct pool pool = { .count = 0 };
	struct outbox out = { .data = NULL };
	size_t first = message(1, buf);

	for (uint32_t n = 1; n <= 30; n++)
		assert_int_equal(outbox_add(&out, &pool, buf, message(n, buf)), 0);
	assert_int_equal(out.replies, 20);
	outbox_take(&out, &pool, first - 1);
	assert_int_equal(out.replies, 20);
	outbox_take(&out, &pool, 1);
	assert_int_equal(out.replies, 19);
	outbox_take(&out, &pool, outbox_used(&out) - 1);
	assert_int_equal(out.replies, 0); /* the last is an event */
	outbox_clear(&out, &pool);
	pool_free(&pool);
}

static void the_inbox_always_has_room_for_a_message(void **state)
{
	struct pool pool = { .count = 0 };
	struct inbox in = { .data = NULL };
	size_t room;

	for (uint32_t left = 0; left < WIRE_MESSAGE_MAX; left += 7) {
		uint8_t *to = inbox_room(&in, &pool, &room);

		assert_non_null(to);
		memset(to, 'x', room);
		in.end += (uint32_t)room;
		in.start = in.end - left; /* all but a partial message was worked off */
		to = inbox_room(&in, &pool, &room);
		assert_int_equal(in.end - in.start, left);
		assert_true(left + room >= WIRE_MESSAGE_MAX);
		in.start = in.end;
		inbox_rest(&in, &pool);
		assert_null(in.data);
	}
	assert_int_equal(pool.count, 1); /* one buffer served all */
	pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_outbox_counts_replies_to_their_last_byte),
		cmocka_unit_test(a_long_take_counts_every_message_in_it),
		cmocka_unit_test(the_inbox_always_has_room_for_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
