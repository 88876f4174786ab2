/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_WORKQUEUE_H
#define _LINUX_WORKQUEUE_H
#include <linux/timer.h>
#include <linux/wait.h>

struct workqueue_struct;
struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);

/* Runs in a fiber of its own, and may wait; never twice at a time. */
struct work_struct {
	struct list_head entry;
	work_func_t func;
	struct workqueue_struct *wq; /* where it was queued last */
	bool pending;
	void *running; /* the runtime's; NULL: it does not run */
};
struct delayed_work {
	struct work_struct work;
	struct timer_list timer;
	struct workqueue_struct *wq;
};
void linux_delayed_work_due(struct timer_list *timer) LINUX_SYMBOL(delayed_work_due);

#define __WORK_INITIALIZER(name, fn) \
	{                            \
		.func = (fn)         \
	}
#define DECLARE_WORK(name, fn) struct work_struct name = __WORK_INITIALIZER(name, fn)
#define DECLARE_DELAYED_WORK(name, fn)                                     \
	struct delayed_work name = { .work = __WORK_INITIALIZER(name, fn), \
				     .timer = __TIMER_INITIALIZER(linux_delayed_work_due, 0) }
#define INIT_WORK(item, fn) (*(item) = (struct work_struct)__WORK_INITIALIZER(item, fn))
#define INIT_DELAYED_WORK(dwork, fn)                                     \
	do {                                                             \
		INIT_WORK(&(dwork)->work, fn);                           \
		timer_setup(&(dwork)->timer, linux_delayed_work_due, 0); \
		(dwork)->wq = NULL;                                      \
	} while (0)
#define to_delayed_work(item) container_of(item, struct delayed_work, work)
#define work_pending(item) ((item)->pending)
#define delayed_work_pending(dwork) (work_pending(&(dwork)->work) || timer_pending(&(dwork)->timer))

#define WQ_UNBOUND 2u
#define WQ_FREEZABLE 4u
#define WQ_MEM_RECLAIM 8u
#define WQ_HIGHPRI 16u
#define WQ_MAX_ACTIVE 512

/* @max_active at once (0: 256). NULL: no memory. */
struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max_active, ...)
	LINUX_SYMBOL(alloc_workqueue) __printf(1, 4);
#define alloc_ordered_workqueue(fmt, flags, ...) alloc_workqueue(fmt, flags, 1, ##__VA_ARGS__)
#define create_workqueue(name) alloc_workqueue("%s", 0, 1, name)
#define create_singlethread_workqueue(name) alloc_workqueue("%s", 0, 1, name)
void destroy_workqueue(struct workqueue_struct *wq) LINUX_SYMBOL(destroy_workqueue);
void flush_workqueue(struct workqueue_struct *wq) LINUX_SYMBOL(flush_workqueue);
#define drain_workqueue(wq) flush_workqueue(wq)
struct workqueue_struct *linux_system_wq(void) LINUX_SYMBOL(system_wq);
#define system_wq linux_system_wq()
#define system_highpri_wq linux_system_wq()
#define system_long_wq linux_system_wq()
#define system_unbound_wq linux_system_wq()
#define system_freezable_wq linux_system_wq()

/* false: it was queued already. From anywhere. */
bool queue_work(struct workqueue_struct *wq, struct work_struct *item) LINUX_SYMBOL(queue_work);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay)
	LINUX_SYMBOL(queue_delayed_work);
bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay)
	LINUX_SYMBOL(mod_delayed_work);
#define schedule_work(item) queue_work(system_wq, item)
#define schedule_delayed_work(dwork, delay) queue_delayed_work(system_wq, dwork, delay)
/* Waits until it has run. */
bool flush_work(struct work_struct *item) LINUX_SYMBOL(flush_work);
bool flush_delayed_work(struct delayed_work *dwork) LINUX_SYMBOL(flush_delayed_work);
bool linux_work_is_current(const struct work_struct *item) LINUX_SYMBOL(work_is_current);
bool cancel_work(struct work_struct *item) LINUX_SYMBOL(cancel_work);
bool cancel_delayed_work(struct delayed_work *dwork) LINUX_SYMBOL(cancel_delayed_work);
/* Neither queued nor running when these return. true: it was pending. */
bool cancel_work_sync(struct work_struct *item) LINUX_SYMBOL(cancel_work_sync);
bool cancel_delayed_work_sync(struct delayed_work *dwork) LINUX_SYMBOL(cancel_delayed_work_sync);
#define flush_scheduled_work() flush_workqueue(system_wq)

#endif
