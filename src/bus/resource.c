/* SPDX-License-Identifier: MIT */
/*
 * Pages granted, pages mapped, event channels: each belongs to a device and goes with it, so a driver
 * cannot leak one.
 */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PORTS_MAX (1u << 20) /* far above what any hypervisor hands out */

enum resource_kind { RESOURCE_SHARE, RESOURCE_MAP, RESOURCE_PORT };

struct resource {
	struct list link; /* impl->resources */
	enum resource_kind kind;
	void *addr;	/* SHARE, MAP */
	uint32_t count; /* pages, or the port's number */
};

#define PAGES_TEXT 16

/* "1 page", "64 pages"; in @text. */
static const char *pages(char text[PAGES_TEXT], uint32_t count)
{
	snprintf(text, PAGES_TEXT, "%u page%s", count, count == 1 ? "" : "s");
	return text;
}

static struct resource *resource_new(struct xenbus_device *dev, enum resource_kind kind)
{
	struct resource *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->kind = kind;
	list_add_tail(&impl_of(dev)->resources, &r->link);
	return r;
}

static void resource_drop(struct resource *r)
{
	list_del(&r->link);
	free(r);
}

static struct resource *resource_find(struct xenbus_device *dev, enum resource_kind kind, const void *addr,
				      uint32_t port)
{
	list_for_each (link, &impl_of(dev)->resources) {
		struct resource *r = list_entry(link, struct resource, link);

		if (r->kind == kind && (kind == RESOURCE_PORT ? r->count == port : r->addr == addr))
			return r;
	}
	return NULL;
}

static void share_end(struct xenbus_device *dev, struct resource *r)
{
	char text[PAGES_TEXT];
	struct xenbus *bus = dev->bus;
	int mapped = xen_platform_gntshr_unshare(bus->xgs, r->addr, r->count);

	trace_add(bus, dev, XENBUS_TRACE_GRANT,
		  mapped > 0 ? "unshare %s, %d still mapped by the other end" : "unshare %s",
		  pages(text, r->count), mapped);
	bus->counts.shares--;
	bus->counts.shared_pages -= r->count;
	resource_drop(r);
}

static void map_end(struct xenbus_device *dev, struct resource *r)
{
	char text[PAGES_TEXT];
	struct xenbus *bus = dev->bus;

	xen_platform_gnttab_unmap(bus->xgt, r->addr, r->count);
	trace_add(bus, dev, XENBUS_TRACE_GRANT, "unmap %s", pages(text, r->count));
	bus->counts.mappings--;
	bus->counts.mapped_pages -= r->count;
	resource_drop(r);
}

static void port_end(struct xenbus_device *dev, struct resource *r)
{
	struct xenbus *bus = dev->bus;

	bus->ports[r->count] = (struct port){ 0 };
	xen_platform_evtchn_unbind(bus->xce, r->count);
	trace_add(bus, dev, XENBUS_TRACE_EVTCHN, "unbind port %u", r->count);
	bus->counts.ports--;
	resource_drop(r);
}

/* Events first, so that no handler meets pages that are gone; then what is shared. */
void resources_release(struct device_impl *impl)
{
	static const enum resource_kind order[] = { RESOURCE_PORT, RESOURCE_MAP, RESOURCE_SHARE };

	for (size_t i = 0; i < 3; i++) {
		list_for_each_safe (link, next, &impl->resources) {
			struct resource *r = list_entry(link, struct resource, link);

			if (r->kind != order[i])
				continue;
			if (r->kind == RESOURCE_PORT)
				port_end(&impl->dev, r);
			else if (r->kind == RESOURCE_MAP)
				map_end(&impl->dev, r);
			else
				share_end(&impl->dev, r);
		}
	}
}

/* -- pages of our own -- */

static int share(struct xenbus_device *dev, unsigned int count, bool writable, unsigned int liveness,
		 uint32_t port, void **addr, uint32_t *refs)
{
	char text[PAGES_TEXT];
	struct xenbus *bus = dev->bus;
	struct resource *r;
	int err;

	*addr = NULL;
	if (!bus->xgs)
		return -ENOSYS;
	if (!count || count > XENBUS_MAX_RING_PAGES)
		return -EINVAL;
	r = resource_new(dev, RESOURCE_SHARE);
	if (!r)
		return -ENOMEM;
	if (liveness == UINT32_MAX)
		err = xen_platform_gntshr_share(bus->xgs, dev->otherend_id, count, writable, refs, &r->addr);
	else
		err = xen_platform_gntshr_share_notify(bus->xgs, dev->otherend_id, writable, liveness,
						       bus->xce, port, refs, &r->addr);
	if (err) {
		resource_drop(r);
		return err;
	}
	r->count = count;
	bus->counts.shares++;
	bus->counts.shared_pages += count;
	trace_add(bus, dev, XENBUS_TRACE_GRANT, "share %s with domain %u, first ref %u", pages(text, count),
		  dev->otherend_id, refs[0]);
	*addr = r->addr;
	return 0;
}

