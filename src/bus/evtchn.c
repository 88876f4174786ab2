/* SPDX-License-Identifier: MIT */
/* Event channels: ports, their handlers, and what is pending. */
#include "resource.h"
#include <errno.h>
#include <stdlib.h>

#define PORTS_MAX (1u << 20) /* far above what any hypervisor hands out */

void port_end(struct xenbus_device *dev, struct resource *r)
{
	struct xenbus *bus = dev->bus;

	bus->ports[r->count] = (struct port){ 0 };
	xen_platform_evtchn_unbind(bus->xce, r->count);
	trace_add(bus, dev, XENBUS_TRACE_EVTCHN, "unbind port %u", r->count);
	bus->counts.ports--;
	resource_drop(r);
}

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

/* A frontend that was opened again: the backend is on the new ring, and says so when it is asked from now on. (At the
 * backend, binding alone raises an event.) */
static void heard_from(struct device_impl *impl)
{
	if (impl->dev.is_backend || !impl->offers_anew || impl->heard ||
	    impl->dev.state != XenbusStateConnected)
		return;
	impl->heard = true;
	device_look(impl, LOOK_OTHEREND);
}

/* Unmasked before the handler runs: what comes while it runs is not lost. A bound on how many are taken
 * at once leaves the store and the timers their turn when a peer storms. */
void ports_ready(struct xenbus_source *source, unsigned int events)
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
		heard_from(impl_of(p->dev));
		if (p->handler)
			p->handler(p->dev, p->arg);
	}
}
