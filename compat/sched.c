/* SPDX-License-Identifier: MIT */
/* Who runs, who waits, and what may not wait. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/semaphore.h>
#include <linux/string.h>
#include "runtime.h"

#define NS_PER_JIFFY (NSEC_PER_SEC / HZ)

/* Of one who waits; struct task_struct.impl points at it meanwhile. */
struct sleeper {
	struct bridge_sleep sleep;
};

bool may_block(const char *what)
{
	if (!rt.local.task || !bridge_in_fiber()) {
		printk(KERN_ERR "BUG: %s() waits, and was called by a handler\n", what);
		dump_stack();
		return false;
	}
	if (rt.local.spins) {
		printk(KERN_ERR "BUG: scheduling while atomic: %s() waits, with the spinlock taken at %s\n",
		       what, rt.local.spin_where);
		dump_stack();
	}
	return true;
}

void rt_task_enter(struct task_struct *task, const char *name)
{
	task->pid = ++rt.last_pid;
	task->__state = TASK_RUNNING;
	strscpy(task->comm, name, sizeof(task->comm));
	rt.local = (struct fiber_local){ .task = task };
}

void rt_task_leave(struct task_struct *task)
{
	if (rt.local.spins)
		printk(KERN_ERR "BUG: %s ends with the spinlock taken at %s\n", task->comm,
		       rt.local.spin_where);
	rt.local = (struct fiber_local){ 0 };
}

struct task_struct *linux_current(void)
{
	static struct task_struct loop = { .comm = "swapper" };

	return rt.local.task ? rt.local.task : &loop;
}

void linux_running(char *text, size_t size)
{
	if (rt.local.callback)
		snprintf(text, size, "%s() of %s", rt.local.callback, rt.local.device);
	else
		snprintf(text, size, "%s", linux_current()->comm);
}

bool linux_in_interrupt(void)
{
	return !rt.local.task;
}

long rt_task_wait(long timeout)
{
	struct task_struct *task = rt.local.task;
	struct sleeper sleeper = { 0 };
	u64 begin = bridge_now_ns(), limit = 0, passed;
	int err;

	if (timeout <= 0)
		return 0;
	if (timeout < LONG_MAX / NS_PER_JIFFY)
		limit = (u64)timeout * NS_PER_JIFFY;
	if (!may_block("schedule"))
		return 0;
	task->impl = &sleeper;
	err = BLOCKS("schedule", -EDEADLK, bridge_sleep(&sleeper.sleep, limit));
	task->impl = NULL;
	if (!limit)
		return timeout;
	passed = bridge_now_ns() - begin;
	return err == -ETIMEDOUT || passed >= limit ? 0 : (long)((limit - passed) / NS_PER_JIFFY) + 1;
}

void rt_task_wake(struct task_struct *task)
{
	struct sleeper *sleeper = task->impl;

	task->__state = TASK_RUNNING;
	if (sleeper)
		bridge_wake(&sleeper->sleep);
}

void linux_set_current_state(int state)
{
	if (rt.local.task)
		rt.local.task->__state = state;
}

long schedule_timeout(long timeout)
{
	struct task_struct *task = rt.local.task;

	/* Woken since it said that it would sleep. */
	if (task && task->__state == TASK_RUNNING)
		return timeout;
	timeout = rt_task_wait(timeout);
	if (task)
		task->__state = TASK_RUNNING;
	return timeout;
}

long schedule_timeout_interruptible(long timeout)
{
	linux_set_current_state(TASK_INTERRUPTIBLE);
	return schedule_timeout(timeout);
}

void schedule(void)
{
	if (rt.local.task && rt.local.task->__state == TASK_RUNNING)
		yield();
	else
		schedule_timeout(MAX_SCHEDULE_TIMEOUT);
}

void yield(void)
{
	usleep_range(1, 1);
}

/* -- time -- */

unsigned long linux_jiffies(void)
{
	return (unsigned long)(bridge_now_ns() / NS_PER_JIFFY);
}

ktime_t ktime_get(void)
{
	return (ktime_t)bridge_now_ns();
}

ktime_t ktime_get_real(void)
{
	return (ktime_t)bridge_wallclock_ns();
}

static void sleep_ns(const char *what, u64 ns)
{
	struct bridge_sleep sleep = { 0 };

	BLOCKS(what, -EDEADLK, bridge_sleep(&sleep, ns ? ns : 1));
}

void msleep(unsigned int ms)
{
	sleep_ns("msleep", (u64)ms * NSEC_PER_MSEC);
}