int xenbus_setup_ring(struct xenbus_device *dev, unsigned int count, bool writable, void **addr,
		      uint32_t *refs)
{
	return share(dev, count, writable, UINT32_MAX, 0, addr, refs);
}

int xenbus_setup_ring_notify(struct xenbus_device *dev, unsigned int liveness, uint32_t port, void **addr,
			     uint32_t *ref)
{
	if (liveness >= XEN_PLATFORM_PAGE_SIZE)
		return -EINVAL;
	return share(dev, 1, true, liveness, port, addr, ref);
}

void xenbus_teardown_ring(struct xenbus_device *dev, void **addr)
{
	struct resource *r = *addr ? resource_find(dev, RESOURCE_SHARE, *addr, 0) : NULL;

	*addr = NULL;
	if (r)
		share_end(dev, r);
}

/* -- pages of the other end -- */

static int map(struct xenbus_device *dev, const uint32_t *refs, unsigned int count, bool writable,
	       unsigned int liveness, uint32_t port, void **addr)
{
	char text[PAGES_TEXT];
	struct xenbus *bus = dev->bus;
	int err, prot = PROT_READ | (writable ? PROT_WRITE : 0);
	struct resource *r;

	*addr = NULL;
	if (!bus->xgt)
		return -ENOSYS;
	if (!count || count > XENBUS_MAX_RING_PAGES)
		return -EINVAL;
	r = resource_new(dev, RESOURCE_MAP);
	if (!r)
		return -ENOMEM;
	if (liveness == UINT32_MAX)
		err = xen_platform_gnttab_map(bus->xgt, dev->otherend_id, refs, count, prot, &r->addr);
	else
		err = xen_platform_gnttab_map_notify(bus->xgt, dev->otherend_id, refs[0], prot, liveness,
						     bus->xce, port, &r->addr);
	if (err) {
		resource_drop(r);
		return err;
	}
	r->count = count;
	bus->counts.mappings++;
	bus->counts.mapped_pages += count;
	trace_add(bus, dev, XENBUS_TRACE_GRANT, "map %s of domain %u, first ref %u", pages(text, count),
		  dev->otherend_id, refs[0]);
	*addr = r->addr;
	return 0;
}

int xenbus_map_ring_valloc(struct xenbus_device *dev, const uint32_t *refs, unsigned int count, bool writable,
			   void **addr)
{
	return map(dev, refs, count, writable, UINT32_MAX, 0, addr);
}

int xenbus_map_ring_notify(struct xenbus_device *dev, uint32_t ref, unsigned int liveness, uint32_t port,
			   void **addr)
{
	if (liveness >= XEN_PLATFORM_PAGE_SIZE)
		return -EINVAL;
	return map(dev, &ref, 1, true, liveness, port, addr);
}

void xenbus_unmap_ring_vfree(struct xenbus_device *dev, void **addr)
{
	struct resource *r = *addr ? resource_find(dev, RESOURCE_MAP, *addr, 0) : NULL;

	*addr = NULL;
	if (r)
		map_end(dev, r);
}

/* -- event channels -- */

