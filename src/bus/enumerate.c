/* SPDX-License-Identifier: MIT */
/*
 * Which devices there are. One recursive watch a device type; what an event means follows from how deep
 * below it the path leads:
 *
 *   backend/TYPE            the first event after (re)connecting: scan; later: an ancestor went or came
 *   backend/TYPE/1          the same
 *   backend/TYPE/1/0        made, removed or replaced
 *   backend/TYPE/1/0/state  written: by us, the toolstack, or a replacement
 *
 * An event for a name without a device makes a candidate, which goes again if nothing is there to take:
 * so nodes may be made in any order, key by key.
 */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODENAME_MAX 256u
#define SCAN_RETRY_NS 200000000u
#define WATCH_AGAIN_NS 200000000u

static unsigned int depth_of_device(const struct root *root)
{
	return root->is_backend ? 2 : 1;
}

/* Every device at or below @prefix: its directory may have been removed with an ancestor. */
static void look_below(struct root *root, const char *prefix)
{
	size_t len = strlen(prefix);

	list_for_each (link, &root->bus->devices) {
		struct device_impl *impl = list_entry(link, struct device_impl, link);

		if (impl->root == root && !strncmp(impl->dev.nodename, prefix, len) &&
		    (impl->dev.nodename[len] == '/' || impl->dev.nodename[len] == '\0'))
			device_look(impl, LOOK_INSTANCE);
	}
}

/* What a change of key @leaf ("" the directory itself) asks the device to look at. */
static unsigned int looks_for(const char *leaf)
{
	if (!*leaf)
		return LOOK_INSTANCE;
	if (!strcmp(leaf, "state"))
		return LOOK_OWN;
	return strcmp(leaf, "online") ? 0 : LOOK_POLICY;
}

static void scan_timer_fired(struct xenbus_timer *timer)
{
	task_kick(&list_entry(timer, struct root, scan_timer)->task);
}

void scan_later(struct root *root)
{
	struct xenbus *bus = root->bus;

	root->scan = true;
	xenbus_timer_set(bus->host, &root->scan_timer, xenbus_host_now(bus->host) + SCAN_RETRY_NS);
}

static void root_event(struct root *root, const char *path)
{
	const char *at = path + strlen(root->path);
	char nodename[NODENAME_MAX];
	struct device_impl *impl;

	for (unsigned int depth = 0; depth < depth_of_device(root); depth++) {
		if (*at != '/') {
			look_below(root, path);
			return;
		}
		at = strchrnul(at + 1, '/');
	}
	if ((size_t)(at - path) >= sizeof(nodename))
		return; /* nobody names a device so */
	memcpy(nodename, path, at - path);
	nodename[at - path] = '\0';
	impl = device_find(root->bus, nodename);
	if (!impl) {
		if (device_new(root, nodename) == -ENOMEM)
			scan_later(root);
	} else if (impl->phase == DEVICE_ENDING) {
		impl->reprobe = true;
	} else {
		unsigned int looks = looks_for(*at ? at + 1 : at);

		if (looks == LOOK_OWN)
			own_state_event(impl);
		else if (looks)
			device_look(impl, looks);
		else if (impl->phase == DEVICE_CANDIDATE)
			impl->looks |= LOOK_POLICY; /* one more try if the running one finds it incomplete */
	}
}

static void root_fired(struct xenstore_watch *watch, const char *path)
{
	struct root *root = list_entry(watch, struct root, watch);
	size_t len = strlen(root->path);

	if (root->closing || strncmp(path, root->path, len))
		return;
	if (root->scan && !path[len])
		task_kick(&root->task);
	root_event(root, path); /* a scan finds what came; what went, nobody else tells */
}

static void scan_found(struct root *root, const char *dir, const char *name)
{
	char nodename[NODENAME_MAX];
	struct device_impl *impl;

	if (snprintf(nodename, sizeof(nodename), "%s/%s", dir, name) >= (int)sizeof(nodename))
		return;
	impl = device_find(root->bus, nodename);
	if (impl)
		device_look(impl, LOOK_INSTANCE | LOOK_OWN);
	else if (device_new(root, nodename) == -ENOMEM)
		scan_later(root);
}

