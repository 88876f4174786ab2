/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_KTHREAD_H
#define _LINUX_KTHREAD_H
#include <linux/err.h>
#include <linux/sched.h>

/* A fiber: it has to wait now and then, or nothing else of its module runs. ERR_PTR(-ENOMEM). */
struct task_struct *kthread_create(int (*fn)(void *data), void *data, const char *namefmt, ...)
	LINUX_SYMBOL(kthread_create) __printf(3, 4);
#define kthread_run(fn, data, namefmt, ...)                                                      \
	({                                                                                       \
		struct task_struct *kthread_ = kthread_create(fn, data, namefmt, ##__VA_ARGS__); \
		if (!IS_ERR(kthread_))                                                           \
			wake_up_process(kthread_);                                               \
		kthread_;                                                                        \
	})
bool kthread_should_stop(void) LINUX_SYMBOL(kthread_should_stop);
/* Wakes it wherever it waits, and waits until it has ended. What it returned; -EINTR it never ran. */
int kthread_stop(struct task_struct *task) LINUX_SYMBOL(kthread_stop);
#define kthread_should_park() false
#define kthread_freezable_should_stop(was_frozen) kthread_should_stop()

#endif
