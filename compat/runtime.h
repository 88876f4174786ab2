/* SPDX-License-Identifier: MIT */
#ifndef COMPAT_RUNTIME_H
#define COMPAT_RUNTIME_H
/*
 * The Linux side's own state. Linux's calls name no bus and no module, so there has to be one of each in a process: this is the
 * project's one exception from "no globals". It lies in module.c.
 */
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/sched.h>
#include "bridge.h"

/* What goes with a fiber, or with a handler on the loop; kept across everything that waits. */
struct fiber_local {
	struct task_struct *task; /* NULL: the loop */
	const char *callback;	  /* of the driver; NULL: none */
	const char *device;	  /* its name */
	const char *spin_where;	  /* the spinlock held that was taken last */
	unsigned int spins;
};

struct runtime {
	struct fiber_local local;
	struct list_head blocks;  /* slab.c: struct block */
	struct list_head drivers; /* driver.c: struct xenbus_driver */
	struct list_head devices; /* driver.c: struct linux_device */
	struct list_head refused; /* driver.c: struct linux_device, whose probe failed */
	struct list_head timers;  /* timer.c: by expiry */
	struct list_head watches; /* watch.c: struct store_watch */
	struct list_head maps;	  /* grants.c: struct ring_map */
	struct list_head irqs;	  /* events.c: struct irq_desc */
	struct list_head queues;  /* workqueue.c */
	struct list_head threads; /* kthread.c */
	struct workqueue_struct *events_wq;
	struct kernel_param *params;
	pid_t last_pid;
	int last_irq;
	char line[1024]; /* printk.c: begun by a line without newline */
	int line_level;
};
extern struct runtime rt;

/* Says so where @what, which waits, is called by a handler or with a spinlock held. False: it cannot wait here. */
bool may_block(const char *what);
/* Calls something that waits; others run meanwhile, and what goes with the fiber is put back after. */
#define BLOCKS(what, fallback, call)                          \
	({                                                    \
		__typeof__(call) result_ = (fallback);        \
		if (may_block(what)) {                        \
			struct fiber_local saved_ = rt.local; \
			result_ = (call);                     \
			rt.local = saved_;                    \
		}                                             \
		result_;                                      \
	})
#define BLOCKS_VOID(what, call)                               \
	do {                                                  \
		if (may_block(what)) {                        \
			struct fiber_local saved_ = rt.local; \
			call;                                 \
			rt.local = saved_;                    \
		}                                             \
	} while (0)

/* sched.c: @task is current until rt_task_leave(); @task lives on the fiber's stack or elsewhere. */
void rt_task_enter(struct task_struct *task, const char *name);
void rt_task_leave(struct task_struct *task);
/* Waits at most @timeout jiffies until rt_task_wake(); what is left. */
long rt_task_wait(long timeout);
void rt_task_wake(struct task_struct *task);

/* slab.c; NULL: no memory */
void *block_alloc(size_t size, bool zero, const char *where);
char *block_strdup(const char *text, size_t len, const char *where);

/* Reports of what a module left behind: "leaked: ..." */
void leak(const char *fmt, ...) __printf(1, 2);
void slab_reclaim(void);
void events_reclaim(void);
void grants_reclaim(void);
void watches_reclaim(void);
void queues_reclaim(void);
void timers_reclaim(void);
void threads_reclaim(void);
void drivers_reclaim(void);
void devices_reclaim(void);

#endif
