/* SPDX-License-Identifier: MIT */
#include "golden.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <base/list.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>
#include <xenbus/host.h>

struct golden_store {
	struct xenbus_host *host;
	struct xenstore *xs;
	uint32_t transaction;
	struct xenstore_watch watch; /* of the node that is waited for; kept, it is always the same one */
	char watched[GOLDEN_PATH];
	bool fired;
};

void golden_die(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("golden: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* By the socket: what comes over domain 0's ring is the kernel's alone. */
struct golden_store *golden_store_open(void)
{
	struct golden_store *store = calloc(1, sizeof(*store));
	char path[GOLDEN_PATH];
	int err;

	if (!store)
		golden_die("no memory");
	err = xenbus_host_new(&store->host);
	if (!err)
		err = xenstore_socket_path(path, sizeof(path));
	if (!err)
		err = xenstore_open_socket(store->host, path, NULL, &store->xs);
	if (err)
		golden_die("no store: %s", strerror(-err));
	return store;
}

void golden_store_close(struct golden_store *store)
{
	xenstore_close(store->xs);
	xenbus_host_free(store->host);
	free(store);
}

static int ask(struct golden_store *store, uint32_t op, const char *payload, size_t len, char **reply)
{
	struct iovec iov = { (void *)(uintptr_t)payload, len };

	return xenstore_call(store->xs, op, store->transaction, &iov, 1, reply, NULL);
}

static void ask_or_die(struct golden_store *store, uint32_t op, const char *payload, size_t len, int allowed)
{
	int err = ask(store, op, payload, len, NULL);

	if (err && err != allowed)
		golden_die("operation %u on %s: %s", op, payload, strerror(-err));
}

void golden_begin(struct golden_store *store)
{
	char *reply = NULL;
	int err = ask(store, XS_TRANSACTION_START, "", 1, &reply);

	if (err)
		golden_die("no transaction: %s", strerror(-err));
	store->transaction = (uint32_t)strtoul(reply, NULL, 10);
	free(reply);
}

bool golden_commit(struct golden_store *store)
{
	int err = ask(store, XS_TRANSACTION_END, "T", 2, NULL);

	store->transaction = 0;
	if (err && err != -EAGAIN)
		golden_die("the transaction cannot be ended: %s", strerror(-err));
	return !err;
}

static size_t join(char path[GOLDEN_PATH], const char *dir, const char *key)
{
	int n = snprintf(path, GOLDEN_PATH, "%s%s%s", dir, *key ? "/" : "", key);

	if (n < 0 || n >= GOLDEN_PATH)
		golden_die("too long: %s/%s", dir, key);
	return (size_t)n + 1;
}

void golden_write(struct golden_store *store, const char *dir, const char *key, const char *fmt, ...)
{
	char payload[GOLDEN_PATH + GOLDEN_TEXT];
	size_t len = join(payload, dir, key);
	va_list args;

	va_start(args, fmt);
	len += (size_t)vsnprintf(payload + len, GOLDEN_TEXT, fmt, args);
	va_end(args);
	ask_or_die(store, XS_WRITE, payload, len, 0);
}

void golden_remove(struct golden_store *store, const char *dir, const char *key)
{
	char path[GOLDEN_PATH];

	ask_or_die(store, XS_RM, path, join(path, dir, key), -ENOENT);
}

void golden_permit(struct golden_store *store, const char *dir, unsigned int owner, unsigned int reader)
{
	char payload[GOLDEN_PATH + 32];
	size_t len = join(payload, dir, "");

	len += (size_t)snprintf(payload + len, 32, "n%u%cr%u", owner, 0, reader) + 1;
	ask_or_die(store, XS_SET_PERMS, payload, len, 0);
}

bool golden_read(struct golden_store *store, const char *dir, const char *key, char text[GOLDEN_TEXT])
{
	char path[GOLDEN_PATH], *reply = NULL;
	size_t len = join(path, dir, key);
	int err = ask(store, XS_READ, path, len, &reply);

	if (err && err != -ENOENT)
		golden_die("%s: %s", path, strerror(-err));
	snprintf(text, GOLDEN_TEXT, "%s", err ? "" : reply);
	free(reply);
	return !err;
}

unsigned int golden_state(struct golden_store *store, const char *dir)
{
	char text[GOLDEN_TEXT];

	return golden_read(store, dir, "state", text) ? (unsigned int)strtoul(text, NULL, 10) : 0;
}

static void watch_fired(struct xenstore_watch *watch, const char *path)
{
	list_entry(watch, struct golden_store, watch)->fired = true;
}

static void watch_node(struct golden_store *store, const char *path)
{
	int err;

	if (!strcmp(store->watched, path))
		return;
	if (*store->watched)
		xenstore_watch_remove(store->xs, &store->watch, NULL);
	snprintf(store->watched, sizeof(store->watched), "%s", path);
	store->watch = (struct xenstore_watch){ .path = store->watched, .fired = watch_fired };
	err = xenstore_watch_add(store->xs, &store->watch, NULL);
	if (err)
		golden_die("%s cannot be watched: %s", path, strerror(-err));
}

void golden_until_state(struct golden_store *store, const char *dir, unsigned int state)
{
	const time_t end = time(NULL) + GOLDEN_PATIENCE;
	char path[GOLDEN_PATH];

	join(path, dir, "state");
	watch_node(store, path);
	for (;;) {
		store->fired = false;
		if (golden_state(store, dir) == state)
			return;
		while (!store->fired)
			if (xenbus_host_dispatch(store->host, 1000) < 0 || time(NULL) > end)
				golden_die("%s is %u, and does not become %u", dir, golden_state(store, dir),
					   state);
	}
}