static int ports_grow(struct xenbus *bus, uint32_t port)
{
	size_t slots = bus->port_slots ? bus->port_slots : 64;
	struct port *ports;

	if (port >= PORTS_MAX)
		return -ENOSPC;
	if (port < bus->port_slots)
		return 0;
	while (slots <= port)
		slots *= 2;
	ports = realloc(bus->ports, slots * sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	for (size_t i = bus->port_slots; i < slots; i++)
		ports[i] = (struct port){ 0 };
	bus->ports = ports;
	bus->port_slots = slots;
	return 0;
}

static int port_add(struct xenbus_device *dev, int port, xenbus_event_handler handler, void *arg,
		    uint32_t *out)
{
	struct xenbus *bus = dev->bus;
	struct resource *r;
	int err;

	if (port < 0)
		return port;
	err = ports_grow(bus, (uint32_t)port);
	r = err ? NULL : resource_new(dev, RESOURCE_PORT);
	if (!r) {
		xen_platform_evtchn_unbind(bus->xce, (uint32_t)port);
		return err ? err : -ENOMEM;
	}
	r->count = (uint32_t)port;
	bus->ports[port] = (struct port){ .dev = dev, .handler = handler, .arg = arg };
	bus->counts.ports++;
	*out = (uint32_t)port;
	return 0;
}

int xenbus_alloc_evtchn(struct xenbus_device *dev, xenbus_event_handler handler, void *arg, uint32_t *port)
{
	int local = dev->bus->xce ? xen_platform_evtchn_bind_unbound_port(dev->bus->xce, dev->otherend_id)
				  : -ENOSYS;

	if (local >= 0)
		trace_add(dev->bus, dev, XENBUS_TRACE_EVTCHN, "port %d offered to domain %u", local,
			  dev->otherend_id);
	return port_add(dev, local, handler, arg, port);
}

int xenbus_bind_evtchn(struct xenbus_device *dev, uint32_t remote_port, xenbus_event_handler handler,
		       void *arg, uint32_t *port)
{
	int local = dev->bus->xce ? xen_platform_evtchn_bind_interdomain(dev->bus->xce, dev->otherend_id,
									 remote_port)
				  : -ENOSYS;

	if (local >= 0)
		trace_add(dev->bus, dev, XENBUS_TRACE_EVTCHN, "port %d bound to port %u of domain %u", local,
			  remote_port, dev->otherend_id);
	return port_add(dev, local, handler, arg, port);
}

void xenbus_free_evtchn(struct xenbus_device *dev, uint32_t *port)
{
	struct resource *r = *port ? resource_find(dev, RESOURCE_PORT, NULL, *port) : NULL;

	*port = 0;
	if (r)
		port_end(dev, r);
}

int xenbus_notify(struct xenbus_device *dev, uint32_t port)
{
	dev->bus->counts.notifications++;
	return xen_platform_evtchn_notify(dev->bus->xce, port);
}

/* Unmasked before the handler runs: what comes while it runs is not lost. A bound on how many are taken
 * at once leaves the store and the timers their turn when a peer storms. */
static void events_ready(struct xenbus_source *source, unsigned int events)
{
	struct xenbus *bus = list_entry(source, struct xenbus, event_source);

	for (int i = 0; i < BUS_EVENTS_A_TURN; i++) {
		int port = xen_platform_evtchn_pending(bus->xce);
		struct port *p;

		if (port == -ENOTCONN)
			xenbus_source_remove(bus->host, source); /* the world ended */
		if (port < 0)
			return;
		xen_platform_evtchn_unmask(bus->xce, (uint32_t)port);
		p = (size_t)port < bus->port_slots ? &bus->ports[port] : NULL;
		if (!p || !p->dev)
			continue;
		bus->counts.events++;
		if (p->handler)
			p->handler(p->dev, p->arg);
	}
}

int resources_open(struct xenbus *bus, const char **why)
{
	int err;

	bus->event_source = (struct xenbus_source){ .ready = events_ready, .fd = -1 };
	if (!bus->platform)
		return 0;
	*why = "opening event channels";
	err = xen_platform_evtchn_open(bus->platform, &bus->xce);
	if (!err)
		err = xenbus_source_add(bus->host, &bus->event_source, xen_platform_evtchn_fd(bus->xce),
					XENBUS_SOURCE_READ);
	if (!err) {
		*why = "opening the grant table";
		err = xen_platform_gnttab_open(bus->platform, &bus->xgt);
	}
	if (!err)
		err = xen_platform_gntshr_open(bus->platform, &bus->xgs);
	if (err)
		resources_close(bus);
	return err;
}

void resources_close(struct xenbus *bus)
{
	if (bus->event_source.fd >= 0)
		xenbus_source_remove(bus->host, &bus->event_source);
	xen_platform_gntshr_close(bus->xgs);
	xen_platform_gnttab_close(bus->xgt);
	xen_platform_evtchn_close(bus->xce);
	bus->xgs = NULL;
	bus->xgt = NULL;
	bus->xce = NULL;
	free(bus->ports);
	bus->ports = NULL;
	bus->port_slots = 0;
}