static int scan_dir(struct root *root, const char *dir, unsigned int depth)
{
	char **names, below[NODENAME_MAX];
	size_t count;
	int err = xenbus_directory(root->bus, XBT_NIL, dir, "", &names, &count);

	if (err)
		return err == -ENOENT || err == -EACCES ? 0 : err;
	for (size_t i = 0; i < count && !err && !root->closing; i++) {
		if (depth == 1)
			scan_found(root, dir, names[i]);
		else if (snprintf(below, sizeof(below), "%s/%s", dir, names[i]) < (int)sizeof(below))
			err = scan_dir(root, below, depth - 1);
	}
	free(names);
	return err;
}

static void root_main(struct task *task)
{
	struct root *root = list_entry(task, struct root, task);

	if (root->closing || !root->scan)
		return;
	root->scan = false;
	if (scan_dir(root, root->path, depth_of_device(root)) && !root->closing)
		scan_later(root);
}

void root_free_if_done(struct root *root)
{
	struct xenbus *bus = root->bus;
	const struct xenbus_driver *drv = root->drv;

	if (!root->closing || root->devices || root->task.fiber)
		return;
	task_fini(&root->task);
	xenbus_timer_cancel(bus->host, &root->scan_timer);
	list_del(&root->link);
	free(root->path);
	free(root);
	if (bus->config.changed && !xenbus_driver_devices(bus, drv))
		bus->config.changed(bus->config.ctx, NULL);
}

static void root_ended(struct task *task)
{
	root_free_if_done(list_entry(task, struct root, task));
}

static void watch_later(struct root *root)
{
	xenbus_timer_set(root->bus->host, &root->watch_timer,
			 xenbus_host_now(root->bus->host) + WATCH_AGAIN_NS);
}

/* Refused, for want of memory or quota: nothing else tells of devices, so it is asked for until it is had. */
static void root_watched(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct root *root = list_entry(req, struct root, watch_req);

	if (!error || error == -ENOTCONN)
		return; /* set, or kept for the next connection */
	if (!root->watch_refused)
		bus_log(root->bus, XENBUS_LOG_ERROR, "watching %s: %s; trying again", root->path,
			strerror(-error));
	root->watch_refused = true;
	watch_later(root);
}

static int root_watch(struct root *root)
{
	int err;

	root->watch = (struct xenstore_watch){ .path = root->path, .fired = root_fired };
	root->watch_req = (struct xenstore_request){ .done = root_watched };
	err = xenstore_watch_add(root->bus->xs, &root->watch, &root->watch_req);
	root->bus->counts.requests += !err;
	return err;
}

static void watch_timer_fired(struct xenbus_timer *timer)
{
	struct root *root = list_entry(timer, struct root, watch_timer);

	if (root_watch(root))
		watch_later(root);
}

struct root *root_new(struct xenbus *bus, const struct xenbus_driver *drv, const struct xenbus_device_id *id,
		      bool is_backend)
{
	struct root *root = calloc(1, sizeof(*root));
	int err;

	if (!root)
		return NULL;
	*root = (struct root){ .bus = bus, .drv = drv, .id = id, .is_backend = is_backend, .scan = true };
	if (asprintf(&root->path, "%s/%.31s", is_backend ? "backend" : "device", id->devicetype) < 0) {
		free(root);
		return NULL;
	}
	task_init(&root->task, bus, root_main, root_ended);
	root->scan_timer.fire = scan_timer_fired;
	root->watch_timer.fire = watch_timer_fired;
	err = root_watch(root);
	if (err && err != -ENOTCONN) {
		free(root->path);
		free(root);
		return NULL;
	}
	if (err) /* else it is set, or will be: the session may be on its way back already */
		watch_later(root);
	list_add_tail(&bus->roots, &root->link);
	return root;
}

void root_close(struct root *root)
{
	struct xenbus *bus = root->bus;

	if (root->closing)
		return;
	root->closing = true;
	xenbus_timer_cancel(bus->host, &root->watch_timer);
	xenstore_cancel(bus->xs, &root->watch_req);
	xenstore_watch_remove(bus->xs, &root->watch, NULL);
	root->devices++; /* keeps the root through the loop */
	list_for_each_safe (link, next, &bus->devices) {
		struct device_impl *impl = list_entry(link, struct device_impl, link);

		if (impl->root == root)
			device_condemn(impl, CONDEMN_CLOSING);
	}
	root->devices--;
	task_condemn(&root->task);
	root_free_if_done(root);
}
