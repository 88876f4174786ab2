/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_XEN_H
#define TESTS_FAKE_XEN_H
/*
 * A world in the test's own memory, for the store's side of it: domains, their ring pages, event channels
 * with pending and mask bits. Every misuse (a port or a page that is not held) fails the test.
 */
#include <stdbool.h>
#include <stdint.h>

#include <xenbus/platform_ops.h>

#define FAKE_DOMAINS 160u

struct fake_domain {
	bool exists, shutdown, dying;
	void *page;	 /* 4096 bytes; the guest's, lives as long as the world */
	uint32_t mapped; /* how often the store maps it */
	bool bound;	 /* the store's port to it */
	bool pending, masked;
	uint32_t notified; /* by the store */
	/* Called at the store's next notification, or unmasking, of it, once: what the guest does at that moment. */
	void (*at_notify)(void *arg), (*at_unmask)(void *arg);
	void *arg;
};

struct fake_xen {
	struct xen_platform platform;
	struct xen_platform_evtchn xce;
	int event_fd;
	bool gone; /* every call answers -ENOTCONN, but lets go */
	bool evtchn_open, virq_bound, virq_pending, virq_masked;
	struct fake_domain domains[FAKE_DOMAINS];
	uint32_t asked; /* calls of pending() that found a port */
	uint32_t calls; /* that may fail, so far */
	uint32_t fail;	/* the number of the call that fails; 0: none */
};

/* Dom0 exists from the start, with a ring. */
void fake_xen_begin(struct fake_xen *xen);
void fake_xen_end(struct fake_xen *xen);
void fake_xen_create(struct fake_xen *xen, uint32_t domid);
/* The guest kicks the store. */
void fake_xen_kick(struct fake_xen *xen, uint32_t domid);
/* The domain goes (or only shuts down), and VIRQ_DOM_EXC is raised. */
void fake_xen_destroy(struct fake_xen *xen, uint32_t domid);
void fake_xen_shutdown(struct fake_xen *xen, uint32_t domid);
/* What the store holds: mappings and bound ports. */
uint32_t fake_xen_held(const struct fake_xen *xen);

#endif
