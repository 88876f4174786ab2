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

/* A fiber that waits for what others write, or for the store to be lost. */
struct outsider {
	struct list link; /* bus->outsiders */
	struct xenbus *bus;
	struct xenbus_completion news;
	uint64_t deadline_ns;
};

/* Wakes it whenever @path may have changed. */
struct news_watch {
	struct xenstore_watch watch;
	struct outsider *outsider;
	char path[128];
};

void toolstack_store_lost(struct xenbus *bus)
{
	list_for_each (link, &bus->outsiders)
		xenbus_complete(bus, &list_entry(link, struct outsider, link)->news);
}

static void outsider_begin(struct xenbus *bus, struct outsider *o, uint64_t timeout_ns)
{
	*o = (struct outsider){ .bus = bus, .deadline_ns = xenbus_host_now(bus->host) + timeout_ns };
	list_add_tail(&bus->outsiders, &o->link);
}

static void outsider_end(struct outsider *o)
{
	list_del(&o->link);
}

/* 0 there may be news; -ETIMEDOUT the deadline is over; -ENOTCONN, -ENODEV. */
static int outsider_wait(struct outsider *o)
{
	uint64_t now = xenbus_host_now(o->bus->host);
	int err;

	if (!o->bus->connected)
		return -ENOTCONN;
	if (now >= o->deadline_ns)
		return -ETIMEDOUT;
	err = xenbus_wait(o->bus, &o->news, o->deadline_ns - now);
	return err == -ETIMEDOUT ? 0 : err; /* one more look */
}

static void news_fired(struct xenstore_watch *watch, const char *path)
{
	struct outsider *o = list_entry(watch, struct news_watch, watch)->outsider;

	xenbus_complete(o->bus, &o->news);
}

static int news_watch_set(struct outsider *o, struct news_watch *w, const char *dir, const char *node)
{
	int err;

	*w = (struct news_watch){ .outsider = o };
	snprintf(w->path, sizeof(w->path), "%s%s", dir, node);
	w->watch.path = w->path;
	w->watch.fired = news_fired;
	err = bus_watch(o->bus->current, &w->watch);
	if (err)
		xenstore_watch_remove(o->bus->xs, &w->watch, NULL);
	return err;
}

/* Two states, or one. */
struct wait_for {
	unsigned int want;
	bool both;
	unsigned int back, front;
};

/* 1 as wanted, 0 not yet, -ENOENT a node is gone. */
static int wait_look(struct xenbus *bus, const struct toolstack_paths *paths, struct wait_for *w)
{
	w->back = toolstack_state(bus, XBT_NIL, paths->back);
	w->front = w->both ? toolstack_state(bus, XBT_NIL, paths->front) : w->want;
	if (w->back == XENBUS_STATE_GONE || w->front == XENBUS_STATE_GONE)
		return -ENOENT;
	return w->back == w->want && w->front == w->want;
}

static int wait_loop(struct outsider *o, const struct toolstack_paths *paths, struct wait_for *w)
{
	for (;;) {
		int err = wait_look(o->bus, paths, w);

		if (err)
			return err > 0 ? 0 : err;
		err = outsider_wait(o);
		if (err)
			return err;
	}
}

static int wait_watched(struct outsider *o, const struct toolstack_paths *paths, struct wait_for *w)
{
	struct news_watch back, front;
	int err = news_watch_set(o, &back, paths->back, "/state");

	if (err)
		return err;
	if (w->both)
		err = news_watch_set(o, &front, paths->front, "/state");
	if (!err) {
		err = wait_loop(o, paths, w);
		if (w->both)
			xenstore_watch_remove(o->bus->xs, &front.watch, NULL);
	}
	xenstore_watch_remove(o->bus->xs, &back.watch, NULL);
	return err;
}

static int wait_states(struct xenbus *bus, const struct toolstack_paths *paths, struct wait_for *w,
		       uint64_t timeout_ns)
{
	struct outsider o;
	struct task *task;
	int err = task_current(bus, &task);

	if (err)
		return err;
	outsider_begin(bus, &o, timeout_ns);
	err = wait_watched(&o, paths, w);
	outsider_end(&o);
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

static int wait_for_home(struct outsider *o, unsigned int domid)
{
	struct news_watch home;
	char path[40];
	int err;

	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	err = news_watch_set(o, &home, path, "");
	while (!err && !toolstack_has_home(o->bus, XBT_NIL, domid))
		err = outsider_wait(o);
	xenstore_watch_remove(o->bus->xs, &home.watch, NULL);
	return err;
}

int xenbus_toolstack_wait_domain(struct xenbus *bus, unsigned int domid, uint64_t timeout_ns)
{
	struct outsider o;
	struct task *task;
	int err = task_current(bus, &task);

	if (err || toolstack_has_home(bus, XBT_NIL, domid))
		return err;
	outsider_begin(bus, &o, timeout_ns);
	err = wait_for_home(&o, domid);
	outsider_end(&o);
	return err;
}
