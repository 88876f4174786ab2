/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_GUEST_H
#define XENSTORED_GUEST_H
/* One ring: the transport of one domain. */
#include <stdbool.h>
#include <stdint.h>

#include <base/list.h>
#include <xenbus/ring.h>

#include "conn.h"

struct guests;

struct guest {
	struct conn conn;
	struct guests *guests;
	struct list all;
	uint32_t domid;
	uint32_t port; /* local */
	void *mapped;  /* the page */
	struct store_page page;
	uint32_t features; /* STORE_PAGE_FEATURE_ bits that it is offered, and may use */
	bool masked;	   /* the port was reported and not unmasked since */
	bool kick;	   /* the rings moved since the guest was last notified */
	bool told;	   /* its fault was logged: once a life, or a guest could fill the log */
};

/* Attaches to the page in @guest->mapped and tells the guest that it is connected. @fresh: the rings are emptied. */
void guest_start(struct guest *guest, struct server *server, uint32_t id, bool fresh);
/* Its port was reported. */
void guest_event(struct guest *guest);

#endif
