/* SPDX-License-Identifier: MIT */
/*
 * A device that the store has no room for: its domain may have no more nodes or watches, say. No event tells when that
 * changes. So the device gives back what it has (a watch, its instance), which may be what another one lacks, and comes
 * again as a candidate, later each time. It is said once; meanwhile the other end waits as for any that has not started.
 */
#include "bus.h"
#include <errno.h>
#include <string.h>

#define WAIT_FIRST_NS 200000000u
#define WAIT_DOUBLINGS 5u /* to 6.4 s */

void device_refused(struct device_impl *impl, const char *doing, int err)
{
	const char *why = err == -ENOSPC || err == -E2BIG ? "its domain's quota is used up" : strerror(-err);
	struct xenbus_device *dev = &impl->dev;

	impl->refused = true;
	trace_add(dev->bus, dev, XENBUS_TRACE_NOTE, "%s refused by the store: %s", doing, why);
	if (!impl->refusals++)
		bus_log(dev->bus, XENBUS_LOG_ERROR, "%s: %s refused by the store: %s; trying again",
			dev->nodename, doing, why);
	if (impl->phase != DEVICE_CANDIDATE)
		device_condemn(impl, CONDEMN_REFUSED);
}

static int remove_instance(struct task *task, struct xenbus_device *dev)
{
	char path[XENSTORE_PATH_MAX + 1];
	int err = bus_path(path, dev->nodename, "instance");

	if (!err)
		err = tx_start(task);
	if (err)
		return err;
	err = tx_check_instance(task, dev);
	if (!err)
		err = bus_call_path(task, XS_RM, task->tx_id, path, NULL, NULL);
	return tx_end(task, err != 0);
}

void refusal_give_back(struct device_impl *impl)
{
	if (impl->condemned != CONDEMN_REFUSED || !impl->dev.bus->connected)
		return;
	impl->task.last_words = true;
	for (int tries = 0; tries < BUS_TRANSACTION_TRIES; tries++)
		if (remove_instance(&impl->task, &impl->dev) != -EAGAIN)
			break;
	tx_abandon(&impl->task);
	impl->task.last_words = impl->dev.driver->uninterrupted;
}

void refusal_wait(struct device_impl *impl)
{
	const unsigned int doublings =
		impl->refusals - 1 < WAIT_DOUBLINGS ? impl->refusals - 1 : WAIT_DOUBLINGS;

	look_later(impl, LOOK_POLICY, (uint64_t)WAIT_FIRST_NS << doublings);
}
