/* SPDX-License-Identifier: MIT */
/*
 * Rings whose peer writes to the shared page whenever it likes, between two loads of one call as well: the rings
 * are compiled into this file with a load that lets the peer write once the value is taken. Nothing may be
 * touched outside the page and the buffers, counts stay within what was asked and what fits, and the page's own
 * indices stay ours.
 */
#include "fuzz.h"
#include <stdatomic.h>

static void peer_writes(void);

/* The value, then the peer's turn: who loads again sees something else. */
#undef atomic_load_explicit
#define atomic_load_explicit(where, order)                                   \
	({                                                                   \
		const uint32_t value_ = *(const volatile uint32_t *)(where); \
		peer_writes();                                               \
		value_;                                                      \
	})
#include "byte_ring.c"
#include "ring.c"
#include "store_page.c"

#define PAGE 4096
#define SLOT 40

static struct choices choices;
static uint8_t *page; /* malloc'ed: its ends are guarded */

/* One 32-bit word of the page, mostly an index, becomes something plausible or not. */
static void peer_writes(void)
{
	static const uint16_t words[] = { 0, 4, 8, 12, 2048, 2052, 2056, 2060, 2064, 2068, 2072, 2076 };
	uint32_t *word, value;
	uint8_t k;

	if (!choices.left)
		return;
	k = choose(&choices);
	if (k < 0xa0)
		return;
	word = (uint32_t *)(page + (k < 0xf0 ? words[k % 12] : choose(&choices) * 16u));
	value = choose(&choices);
	*word = value < 0xc0   ? *word + value % 64 - 16
		: value < 0xe0 ? *word + 1000 + value
			       : choose_u32(&choices);
}

static void use_byte_ring(struct byte_ring *ring)
{
	const size_t len = choose(&choices) * (1 + choose_below(&choices, 5));
	uint8_t *buf = calloc(1, len ? len : 1);
	int got;

	fuzz_expect(buf);
	switch (choose_below(&choices, 4)) {
	case 0:
		got = byte_ring_put(ring, buf, len);
		break;
	case 1:
		got = byte_ring_get(ring, buf, len);
		break;
	case 2:
		got = byte_ring_used(ring);
		fuzz_expect(got == -EPROTO || (got >= 0 && (uint32_t)got <= ring->size));
		got = 0;
		break;
	default:
		got = byte_ring_space(ring);
		fuzz_expect(got == -EPROTO || (got >= 0 && (uint32_t)got <= ring->size));
		got = 0;
	}
	fuzz_expect(got == -EPROTO || (got >= 0 && (size_t)got <= len && (uint32_t)got <= ring->size));
	free(buf);
}

static void use_front(struct ring_front *front)
{
	uint8_t slot[SLOT] = { 1 };
	const uint32_t inflight = ring_front_inflight(front);
	int got = 0;

	fuzz_expect(inflight <= front->size && ring_front_free(front) <= front->size);
	switch (choose_below(&choices, 5)) {
	case 0:
		got = ring_front_put(front, slot, 1 + choose_below(&choices, SLOT));
		fuzz_expect(got == (inflight == front->size ? -ENOSPC : 0));
		got = 0;
		break;
	case 1:
		ring_front_push(front);
		break;
	case 2:
		got = ring_front_take(front, slot, 1 + choose_below(&choices, SLOT));
		fuzz_expect(got <= 1 && (got != 1 || ring_front_inflight(front) == inflight - 1));
		break;
	case 3:
		got = ring_front_ready(front);
		break;
	default:
		got = ring_front_wait(front);
	}
	fuzz_expect(got == -EPROTO || (got >= 0 && (uint32_t)got <= inflight));
	fuzz_expect(ring_front_inflight(front) <= front->size);
}

static void use_back(struct ring_back *back)
{
	uint8_t slot[SLOT] = { 2 };
	const uint32_t inflight = ring_back_inflight(back);
	int got = 0;

	fuzz_expect(inflight <= back->size);
	switch (choose_below(&choices, 5)) {
	case 0:
		if (inflight)
			ring_back_put(back, slot, 1 + choose_below(&choices, SLOT));
		break;
	case 1:
		ring_back_push(back);
		break;
	case 2:
		got = ring_back_take(back, slot, 1 + choose_below(&choices, SLOT));
		fuzz_expect(got <= 1 && (got != 1 || ring_back_inflight(back) == inflight + 1));
		break;
	case 3:
		got = ring_back_ready(back);
		break;
	default:
		got = ring_back_wait(back);
	}
	fuzz_expect(got == -EPROTO || (got >= 0 && (uint32_t)got + inflight <= back->size));
	fuzz_expect(ring_back_inflight(back) <= back->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_page view;
	struct ring_front front;
	struct ring_back back;
	uint8_t which;

	choices = (struct choices){ data, size };
	page = aligned_alloc(64, PAGE);
	fuzz_expect(page);
	memset(page, 0, PAGE);
	which = choose_below(&choices, 3);
	store_page_attach(&view, page);
	fuzz_expect(!ring_front_init(&front, page, PAGE, SLOT) &&
		    !ring_back_attach(&back, page, PAGE, SLOT, 0));
	if (which == 0)
		store_page_reset(&view);
	while (choices.left) {
		if (which == 0)
			use_byte_ring(choose_below(&choices, 2) ? &view.req : &view.rsp);
		else if (which == 1)
			use_front(&front);
		else
			use_back(&back);
		peer_writes();
	}
	free(page);
	return 0;
}
