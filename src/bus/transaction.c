/* SPDX-License-Identifier: MIT */
#include "bus.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A transaction, from its START to its END. It outlives a task that is condemned meanwhile: then the bus
 * waits for the id, ends it F, and only then is the slot free again. */
struct tx {
	struct list link; /* bus->orphans, once the task is gone */
	struct xenstore_request req;
	struct xenbus *bus;
	struct task *task; /* NULL: an orphan */
	uint64_t generation;
	uint32_t id;
	int error; /* of START; 1: not answered yet */
};

/* Gives a free slot to who has waited longest. */
static void slot_hand_on(struct xenbus *bus)
{
	struct task *next;

	bus->tx_open--;
	if (list_empty(&bus->tx_queue))
		return;
	next = list_first(&bus->tx_queue, struct task, tx_link);
	list_del(&next->tx_link);
	bus->tx_open++;
	next->tx_slot = true;
	task_wake(next);
}

static void slot_release(struct task *task)
{
	if (!task->tx_slot)
		return;
	task->tx_slot = false;
	slot_hand_on(task->bus);
}

static int slot_take(struct task *task)
{
	struct xenbus *bus = task->bus;
	int err = 0;

	if (bus->tx_open < BUS_TRANSACTIONS_MAX && list_empty(&bus->tx_queue)) {
		bus->tx_open++;
		task->tx_slot = true;
		return 0;
	}
	list_add_tail(&bus->tx_queue, &task->tx_link);
	while (!task->tx_slot && !err)
		err = task_park_store(task);
	if (!err)
		return 0;
	list_del(&task->tx_link);
	slot_release(task);
	return err;
}

static void orphan_free(struct tx *tx)
{
	struct xenbus *bus = tx->bus;

	list_del(&tx->link);
	free(tx);
	slot_hand_on(bus);
}

static void orphan_ended(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	orphan_free(list_entry(req, struct tx, req));
}

static void orphan_end(struct tx *tx)
{
	struct iovec iov = { (void *)"F", 2 };

	tx->req = (struct xenstore_request){ .done = orphan_ended };
	if (!tx->id || tx->generation != tx->bus->generation ||
	    xenstore_submit(tx->bus->xs, &tx->req, XS_TRANSACTION_END, tx->id, &iov, 1))
		orphan_free(tx);
}

static void tx_started(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct tx *tx = list_entry(req, struct tx, req);

	tx->id = error ? 0 : (uint32_t)strtoul(reply, NULL, 10);
	tx->error = !error && !tx->id ? -EIO : error;
	if (tx->task)
		task_resume(tx->task);
	else
		orphan_end(tx);
}

static void tx_drop(struct task *task)
{
	free(task->tx);
	task->tx = NULL;
	task->tx_id = 0;
	slot_release(task);
}

int tx_start(struct task *task)
{
	struct iovec iov = { (void *)"", 1 };
	struct tx *tx;
	int err;

	if (task->tx)
		return -EBUSY;
	tx = calloc(1, sizeof(*tx));
	if (!tx)
		return -ENOMEM;
	err = slot_take(task);
	if (err) {
		free(tx);
		return err;
	}
	*tx = (struct tx){ .bus = task->bus, .task = task, .generation = task->bus->generation, .error = 1 };
	tx->req.done = tx_started;
	list_init(&tx->link);
	task->tx = tx;
	task->tx_guarded = false;
	err = xenstore_submit(task->bus->xs, &tx->req, XS_TRANSACTION_START, 0, &iov, 1);
	if (err) {
		tx_drop(task);
		return err;
	}
	task->bus->counts.requests++;
	while (!err && tx->error == 1)
		err = task_park_store(task);
	if (err) {
		tx_abandon(task);
		return err;
	}
	err = tx->error;
	if (err) {
		tx_drop(task);
		return err;
	}
	task->tx_id = tx->id;
	return 0;
}

int tx_end(struct task *task, bool abort)
{
	struct iovec iov = { (void *)(abort ? "F" : "T"), 2 };
	uint32_t id = task->tx_id;
	int err;

	if (!id)
		return -ENOENT;
	err = tx_check(task, (struct xenbus_transaction){ id });
	if (!err)
		err = bus_call(task, XS_TRANSACTION_END, id, &iov, 1, NULL, NULL);
	tx_drop(task);
	return err;
}

int tx_check(struct task *task, struct xenbus_transaction t)
{
	if (!t.id)
		return 0;
	if (t.id != task->tx_id)
		return -EINVAL;
	return task->tx->generation == task->bus->generation ? 0 : -ENOTCONN;
}

void tx_abandon(struct task *task)
{
	struct tx *tx = task->tx;

	if (!tx)
		return;
	tx->task = NULL;
	task->tx = NULL;
	task->tx_id = 0;
	task->tx_slot = false; /* the orphan has it now */
	list_add_tail(&task->bus->orphans, &tx->link);
	if (tx->error != 1)
		orphan_end(tx);
}

