/* SPDX-License-Identifier: MIT */
/* Timers: a list by expiry, and the bridge's one timer for the first of them. */
#include <linux/timer.h>
#include "runtime.h"

static void arm(void)
{
	struct timer_list *first = list_first_entry_or_null(&rt.timers, struct timer_list, entry);

	bridge_timer(first ? max((u64)first->expires * (NSEC_PER_SEC / HZ), 1ull) : 0);
}

int del_timer(struct timer_list *timer)
{
	if (!timer_pending(timer))
		return 0;
	list_del(&timer->entry);
	timer->entry.next = NULL;
	arm();
	return 1;
}

int mod_timer(struct timer_list *timer, unsigned long expires)
{
	int pending = del_timer(timer);
	struct list_head *at;

	timer->expires = expires;
	for (at = rt.timers.prev; at != &rt.timers; at = at->prev)
		if (!time_before(expires, list_entry(at, struct timer_list, entry)->expires))
			break;
	list_add(&timer->entry, at);
	arm();
	return pending;
}

void add_timer(struct timer_list *timer)
{
	BUG_ON(timer_pending(timer));
	mod_timer(timer, timer->expires);
}

void linux_on_timer(void)
{
	struct timer_list *timer;

	while ((timer = list_first_entry_or_null(&rt.timers, struct timer_list, entry))) {
		if (time_after(timer->expires, jiffies))
			break;
		list_del(&timer->entry);
		timer->entry.next = NULL;
		rt.local = (struct fiber_local){ 0 };
		timer->function(timer);
	}
	arm();
}

void timers_reclaim(void)
{
	struct timer_list *timer;
	char name[160];

	while ((timer = list_first_entry_or_null(&rt.timers, struct timer_list, entry))) {
		scnprintf(name, sizeof(name), "%ps", (void *)(unsigned long)timer->function);
		leak("a timer that is pending: %s", name);
		del_timer(timer);
	}
}
