/* SPDX-License-Identifier: MIT */
/* A device's life, on its fiber: candidate, probed, looked at again and again, ended. */
#include "bus.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned int hash_of(const char *nodename)
{
	uint32_t hash = 2166136261u;

	for (; *nodename; nodename++)
		hash = (hash ^ (uint8_t)*nodename) * 16777619u;
	return hash % BUS_HASH_BUCKETS;
}

struct device_impl *device_find(struct xenbus *bus, const char *nodename)
{
	list_for_each (link, &bus->hash[hash_of(nodename)]) {
		struct device_impl *impl = list_entry(link, struct device_impl, hash_link);

		if (!strcmp(impl->dev.nodename, nodename))
			return impl;
	}
	return NULL;
}

void device_changed(struct device_impl *impl)
{
	struct xenbus *bus = impl->dev.bus;

	if (bus->config.changed)
		bus->config.changed(bus->config.ctx, &impl->dev);
}

static int probe_driver(struct device_impl *impl)
{
	struct xenbus_device *dev = &impl->dev;
	int err;

	trace_add(dev->bus, dev, XENBUS_TRACE_DRIVER, "probe()");
	err = dev->driver->probe ? dev->driver->probe(dev, impl->root->id) : 0;
	if (!err)
		return 0;
	resources_release(impl);
	if (impl->task.condemned)
		return err;
	xenbus_dev_error(dev, err, "probe failed");
	if (!driver_negotiates_itself(dev->driver) && !impl->task.condemned)
		state_write(impl,
			    XenbusStateClosed); /* nobody else would answer the other end, or a detach */
	return err;
}

/* Returns false where there is nothing to take: the candidate goes. */
static bool device_probe(struct device_impl *impl)
{
	struct xenbus_device *dev = &impl->dev;
	int err = look_probe(impl);

	if (err == -ENOTCONN)
		scan_later(impl->root);
	else if (err && err != -EAGAIN && err != -ENODEV)
		device_refused(impl, "probing", err);
	if (err)
		return false;
	impl->marked = true;
	if (impl->check_again)
		look_instance(impl);
	trace_add(dev->bus, dev, XENBUS_TRACE_NOTE, "instance %.16s, other end %s", dev->instance,
		  dev->otherend);
	impl->reopen_asked = impl->old_error = dev->state == XenbusStateClosed;
	impl->phase = DEVICE_FAILED;
	if (probe_driver(impl))
		return true;
	impl->phase = DEVICE_PROBED;
	device_changed(impl);
	err = otherend_watch(impl);
	if (err && !impl->task.condemned && err != -ENOTCONN)
		device_refused(impl, "watching the other end", err);
	return true;
}

/* The framework's last words: a driver that leaves in good order leaves its node Closed. */
static void say_closed(struct device_impl *impl)
{
	if (impl->condemned != CONDEMN_CLOSING || !impl->dev.bus->connected || !*impl->dev.instance ||
	    (impl->dev.state == XenbusStateClosed && !impl->state_unsure))
		return;
	impl->task.last_words = true;
	state_write(impl, XenbusStateClosed);
	impl->task.last_words = impl->dev.driver->uninterrupted;
}

/* The driver lets go of the device, and everything that it held for it is released. */
static void device_leave(struct device_impl *impl)
{
	struct xenbus_device *dev = &impl->dev;
	bool probed = impl->phase == DEVICE_PROBED;

	impl->phase = DEVICE_ENDING;
	tx_abandon(&impl->task);
	otherend_unwatch(impl);
	watches_remove(impl);
	negotiate_stop(impl);
	if (probed && dev->driver->remove) {
		trace_add(dev->bus, dev, XENBUS_TRACE_DRIVER, "remove()");
		dev->driver->remove(dev);
		tx_abandon(&impl->task);
	}
	resources_release(impl);
}

/* Nothing of it is left but the name: nobody takes the nodes again as they are. */
int xenbus_unregister_device(struct xenbus_device *dev)
{
	struct device_impl *impl = impl_of(dev);

	if (dev->bus->current != &impl->task)
		return -EDEADLK;
	if (impl->phase != DEVICE_PROBED)
		return 0;
	device_leave(impl);
	if (!impl->condemned && dev->state != XenbusStateClosed)
		state_write(impl, XenbusStateClosed);
	impl->phase = DEVICE_FAILED;
	impl->left = true;
	device_changed(impl);
	return 0;
}

static void device_end(struct device_impl *impl)
{
	struct xenbus_device *dev = &impl->dev;
	bool probed = impl->phase == DEVICE_PROBED;

	device_leave(impl);
	if (probed)
		say_closed(impl);
	refusal_give_back(impl);
	wait_cancel(impl);
	xenbus_timer_cancel(dev->bus->host, &impl->look_timer);
	if (impl->checking)
		xenstore_cancel(dev->bus->xs, &impl->check);
	impl->dead = true;
}

static struct xenbus_device_work *work_pop(struct device_impl *impl)
{
	struct xenbus_device_work *work = impl->work_first;

	if (!work)
		return NULL;
	impl->work_first = work->next;
	if (!impl->work_first)
		impl->work_last = &impl->work_first;
	work->posted = false;
	return work;
}

