/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_HOST_TIMERS_H
#define PLATFORM_HOST_TIMERS_H
/*
 * Armed timers, earliest first: a pairing heap threaded through the timers themselves, so that arming
 * allocates nothing and cannot fail. Arming is O(1), taking the first O(log n) amortised.
 *
 *      first                       impl[0]  first child
 *        |                         impl[1]  next sibling
 *        a --child--> b --next--> c    impl[2]  previous sibling; of a first child: its parent
 */
#include <stddef.h>

#include <xenbus/host.h>

struct timers {
	struct xenbus_timer *first; /* the earliest; NULL: none */
	size_t count;
};

/* @timer, in no heap, joins with its deadline_ns set. */
void timers_add(struct timers *timers, struct xenbus_timer *timer);
/* @timer, in this heap, leaves it; its deadline_ns becomes 0. */
void timers_del(struct timers *timers, struct xenbus_timer *timer);

#endif
