/* SPDX-License-Identifier: MIT */
#include "precedence.h"

static void update(struct precedence *p, bool contended, uint64_t now_ns)
{
	const uint64_t held_ns = now_ns - p->since_ns;

	if (p->holding && (!contended || held_ns >= PRECEDENCE_NS || p->requests >= PRECEDENCE_REQUESTS)) {
		p->holding = false;
		p->rest_until_ns = now_ns + held_ns;
	}
	if (!p->holding && contended && now_ns >= p->rest_until_ns) {
		p->holding = true;
		p->since_ns = now_ns;
		p->requests = 0;
		p->number++;
	}
}

bool precedence_holds(struct precedence *p, struct hold *hold, bool contended, uint64_t now_ns)
{
	update(p, contended, now_ns);
	if (!p->holding || (hold->number && hold->number != p->number))
		return false;
	hold->number = p->number;
	return true;
}

void precedence_count(struct precedence *p, struct hold *hold)
{
	if (!p->holding)
		return;
	if (hold->number != p->number)
		*hold = (struct hold){ .number = p->number };
	if (++hold->requests > p->requests)
		p->requests = hold->requests;
}

uint64_t precedence_deadline(const struct precedence *p, bool contended)
{
	if (!p->holding || !contended || p->requests >= PRECEDENCE_REQUESTS)
		return 0;
	return p->since_ns + PRECEDENCE_NS;
}
