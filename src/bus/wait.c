/* SPDX-License-Identifier: MIT */
/* Waiting is visible: what a pair of states waits for, since when, and a report where it takes too long. */
#include "bus.h"
#include <errno.h>

/* Rows: own state; columns: the other end's. A '*' marks a wait that is normal for ever: the other side
 * has not started, or both are at work. NULL: nothing to wait for. */
#define ANY_OTHER 0 ... XENBUS_STATES - 1

static const char *const front_waits[XENBUS_STATES][XENBUS_STATES] = {
	[XenbusStateInitialising] = { [ANY_OTHER] = "*backend to offer its features (InitWait)" },
	[XenbusStateInitialised] = { [ANY_OTHER] = "backend to connect (Connected)" },
	[XenbusStateClosing] = { [ANY_OTHER] = "backend to let go (Closing or Closed)" },
};
static const char *const back_waits[XENBUS_STATES][XENBUS_STATES] = {
	[XenbusStateInitialising] = { [ANY_OTHER] = "*backend driver to offer its features" },
	[XenbusStateInitWait] = { [ANY_OTHER] = "*frontend to publish its ring (Initialised)" },
	[XenbusStateConnected] = { [XenbusStateInitialised] = "frontend to say Connected" },
	[XenbusStateClosing] = { [0 ... XenbusStateInitialised] = "frontend to close (Closed)",
				 [XenbusStateConnected] = "*frontend to close (asked by the toolstack)",
				 [XenbusStateClosing... XENBUS_STATE_GONE] = "frontend to close (Closed)" },
	[XenbusStateClosed] = { [XenbusStateInitialising] = "*backend to open again (InitWait)" },
};

static const char *wait_entry(bool is_backend, unsigned int own, unsigned int other)
{
	if (own >= XENBUS_STATES || other >= XENBUS_STATES)
		return NULL;
	return (is_backend ? back_waits : front_waits)[own][other];
}

const char *xenbus_wait_text(bool is_backend, unsigned int own, unsigned int other)
{
	const char *text = wait_entry(is_backend, own, other);

	return text && *text == '*' ? text + 1 : text;
}

const char *xenbus_waiting_for(const struct xenbus_device *dev, uint64_t *since_ns)
{
	const struct device_impl *impl = dev->impl;

	if (since_ns)
		*since_ns = impl->waiting_since;
	return impl->waiting;
}

/* On the fiber, after the deadline: the report is for people, and is never fatal. */
static void wait_report(struct xenbus_device *dev, struct xenbus_device_work *work)
{
	struct device_impl *impl = impl_of(dev);

	if (!impl->waiting || impl->reported || dev->state != impl->wait_own ||
	    dev->otherend_state != impl->wait_other)
		return;
	impl->reported = true;
	xenbus_dev_error(dev, -ETIMEDOUT, "waiting for %s: own state %s, other end %s", impl->waiting,
			 xenbus_strstate(dev->state), xenbus_strstate(dev->otherend_state));
}

static void wait_expired(struct xenbus_timer *timer)
{
	struct device_impl *impl = list_entry(timer, struct device_impl, wait_timer);

	impl->wait_work.run = wait_report;
	xenbus_post(&impl->dev, &impl->wait_work);
}

void wait_cancel(struct device_impl *impl)
{
	impl->waiting = NULL;
	xenbus_timer_cancel(impl->dev.bus->host, &impl->wait_timer);
}

void wait_trace(struct device_impl *impl)
{
	if (impl->waiting == impl->waiting_traced)
		return;
	impl->waiting_traced = impl->waiting;
	trace_add(impl->dev.bus, &impl->dev, XENBUS_TRACE_WAIT, "%s", impl->waiting ? impl->waiting : "");
}

void wait_update(struct device_impl *impl)
{
	struct xenbus_device *dev = &impl->dev;
	struct xenbus *bus = dev->bus;
	const char *text = wait_entry(dev->is_backend, dev->state, dev->otherend_state);
	bool normal = text && *text == '*';

	if (impl->wait_own == dev->state && impl->wait_other == dev->otherend_state && impl->waiting)
		return;
	impl->wait_own = dev->state;
	impl->wait_other = dev->otherend_state;
	impl->waiting = normal ? text + 1 : text;
	impl->waiting_since = xenbus_host_now(bus->host);
	impl->reported = false;
	impl->wait_timer.fire = wait_expired;
	if (text && !normal && !impl->condemned)
		xenbus_timer_set(bus->host, &impl->wait_timer,
				 impl->waiting_since + bus->config.wait_deadline_ns);
	else
		xenbus_timer_cancel(bus->host, &impl->wait_timer);
}
