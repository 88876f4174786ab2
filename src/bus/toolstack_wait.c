/* SPDX-License-Identifier: MIT */
/* Waiting for states from outside: watches that wake a fiber, which reads what is now. */
#include "toolstack.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

unsigned int toolstack_state(struct xenbus *bus, struct xenbus_transaction t, const char *dir)
{
	unsigned int state;
	int err = xenbus_scanf(bus, t, dir, "state", "%u", &state);

	if (err == 1)
		return state < XENBUS_STATE_GONE ? state : XenbusStateUnknown;
	return err == -ENOENT ? XENBUS_STATE_GONE : XenbusStateUnknown;
}

int toolstack_set_perms(struct xenbus *bus, struct xenbus_transaction t, const char *path, const char *perms,
			size_t len)
{
	struct iovec iov[2] = { { (void *)path, strlen(path) + 1 }, { (void *)perms, len } };
	struct task *task;
	int err = task_current(bus, &task);

	if (!err)
		err = tx_check(task, t);
	return err ? err : bus_call(task, XS_SET_PERMS, t.id, iov, 2, NULL, NULL);
}

/* Wakes one waiting fiber whenever either state may have changed. */
struct state_watch {
	struct xenstore_watch watch;
	struct xenbus *bus;
	struct xenbus_completion *news;
	char path[128];
};

static void state_fired(struct xenstore_watch *watch, const char *path)
{
	struct state_watch *w = list_entry(watch, struct state_watch, watch);

	xenbus_complete(w->bus, w->news);
}

static int state_watch_set(struct xenbus *bus, struct state_watch *w, const char *dir,
			   struct xenbus_completion *news)
{
	int err;

	*w = (struct state_watch){ .bus = bus, .news = news };
	snprintf(w->path, sizeof(w->path), "%s/state", dir);
	w->watch.path = w->path;
	w->watch.fired = state_fired;
	err = bus_watch(bus->current, &w->watch);
	if (err)
		xenstore_watch_remove(bus->xs, &w->watch, NULL);
	return err;
}

/* Until @enough(states) or the deadline. */
struct wait_for {
	unsigned int want;
	bool both;
	unsigned int back, front;
};

static int wait_look(struct xenbus *bus, const struct toolstack_paths *paths, struct wait_for *w)
{
	w->back = toolstack_state(bus, XBT_NIL, paths->back);
	w->front = w->both ? toolstack_state(bus, XBT_NIL, paths->front) : w->want;
	if (w->back == XENBUS_STATE_GONE || w->front == XENBUS_STATE_GONE)
		return -ENOENT;
	return w->back == w->want && w->front == w->want;
}

static int wait_loop(struct xenbus *bus, const struct toolstack_paths *paths, struct wait_for *w,
		     struct xenbus_completion *news, uint64_t timeout_ns)
{
	uint64_t deadline = xenbus_host_now(bus->host) + timeout_ns;

	for (;;) {
		int err = wait_look(bus, paths, w);
		uint64_t now = xenbus_host_now(bus->host);

		if (err)
			return err > 0 ? 0 : err;
		if (now >= deadline)
			return -ETIMEDOUT;
		err = xenbus_wait(bus, news, deadline - now);
		if (err && err != -ETIMEDOUT)
			return err;
	}
}

static int wait_states(struct xenbus *bus, const struct toolstack_paths *paths, struct wait_for *w,
		       uint64_t timeout_ns)
{
	struct xenbus_completion news = { 0 };
	struct state_watch back, front;
	struct task *task;
	int err = task_current(bus, &task);

	if (err)
		return err;
	err = state_watch_set(bus, &back, paths->back, &news);
	if (err)
		return err;
	if (w->both)
		err = state_watch_set(bus, &front, paths->front, &news);
	if (!err) {
		err = wait_loop(bus, paths, w, &news, timeout_ns);
		if (w->both)
			xenstore_watch_remove(bus->xs, &front.watch, NULL);
	}
	xenstore_watch_remove(bus->xs, &back.watch, NULL);
	return err;
}

int toolstack_wait_back(struct xenbus *bus, const struct toolstack_paths *paths, unsigned int state,
			uint64_t timeout_ns)
{
	struct wait_for w = { .want = state };

	return wait_states(bus, paths, &w, timeout_ns);
}

int xenbus_toolstack_wait(struct xenbus *bus, const struct xenbus_toolstack_device *device,
			  unsigned int state, uint64_t timeout_ns, unsigned int *backend,
			  unsigned int *frontend)
{
	struct wait_for w = { .want = state, .both = true };
	struct toolstack_paths paths;
	int err = toolstack_paths(device, &paths);

	if (!err)
		err = wait_states(bus, &paths, &w, timeout_ns);
	if (backend)
		*backend = w.back;
	if (frontend)
		*frontend = w.front;
	return err;
}