unsigned long msleep_interruptible(unsigned int ms)
{
	linux_set_current_state(TASK_INTERRUPTIBLE);
	return jiffies_to_msecs((unsigned long)schedule_timeout((long)msecs_to_jiffies(ms)));
}

void usleep_range(unsigned long min_us, unsigned long max_us)
{
	sleep_ns("usleep_range", (u64)min_us * NSEC_PER_USEC);
}

void udelay(unsigned long us)
{
	u64 until = bridge_now_ns() + us * NSEC_PER_USEC;

	while (bridge_now_ns() < until)
		cpu_relax();
}

/* -- wait queues -- */

/* Not inline: gcc would see a local variable in a list that outlives it, and not that linux_wait_end() takes it out. */
noinline void linux_wait_begin(struct wait_queue_head *wq, struct linux_waiter *waiter)
{
	if (!wq->head.next)
		INIT_LIST_HEAD(&wq->head);
	*waiter = (struct linux_waiter){ .task = rt.local.task };
	list_add_tail(&waiter->link, &wq->head);
}

long linux_wait(struct linux_waiter *waiter, long timeout)
{
	if (!waiter->task && !may_block("wait_event"))
		BUG(); /* it can never come true: nobody else runs while a handler does */
	if (!waiter->woken)
		timeout = rt_task_wait(timeout);
	waiter->woken = false;
	return timeout;
}

void linux_wait_end(struct linux_waiter *waiter)
{
	list_del(&waiter->link);
}

void linux_wake_up(struct wait_queue_head *wq, int count)
{
	struct linux_waiter *waiter, *next;

	if (!wq->head.next)
		return;
	list_for_each_entry_safe(waiter, next, &wq->head, link)
	{
		if (waiter->woken)
			continue;
		waiter->woken = true;
		if (waiter->task)
			rt_task_wake(waiter->task);
		if (--count == 0)
			return;
	}
}

/* -- completions, mutexes, semaphores -- */

void complete(struct completion *c)
{
	if (c->done != UINT_MAX)
		c->done++;
	wake_up(&c->wait);
}

void complete_all(struct completion *c)
{
	c->done = UINT_MAX;
	wake_up_all(&c->wait);
}

bool try_wait_for_completion(struct completion *c)
{
	if (!c->done)
		return false;
	if (c->done != UINT_MAX)
		c->done--;
	return true;
}

unsigned long wait_for_completion_timeout(struct completion *c, unsigned long timeout)
{
	return (unsigned long)wait_event_timeout(c->wait, try_wait_for_completion(c), (long)timeout);
}

void wait_for_completion(struct completion *c)
{
	wait_event(c->wait, try_wait_for_completion(c));
}

void mutex_lock(struct mutex *lock)
{
	if (lock->owner && lock->owner == rt.local.task) {
		printk(KERN_ERR "BUG: %s locks a mutex that it holds\n", rt.local.task->comm);
		BUG();
	}
	wait_event(lock->wait, mutex_trylock(lock));
}

int mutex_trylock(struct mutex *lock)
{
	if (lock->owner)
		return 0;
	lock->owner = linux_current();
	return 1;
}

void mutex_unlock(struct mutex *lock)
{
	WARN(lock->owner != linux_current(), "a mutex is unlocked by who does not hold it\n");
	lock->owner = NULL;
	wake_up(&lock->wait);
}

void down(struct semaphore *sem)
{
	wait_event(sem->wait, !down_trylock(sem));
}

int down_trylock(struct semaphore *sem)
{
	if (!sem->count)
		return 1;
	sem->count--;
	return 0;
}

void up(struct semaphore *sem)
{
	sem->count++;
	wake_up(&sem->wait);
}

/* -- spinlocks -- */

void linux_spin_lock(struct spinlock *lock, const char *where)
{
	if (lock->locked) {
		printk(KERN_ERR
		       "BUG: the spinlock taken at %s is taken again at %s: this would spin for ever\n",
		       lock->where, where);
		BUG();
	}
	linux_spin_trylock(lock, where);
}

bool linux_spin_trylock(struct spinlock *lock, const char *where)
{
	if (lock->locked)
		return false;
	lock->locked = true;
	lock->where = where;
	rt.local.spins++;
	rt.local.spin_where = where;
	return true;
}

void linux_spin_unlock(struct spinlock *lock, const char *where)
{
	if (!lock->locked || !rt.local.spins) {
		printk(KERN_ERR "BUG: a spinlock that nobody holds is unlocked at %s\n", where);
		BUG();
	}
	lock->locked = false;
	rt.local.spins--;
}
