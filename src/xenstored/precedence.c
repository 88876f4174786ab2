/* SPDX-License-Identifier: MIT */
#include "precedence.h"

static bool is_over(const struct precedence *p, const struct precedence_view *view)
{
	return !view->contention || view->now_ns - p->since_ns >= PRECEDENCE_NS ||
	       view->longest - p->since_longest >= PRECEDENCE_REQUESTS;
}

static void update(struct precedence *p, const struct precedence_view *view)
{
	if (p->holding && is_over(p, view)) {
		p->holding = false;
		p->rest_until_ns = 2 * view->now_ns - p->since_ns;
		p->had = view->contention ? view->contention : p->had;
	}
	if (!p->holding && view->contention > p->had && view->now_ns >= p->rest_until_ns) {
		p->holding = true;
		p->since_ns = view->now_ns;
		p->since_longest = view->longest;
		p->number++;
	}
}

bool precedence_holds(struct precedence *p, uint64_t *held_by, const struct precedence_view *view)
{
	update(p, view);
	if (!p->holding || (*held_by && *held_by != p->number)) {
		*held_by = 0;
		return false;
	}
	*held_by = p->number;
	return true;
}

uint64_t precedence_deadline(const struct precedence *p, const struct precedence_view *view)
{
	return p->holding && !is_over(p, view) ? p->since_ns + PRECEDENCE_NS : 0;
}
