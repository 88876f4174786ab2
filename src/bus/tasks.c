/* SPDX-License-Identifier: MIT */
/* Fibers without a device, and waiting for things other than the store. */
#include "bus.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct toolstack_task {
	struct task task;
	int (*fn)(struct xenbus *bus, void *arg);
	void (*done)(void *arg, int result);
	void *arg;
	int result;
	bool ran;
};

static void toolstack_main(struct task *task)
{
	struct toolstack_task *t = list_entry(task, struct toolstack_task, task);

	if (t->ran)
		return;
	t->ran = true;
	t->result = t->fn(task->bus, t->arg);
}

static void toolstack_ended(struct task *task)
{
	struct toolstack_task *t = list_entry(task, struct toolstack_task, task);

	task_fini(task);
	task->bus->tasks--;
	if (t->done)
		t->done(t->arg, t->result);
	free(t);
}

int xenbus_task(struct xenbus *bus, int (*fn)(struct xenbus *bus, void *arg), void *arg,
		void (*done)(void *arg, int result))
{
	struct toolstack_task *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	task_init(&t->task, bus, toolstack_main, toolstack_ended);
	t->fn = fn;
	t->arg = arg;
	t->done = done;
	bus->tasks++;
	task_kick(&t->task);
	return 0;
}

struct task_run {
	int (*fn)(struct xenbus *bus, void *arg);
	void *arg;
	int result;
	bool done;
};

static int task_run_fn(struct xenbus *bus, void *arg)
{
	struct task_run *run = arg;

	return run->fn(bus, run->arg);
}

static void task_run_done(void *arg, int result)
{
	struct task_run *run = arg;

	run->result = result;
	run->done = true;
}

int xenbus_task_run(struct xenbus *bus, int (*fn)(struct xenbus *bus, void *arg), void *arg)
{
	struct task_run run = { .fn = fn, .arg = arg };
	int err;

	assert(!bus->current);
	err = xenbus_task(bus, task_run_fn, &run, task_run_done);
	while (!err && !run.done) {
		int n = xenbus_host_dispatch(bus->host, -1);

		assert(n >= 0 || n == -EINTR);
	}
	return err ? err : run.result;
}

int xenbus_wait(struct xenbus *bus, struct xenbus_completion *completion, uint64_t timeout_ns)
{
	struct task *task;
	int err = task_current(bus, &task);

	if (err)
		return err;
	if (task->tx_id || completion->waiter)
		return -EDEADLK;
	completion->waiter = task;
	while (!err && !completion->done)
		err = task_park(task, timeout_ns);
	completion->waiter = NULL;
	if (err)
		return err;
	completion->done = false;
	return 0;
}

void xenbus_complete(struct xenbus *bus, struct xenbus_completion *completion)
{
	completion->done = true;
	if (completion->waiter)
		task_wake(completion->waiter);
}

int xenbus_sleep(struct xenbus *bus, uint64_t ns)
{
	struct task *task;
	int err = task_current(bus, &task);

	if (err)
		return err;
	if (task->tx_id)
		return -EDEADLK;
	err = task_park(task, ns ? ns : 1);
	return err == -ETIMEDOUT ? 0 : err;
}
