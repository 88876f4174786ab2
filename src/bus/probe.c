/* SPDX-License-Identifier: MIT */
/* Taking a candidate: is it there, complete and new, and who is its other end? */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The toolstack's path says who the other end is (frontend-id and backend-id only say it again); one that
 * leads anywhere but into a domain's home is not followed. */
static int check_otherend(struct device_impl *impl, const char *path)
{
	static const char homes[] = "/local/domain/";
	struct xenbus_device *dev = &impl->dev;
	unsigned long domid;
	char *end;

	if (strncmp(path, homes, sizeof(homes) - 1) || strlen(path) > XENSTORE_PATH_MAX - 64)
		return -EINVAL;
	domid = strtoul(path + sizeof(homes) - 1, &end, 10);
	if (end == path + sizeof(homes) - 1 || *end != '/' || domid >= XEN_PLATFORM_DOMID_FIRST_RESERVED)
		return -EINVAL;
	/* backend/TYPE/DOMID/ID: whose frontend it is stands in our own path too. */
	if (dev->is_backend && strtoul(dev->nodename + strlen(impl->root->path) + 1, NULL, 10) != domid)
		return -EINVAL;
	dev->otherend_id = (unsigned int)domid;
	return 0;
}

static int set_otherend(struct device_impl *impl, const char *path)
{
	struct xenbus_device *dev = &impl->dev;

	dev->otherend = strdup(path);
	if (!dev->otherend || asprintf(&impl->otherend_state_path, "%s/state", path) < 0) {
		impl->otherend_state_path = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int make_instance(struct device_impl *impl)
{
	struct xenbus *bus = impl->dev.bus;
	uint64_t random;
	int err = xenbus_host_random(bus->host, &random, sizeof(random));

	if (err)
		return err;
	snprintf(impl->dev.instance, sizeof(impl->dev.instance), "%016llx %llu%s", (unsigned long long)random,
		 (unsigned long long)(xenbus_host_wallclock(bus->host) / 1000000000u), bus->launch);
	return 0;
}

/* A node is ours to take when it is new (Initialising), or when its last owner ended in good order, or his launcher said
 * Closed for him. */
static bool may_probe(enum xenbus_state state)
{
	return state == XenbusStateInitialising || state == XenbusStateClosed;
}

enum { READ_STATE, READ_OTHEREND, READ_INSTANCE, WRITE_INSTANCE, PROBE_CALLS };

static void probe_send(struct device_impl *impl, struct bus_batch *batch, struct bus_call *calls)
{
	const char *const nodes[] = { "state", impl->dev.is_backend ? "frontend" : "backend", "instance",
				      "instance" };
	char path[XENSTORE_PATH_MAX + 1];

	for (int i = 0; i < PROBE_CALLS; i++) {
		struct iovec iov[2] = { { path, 0 }, { impl->dev.instance, strlen(impl->dev.instance) } };

		if (i == READ_INSTANCE && !impl->ask_instance)
			continue;
		calls[i].error = bus_path(path, impl->dev.nodename, nodes[i]);
		if (calls[i].error)
			continue;
		iov[0].iov_len = strlen(path) + 1;
		bus_call_start(&impl->task, batch, &calls[i], i == WRITE_INSTANCE ? XS_WRITE : XS_READ,
			       impl->task.tx_id, iov, i == WRITE_INSTANCE ? 2 : 1);
	}
}

/* A toolstack may want a device closed before its driver ever saw it: taken, it says Closed. But only one that is
 * nobody's, which is asked for when it comes to that: 0, 1 look again, -EAGAIN somebody has it. */
static int judge_closing(struct device_impl *impl, const struct bus_call *instance)
{
	if (impl->ask_instance)
		return instance->error == -ENOENT ? 0 : -EAGAIN;
	impl->ask_instance = true;
	return 1;
}

/* What is not there, or not for us, is no device: an event tells when that changes. */
static bool not_yet(const struct xenbus_device *dev, int err)
{
	if (err == -EACCES)
		trace_add(dev->bus, dev, XENBUS_TRACE_NOTE, "not ours to take: %s", strerror(-err));
	return err == -ENOENT || err == -EACCES;
}

/* Judges what was read. 0: take it; 1: look again; -EAGAIN: not now. */
static int probe_judge(struct device_impl *impl, struct bus_call *calls)
{
	struct xenbus_device *dev = &impl->dev;
	int err = 0;

	for (int i = 0; i < PROBE_CALLS; i++)
		if (i != READ_INSTANCE && calls[i].error)
			return not_yet(dev, calls[i].error) ? -EAGAIN : calls[i].error;
	dev->state = (enum xenbus_state)strtoul(calls[READ_STATE].reply, NULL, 10);
	if (dev->is_backend && dev->state == XenbusStateClosing)
		err = judge_closing(impl, &calls[READ_INSTANCE]);
	else if (!may_probe(dev->state))
		err = -EAGAIN;
	if (err)
		return err;
	err = check_otherend(impl, calls[READ_OTHEREND].reply);
	if (err) {
		trace_add(dev->bus, dev, XENBUS_TRACE_NOTE, "other end refused: its path is not a device's");
		bus_log(dev->bus, XENBUS_LOG_ERROR,
			"%s: the path of the other end is not a device's: ignored", dev->nodename);
		return -EAGAIN;
	}
	return set_otherend(impl, calls[READ_OTHEREND].reply);
}

static void forget_otherend(struct device_impl *impl)
{
	free(impl->dev.otherend);
	free(impl->otherend_state_path);
	impl->dev.otherend = impl->otherend_state_path = NULL;
}

/* One try: 1 conflicted, try again. */
static int probe_once(struct device_impl *impl)
{
	struct bus_call calls[PROBE_CALLS] = { 0 };
	struct bus_batch batch = { .task = &impl->task };
	int err = tx_start(&impl->task), end;

	if (err)
		return err;
	probe_send(impl, &batch, calls);
	err = bus_wait_calls(&batch, calls, PROBE_CALLS);
	if (err)
		return err;
	err = probe_judge(impl, calls);
	for (int i = 0; i < PROBE_CALLS; i++)
		free(calls[i].reply);
	end = tx_end(&impl->task, err != 0);
	if (!err && end)
		forget_otherend(impl);
	if (!err && end == -EAGAIN)
		return 1;
	return err ? err : end;
}

int look_probe(struct device_impl *impl)
{
	int err;

	impl->looks = 0; /* what they saw, the transaction sees too */
	impl->check_again = impl->ask_instance = false;
	for (int tries = 0; tries < BUS_TRANSACTION_TRIES; tries++) {
		err = make_instance(impl);
		if (!err)
			err = probe_once(impl);
		if (err <= 0)
			break;
	}
	if (err)
		impl->dev.instance[0] = '\0';
	return err > 0 ? -EBUSY : err;
}
