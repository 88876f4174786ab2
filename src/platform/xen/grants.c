/* SPDX-License-Identifier: MIT */
/* Grants through libxengnttab: what others granted (gnttab), and what we grant (gntshr). */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "xen_world.h"

static bool wants_notify(const struct xen_platform_notify *notify)
{
	return notify->offset != XEN_PLATFORM_NO_OFFSET || notify->port;
}

/* The kernel would take a port of any handle, even another process's. */
static bool notify_ok(const struct xen_platform_notify *notify)
{
	return !notify->port || xen_evtchn_has(notify->xce, notify->port);
}

int xen_gnttab_open(struct xen_platform *platform, struct xen_platform_gnttab **out)
{
	struct xen_world *world = (struct xen_world *)platform;
	struct xen_gnttab *gnttab = calloc(1, sizeof(*gnttab));
	int err;

	if (!gnttab)
		return -ENOMEM;
	gnttab->handle.platform = platform;
	gnttab->xgt = xengnttab_open(world->logger, 0);
	if (!gnttab->xgt) {
		err = xen_last_error();
		free(gnttab);
		return err;
	}
	*out = &gnttab->handle;
	return 0;
}

void xen_gnttab_close(struct xen_platform_gnttab *handle)
{
	struct xen_gnttab *gnttab = (struct xen_gnttab *)handle;
	uint32_t count;
	void *addr;

	while (areas_take_any(&gnttab->mapped, &addr, &count))
		xengnttab_unmap(gnttab->xgt, addr, count);
	xengnttab_close(gnttab->xgt);
	free(gnttab);
}

/* The library takes the refs without const but only reads them; UINT32_MAX is its "no offset" too. */
static void *map(xengnttab_handle *xgt, uint32_t domid, const uint32_t *refs, uint32_t count, int prot,
		 const struct xen_platform_notify *notify)
{
	if (wants_notify(notify))
		return xengnttab_map_grant_ref_notify(xgt, domid, refs[0], prot, notify->offset,
						      notify->port ? notify->port : UINT32_MAX);
	if (count == 1)
		return xengnttab_map_grant_ref(xgt, domid, refs[0], prot);
	return xengnttab_map_domain_grant_refs(xgt, count, domid, (uint32_t *)refs, prot);
}

int xen_gnttab_map(struct xen_platform_gnttab *handle, uint32_t domid, const uint32_t *refs, uint32_t count,
		   int prot, const struct xen_platform_notify *notify, void **addr)
{
	struct xen_gnttab *gnttab = (struct xen_gnttab *)handle;
	void *mapped;

	if (!notify_ok(notify))
		return -EINVAL;
	mapped = map(gnttab->xgt, domid, refs, count, prot, notify);
	if (!mapped)
		return xen_last_error();
	if (areas_add(&gnttab->mapped, mapped, count)) {
		xengnttab_unmap(gnttab->xgt, mapped, count);
		return -ENOMEM;
	}
	*addr = mapped;
	return 0;
}

int xen_gnttab_unmap(struct xen_platform_gnttab *handle, void *addr, uint32_t count)
{
	struct xen_gnttab *gnttab = (struct xen_gnttab *)handle;

	if (!areas_take(&gnttab->mapped, addr, count))
		return -EINVAL;
	return xengnttab_unmap(gnttab->xgt, addr, count) ? xen_last_error() : 0;
}

int xen_gntshr_open(struct xen_platform *platform, struct xen_platform_gntshr **out)
{
	struct xen_world *world = (struct xen_world *)platform;
	struct xen_gntshr *gntshr = calloc(1, sizeof(*gntshr));
	int err;

	if (!gntshr)
		return -ENOMEM;
	gntshr->handle.platform = platform;
	gntshr->xgs = xengntshr_open(world->logger, 0);
	if (!gntshr->xgs) {
		err = xen_last_error();
		free(gntshr);
		return err;
	}
	*out = &gntshr->handle;
	return 0;
}

void xen_gntshr_close(struct xen_platform_gntshr *handle)
{
	struct xen_gntshr *gntshr = (struct xen_gntshr *)handle;
	uint32_t count;
	void *addr;

	while (areas_take_any(&gntshr->shared, &addr, &count))
		xengntshr_unshare(gntshr->xgs, addr, count);
	xengntshr_close(gntshr->xgs);
	free(gntshr);
}

int xen_gntshr_share(struct xen_platform_gntshr *handle, uint32_t domid, uint32_t count, bool writable,
		     const struct xen_platform_notify *notify, uint32_t *refs, void **addr)
{
	struct xen_gntshr *gntshr = (struct xen_gntshr *)handle;
	void *shared;

	if (!notify_ok(notify))
		return -EINVAL;
	if (wants_notify(notify))
		shared = xengntshr_share_page_notify(gntshr->xgs, domid, refs, writable, notify->offset,
						     notify->port ? notify->port : UINT32_MAX);
	else
		shared = xengntshr_share_pages(gntshr->xgs, domid, (int)count, refs, writable);
	if (!shared)
		return xen_last_error();
	if (areas_add(&gntshr->shared, shared, count)) {
		xengntshr_unshare(gntshr->xgs, shared, count);
		return -ENOMEM;
	}
	*addr = shared;
	return 0;
}

/* The kernel's record of the share is of its mapping, which goes along; unsharing is unmapping. */
int xen_gntshr_move(struct xen_platform_gntshr *handle, void *addr, uint32_t count, void *to)
{
	struct xen_gntshr *gntshr = (struct xen_gntshr *)handle;
	const size_t len = (size_t)count * XEN_PLATFORM_PAGE_SIZE;
	int err;

	if (!areas_has(&gntshr->shared, addr, count))
		return -EINVAL;
	err = areas_add(&gntshr->shared, to, count);
	if (err)
		return err;
	if (mremap(addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
		err = -errno;
		addr = to;
	}
	areas_take(&gntshr->shared, addr, count);
	return err;
}

/* gntalloc frees a page only when the peer has let go of it, and does not say when that is. */
int xen_gntshr_unshare(struct xen_platform_gntshr *handle, void *addr, uint32_t count)
{
	struct xen_gntshr *gntshr = (struct xen_gntshr *)handle;

	if (!areas_take(&gntshr->shared, addr, count))
		return -EINVAL;
	return xengntshr_unshare(gntshr->xgs, addr, count) ? xen_last_error() : 0;
}
