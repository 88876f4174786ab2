/* SPDX-License-Identifier: MIT */
/*
 * What is to be done next: what the owner asked for, what the past asks for, and only then what the profile's table says
 * of the two states. States do not tell of which life they are; the flags of struct device_impl do.
 */
#include "bus.h"

static const struct xenbus_profile *profile_of(const struct device_impl *impl)
{
	if (impl->dev.driver->profile)
		return impl->dev.driver->profile;
	return impl->dev.is_backend ? &xenbus_profile_backend : &xenbus_profile_frontend;
}

/* After an error: a frontend stays Closed, a backend until the frontend begins anew. */
static void give_up(struct device_impl *impl)
{
	if (impl->dev.is_backend)
		impl->gave_up = true;
	else
		impl->stay_closed = true;
}

/* Nobody is left to wait for: Closed at once, also where an error or the owner asked for Closing. What the other end's
 * node says of the life that ended is no news. */
static enum xenbus_action wanted_alone(struct device_impl *impl)
{
	enum xenbus_state own = impl->dev.state;

	if (impl->fatal)
		give_up(impl);
	impl->fatal = impl->close_asked = false;
	if (own == XenbusStateClosed || own == XenbusStateInitialising) {
		impl->peer_lost = false;
		return XENBUS_ACTION_NONE;
	}
	if ((int)impl->dev.otherend_state == impl->lost_otherend)
		impl->stale_otherend = impl->lost_otherend;
	/* A frontend may have begun anew while we held its last ring: both would stay Closed. So the backend offers
	 * again, when the frontend has let go. */
	impl->reopen_asked |= impl->dev.is_backend && !impl->stay_closed;
	return XENBUS_ACTION_CLOSE;
}

/* What the owner asked for comes before what the other end's state asks for. */
static enum xenbus_action wanted(struct device_impl *impl)
{
	enum xenbus_state own = impl->dev.state;
	bool connected = own == XenbusStateInitialised || own == XenbusStateConnected;

	if (impl->peer_lost)
		return wanted_alone(impl);
	if (impl->fatal) {
		impl->fatal = false;
		give_up(impl);
		if (own == XenbusStateClosing)
			device_look(impl, LOOK_POLICY); /* said already: then it is the table's turn */
		return own == XenbusStateClosed ? XENBUS_ACTION_NONE : XENBUS_ACTION_CLOSING;
	}
	if (impl->close_asked) {
		impl->close_asked = impl->offers_anew = false;
		if (own == XenbusStateClosed || own == XenbusStateClosing)
			return XENBUS_ACTION_NONE;
		return connected ? XENBUS_ACTION_CLOSING : XENBUS_ACTION_CLOSE;
	}
	if (impl->anew_asked) {
		impl->anew_asked = false;
		if (own == XenbusStateClosed || own == XenbusStateClosing)
			return XENBUS_ACTION_RESET;
	}
	if (impl->reopen_asked && own == XenbusStateClosed) {
		enum xenbus_state other = impl->dev.otherend_state;

		/* Not while the other end still holds on to the last life, nor before it was asked. */
		if (!impl->otherend_read || other == XenbusStateInitialised ||
		    other == XenbusStateConnected || other == XenbusStateClosing ||
		    other == (enum xenbus_state)XENBUS_STATE_GONE)
			return XENBUS_ACTION_NONE;
		impl->reopen_asked = false;
		return XENBUS_ACTION_RESET;
	}
	return XENBUS_ACTION_NONE;
}

enum xenbus_action next_action(struct device_impl *impl)
{
	const struct xenbus_profile *profile = profile_of(impl);
	enum xenbus_state own = impl->dev.state, other = impl->dev.otherend_state;
	enum xenbus_action action = wanted(impl);

	if (action != XENBUS_ACTION_NONE)
		return action;
	/* What was published had to be let go, and nobody was told: the connection went, or our state was written. */
	if (!impl->dev.is_backend && !impl->live &&
	    (own == XenbusStateInitialised || own == XenbusStateConnected))
		return XENBUS_ACTION_RESET;
	if ((int)other == impl->stale_otherend)
		return XENBUS_ACTION_NONE;
	action = profile->action[own][other];
	if (action != XENBUS_ACTION_CONNECT || !impl->dev.is_backend)
		return action;
	if (other == XenbusStateConnected ? impl->spent : profile->connect_on_connected_only)
		return XENBUS_ACTION_NONE;
	return action;
}
