/* SPDX-License-Identifier: MIT */
/* Pages shared: our own, granted, and the other end's, mapped. */
#include "resource.h"
#include <errno.h>
#include <sys/mman.h>

#define PAGES_TEXT 16

/* "1 page", "64 pages"; in @text. */
static const char *pages(char text[PAGES_TEXT], uint32_t count)
{
	snprintf(text, PAGES_TEXT, "%u page%s", count, count == 1 ? "" : "s");
	return text;
}

void share_end(struct xenbus_device *dev, struct resource *r)
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

void map_end(struct xenbus_device *dev, struct resource *r)
{
	char text[PAGES_TEXT];
	struct xenbus *bus = dev->bus;

	xen_platform_gnttab_unmap(bus->xgt, r->addr, r->count);
	trace_add(bus, dev, XENBUS_TRACE_GRANT, "unmap %s", pages(text, r->count));
	bus->counts.mappings--;
	bus->counts.mapped_pages -= r->count;
	resource_drop(r);
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
