/* SPDX-License-Identifier: MIT */
#include "precedence.h"

bool precedence_holds(struct precedence *p, bool contended, uint64_t now_ns)
{
	const uint64_t held_ns = now_ns - p->since_ns;

	if (p->holding && (!contended || held_ns >= PRECEDENCE_NS)) {
		p->holding = false;
		p->rest_until_ns = now_ns + held_ns;
	}
	if (!p->holding && contended && now_ns >= p->rest_until_ns) {
		p->holding = true;
		p->since_ns = now_ns;
	}
	return p->holding;
}
