/* SPDX-License-Identifier: MIT */
/* What is in the store now: the device's own nodes, and the other end's state. */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ECHO_NS 20000000u

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
	snprintf(impl->dev.instance, sizeof(impl->dev.instance), "%016llx %llu", (unsigned long long)random,
		 (unsigned long long)(xenbus_host_wallclock(bus->host) / 1000000000u));
	return 0;
}

/* A node is ours to take when it is new (Initialising), or when its last owner ended in good order. */
static bool may_probe(enum xenbus_state state)
{
	return state == XenbusStateInitialising || state == XenbusStateClosed;
}

enum { READ_STATE, READ_OTHEREND, WRITE_INSTANCE, PROBE_CALLS };

static void probe_send(struct device_impl *impl, struct bus_batch *batch, struct bus_call *calls)
{
	const char *const nodes[] = { "state", impl->dev.is_backend ? "frontend" : "backend", "instance" };
	char path[XENSTORE_PATH_MAX + 1];

	for (int i = 0; i < PROBE_CALLS; i++) {
		struct iovec iov[2] = { { path, 0 }, { impl->dev.instance, strlen(impl->dev.instance) } };

		calls[i].error = bus_path(path, impl->dev.nodename, nodes[i]);
		if (calls[i].error)
			continue;
		iov[0].iov_len = strlen(path) + 1;
		bus_call_start(&impl->task, batch, &calls[i], i == WRITE_INSTANCE ? XS_WRITE : XS_READ,
			       impl->task.tx_id, iov, i == WRITE_INSTANCE ? 2 : 1);
	}
}

