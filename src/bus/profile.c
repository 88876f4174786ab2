/* SPDX-License-Identifier: MIT */
/*
 * The negotiation, as tables: a row is the own state, a column the other end's.
 *
 * The default frontend is blkfront's shape (1 -> 3 -> 4), the default backend blkback's (1 -> 2 -> 4), with
 * the holes closed that leave pairs stuck in the field: an other end that began anew (Initialising while
 * we are Connected) is a reset, not nothing; a state that was skipped is acted on as if it had been seen.
 * Cells not named are NONE: keep waiting.
 */
#include "bus.h"

#define INITIALISING [XenbusStateInitialising]
#define INIT_WAIT [XenbusStateInitWait]
#define INITIALISED [XenbusStateInitialised]
#define CONNECTED [XenbusStateConnected]
#define CLOSING [XenbusStateClosing]
#define CLOSED [XenbusStateClosed]
#define RECONFIGURING [XenbusStateReconfiguring]
#define RECONFIGURED [XenbusStateReconfigured]
#define GONE [XENBUS_STATE_GONE]
#define DO(action) = XENBUS_ACTION_##action
#define ASK_DRIVER RECONFIGURING DO(DRIVER), RECONFIGURED DO(DRIVER)

const struct xenbus_profile xenbus_profile_frontend = {
	.name = "frontend",
	.action = {
		/* A backend that is Connected before we published is an old one's remains: it moves first. */
		INITIALISING = { INIT_WAIT DO(PUBLISH), INITIALISED DO(PUBLISH), CLOSING DO(CLOSE), ASK_DRIVER },
		INITIALISED = { CONNECTED DO(CONNECT), CLOSING DO(CLOSE), CLOSED DO(CLOSE), GONE DO(CLOSE), ASK_DRIVER },
		CONNECTED = { INITIALISING DO(RESET), INIT_WAIT DO(RESET), INITIALISED DO(RESET), CLOSING DO(CLOSE),
			      CLOSED DO(CLOSE), GONE DO(CLOSE), ASK_DRIVER },
		/* We said Closing: pages are released when the backend has let go of them. */
		CLOSING = { [XenbusStateUnknown] DO(CLOSE), INITIALISING DO(CLOSE), INIT_WAIT DO(CLOSE),
			    CLOSING DO(CLOSE), CLOSED DO(CLOSE), GONE DO(CLOSE) },
		CLOSED = { INITIALISING DO(RESET), INIT_WAIT DO(RESET) },
	},
};

const struct xenbus_profile xenbus_profile_backend = {
	.name = "backend",
	.action = {
		INITIALISING = { [XenbusStateUnknown] DO(OPEN), INITIALISING DO(OPEN), INIT_WAIT DO(OPEN),
				 INITIALISED DO(OPEN), CONNECTED DO(OPEN), CLOSING DO(CLOSING), CLOSED DO(OPEN) },
		/* InitWait is an offer: a frontend that is Closed has not taken it. Closing in answer to what may be
		 * the remains of its last life, while it takes the offer, would end with both Closed. */
		INIT_WAIT = { INITIALISED DO(CONNECT), CONNECTED DO(CONNECT), CLOSING DO(CLOSING), GONE DO(CLOSE),
			      ASK_DRIVER },
		CONNECTED = { INITIALISING DO(RESET), INITIALISED DO(RESET), CLOSING DO(CLOSING), CLOSED DO(CLOSE),
			      GONE DO(CLOSE), ASK_DRIVER },
		/* Closing in our own node, written by the toolstack, is a request: while the frontend is
		 * Connected it is served on. */
		CLOSING = { [XenbusStateUnknown] DO(CLOSE), INITIALISING DO(CLOSE), INIT_WAIT DO(CLOSE),
			    INITIALISED DO(CLOSE), CLOSING DO(CLOSING), CLOSED DO(CLOSE), GONE DO(CLOSE) },
		CLOSED = { INITIALISING DO(RESET), INITIALISED DO(RESET) },
	},
};
