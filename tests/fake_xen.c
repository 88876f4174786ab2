/* SPDX-License-Identifier: MIT */
#include "fake_xen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define PORT_VIRQ 7
#define PORT_OF(domid) (100u + (domid))

static bool fails(struct fake_xen *xen)
{
	return ++xen->calls == xen->fail;
}

static struct fake_xen *world_of(struct xen_platform *platform)
{
	return (struct fake_xen *)platform;
}

static struct fake_domain *bound_port(struct xen_platform_evtchn *xce, uint32_t port)
{
	struct fake_xen *xen = world_of(xce->platform);
	struct fake_domain *domain;

	assert_true(port >= PORT_OF(0) && port < PORT_OF(FAKE_DOMAINS));
	domain = &xen->domains[port - PORT_OF(0)];
	assert_true(domain->bound);
	return domain;
}

/* Readable while a port is pending and not masked. */
static void update(struct fake_xen *xen)
{
	bool any = xen->virq_pending && !xen->virq_masked;
	uint64_t value;

	for (uint32_t i = 0; i < FAKE_DOMAINS; i++)
		any |= xen->domains[i].bound && xen->domains[i].pending && !xen->domains[i].masked;
	if (read(xen->event_fd, &value, sizeof(value)) < 0)
		assert_int_equal(errno, EAGAIN);
	value = 1;
	if (any)
		assert_int_equal(write(xen->event_fd, &value, sizeof(value)), sizeof(value));
}

static int op_evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out)
{
	struct fake_xen *xen = world_of(platform);

	if (fails(xen))
		return -EMFILE;
	assert_false(xen->evtchn_open);
	xen->evtchn_open = true;
	xen->xce.platform = platform;
	*out = &xen->xce;
	return 0;
}

static void op_evtchn_close(struct xen_platform_evtchn *xce)
{
	struct fake_xen *xen = world_of(xce->platform);

	assert_true(xen->evtchn_open);
	xen->evtchn_open = xen->virq_bound = false;
}

static int op_evtchn_fd(struct xen_platform_evtchn *xce)
{
	return world_of(xce->platform)->event_fd;
}

static int op_bind_interdomain(struct xen_platform_evtchn *xce, uint32_t domid, uint32_t remote_port)
{
	struct fake_xen *xen = world_of(xce->platform);
	struct fake_domain *domain = &xen->domains[domid];

	if (fails(xen))
		return -ENOSPC;
	if (!domain->exists)
		return -ESRCH;
	if (remote_port != 5 || domain->bound)
		return -EINVAL;
	domain->bound = domain->pending = true;
	domain->masked = false;
	update(xen);
	return (int)PORT_OF(domid);
}

static int op_bind_virq(struct xen_platform_evtchn *xce, unsigned int virq)
{
	struct fake_xen *xen = world_of(xce->platform);

	if (fails(xen))
		return -EEXIST;
	assert_int_equal(virq, 3);
	assert_false(xen->virq_bound);
	xen->virq_bound = true;
	return PORT_VIRQ;
}

static int op_unbind(struct xen_platform_evtchn *xce, uint32_t port)
{
	bound_port(xce, port)->bound = false;
	update(world_of(xce->platform));
	return world_of(xce->platform)->gone ? -ENOTCONN : 0;
}

static void run_once(void (**hook)(void *arg), void *arg)
{
	void (*fn)(void *) = *hook;

	*hook = NULL;
	if (fn)
		fn(arg);
}

static int op_notify(struct xen_platform_evtchn *xce, uint32_t port)
{
	struct fake_domain *domain = bound_port(xce, port);

	domain->notified++;
	run_once(&domain->at_notify, domain->arg);
	return world_of(xce->platform)->gone ? -ENOTCONN : 0;
}

static int take(bool *pending, bool *masked, int port)
{
	*pending = false;
	*masked = true;
	return port;
}

static int op_pending(struct xen_platform_evtchn *xce)
{
	struct fake_xen *xen = world_of(xce->platform);
	int port = -EAGAIN;

	if (xen->gone)
		return -ENOTCONN;
	if (xen->virq_pending && !xen->virq_masked)
		port = take(&xen->virq_pending, &xen->virq_masked, PORT_VIRQ);
	for (uint32_t i = 0; i < FAKE_DOMAINS && port < 0; i++) {
		struct fake_domain *domain = &xen->domains[i];

		if (domain->bound && domain->pending && !domain->masked)
			port = take(&domain->pending, &domain->masked, (int)PORT_OF(i));
	}
	xen->asked += port > 0;
	update(xen);
	return port;
}