/* Judges what was read. 0: take it; -EAGAIN: not now. */
static int probe_judge(struct device_impl *impl, struct bus_call *calls)
{
	struct xenbus_device *dev = &impl->dev;
	int err;

	for (int i = 0; i < PROBE_CALLS; i++)
		if (calls[i].error)
			return calls[i].error == -ENOENT ? -EAGAIN : calls[i].error;
	dev->state = (enum xenbus_state)strtoul(calls[READ_STATE].reply, NULL, 10);
	if (!may_probe(dev->state))
		return -EAGAIN;
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
	impl->check_again = false;
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

static void otherend_fired(struct xenstore_watch *watch, const char *path)
{
	device_look(list_entry(watch, struct device_impl, otherend_watch), LOOK_OTHEREND);
}

int otherend_watch(struct device_impl *impl)
{
	int err;

	impl->otherend_watch =
		(struct xenstore_watch){ .path = impl->otherend_state_path, .fired = otherend_fired };
	err = bus_watch(&impl->task, &impl->otherend_watch);
	impl->otherend_watched = true; /* also after an error: a watch is kept for the next connection */
	return err;
}

void otherend_unwatch(struct device_impl *impl)
{
	if (impl->otherend_watched)
		xenstore_watch_remove(impl->dev.bus->xs, &impl->otherend_watch, NULL);
	impl->otherend_watched = false;
}

/* Reads a state: 0..8; XENBUS_STATE_GONE where there is none; -errno. */
static int read_state(struct device_impl *impl, const char *dir)
{
	char path[XENSTORE_PATH_MAX + 1], *value, *end;
	unsigned long state;
	int err = bus_path(path, dir, "state");

	if (!err)
		err = bus_call_path(&impl->task, XS_READ, 0, path, &value, NULL);
	if (err)
		return err == -ENOENT || err == -EACCES ? XENBUS_STATE_GONE : err;
	state = strtoul(value, &end, 10);
	if (end == value || *end || state >= XENBUS_STATE_GONE)
		state = XenbusStateUnknown; /* a guest wrote it: no state is no state */
	free(value);
	return (int)state;
}

static bool look_otherend(struct device_impl *impl)
{
	struct xenbus_device *dev = &impl->dev;
	int state = read_state(impl, dev->otherend);

	if (state < 0)
		return false;
	if (state == XENBUS_STATE_GONE && !impl->otherend_seen)
		state = XenbusStateUnknown; /* never seen: not there yet */
	else if (state != XENBUS_STATE_GONE)
		impl->otherend_seen = true;
	if (state != (int)dev->otherend_state) {
		trace_add(dev->bus, dev, XENBUS_TRACE_OTHEREND, "%s -> %s",
			  xenbus_strstate(dev->otherend_state), xenbus_strstate((enum xenbus_state)state));
		impl->stale_otherend = -1;
	}
	dev->otherend_state = (enum xenbus_state)state;
	if (dev->is_backend && state == XenbusStateInitWait)
		trace_add(dev->bus, dev, XENBUS_TRACE_NOTE, "InitWait is a backend's state: ignored");
	return true;
}

/* Somebody else wrote our state. Closing in a backend's node is the toolstack's request; anything else means
 * that what the other end believes of us is wrong, so we begin anew from what we are. */
static void own_state_changed(struct device_impl *impl, enum xenbus_state state)
{
	struct xenbus_device *dev = &impl->dev;
	enum xenbus_state anew;

	trace_add(dev->bus, dev, XENBUS_TRACE_NOTE, "own state was %s, somebody wrote %s",
		  xenbus_strstate(dev->state), xenbus_strstate(state));
	dev->state = state;
	device_changed(impl);
	if (driver_negotiates_itself(dev->driver) || (dev->is_backend && state == XenbusStateClosing))
		return;
	negotiate_stop(impl);
	anew = dev->is_backend ? XenbusStateInitWait : XenbusStateInitialising;
	if (state != anew && state != XenbusStateClosing && state != XenbusStateClosed)
		state_write(impl, anew);
}

static void own_timer_fired(struct xenbus_timer *timer)
{
	device_look(list_entry(timer, struct device_impl, own_timer), LOOK_OWN);
}

/* An event does not say who wrote. After a write of our own it is most likely its echo, and a negotiation is
 * a chain of such writes: so one look when it has become quiet, instead of one for each. */
void own_state_event(struct device_impl *impl)
{
	struct xenbus_host *host = impl->dev.bus->host;

	if (!impl->echo) {
		device_look(impl, LOOK_OWN);
	} else if (!impl->own_timer.deadline_ns) {
		impl->own_timer.fire = own_timer_fired;
		xenbus_timer_set(host, &impl->own_timer, xenbus_host_now(host) + ECHO_NS);
	}
}

static void look_own(struct device_impl *impl)
{
	int state;

	impl->echo = false;
	state = read_state(impl, impl->dev.nodename);
	if (state == XENBUS_STATE_GONE)
		look_instance(impl);
	else if (state >= 0 && state != (int)impl->dev.state)
		own_state_changed(impl, (enum xenbus_state)state);
}

static void instance_read(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct device_impl *impl = list_entry(req, struct device_impl, check);

	impl->checking = false;
	if (error == -ENOENT || error == -EACCES || (!error && strcmp(reply, impl->dev.instance))) {
		trace_add(impl->dev.bus, &impl->dev, XENBUS_TRACE_NOTE, "instance %s",
			  error ? "vanished" : "replaced");
		device_condemn(impl, CONDEMN_VANISHED);
	} else if (impl->check_again) {
		look_instance(impl);
	}
}

/* Not on the fiber, which may be parked in a driver's callback for ever: a device whose nodes went is
 * condemned wherever it is. */
void look_instance(struct device_impl *impl)
{
	char path[XENSTORE_PATH_MAX + 1];
	struct iovec iov = { path, 0 };

	impl->check_again = impl->checking || !impl->marked;
	if (impl->check_again || impl->condemned || bus_path(path, impl->dev.nodename, "instance"))
		return;
	iov.iov_len = strlen(path) + 1;
	impl->check = (struct xenstore_request){ .done = instance_read };
	/* Without a connection there is nothing to know; the next one looks at every device. */
	impl->checking = !xenstore_submit(impl->dev.bus->xs, &impl->check, XS_READ, 0, &iov, 1);
	impl->dev.bus->counts.requests += impl->checking;
}

void look_again(struct device_impl *impl, unsigned int looks)
{
	impl->dev.bus->counts.looks++;
	if (impl->phase != DEVICE_PROBED)
		return;
	if (looks & LOOK_OWN)
		look_own(impl);
	if ((looks & LOOK_OTHEREND) && !look_otherend(impl))
		return;
	if (driver_negotiates_itself(impl->dev.driver) && !(looks & LOOK_OTHEREND))
		return; /* as in Linux: told of the other end only */
	if (!impl->task.condemned)
		negotiate(impl);
}
