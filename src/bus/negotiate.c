/* SPDX-License-Identifier: MIT */
/* Carries out what the profile's table says, until it says: keep waiting. All on the device's fiber. */
#include "bus.h"
#include <errno.h>
#include <string.h>

#define ROUNDS_MAX 8 /* a longest chain is reset, open, connect; more is a table that turns in circles */

bool driver_negotiates_itself(const struct xenbus_driver *drv)
{
	return !drv->features && !drv->publish && !drv->connect;
}

static int callback(struct device_impl *impl, const char *name, int (*fn)(struct xenbus_device *dev))
{
	int err;

	if (!fn)
		return 0;
	impl->task.blamed[0] = '\0';
	trace_add(impl->dev.bus, &impl->dev, XENBUS_TRACE_DRIVER, "%s()", name);
	err = fn(&impl->dev);
	if (err)
		trace_add(impl->dev.bus, &impl->dev, XENBUS_TRACE_DRIVER, "%s() = %d", name, err);
	return err;
}

/* The driver lets go of shared memory; nothing is released yet. */
static void quiesce(struct device_impl *impl)
{
	if (!impl->live)
		return;
	impl->live = false;
	trace_add(impl->dev.bus, &impl->dev, XENBUS_TRACE_DRIVER, "disconnect()");
	if (impl->dev.driver->disconnect)
		impl->dev.driver->disconnect(&impl->dev);
}

void negotiate_stop(struct device_impl *impl)
{
	quiesce(impl);
	resources_release(impl);
	keys_clear(impl);
}

static int write_state(struct device_impl *impl, enum xenbus_state state)
{
	int err;

	if (impl->dev.state == state && !impl->key_count)
		return 0;
	err = state_write(impl, state);
	impl->no_room = err == -ENOSPC;
	if (err < 0)
		return err;
	impl->refusals = 0;
	return 0;
}

static int act_open(struct device_impl *impl)
{
	enum xenbus_state other = impl->dev.otherend_state;
	int err = callback(impl, "features", impl->dev.driver->features);

	impl->gave_up = impl->anew_asked = impl->tried_again = false;
	/* A frontend that is still down from an earlier life is what we wait for, not a reason to close. */
	impl->stale_otherend = other == XenbusStateClosing || other == XenbusStateClosed ? (int)other : -1;
	return err ? err : write_state(impl, XenbusStateInitWait);
}

static int act_publish(struct device_impl *impl)
{
	int err = callback(impl, "publish", impl->dev.driver->publish);

	if (err)
		return err;
	impl->live = true;
	impl->heard = false;
	return write_state(impl, XenbusStateInitialised);
}

static int act_connect(struct device_impl *impl)
{
	int err = callback(impl, "connect", impl->dev.driver->connect);

	if (err == -ESTALE && impl->dev.is_backend) {
		negotiate_stop(impl);
		impl->stale_otherend = (int)impl->dev.otherend_state;
		return 0;
	}
	if (err)
		return err;
	impl->live = impl->spent = true;
	err = write_state(impl, XenbusStateConnected);
	if (err)
		return err;
	/* The state we connected on is no news afterwards; the same state seen again after another one is. */
	impl->stale_otherend = (int)impl->dev.otherend_state;
	impl->tried_again = false;
	return 0;
}

static int act_reset(struct device_impl *impl)
{
	bool reopening = impl->dev.state == XenbusStateClosed || impl->dev.state == XenbusStateClosing;
	int online = 1;

	if (reopening && impl->stay_closed)
		return 0;
	negotiate_stop(impl);
	if (reopening && impl->dev.is_backend)
		online = xenbus_dev_is_online(&impl->dev);
	if (online <= 0)
		return online;
	if (impl->dev.is_backend)
		return act_open(impl);
	return write_state(impl, XenbusStateInitialising);
}

/* Of a device that its owner closed and opened again: is what makes it close an answer to what it was before? The other
 * end says Closed yet, or withdraws under a backend's connect(). Of one that has been heard from since, neither is. */
static bool is_of_the_past(const struct device_impl *impl)
{
	enum xenbus_state other = impl->dev.otherend_state;

	return impl->offers_anew && !impl->stay_closed &&
	       (impl->gave_up || other == XenbusStateClosing || other == XenbusStateClosed);
}

static int act_close(struct device_impl *impl)
{
	const bool again = is_of_the_past(impl);
	int err;

	negotiate_stop(impl);
	err = write_state(impl, XenbusStateClosed);
	if (err)
		return err;
	if (again) { /* else both would stay Closed; after an error, once */
		impl->reopen_asked = true;
		impl->offers_anew = !impl->gave_up;
	}
	impl->peer_lost = false;
	if (impl->gave_up) /* on the frontend as it is: it opens again for one that begins anew */
		impl->stale_otherend = (int)impl->dev.otherend_state;
	return 0;
}

