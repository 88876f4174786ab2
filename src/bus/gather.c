/* SPDX-License-Identifier: MIT */
/* Many reads in one round trip: gather and directory. */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t count_triples(va_list ap)
{
	size_t count = 0;

	while (va_arg(ap, const char *)) {
		(void)va_arg(ap, const char *);
		(void)va_arg(ap, void *);
		count++;
	}
	return count;
}

static void gather_send(struct task *task, struct bus_batch *batch, struct bus_call *calls, uint32_t tx,
			const char *dir, va_list ap)
{
	char path[XENSTORE_PATH_MAX + 1];
	const char *node;

	for (struct bus_call *call = calls; (node = va_arg(ap, const char *)); call++) {
		struct iovec iov = { path, 0 };

		(void)va_arg(ap, const char *);
		(void)va_arg(ap, void *);
		call->error = bus_path(path, dir, node);
		if (call->error)
			continue;
		iov.iov_len = strlen(path) + 1;
		bus_call_start(task, batch, call, XS_READ, tx, &iov, 1);
	}
}

static int blame(struct task *task, const char *node, int err)
{
	snprintf(task->blamed, sizeof(task->blamed), "%s", node);
	return err;
}

/* Whether all were read; then numbers, which may fail too. The first key that did is remembered. */
static int gather_scan(struct task *task, struct bus_call *call, va_list ap)
{
	const char *node;

	for (; (node = va_arg(ap, const char *)); call++) {
		const char *fmt = va_arg(ap, const char *);
		void *out = va_arg(ap, void *);

		if (call->error)
			return blame(task, node, call->error);
		if (fmt && sscanf(call->reply, fmt, out) != 1)
			return blame(task, node, -ERANGE);
	}
	return 0;
}

/* Strings: given away last, when nothing can fail any more. */
static void gather_give(struct bus_call *call, va_list ap)
{
	for (; va_arg(ap, const char *); call++) {
		const char *fmt = va_arg(ap, const char *);
		char **out = va_arg(ap, void *);

		if (fmt)
			continue;
		*out = call->reply;
		call->reply = NULL;
	}
}

int xenbus_gather(struct xenbus *bus, struct xenbus_transaction t, const char *dir, ...)
{
	struct bus_batch batch = { 0 };
	struct bus_call *calls;
	struct task *task;
	va_list ap;
	size_t count;
	int err = task_current(bus, &task);

	if (!err)
		err = tx_check(task, t);
	if (err)
		return err;
	va_start(ap, dir);
	count = count_triples(ap);
	va_end(ap);
	calls = calloc(count ? count : 1, sizeof(*calls));
	if (!calls)
		return -ENOMEM;
	batch.task = task;
	va_start(ap, dir);
	gather_send(task, &batch, calls, t.id, dir, ap);
	va_end(ap);
	err = bus_wait_calls(&batch, calls, count);
	if (!err) {
		va_start(ap, dir);
		err = gather_scan(task, calls, ap);
		va_end(ap);
	}
	if (!err) {
		va_start(ap, dir);
		gather_give(calls, ap);
		va_end(ap);
	}
	for (size_t i = 0; i < count; i++)
		free(calls[i].reply);
	free(calls);
	return err;
}

/* A listing over 4096 bytes comes in parts: DIRECTORY_PART "path|offset|" -> "generation|leaf|...", until a
 * part ends with an empty string. Another generation than the first part's: begin again. */
static int directory_parts(struct task *task, uint32_t tx, const char *path, char **out, size_t *out_len)
{
	char *all = NULL, generation[32] = "";
	size_t len = 0;

	for (;;) {
		char offset[24], *reply = NULL, *bigger;
		size_t reply_len, head, n;
		struct iovec iov[2] = { { (void *)path, strlen(path) + 1 }, { offset, 0 } };
		int err;

		iov[1].iov_len = (size_t)snprintf(offset, sizeof(offset), "%zu", len) + 1;
		err = bus_call(task, XS_DIRECTORY_PART, tx, iov, 2, &reply, &reply_len);
		head = err ? 0 : strlen(reply) + 1;
		if (!err && (head > sizeof(generation) || head > reply_len))
			err = -EIO;
		if (err) {
			free(reply);
			free(all);
			return err;
		}
		if (*generation && strcmp(generation, reply)) {
			len = 0;
			*generation = '\0';
			free(reply);
			continue;
		}
		memcpy(generation, reply, head);
		n = reply_len - head;
		bigger = realloc(all, len + n + 1);
		if (!bigger || !n) {
			free(reply);
			free(bigger ? bigger : all);
			return bigger ? -EIO : -ENOMEM;
		}
		all = bigger;
		memcpy(all + len, reply + head, n);
		len += n;
		free(reply);
		if (len == 1 ? !all[0] : !all[len - 1] && !all[len - 2]) {
			*out = all;
			*out_len = len - 1;
			return 0;
		}
	}
}

/* Pointers, then the bytes that they point into, in one block. */
static int names_of(const char *list, size_t len, char ***names, size_t *count)
{
	size_t n = 0;
	char *bytes;

	for (size_t i = 0; i < len; i++)
		n += !list[i];
	*names = malloc((n + 1) * sizeof(**names) + len);
	if (!*names)
		return -ENOMEM;
	bytes = (char *)(*names + n + 1);
	memcpy(bytes, list, len);
	for (size_t i = 0; i < n; i++) {
		(*names)[i] = bytes;
		bytes += strlen(bytes) + 1;
	}
	(*names)[n] = NULL;
	*count = n;
	return 0;
}

int xenbus_directory(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		     char ***names, size_t *count)
{
	char path[XENSTORE_PATH_MAX + 1], *list = NULL;
	struct task *task;
	size_t len = 0;
	int err = task_current(bus, &task);

	if (!err)
		err = tx_check(task, t);
	if (!err)
		err = bus_path(path, dir, node);
	if (!err)
		err = bus_call_path(task, XS_DIRECTORY, t.id, path, &list, &len);
	if (err == -E2BIG)
		err = directory_parts(task, t.id, path, &list, &len);
	if (!err)
		err = names_of(list, len, names, count);
	free(list);
	return err;
}
