/* SPDX-License-Identifier: MIT */
#include "bus.h"
#include <assert.h>
#include <errno.h>

#define LAST_WORDS_NS 2000000000u /* a store that answers nobody must not keep a device from ending */
#define TASK_RETRY_NS 10000000u	  /* no memory for a stack: try again in 10 ms */

static void task_main(void *arg)
{
	struct task *task = arg;

	task->main(task);
}

static void task_finish(struct task *task)
{
	task->fiber = NULL;
	assert(!task->parked);
	tx_abandon(task);
	if (task->again) {
		task->again = false;
		task_kick(task);
	}
	if (task->ended)
		task->ended(task); /* the task may be gone now */
}

/* From the loop: starts the fiber, or goes on where it parked. */
static void task_enter(struct task *task)
{
	struct xenbus *bus = task->bus;
	bool returned;

	assert(!bus->current);
	bus->current = task;
	returned = fiber_enter(&bus->pool, task->fiber);
	bus->current = NULL;
	if (returned)
		task_finish(task);
}

static void task_kicked(struct xenbus_work *work)
{
	struct task *task = list_entry(work, struct task, kick);

	if (task->fiber) {
		if (!task->parked || !task->woken)
			return;
		task->parked = task->woken = false;
	} else {
		task->again = false;
		task->fiber = fiber_new(&task->bus->pool, task_main, task);
		if (!task->fiber) {
			xenbus_timer_set(task->bus->host, &task->timer,
					 xenbus_host_now(task->bus->host) + TASK_RETRY_NS);
			return;
		}
	}
	task_enter(task);
}

static void task_timer(struct xenbus_timer *timer)
{
	struct task *task = list_entry(timer, struct task, timer);

	if (!task->fiber) {
		task_kick(task);
		return;
	}
	if (task->parked) {
		task->timed_out = true;
		task_resume(task);
	}
}

void task_init(struct task *task, struct xenbus *bus, void (*main)(struct task *),
	       void (*ended)(struct task *))
{
	*task = (struct task){ .bus = bus, .main = main, .ended = ended };
	task->kick.run = task_kicked;
	task->timer.fire = task_timer;
	list_init(&task->tx_link);
}

void task_fini(struct task *task)
{
	assert(!task->fiber);
	assert(!task->tx_slot);
	xenbus_work_cancel(task->bus->host, &task->kick);
	xenbus_timer_cancel(task->bus->host, &task->timer);
}

void task_kick(struct task *task)
{
	if (task->fiber) {
		task->again = true;
		return;
	}
	xenbus_work_post(task->bus->host, &task->kick);
}

void task_wake(struct task *task)
{
	if (!task->parked || task->woken)
		return;
	task->woken = true;
	xenbus_work_post(task->bus->host, &task->kick);
}

void task_resume(struct task *task)
{
	if (!task->parked || task->woken)
		return;
	if (task->bus->current) {
		task_wake(task); /* another fiber runs: this one goes on from the loop */
		return;
	}
	task->parked = false;
	task_enter(task);
}

int task_park(struct task *task, uint64_t timeout_ns)
{
	struct xenbus *bus = task->bus;

	assert(bus->current == task);
	task->timed_out = false;
	if (timeout_ns)
		xenbus_timer_set(bus->host, &task->timer, xenbus_host_now(bus->host) + timeout_ns);
	task->parked = true;
	bus->current = NULL;
	fiber_leave(&bus->pool);
	bus->current = task;
	xenbus_timer_cancel(bus->host, &task->timer);
	if (task->condemned && !task->last_words)
		return -ENODEV;
	return task->timed_out ? -ETIMEDOUT : 0;
}

static uint64_t replies(const struct xenbus *bus)
{
	struct xenstore_counters counters;

	xenstore_counters(bus->xs, &counters);
	return counters.replies;
}

int task_park_store(struct task *task)
{
	uint64_t before;
	int err;

	do {
		before = replies(task->bus);
		err = task_park(task, task->condemned && task->last_words ? LAST_WORDS_NS : 0);
	} while (err == -ETIMEDOUT && replies(task->bus) != before);
	return err == -ETIMEDOUT ? -ENODEV : err;
}

void task_condemn(struct task *task)
{
	if (task->condemned)
		return;
	task->condemned = true;
	if (!task->last_words)
		task_wake(task);
}

int task_current(struct xenbus *bus, struct task **task)
{
	*task = bus->current;
	if (!*task)
		return -EDEADLK;
	return (*task)->condemned && !(*task)->last_words ? -ENODEV : 0;
}