/* A backend unmaps before it says Closing, so that the frontend may free what it granted; a frontend keeps
 * its pages until the backend has said that it let go. */
static int act_closing(struct device_impl *impl)
{
	quiesce(impl);
	if (impl->dev.is_backend)
		resources_release(impl);
	return write_state(impl, XenbusStateClosing);
}

static int act(struct device_impl *impl, enum xenbus_action action)
{
	impl->no_room = false;
	switch (action) {
	case XENBUS_ACTION_OPEN:
		return act_open(impl);
	case XENBUS_ACTION_PUBLISH:
		return act_publish(impl);
	case XENBUS_ACTION_CONNECT:
		return act_connect(impl);
	case XENBUS_ACTION_RESET:
		return act_reset(impl);
	case XENBUS_ACTION_CLOSE:
		return act_close(impl);
	case XENBUS_ACTION_CLOSING:
		return act_closing(impl);
	case XENBUS_ACTION_DRIVER:
		if (impl->dev.driver->otherend_changed)
			impl->dev.driver->otherend_changed(&impl->dev, impl->dev.otherend_state);
		return 0;
	case XENBUS_ACTION_NONE:
		break;
	}
	return 0;
}

/* The frontend may have begun anew while we connected, so that half of what we read was its last life's: one
 * more look, and one more try. */
static bool may_have_moved(struct device_impl *impl, enum xenbus_action action)
{
	if (action != XENBUS_ACTION_CONNECT || !impl->dev.is_backend || impl->fatal || impl->tried_again)
		return false;
	impl->tried_again = true;
	trace_add(impl->dev.bus, &impl->dev, XENBUS_TRACE_NOTE, "one more look, and one more try");
	device_look(impl, LOOK_OTHEREND);
	return true;
}

/* Not even a goodbye could be written: again after a while, or, where it is forbidden, with the event that tells of what
 * is permitted now. */
static void goodbye_failed(struct device_impl *impl, int err)
{
	if (!impl->refusals++)
		xenbus_dev_error(&impl->dev, err, "closing failed: %s", strerror(-err));
	impl->fatal = true;
	if (err != -EACCES)
		refusal_wait(impl);
}

static bool is_goodbye(enum xenbus_action action)
{
	return action == XENBUS_ACTION_CLOSE || action == XENBUS_ACTION_CLOSING;
}

/* An action that failed: the device stops where it is, and says why. */
static void failed(struct device_impl *impl, enum xenbus_action action, int err)
{
	static const char *const what[] = { "waiting",	 "opening", "publishing", "connecting",
					    "resetting", "closing", "closing",	  "calling the driver" };

	if (err == -ENOTCONN && impl->attempted >= 0)
		return; /* it may have been written: look_own() will tell, and until then what it announces stands */
	negotiate_stop(impl);
	if (err == -ENODEV || err == -ENOTCONN)
		return; /* condemned, or everything is looked at again on the next connection */
	if (impl->no_room && (action == XENBUS_ACTION_OPEN || action == XENBUS_ACTION_PUBLISH)) {
		device_refused(impl, what[action], err);
		return;
	}
	if (is_goodbye(action)) {
		goodbye_failed(impl, err);
		return;
	}
	if (err == -ESTALE || may_have_moved(impl, action))
		return;
	if (impl->fatal)
		return; /* the driver has said why */
	if (*impl->task.blamed)
		xenbus_dev_fatal(&impl->dev, err, "%s failed: %s: %s", what[action], impl->task.blamed,
				 strerror(-err));
	else
		xenbus_dev_fatal(&impl->dev, err, "%s failed: %s", what[action], strerror(-err));
}

static void negotiate_by_table(struct device_impl *impl)
{
	for (int round = 0; round < ROUNDS_MAX && !impl->task.condemned; round++) {
		enum xenbus_state own = impl->dev.state;
		enum xenbus_action action = next_action(impl);
		int err;

		if (action == XENBUS_ACTION_NONE)
			return;
		err = act(impl, action);
		if (err && !impl->task.condemned)
			failed(impl, action, err);
		if (err == -ESTALE)
			device_look(impl, LOOK_OWN);
		if (err == -ENODEV || err == -ENOTCONN || err == -ESTALE || (err && is_goodbye(action)))
			return;
		if (!impl->fatal && impl->dev.state == own)
			return;
	}
}

void negotiate_alone(struct device_impl *impl)
{
	impl->peer_lost = false;
	xenbus_frontend_closed(&impl->dev);
}

void negotiate(struct device_impl *impl)
{
	if (driver_negotiates_itself(impl->dev.driver)) {
		enum xenbus_state other = impl->dev.otherend_state;

		if (impl->dev.driver->otherend_changed)
			impl->dev.driver->otherend_changed(
				&impl->dev,
				other == (enum xenbus_state)XENBUS_STATE_GONE ? XenbusStateUnknown : other);
	} else {
		negotiate_by_table(impl);
	}
	wait_update(impl);
	wait_trace(impl);
}
