/* SPDX-License-Identifier: MIT */
#include "bus.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void call_done(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct bus_call *call = list_entry(req, struct bus_call, req);
	struct bus_batch *batch = call->batch;

	call->error = error;
	if (!error && call->keep) {
		call->reply = malloc(len + 1);
		if (call->reply) {
			memcpy(call->reply, reply, len);
			call->reply[len] = '\0';
			call->len = len;
		} else {
			call->error = -ENOMEM;
		}
	}
	assert(batch->pending > 0);
	if (--batch->pending == 0)
		task_resume(batch->task);
}

/* An "OK" is not kept: a change that was made must not be reported as one that failed for want of memory. */
static bool has_answer(uint32_t op)
{
	return op == XS_READ || op == XS_DIRECTORY || op == XS_DIRECTORY_PART || op == XS_GET_PERMS;
}

void bus_call_start(struct task *task, struct bus_batch *batch, struct bus_call *call, uint32_t op,
		    uint32_t tx, const struct iovec *iov, int count)
{
	*call = (struct bus_call){ .batch = batch, .keep = has_answer(op) };
	call->req.done = call_done;
	batch->task = task;
	call->error = xenstore_submit(task->bus->xs, &call->req, op, tx, iov, count);
	if (call->error)
		return;
	task->bus->counts.requests++;
	call->error = 1; /* pending */
	batch->pending++;
}

static void calls_cancel(struct bus_batch *batch, struct bus_call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (calls[i].error == 1)
			xenstore_cancel(batch->task->bus->xs, &calls[i].req);
		free(calls[i].reply);
		calls[i].reply = NULL;
		calls[i].error = -ENODEV;
	}
	batch->pending = 0;
}

int bus_wait_calls(struct bus_batch *batch, struct bus_call *calls, size_t count)
{
	struct task *task = batch->task;
	int err = task->condemned && !task->last_words ? -ENODEV : 0;

	while (!err && batch->pending)
		err = task_park_store(task);
	if (err) {
		calls_cancel(batch, calls, count);
		return -ENODEV;
	}
	return 0;
}

int bus_call(struct task *task, uint32_t op, uint32_t tx, const struct iovec *iov, int count, char **reply,
	     size_t *len)
{
	struct bus_batch batch = { .task = task };
	struct bus_call call;
	int err;

	bus_call_start(task, &batch, &call, op, tx, iov, count);
	err = bus_wait_calls(&batch, &call, 1);
	if (err)
		return err;
	if (call.error)
		return call.error;
	if (len)
		*len = call.len;
	if (reply)
		*reply = call.reply;
	else
		free(call.reply);
	return 0;
}

int bus_call_path(struct task *task, uint32_t op, uint32_t tx, const char *path, char **reply, size_t *len)
{
	struct iovec iov = { (void *)path, strlen(path) + 1 };

	return bus_call(task, op, tx, &iov, 1, reply, len);
}

int bus_watch(struct task *task, struct xenstore_watch *watch)
{
	struct bus_batch batch = { .task = task, .pending = 1 };
	struct bus_call call = { .batch = &batch, .error = 1 };
	int err;

	call.req.done = call_done;
	err = xenstore_watch_add(task->bus->xs, watch, &call.req);
	if (err)
		return err;
	task->bus->counts.requests++;
	err = bus_wait_calls(&batch, &call, 1);
	free(call.reply);
	return err ? err : call.error;
}

int bus_path(char *buf, const char *dir, const char *node)
{
	int n = node && *node ? snprintf(buf, XENSTORE_PATH_MAX + 1, "%s/%s", dir, node)
			      : snprintf(buf, XENSTORE_PATH_MAX + 1, "%s", dir);

	if (n <= 0)
		return -EINVAL;
	return n > (int)XENSTORE_PATH_MAX ? -E2BIG : 0;
}
