/* SPDX-License-Identifier: MIT */
#ifndef BUS_RESOURCE_H
#define BUS_RESOURCE_H
/*
 * Pages granted, pages mapped, event channels: each belongs to a device and goes with it, so a driver
 * cannot leak one.
 */
#include "bus.h"

enum resource_kind { RESOURCE_SHARE, RESOURCE_MAP, RESOURCE_PORT };

struct resource {
	struct list link; /* impl->resources */
	enum resource_kind kind;
	void *addr;	/* SHARE, MAP */
	uint32_t count; /* pages, or the port's number */
};

/* In the device's list; NULL: no memory. Its other fields are the caller's to fill. */
struct resource *resource_new(struct xenbus_device *dev, enum resource_kind kind);
void resource_drop(struct resource *r);
/* A port by its number, the others by their address; NULL: the device has none such. */
struct resource *resource_find(struct xenbus_device *dev, enum resource_kind kind, const void *addr,
			       uint32_t port);

/* pages.c */
void share_end(struct xenbus_device *dev, struct resource *r);
void map_end(struct xenbus_device *dev, struct resource *r);
/* evtchn.c */
void port_end(struct xenbus_device *dev, struct resource *r);
/* Takes what is pending; runs on the loop. */
void ports_ready(struct xenbus_source *source, unsigned int events);

#endif