void tx_store_lost(struct xenbus *bus)
{
	bus->generation++; /* ids of the old connection mean nothing on the next */
}

int tx_check_instance(struct task *task, struct xenbus_device *dev)
{
	char path[XENSTORE_PATH_MAX + 1], *value;
	int err;

	err = bus_path(path, dev->nodename, "instance");
	if (!err)
		err = bus_call_path(task, XS_READ, task->tx_id, path, &value, NULL);
	if (err)
		return err == -ENOENT || err == -EACCES ? -ENODEV : err;
	err = strcmp(value, dev->instance) ? -ENODEV : 0;
	free(value);
	return err;
}

enum { GUARD_INSTANCE, GUARD_STATE, GUARDS };

static void guard_start(struct task *task, struct bus_batch *batch, struct bus_call *call, const char *node)
{
	char path[XENSTORE_PATH_MAX + 1];
	struct iovec iov = { path, 0 };
	int err = bus_path(path, task->dev->nodename, node);

	iov.iov_len = err ? 0 : strlen(path) + 1;
	if (err)
		call->error = err;
	else
		bus_call_start(task, batch, call, XS_READ, task->tx_id, &iov, 1);
}

static void write_start(struct task *task, struct bus_batch *batch, struct bus_call *call, const char *node,
			const char *value)
{
	char path[XENSTORE_PATH_MAX + 1];
	struct iovec iov[2] = { { path, 0 }, { (void *)value, strlen(value) } };
	int err = bus_path(path, task->dev->nodename, node);

	iov[0].iov_len = err ? 0 : strlen(path) + 1;
	if (err)
		call->error = err;
	else
		bus_call_start(task, batch, call, XS_WRITE, task->tx_id, iov, 2);
}

/* What the guards say: 0; -ENODEV another instance, or none; -ESTALE the state is not the one we left. */
static int judge_guards(const struct xenbus_device *dev, const struct bus_call *guards, bool check_state)
{
	const struct bus_call *instance = &guards[GUARD_INSTANCE], *state = &guards[GUARD_STATE];

	if (instance->error)
		return instance->error == -ENOENT || instance->error == -EACCES ? -ENODEV : instance->error;
	if (strcmp(instance->reply, dev->instance))
		return -ENODEV;
	if (!check_state || state->error == -ENOENT)
		return 0;
	if (state->error)
		return state->error;
	return strtoul(state->reply, NULL, 10) == (unsigned long)dev->state ? 0 : -ESTALE;
}

/* Not where a driver of Linux's manners writes, which knows no such failure; nor over one who says goodbye. */
static bool checks_state(const struct xenbus_device *dev, const char *state)
{
	return state && !driver_negotiates_itself(dev->driver) && *state <= '0' + XenbusStateConnected;
}

/* The guards' READs and all WRITEs leave together; the answers say whether to commit. */
static int write_batch(struct task *task, struct xenbus_device *dev, const struct publish_key *keys,
		       size_t count, const char *state)
{
	struct bus_call *calls = calloc(GUARDS + count + 1, sizeof(*calls));
	struct bus_batch batch = { .task = task };
	const bool check_state = checks_state(dev, state);
	size_t n = GUARDS;
	int err = 0;

	if (!calls)
		return -ENOMEM;
	guard_start(task, &batch, &calls[GUARD_INSTANCE], "instance");
	if (check_state)
		guard_start(task, &batch, &calls[GUARD_STATE], "state");
	for (size_t i = 0; i < count; i++)
		write_start(task, &batch, &calls[n++], keys[i].node, keys[i].value);
	if (state)
		write_start(task, &batch, &calls[n++], "state", state);
	if (bus_wait_calls(&batch, calls, n))
		err = -ENODEV;
	if (!err)
		err = judge_guards(dev, calls, check_state);
	for (size_t i = 0; i < n; i++) {
		if (!err && i >= GUARDS)
			err = calls[i].error;
		free(calls[i].reply);
	}
	free(calls);
	return err;
}

int tx_write_guarded(struct task *task, struct xenbus_device *dev, const struct publish_key *keys,
		     size_t count, const char *state)
{
	for (int tries = 0; tries < BUS_TRANSACTION_TRIES; tries++) {
		int err = tx_start(task), end;

		if (err)
			return err;
		err = write_batch(task, dev, keys, count, state);
		if (task->condemned && !task->last_words)
			return -ENODEV; /* what is open is ended by tx_abandon() */
		end = tx_end(task, err != 0);
		if (err && err != -EAGAIN)
			return err;
		if (!err && end != -EAGAIN)
			return end;
		trace_add(task->bus, dev, XENBUS_TRACE_NOTE, "conflict, trying again");
	}
	return -EAGAIN;
}
