/* SPDX-License-Identifier: MIT */
#include "fairness.h"

/* The longest turn of a round whose @notes these are, of what was served after @since. */
static uint32_t longest(const uint64_t *notes, uint64_t since)
{
	uint32_t low = 0, high = TURN_REQUESTS;

	/* A turn that came to k came to k - 1 before, and all of it lies on one side of the moment. */
	while (low < high) {
		uint32_t k = (low + high + 1) / 2;

		if (notes[k] > since)
			low = k;
		else
			high = k - 1;
	}
	return low;
}

void fairness_round(struct fairness *f)
{
	f->now.longest += longest(f->notes[f->now.round % 2], f->began.served);
	f->now.round++;
	f->began = f->now;
}

static uint64_t passed_since(const struct fairness *f, const struct moment *since)
{
	const uint64_t *notes = f->notes[f->now.round % 2], *before = f->notes[(f->now.round + 1) % 2];

	if (since->round == f->now.round)
		return longest(notes, since->served);
	if (since->round + 1 == f->now.round)
		return longest(before, since->served) + longest(notes, f->began.served);
	return f->now.longest - since->longest + longest(notes, f->began.served);
}

uint32_t fairness_serve(struct fairness *f, struct patience *p, unsigned int nth)
{
	uint64_t passed = nth == 1 ? passed_since(f, &p->since) : 0;

	if (passed > UINT32_MAX)
		passed = UINT32_MAX;
	if (passed > p->passed)
		p->passed = (uint32_t)passed;
	f->notes[f->now.round % 2][nth] = ++f->now.served;
	p->served++;
	return (uint32_t)passed;
}
