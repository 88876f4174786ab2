/* SPDX-License-Identifier: MIT */
/* States written, keys published, errors told. */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *xenbus_strstate(enum xenbus_state state)
{
	static const char *const names[XENBUS_STATES] = {
		"Unknown", "Initialising", "InitWait",	    "Initialised",  "Connected",
		"Closing", "Closed",	   "Reconfiguring", "Reconfigured", "Gone",
	};

	return (unsigned int)state < XENBUS_STATES ? names[state] : "Invalid";
}

void keys_clear(struct device_impl *impl)
{
	for (size_t i = 0; i < impl->key_count; i++) {
		free(impl->keys[i].node);
		free(impl->keys[i].value);
	}
	free(impl->keys);
	impl->keys = NULL;
	impl->key_count = 0;
}

/* What stands under error/ is what is wrong now: a former life's complaint goes when this one is Connected. */
static void forget_old_error(struct device_impl *impl)
{
	char dir[XENSTORE_PATH_MAX + 1];

	impl->old_error = false;
	if (snprintf(dir, sizeof(dir), "error/%s", impl->dev.nodename) < (int)sizeof(dir))
		xenbus_rm(impl->dev.bus, XBT_NIL, dir, "");
}

/* The keys gathered so far and @state go out together; gathered keys are dropped where that fails. */
static int state_write_by(struct task *task, struct device_impl *impl, enum xenbus_state state)
{
	struct xenbus_device *dev = &impl->dev;
	enum xenbus_state old = dev->state;
	char value[12];
	int err;

	snprintf(value, sizeof(value), "%d", (int)state);
	impl->echo = impl->state_unsure = true;
	err = tx_write_guarded(task, dev, impl->keys, impl->key_count, value);
	keys_clear(impl);
	if (err == -ENODEV && !impl->task.condemned)
		look_instance(impl);
	if (err) {
		impl->state_unsure = impl->task.condemned || err == -ENOTCONN;
		impl->attempted = err == -ENOTCONN ? (int)state : -1;
		return err;
	}
	impl->state_unsure = false;
	dev->state = state;
	trace_add(dev->bus, dev, XENBUS_TRACE_STATE, "%s -> %s", xenbus_strstate(old),
		  xenbus_strstate(state));
	if (state == XenbusStateConnected && impl->old_error)
		forget_old_error(impl);
	wait_update(impl);
	device_changed(impl);
	return 1;
}

int state_write(struct device_impl *impl, enum xenbus_state state)
{
	return state_write_by(&impl->task, impl, state);
}

int xenbus_switch_state(struct xenbus_device *dev, enum xenbus_state state)
{
	struct device_impl *impl = impl_of(dev);
	struct xenbus_device *own;
	struct task *task;
	int err = task_current(dev->bus, &task);

	if (err)
		return err;
	if (task->dev && task->dev != dev)
		return -EDEADLK;
	if (task->tx_id)
		return -EBUSY;
	if (impl->task.condemned && !impl->task.last_words)
		return -ENODEV;
	if (dev->state == state && !impl->key_count)
		return 0;
	own = task->dev;
	task->dev = dev; /* a task's writes are guarded as the device's own */
	err = state_write_by(task, impl, state);
	task->dev = own;
	return err;
}

int xenbus_publish(struct xenbus_device *dev, enum xenbus_state state)
{
	return xenbus_switch_state(dev, state);
}

int xenbus_publish_add(struct xenbus_device *dev, const char *node, const char *fmt, ...)
{
	struct device_impl *impl = impl_of(dev);
	struct publish_key key = { strdup(node), NULL }, *keys;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&key.value, fmt, ap);
	va_end(ap);
	if (n < 0)
		key.value = NULL;
	keys = realloc(impl->keys, (impl->key_count + 1) * sizeof(*keys));
	if (keys)
		impl->keys = keys;
	if (!key.node || !key.value || !keys ||
	    n + strlen(node) + strlen(dev->nodename) + 2 > XENSTORE_PAYLOAD_MAX) {
		bool too_big = key.node && key.value && keys;

		free(key.node);
		free(key.value);
		return too_big ? -E2BIG : -ENOMEM;
	}
	impl->keys[impl->key_count++] = key;
	return 0;
}

enum xenbus_state xenbus_read_driver_state(struct xenbus_device *dev, const char *path)
{
	int state;

	if (xenbus_scanf(dev->bus, XBT_NIL, path, "state", "%d", &state) != 1)
		return XenbusStateUnknown;
	return state > 0 && state < XENBUS_STATE_GONE ? (enum xenbus_state)state : XenbusStateUnknown;
}

int xenbus_dev_is_online(struct xenbus_device *dev)
{
	int online, err = xenbus_scanf(dev->bus, XBT_NIL, dev->nodename, "online", "%d", &online);

	if (err == 1)
		return online != 0;
	return err == -ENOENT || err == -ERANGE ? !dev->is_backend : err;
}

/* "error/<nodename>/error", as Linux writes it; best effort: it is for people. */
static void error_node(struct xenbus_device *dev, int err, const char *message)
{
	char dir[XENSTORE_PATH_MAX + 1];

	if (snprintf(dir, sizeof(dir), "error/%s", dev->nodename) >= (int)sizeof(dir))
		return;
	if (!xenbus_printf(dev->bus, XBT_NIL, dir, "error", "%d %.1000s", err, message))
		impl_of(dev)->old_error = false;
}

static void device_error(struct xenbus_device *dev, int err, const char *fmt, va_list ap)
{
	char message[256];

	vsnprintf(message, sizeof(message), fmt, ap);
	bus_log(dev->bus, XENBUS_LOG_ERROR, "%s: %d %s", dev->nodename, err, message);
	trace_add(dev->bus, dev, XENBUS_TRACE_NOTE, "error %d %s", err, message);
	if (err != -ENODEV)
		error_node(dev, err, message);
}

void xenbus_dev_error(struct xenbus_device *dev, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	device_error(dev, err, fmt, ap);
	va_end(ap);
}

void xenbus_dev_fatal(struct xenbus_device *dev, int err, const char *fmt, ...)
{
	struct device_impl *impl = impl_of(dev);
	va_list ap;

	va_start(ap, fmt);
	device_error(dev, err, fmt, ap);
	va_end(ap);
	if (driver_negotiates_itself(dev->driver)) {
		xenbus_switch_state(dev, XenbusStateClosing);
		return;
	}
	impl->fatal = true;
	device_look(impl, LOOK_POLICY);
}

void xenbus_frontend_closed(struct xenbus_device *dev)
{
	negotiate_stop(impl_of(dev));
	xenbus_switch_state(dev, XenbusStateClosed);
}

void xenbus_peer_lost(struct xenbus_device *dev)
{
	struct device_impl *impl = impl_of(dev);

	if (!impl->peer_lost)
		trace_add(dev->bus, dev, XENBUS_TRACE_NOTE, "the other end's process is gone");
	impl->peer_lost = true;
	impl->lost_otherend = (int)dev->otherend_state;
	device_look(impl, LOOK_POLICY);
}

void xenbus_close_device(struct xenbus_device *dev)
{
	struct device_impl *impl = impl_of(dev);

	impl->stay_closed = true;
	impl->close_asked = true;
	impl->reopen_asked = false;
	device_look(impl, LOOK_POLICY);
}

void xenbus_reopen_device(struct xenbus_device *dev)
{
	struct device_impl *impl = impl_of(dev);

	impl->stay_closed = false;
	impl->close_asked = false;
	impl->reopen_asked = true;
	impl->offers_anew = true;
	device_look(impl, LOOK_POLICY);
}
