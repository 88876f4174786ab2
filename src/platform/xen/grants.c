/* SPDX-License-Identifier: MIT */
/* Grants through libxengnttab: what others granted (gnttab), and what we grant (gntshr). */
#include <errno.h>
#include <stdlib.h>

#include "xen_world.h"

static bool wants_notify(const struct xen_platform_notify *notify)
{
	return notify->offset != XEN_PLATFORM_NO_OFFSET || notify->port;
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
	xengnttab_close(((struct xen_gnttab *)handle)->xgt);
	free(handle);
}

int xen_gnttab_map(struct xen_platform_gnttab *handle, uint32_t domid, const uint32_t *refs, uint32_t count,
		   int prot, const struct xen_platform_notify *notify, void **addr)
{
	xengnttab_handle *xgt = ((struct xen_gnttab *)handle)->xgt;
	void *mapped;

	/* The library takes the refs without const but only reads them; UINT32_MAX is its "no offset" too. */
	if (wants_notify(notify))
		mapped = xengnttab_map_grant_ref_notify(xgt, domid, refs[0], prot, notify->offset,
							notify->port ? notify->port : UINT32_MAX);
	else if (count == 1)
		mapped = xengnttab_map_grant_ref(xgt, domid, refs[0], prot);
	else
		mapped = xengnttab_map_domain_grant_refs(xgt, count, domid, (uint32_t *)refs, prot);
	if (!mapped)
		return xen_last_error();
	*addr = mapped;
	return 0;
}

int xen_gnttab_unmap(struct xen_platform_gnttab *handle, void *addr, uint32_t count)
{
	return xengnttab_unmap(((struct xen_gnttab *)handle)->xgt, addr, count) ? xen_last_error() : 0;
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
	xengntshr_close(((struct xen_gntshr *)handle)->xgs);
	free(handle);
}

int xen_gntshr_share(struct xen_platform_gntshr *handle, uint32_t domid, uint32_t count, bool writable,
		     const struct xen_platform_notify *notify, uint32_t *refs, void **addr)
{
	xengntshr_handle *xgs = ((struct xen_gntshr *)handle)->xgs;
	void *shared;

	if (wants_notify(notify))
		shared = xengntshr_share_page_notify(xgs, domid, refs, writable, notify->offset,
						     notify->port ? notify->port : UINT32_MAX);
	else
		shared = xengntshr_share_pages(xgs, domid, (int)count, refs, writable);
	if (!shared)
		return xen_last_error();
	*addr = shared;
	return 0;
}

/* gntalloc frees a page only when the peer has let go of it, and does not say when that is. */
int xen_gntshr_unshare(struct xen_platform_gntshr *handle, void *addr, uint32_t count)
{
	return xengntshr_unshare(((struct xen_gntshr *)handle)->xgs, addr, count) ? xen_last_error() : 0;
}
