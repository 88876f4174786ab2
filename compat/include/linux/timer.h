/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_TIMER_H
#define _LINUX_TIMER_H
#include <linux/container_of.h>
#include <linux/jiffies.h>
#include <linux/list.h>

/* Functions run on the loop, as handlers do, and may not wait. */
struct timer_list {
	struct list_head entry; /* in the runtime's list while pending; next NULL: not */
	unsigned long expires;	/* jiffies */
	void (*function)(struct timer_list *);
	u32 flags;
};
#define TIMER_DEFERRABLE 1u
#define TIMER_IRQSAFE 2u
#define __TIMER_INITIALIZER(fn, how)             \
	{                                        \
		.function = (fn), .flags = (how) \
	}
#define DEFINE_TIMER(name, fn) struct timer_list name = __TIMER_INITIALIZER(fn, 0)
#define timer_setup(timer, fn, how) (*(timer) = (struct timer_list)__TIMER_INITIALIZER(fn, how))
#define from_timer(var, callback_timer, member) container_of(callback_timer, __typeof__(*var), member)

static inline int timer_pending(const struct timer_list *timer)
{
	return timer->entry.next != NULL;
}

int mod_timer(struct timer_list *timer, unsigned long expires)
	LINUX_SYMBOL(mod_timer); /* 1: it was pending */
void add_timer(struct timer_list *timer) LINUX_SYMBOL(add_timer);
int del_timer(struct timer_list *timer) LINUX_SYMBOL(del_timer);
#define del_timer_sync(timer) del_timer(timer)
#define timer_delete(timer) del_timer(timer)
#define timer_delete_sync(timer) del_timer(timer)

#endif
