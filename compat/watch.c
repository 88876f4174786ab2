/* SPDX-License-Identifier: MIT */
/*
 * Watches of drivers. Events become callbacks one after the other, each with its path; an event whose path waits
 * already in the same watch is one with it, so a guest that writes without end cannot fill the memory.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <xen/xenbus.h>
#include "runtime.h"

#define PENDING_MAX 64 /* distinct paths; further ones are told as the watch's own node */

struct watch_event {
	struct list_head link;
	char path[];
};

struct store_watch {
	struct list_head link; /* rt.watches */
	struct xenbus_watch *watch;
	struct list_head events;
	struct work_struct work;
	void *bridge;
	unsigned int count;
	bool gone; /* unregistered from within its own callback */
};

static bool is_pending(const struct store_watch *w, const char *path)
{
	struct watch_event *event;

	list_for_each_entry(event, &w->events, link) if (!strcmp(event->path, path)) return true;
	return false;
}

static void fired(void *ctx, const char *path)
{
	struct store_watch *w = ctx;
	struct watch_event *event;

	rt.local = (struct fiber_local){ 0 };
	if (w->count >= PENDING_MAX)
		path = w->watch->node;
	if (is_pending(w, path))
		return;
	if (w->watch->will_handle && !w->watch->will_handle(w->watch, path, ""))
		return;
	event = malloc(sizeof(*event) + strlen(path) + 1);
	if (!event)
		return;
	strcpy(event->path, path);
	list_add_tail(&event->link, &w->events);
	w->watch->nr_pending = ++w->count;
	schedule_work(&w->work);
}

static void drop_events(struct store_watch *w)
{
	struct watch_event *event, *next;

	list_for_each_entry_safe(event, next, &w->events, link)
	{
		list_del(&event->link);
		free(event);
	}
	w->count = 0;
}

static void run(struct work_struct *work)
{
	struct store_watch *w = container_of(work, struct store_watch, work);
	struct watch_event *event;

	while (!w->gone && (event = list_first_entry_or_null(&w->events, struct watch_event, link))) {
		list_del(&event->link);
		w->watch->nr_pending = --w->count;
		w->watch->callback(w->watch, event->path, "");
		free(event);
	}
	if (w->gone)
		free(w); /* nothing of it is touched by the queue after its function */
}

int register_xenbus_watch(struct xenbus_watch *watch)
{
	struct store_watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->watch = watch;
	INIT_LIST_HEAD(&w->events);
	INIT_WORK(&w->work, run);
	watch->nr_pending = 0;
	watch->linux_impl = w;
	list_add_tail(&w->link, &rt.watches);
	err = BLOCKS("register_xenbus_watch", -EDEADLK, bridge_watch(watch->node, fired, w, &w->bridge));
	if (err)
		unregister_xenbus_watch(watch);
	return err;
}

void unregister_xenbus_watch(struct xenbus_watch *watch)
{
	struct store_watch *w = watch->linux_impl;

	if (!w)
		return;
	watch->linux_impl = NULL;
	if (w->bridge)
		bridge_unwatch(w->bridge);
	list_del(&w->link);
	drop_events(w);
	if (linux_work_is_current(&w->work)) {
		cancel_work(&w->work); /* asked for by an event that came while the callback waited */
		w->gone = true;
		return;
	}
	cancel_work_sync(&w->work);
	free(w);
}

int xenbus_watch_path(struct xenbus_device *dev, const char *path, struct xenbus_watch *watch,
		      bool (*will_handle)(struct xenbus_watch *, const char *, const char *),
		      void (*callback)(struct xenbus_watch *, const char *, const char *))
{
	int err;

	watch->node = path;
	watch->will_handle = will_handle;
	watch->callback = callback;
	err = register_xenbus_watch(watch);
	if (err) {
		watch->node = NULL;
		watch->will_handle = NULL;
		watch->callback = NULL;
		xenbus_dev_fatal(dev, err, "adding watch on %s", path);
	}
	return err;
}

int xenbus_watch_pathfmt(struct xenbus_device *dev, struct xenbus_watch *watch,
			 bool (*will_handle)(struct xenbus_watch *, const char *, const char *),
			 void (*callback)(struct xenbus_watch *, const char *, const char *),
			 const char *pathfmt, ...)
{
	va_list args;
	char *path;
	int err;

	va_start(args, pathfmt);
	path = linux_kvasprintf("xenbus_watch_pathfmt()", pathfmt, args);
	va_end(args);
	if (!path) {
		xenbus_dev_fatal(dev, -ENOMEM, "allocating path for watch");
		return -ENOMEM;
	}
	err = xenbus_watch_path(dev, path, watch, will_handle, callback);
	if (err)
		kfree(path);
	return err;
}

void watches_reclaim(void)
{
	while (!list_empty(&rt.watches)) {
		struct store_watch *w = list_first_entry(&rt.watches, struct store_watch, link);

		leak("a watch on %s", w->watch->node);
		unregister_xenbus_watch(w->watch);
	}
}
