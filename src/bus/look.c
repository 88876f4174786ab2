/* SPDX-License-Identifier: MIT */
/* What is in the store now: the device's own nodes, and the other end's state. */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ECHO_NS 20000000u
#define RETRY_NS 100000000u

static void otherend_fired(struct xenstore_watch *watch, const char *path)
{
	struct device_impl *impl = list_entry(watch, struct device_impl, otherend_watch);

	impl->otherend_event = true;
	device_look(impl, LOOK_OTHEREND);
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

static void look_timer_fired(struct xenbus_timer *timer)
{
	struct device_impl *impl = list_entry(timer, struct device_impl, look_timer);
	unsigned int looks = impl->looks_later;

	impl->looks_later = 0;
	device_look(impl, looks);
}

void look_later(struct device_impl *impl, unsigned int looks, uint64_t in_ns)
{
	struct xenbus_host *host = impl->dev.bus->host;

	impl->looks_later |= looks;
	impl->look_timer.fire = look_timer_fired;
	if (!impl->look_timer.deadline_ns)
		xenbus_timer_set(host, &impl->look_timer, xenbus_host_now(host) + in_ns);
}

/* A look that failed for want of memory, say, must not be forgotten: what it would have seen may be the last
 * news there is. Without a connection the next one looks at everything anyway. */
static void look_failed(struct device_impl *impl, unsigned int look, int err)
{
	if (err != -ENODEV && err != -ENOTCONN)
		look_later(impl, look, RETRY_NS);
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
	const bool heard = impl->heard; /* before it was asked */
	int state = read_state(impl, dev->otherend);

	if (state < 0) {
		look_failed(impl, LOOK_OTHEREND, state);
		return false;
	}
	if (state == XENBUS_STATE_GONE && !impl->otherend_seen)
		state = XenbusStateUnknown; /* never seen: not there yet */
	else if (state != XENBUS_STATE_GONE)
		impl->otherend_seen = true;
	if (state != (int)dev->otherend_state) {
		trace_add(dev->bus, dev, XENBUS_TRACE_OTHEREND, "%s -> %s",
			  xenbus_strstate(dev->otherend_state), xenbus_strstate((enum xenbus_state)state));
		impl->stale_otherend = -1;
		impl->tried_again = false;
	}
	if (state != XenbusStateInitialised && state != XenbusStateConnected)
		impl->spent = false;
	if (state == XenbusStateConnected && dev->state == XenbusStateConnected && (dev->is_backend || heard))
		impl->offers_anew = false;
	/* Written again, if only to what it was: after we gave up on it, that is a frontend that begins anew. */
	impl->anew_asked |= impl->gave_up && impl->otherend_event &&
			    (state == XenbusStateInitialising || state == XenbusStateInitialised);
	impl->otherend_event = false;
	dev->otherend_state = (enum xenbus_state)state;
	impl->otherend_read = true;
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
	impl->stale_otherend = -1;
	device_changed(impl);
	if (driver_negotiates_itself(dev->driver) || (dev->is_backend && state == XenbusStateClosing))
		return;
	negotiate_stop(impl);
	anew = dev->is_backend ? XenbusStateInitWait : XenbusStateInitialising;
	if (state != anew && state != XenbusStateClosing && state != XenbusStateClosed)
		state_write(impl, anew);
}

/* An event does not say who wrote. After a write of our own it is most likely its echo, and a negotiation is
 * a chain of such writes: so one look when it has become quiet, instead of one for each. */
void own_state_event(struct device_impl *impl)
{
	if (impl->echo)
		look_later(impl, LOOK_OWN, ECHO_NS);
	else
		device_look(impl, LOOK_OWN);
}

static void state_arrived(struct device_impl *impl, enum xenbus_state state)
{
	impl->state_unsure = false;
	trace_add(impl->dev.bus, &impl->dev, XENBUS_TRACE_STATE, "%s -> %s", xenbus_strstate(impl->dev.state),
		  xenbus_strstate(state));
	impl->dev.state = state;
	device_changed(impl);
}

/* The connection went while a state was being written: was it? If not, Connected is written again, for ring and port
 * stand; anything else is done again from the start. */
static bool resolve_attempt(struct device_impl *impl, int state)
{
	const int attempted = impl->attempted;

	impl->attempted = -1;
	if (attempted < 0)
		return false;
	if (state == attempted)
		state_arrived(impl, (enum xenbus_state)state);
	else if (state == (int)impl->dev.state && attempted == XenbusStateConnected)
		return state_write(impl, XenbusStateConnected) > 0 || impl->attempted >= 0;
	else
		negotiate_stop(impl);
	return state == attempted;
}

static void look_own(struct device_impl *impl)
{
	int state;

	impl->echo = false;
	state = read_state(impl, impl->dev.nodename);
	if (state < 0)
		look_failed(impl, LOOK_OWN, state);
	else if (state == XENBUS_STATE_GONE)
		look_instance(impl);
	else if (!resolve_attempt(impl, state) && state != (int)impl->dev.state)
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
	} else if (error) {
		look_failed(impl, LOOK_INSTANCE, error);
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
	int err;

	impl->check_again = impl->checking || !impl->marked;
	if (impl->check_again || impl->condemned || bus_path(path, impl->dev.nodename, "instance"))
		return;
	iov.iov_len = strlen(path) + 1;
	impl->check = (struct xenstore_request){ .done = instance_read };
	err = xenstore_submit(impl->dev.bus->xs, &impl->check, XS_READ, 0, &iov, 1);
	impl->checking = !err;
	impl->dev.bus->counts.requests += !err;
	if (err)
		look_failed(impl, LOOK_INSTANCE, err);
}

/* A device that left its driver is taken again where somebody says so, in the way a new one says it. */
static void look_left(struct device_impl *impl)
{
	int state;

	impl->echo = false;
	state = read_state(impl, impl->dev.nodename);
	if (state < 0)
		look_failed(impl, LOOK_OWN, state);
	else if (state == XenbusStateInitialising)
		device_condemn(impl, CONDEMN_VANISHED);
}

void look_again(struct device_impl *impl, unsigned int looks)
{
	impl->dev.bus->counts.looks++;
	if (impl->left && (looks & LOOK_OWN))
		look_left(impl);
	if (impl->phase != DEVICE_PROBED)
		return;
	if ((looks & LOOK_OWN) || impl->attempted >= 0)
		look_own(impl);
	if (impl->attempted >= 0)
		return; /* there is no connection yet: all is looked at when there is */
	if ((looks & LOOK_OTHEREND) && !look_otherend(impl))
		return;
	if (driver_negotiates_itself(impl->dev.driver) && impl->peer_lost)
		negotiate_alone(impl);
	if (driver_negotiates_itself(impl->dev.driver) && !(looks & LOOK_OTHEREND))
		return; /* as in Linux: told of the other end only */
	if (!impl->task.condemned)
		negotiate(impl);
}
