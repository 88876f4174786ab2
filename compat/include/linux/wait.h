/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_WAIT_H
#define _LINUX_WAIT_H
#include <linux/list.h>
#include <linux/sched.h>

typedef struct wait_queue_head {
	spinlock_t lock;
	struct list_head head; /* struct linux_waiter; NULL: nobody ever waited */
} wait_queue_head_t;
#define __WAIT_QUEUE_HEAD_INITIALIZER(name)                                         \
	{                                                                           \
		.lock = __SPIN_LOCK_UNLOCKED(), .head = LIST_HEAD_INIT((name).head) \
	}
#define DECLARE_WAIT_QUEUE_HEAD(name) wait_queue_head_t name = __WAIT_QUEUE_HEAD_INITIALIZER(name)
#define DECLARE_WAIT_QUEUE_HEAD_ONSTACK(name) DECLARE_WAIT_QUEUE_HEAD(name)
#define init_waitqueue_head(wq)                                                  \
	do {                                                                     \
		*(wq) = (wait_queue_head_t)__WAIT_QUEUE_HEAD_INITIALIZER(*(wq)); \
	} while (0)

/* One who waits; on his stack. */
struct linux_waiter {
	struct list_head link;
	struct task_struct *task;
	bool woken;
};
void linux_wait_begin(struct wait_queue_head *wq, struct linux_waiter *waiter) LINUX_SYMBOL(wait_begin);
/* Waits until woken, at most @timeout jiffies; what is left of them. */
long linux_wait(struct linux_waiter *waiter, long timeout) LINUX_SYMBOL(wait);
void linux_wait_end(struct linux_waiter *waiter) LINUX_SYMBOL(wait_end);
void linux_wake_up(struct wait_queue_head *wq, int count) LINUX_SYMBOL(wake_up); /* 0: all */

#define wake_up(wq) linux_wake_up(wq, 1)
#define wake_up_nr(wq, n) linux_wake_up(wq, n)
#define wake_up_all(wq) linux_wake_up(wq, 0)
#define wake_up_interruptible(wq) linux_wake_up(wq, 1)
#define wake_up_interruptible_all(wq) linux_wake_up(wq, 0)
#define wake_up_interruptible_sync(wq) linux_wake_up(wq, 1)
static inline int waitqueue_active(struct wait_queue_head *wq)
{
	return !list_empty(&wq->head);
}
#define wq_has_sleeper(wq) waitqueue_active(wq)

/* He stands in the queue before he looks: a look may wait itself. */
#define LINUX_WAIT_EVENT(wq, condition, timeout)             \
	({                                                   \
		struct linux_waiter waiter_;                 \
		long left_ = (timeout);                      \
		bool met_;                                   \
		linux_wait_begin(&(wq), &waiter_);           \
		while (!(met_ = !!(condition)) && left_ > 0) \
			left_ = linux_wait(&waiter_, left_); \
		linux_wait_end(&waiter_);                    \
		!met_ ? 0L : left_ > 0 ? left_ : 1L;         \
	})
#define wait_event(wq, condition) ((void)LINUX_WAIT_EVENT(wq, condition, MAX_SCHEDULE_TIMEOUT))
#define wait_event_interruptible(wq, condition) (LINUX_WAIT_EVENT(wq, condition, MAX_SCHEDULE_TIMEOUT), 0)
#define wait_event_killable(wq, condition) wait_event_interruptible(wq, condition)
#define wait_event_freezable(wq, condition) wait_event_interruptible(wq, condition)
#define wait_event_timeout(wq, condition, timeout) LINUX_WAIT_EVENT(wq, condition, timeout)
#define wait_event_interruptible_timeout(wq, condition, timeout) LINUX_WAIT_EVENT(wq, condition, timeout)

#endif
