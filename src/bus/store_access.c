/* SPDX-License-Identifier: MIT */
/* What a fiber says to the store: one call, one request, its answer. */
#include "bus.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What every call starts with: who asks, is the transaction its, and the whole path. */
static int access_begin(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
			struct task **task, char *path)
{
	int err = task_current(bus, task);

	if (!err)
		err = tx_check(*task, t);
	return err ? err : bus_path(path, dir, node);
}

int xenbus_read(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		char **out, size_t *len)
{
	char path[XENSTORE_PATH_MAX + 1];
	struct task *task;
	int err = access_begin(bus, t, dir, node, &task, path);

	return err ? err : bus_call_path(task, XS_READ, t.id, path, out, len);
}

/* Is @path the device's own, so that only its own instance may change it? What it complains of is, too: written after
 * the device was detached, it would stay. (Amid a transaction of the driver's it is written without.) */
static bool is_guarded(const struct task *task, const char *path)
{
	static const char error[] = "error/";
	size_t len;

	if (!task->dev || !*task->dev->instance)
		return false;
	if (!strncmp(path, error, sizeof(error) - 1)) {
		if (task->tx)
			return false;
		path += sizeof(error) - 1;
	}
	len = strlen(task->dev->nodename);
	return !strncmp(path, task->dev->nodename, len) && (path[len] == '/' || path[len] == '\0');
}

static int guard(struct task *task)
{
	int err = task->tx_guarded ? 0 : tx_check_instance(task, task->dev);

	task->tx_guarded = !err;
	return err;
}

/* A change: as it is, or after the guard, in a transaction of its own where there is none. */
static int change(struct task *task, uint32_t op, uint32_t tx, const char *path, const struct iovec *iov,
		  int count)
{
	if (!is_guarded(task, path))
		return bus_call(task, op, tx, iov, count, NULL, NULL);
	for (int tries = 0; tries < BUS_TRANSACTION_TRIES; tries++) {
		int err = tx ? 0 : tx_start(task), end;

		if (!err)
			err = guard(task);
		if (!err)
			err = bus_call(task, op, task->tx_id, iov, count, NULL, NULL);
		if (tx || !task->tx_id)
			return err;
		if (task->condemned && !task->last_words)
			return -ENODEV;
		end = tx_end(task, err != 0);
		if (err && err != -EAGAIN)
			return err;
		if (!err && end != -EAGAIN)
			return end;
	}
	return -EAGAIN;
}

static int change_path(struct xenbus *bus, struct xenbus_transaction t, uint32_t op, const char *dir,
		       const char *node)
{
	char path[XENSTORE_PATH_MAX + 1];
	struct task *task;
	int err = access_begin(bus, t, dir, node, &task, path);

	if (err)
		return err;
	return change(task, op, t.id, path, &(struct iovec){ path, strlen(path) + 1 }, 1);
}

int xenbus_write(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		 const char *string)
{
	char path[XENSTORE_PATH_MAX + 1];
	struct task *task;
	int err = access_begin(bus, t, dir, node, &task, path);
	struct iovec iov[2] = { { path, 0 }, { (void *)string, strlen(string) } };

	if (err)
		return err;
	iov[0].iov_len = strlen(path) + 1;
	return change(task, XS_WRITE, t.id, path, iov, 2);
}

int xenbus_printf(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		  const char *fmt, ...)
{
	char *value;
	va_list ap;
	int n, err;

	va_start(ap, fmt);
	n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	err = xenbus_write(bus, t, dir, node, value);
	free(value);
	return err;
}

int xenbus_scanf(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		 const char *fmt, ...)
{
	char *value;
	va_list ap;
	int n = xenbus_read(bus, t, dir, node, &value, NULL);

	if (n)
		return n;
	va_start(ap, fmt);
	n = vsscanf(value, fmt, ap);
	va_end(ap);
	free(value);
	return n > 0 ? n : -ERANGE;
}

unsigned int xenbus_read_unsigned(struct xenbus *bus, const char *dir, const char *node,
				  unsigned int default_val)
{
	unsigned int value;

	return xenbus_scanf(bus, XBT_NIL, dir, node, "%u", &value) > 0 ? value : default_val;
}

int xenbus_mkdir(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node)
{
	return change_path(bus, t, XS_MKDIR, dir, node);
}

int xenbus_rm(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node)
{
	return change_path(bus, t, XS_RM, dir, node);
}

int xenbus_exists(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node)
{
	char *value;
	int err = xenbus_read(bus, t, dir, node, &value, NULL);

	if (err)
		return err == -ENOENT ? 0 : err;
	free(value);
	return 1;
}

int xenbus_transaction_start(struct xenbus *bus, struct xenbus_transaction *t)
{
	struct task *task;
	int err = task_current(bus, &task);

	if (!err)
		err = tx_start(task);
	*t = (struct xenbus_transaction){ err ? 0 : task->tx_id };
	return err;
}

int xenbus_transaction_end(struct xenbus *bus, struct xenbus_transaction t, bool abort)
{
	struct task *task;
	int err = task_current(bus, &task);

	if (err)
		return err;
	return t.id && t.id == task->tx_id ? tx_end(task, abort) : -EINVAL;
}
