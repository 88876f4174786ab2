/* SPDX-License-Identifier: MIT */
/* What a device holds of the world, and its end. */
#include "resource.h"
#include <errno.h>
#include <stdlib.h>

struct resource *resource_new(struct xenbus_device *dev, enum resource_kind kind)
{
	struct resource *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->kind = kind;
	list_add_tail(&impl_of(dev)->resources, &r->link);
	return r;
}

void resource_drop(struct resource *r)
{
	list_del(&r->link);
	free(r);
}

struct resource *resource_find(struct xenbus_device *dev, enum resource_kind kind, const void *addr,
			       uint32_t port)
{
	list_for_each (link, &impl_of(dev)->resources) {
		struct resource *r = list_entry(link, struct resource, link);

		if (r->kind == kind && (kind == RESOURCE_PORT ? r->count == port : r->addr == addr))
			return r;
	}
	return NULL;
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

int resources_open(struct xenbus *bus, const char **why)
{
	int err;

	bus->event_source = (struct xenbus_source){ .ready = ports_ready, .fd = -1 };
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
