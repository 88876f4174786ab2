/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_SCHED_H
#define _LINUX_SCHED_H
#include <linux/jiffies.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define TASK_COMM_LEN 16
#define TASK_RUNNING 0
#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2
#define MAX_SCHEDULE_TIMEOUT LONG_MAX

/* Who runs: a kthread, a worker, or the callback of a device. Valid until that ends. */
struct task_struct {
	char comm[TASK_COMM_LEN];
	pid_t pid;
	int __state;
	void *impl; /* the runtime's */
};

struct task_struct *linux_current(void) LINUX_SYMBOL(current);
#define current linux_current()
#define task_pid_nr(task) ((task)->pid)
#define set_current_state(state) linux_set_current_state(state)
#define __set_current_state(state) linux_set_current_state(state)
void linux_set_current_state(int state) LINUX_SYMBOL(set_current_state);
/* Waits until somebody wakes the task up: at once, where that was after set_current_state(). */
void schedule(void) LINUX_SYMBOL(schedule);
/* Jiffies that are left; 0: the time is over. */
long schedule_timeout(long timeout) LINUX_SYMBOL(schedule_timeout);
long schedule_timeout_interruptible(long timeout) LINUX_SYMBOL(schedule_timeout_interruptible);
#define schedule_timeout_uninterruptible(timeout) schedule_timeout_interruptible(timeout)
int wake_up_process(struct task_struct *task) LINUX_SYMBOL(wake_up_process);
void yield(void) LINUX_SYMBOL(yield);

#define signal_pending(task) 0
#define TIF_SIGPENDING 2
#define clear_thread_flag(flag) ((void)(flag)) /* there are no signals */
#define fatal_signal_pending(task) 0
#define in_interrupt() linux_in_interrupt()
#define in_irq() linux_in_interrupt()
#define in_atomic() linux_in_interrupt()
bool linux_in_interrupt(void) LINUX_SYMBOL(in_interrupt);

#endif