static int op_unmask(struct xen_platform_evtchn *xce, uint32_t port)
{
	struct fake_xen *xen = world_of(xce->platform);

	if (port == PORT_VIRQ) {
		xen->virq_masked = false;
	} else {
		run_once(&bound_port(xce, port)->at_unmask, bound_port(xce, port)->arg);
		bound_port(xce, port)->masked = false;
	}
	update(xen);
	return 0;
}

static int op_domain_info(struct xen_platform *platform, uint32_t domid)
{
	struct fake_domain *domain = domid < FAKE_DOMAINS ? &world_of(platform)->domains[domid] : NULL;
	int flags = XEN_PLATFORM_DOMAIN_EXISTS;

	if (world_of(platform)->gone)
		return -ENOTCONN;
	if (!domain || !domain->exists)
		return 0;
	flags |= domain->shutdown ? XEN_PLATFORM_DOMAIN_SHUTDOWN : 0;
	return flags | (domain->dying ? XEN_PLATFORM_DOMAIN_DYING : 0);
}

static int op_foreign_store_ring(struct xen_platform *platform, uint32_t domid, void **page, uint32_t *port)
{
	struct fake_xen *xen = world_of(platform);

	if (fails(xen))
		return -ENOSPC;
	if (domid >= FAKE_DOMAINS || !xen->domains[domid].exists)
		return -ESRCH;
	xen->domains[domid].mapped++;
	*page = xen->domains[domid].page;
	if (domid == 0)
		*port = 5;
	return 0;
}

static void op_foreign_store_ring_release(struct xen_platform *platform, uint32_t domid, void *page)
{
	struct fake_domain *domain = &world_of(platform)->domains[domid];

	assert_ptr_equal(page, domain->page);
	assert_true(domain->mapped > 0);
	domain->mapped--;
}

static const struct xen_platform_ops fake_ops = {
	.name = "fake",
	.evtchn_open = op_evtchn_open,
	.evtchn_close = op_evtchn_close,
	.evtchn_fd = op_evtchn_fd,
	.evtchn_bind_interdomain = op_bind_interdomain,
	.evtchn_bind_virq = op_bind_virq,
	.evtchn_unbind = op_unbind,
	.evtchn_notify = op_notify,
	.evtchn_pending = op_pending,
	.evtchn_unmask = op_unmask,
	.domain_info = op_domain_info,
	.foreign_store_ring = op_foreign_store_ring,
	.foreign_store_ring_release = op_foreign_store_ring_release,
};

void fake_xen_create(struct fake_xen *xen, uint32_t domid)
{
	struct fake_domain *domain = &xen->domains[domid];

	if (!domain->page)
		domain->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(domain->page, MAP_FAILED);
	memset(domain->page, 0, 4096);
	domain->exists = true;
	domain->shutdown = domain->dying = false;
	domain->notified = 0;
}

void fake_xen_begin(struct fake_xen *xen)
{
	memset(xen, 0, sizeof(*xen));
	xen->platform.ops = &fake_ops;
	xen->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(xen->event_fd >= 0);
	fake_xen_create(xen, 0);
}

void fake_xen_end(struct fake_xen *xen)
{
	assert_false(xen->evtchn_open);
	assert_int_equal(fake_xen_held(xen), 0);
	for (uint32_t i = 0; i < FAKE_DOMAINS; i++) {
		if (xen->domains[i].page)
			munmap(xen->domains[i].page, 4096);
	}
	close(xen->event_fd);
}

void fake_xen_kick(struct fake_xen *xen, uint32_t domid)
{
	xen->domains[domid].pending = true;
	update(xen);
}

void fake_xen_destroy(struct fake_xen *xen, uint32_t domid)
{
	xen->domains[domid].exists = false;
	xen->virq_pending = true;
	update(xen);
}

void fake_xen_shutdown(struct fake_xen *xen, uint32_t domid)
{
	xen->domains[domid].shutdown = true;
	xen->virq_pending = true;
	update(xen);
}

uint32_t fake_xen_held(const struct fake_xen *xen)
{
	uint32_t held = 0;

	for (uint32_t i = 0; i < FAKE_DOMAINS; i++)
		held += xen->domains[i].mapped + xen->domains[i].bound;
	return held;
}
