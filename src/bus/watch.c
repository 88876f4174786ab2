/* SPDX-License-Identifier: MIT */
/* Watches of drivers: an event sets a bit, the device's fiber calls. */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct device_watch {
	struct list link; /* impl->watches */
	struct xenbus_watch *watch;
	struct device_impl *impl;
	struct xenstore_watch xs_watch;
	bool due;
};

static void watch_fired(struct xenstore_watch *xs_watch, const char *path)
{
	struct device_watch *w = list_entry(xs_watch, struct device_watch, xs_watch);

	w->due = true;
	task_kick(&w->impl->task);
}

static void watch_free(struct device_watch *w)
{
	xenstore_watch_remove(w->impl->dev.bus->xs, &w->xs_watch, NULL);
	w->watch->impl = NULL;
	list_del(&w->link);
	w->impl->dev.bus->counts.watches--;
	free(w->watch->path);
	w->watch->path = NULL;
	free(w);
}

int xenbus_watch_path(struct xenbus_device *dev, const char *path, struct xenbus_watch *watch,
		      void (*fired)(struct xenbus_watch *watch))
{
	struct device_watch *w;
	struct task *task;
	int err = task_current(dev->bus, &task);

	if (err)
		return err;
	if (watch->impl)
		return -EBUSY;
	w = calloc(1, sizeof(*w));
	watch->path = strdup(path);
	if (!w || !watch->path) {
		free(w);
		free(watch->path);
		watch->path = NULL;
		return -ENOMEM;
	}
	watch->fired = fired;
	watch->dev = dev;
	watch->impl = w;
	*w = (struct device_watch){ .watch = watch, .impl = impl_of(dev) };
	w->xs_watch = (struct xenstore_watch){ .path = watch->path, .fired = watch_fired };
	list_add_tail(&w->impl->watches, &w->link);
	dev->bus->counts.watches++;
	err = bus_watch(task, &w->xs_watch);
	if (err && watch->impl)
		watch_free(w);
	return err;
}

int xenbus_watch_pathfmt(struct xenbus_device *dev, struct xenbus_watch *watch,
			 void (*fired)(struct xenbus_watch *watch), const char *fmt, ...)
{
	char *path;
	va_list ap;
	int n, err;

	va_start(ap, fmt);
	n = vasprintf(&path, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	err = xenbus_watch_path(dev, path, watch, fired);
	free(path);
	return err;
}

void xenbus_unwatch(struct xenbus_watch *watch)
{
	if (watch->impl)
		watch_free(watch->impl);
}

bool watches_due(const struct device_impl *impl)
{
	list_for_each (link, &impl->watches)
		if (list_entry(link, struct device_watch, link)->due)
			return true;
	return false;
}

/* One that is due; its callback may remove any watch, so the list is walked anew for the next. */
void watches_run(struct device_impl *impl)
{
	list_for_each (link, &impl->watches) {
		struct device_watch *w = list_entry(link, struct device_watch, link);

		if (!w->due)
			continue;
		w->due = false;
		w->watch->fired(w->watch);
		return;
	}
}

void watches_remove(struct device_impl *impl)
{
	while (!list_empty(&impl->watches))
		watch_free(list_first(&impl->watches, struct device_watch, link));
}