/* One thing that is to do; false: nothing. */
static bool device_step(struct device_impl *impl)
{
	unsigned int looks = impl->looks;
	struct xenbus_device_work *work;

	if (impl->condemned) {
		device_end(impl);
		return false;
	}
	if (impl->phase == DEVICE_CANDIDATE) {
		if (!device_probe(impl)) {
			impl->reprobe = impl->looks || impl->check_again;
			impl->dead = true;
			xenbus_timer_cancel(impl->dev.bus->host, &impl->look_timer);
		}
		return !impl->dead;
	}
	if (looks) {
		impl->looks = 0;
		look_again(impl, looks);
		return true;
	}
	if (impl->phase == DEVICE_PROBED && watches_due(impl)) {
		watches_run(impl);
		return true;
	}
	work = work_pop(impl);
	if (work)
		work->run(&impl->dev, work);
	return work != NULL;
}

static void device_main(struct task *task)
{
	struct device_impl *impl = list_entry(task, struct device_impl, task);

	while (device_step(impl))
		;
}

static void device_free(struct device_impl *impl)
{
	struct root *root = impl->root;

	list_del(&impl->link);
	list_del(&impl->hash_link);
	task_fini(&impl->task);
	keys_clear(impl);
	root->devices--;
	root->bus->counts.devices--;
	device_changed(impl);
	free(impl->otherend_state_path);
	free(impl->dev.otherend);
	free(impl->dev.nodename);
	free(impl->dev.devicetype);
	free(impl);
	root_free_if_done(root);
}

static int candidate_new(struct root *root, const char *nodename, unsigned int refusals);

/* On the loop, the fiber is off its stack. What stands under the name now is somebody new, or was refused. */
static void device_ended(struct task *task)
{
	struct device_impl *impl = list_entry(task, struct device_impl, task);
	const unsigned int refusals = impl->refused ? impl->refusals : 0;
	struct root *root = impl->root;
	char *again;

	if (!impl->dead)
		return;
	again = (refusals || impl->reprobe || impl->condemned == CONDEMN_VANISHED) && !root->closing
			? strdup(impl->dev.nodename)
			: NULL;
	if (again)
		root->devices++; /* keeps the root while the old one goes */
	device_free(impl);
	if (!again)
		return;
	root->devices--;
	if (candidate_new(root, again, refusals) == -ENOMEM)
		scan_later(root);
	free(again);
}

static void device_init(struct device_impl *impl, struct root *root)
{
	impl->root = root;
	impl->stale_otherend = impl->attempted = -1;
	impl->work_last = &impl->work_first;
	impl->dev.bus = root->bus;
	impl->dev.driver = root->drv;
	impl->dev.is_backend = root->is_backend;
	impl->dev.impl = impl;
	list_init(&impl->watches);
	list_init(&impl->resources);
	task_init(&impl->task, root->bus, device_main, device_ended);
	impl->task.dev = &impl->dev;
	impl->task.last_words = root->drv->uninterrupted;
}

static int candidate_new(struct root *root, const char *nodename, unsigned int refusals)
{
	struct device_impl *impl;

	if (root->closing)
		return -ENODEV;
	impl = calloc(1, sizeof(*impl));
	if (!impl)
		return -ENOMEM;
	impl->dev.nodename = strdup(nodename);
	impl->dev.devicetype = strdup(root->id->devicetype);
	if (!impl->dev.nodename || !impl->dev.devicetype) {
		free(impl->dev.nodename);
		free(impl->dev.devicetype);
		free(impl);
		return -ENOMEM;
	}
	device_init(impl, root);
	list_add_tail(&root->bus->devices, &impl->link);
	list_add(&root->bus->hash[hash_of(nodename)], &impl->hash_link);
	root->devices++;
	root->bus->counts.devices++;
	impl->refusals = refusals;
	if (refusals)
		refusal_wait(impl);
	else
		task_kick(&impl->task);
	return 0;
}

int device_new(struct root *root, const char *nodename)
{
	return candidate_new(root, nodename, 0);
}

void device_look(struct device_impl *impl, unsigned int looks)
{
	if (impl->phase == DEVICE_ENDING) {
		impl->reprobe = true;
		return;
	}
	if (looks & LOOK_INSTANCE)
		look_instance(impl);
	if (impl->phase == DEVICE_CANDIDATE && !impl->task.fiber)
		task_kick(&impl->task); /* it waits in vain where its nodes went */
	impl->looks |= looks & ~(unsigned int)LOOK_INSTANCE;
	if (impl->looks)
		task_kick(&impl->task);
}

void device_condemn(struct device_impl *impl, enum condemn_reason reason)
{
	if (impl->condemned)
		return;
	impl->condemned = reason;
	task_condemn(&impl->task);
	task_kick(&impl->task);
}

void xenbus_post(struct xenbus_device *dev, struct xenbus_device_work *work)
{
	struct device_impl *impl = impl_of(dev);

	if (work->posted || impl->phase == DEVICE_ENDING || impl->condemned)
		return;
	work->posted = true;
	work->next = NULL;
	*impl->work_last = work;
	impl->work_last = &work->next;
	task_kick(&impl->task);
}
