/* SPDX-License-Identifier: MIT */
/* Dispatch to the world: argument checks that are the same everywhere, and -ENOSYS where it has no such call. */
#include <errno.h>
#include <sys/mman.h>

#include <xenbus/platform_ops.h>

static const struct xen_platform_notify no_notify = { .offset = XEN_PLATFORM_NO_OFFSET };

void xen_platform_close(struct xen_platform *platform)
{
	if (platform)
		platform->ops->close(platform);
}

const char *xen_platform_name(const struct xen_platform *platform)
{
	return platform->ops->name;
}

int xen_platform_domid(struct xen_platform *platform)
{
	return platform->ops->domid ? platform->ops->domid(platform) : -ENOSYS;
}

int xen_platform_fd(struct xen_platform *platform)
{
	return platform->ops->fd ? platform->ops->fd(platform) : -ENOSYS;
}

/* The kernel's interfaces take 32 bits of a domid and use 16. */
static bool domid_ok(uint32_t domid)
{
	return domid <= XEN_PLATFORM_DOMID_SELF;
}

/* -- event channels -- */

#define VIRQ_DOM_EXC 3u

int xen_platform_evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out)
{
	return platform->ops->evtchn_open ? platform->ops->evtchn_open(platform, out) : -ENOSYS;
}

void xen_platform_evtchn_close(struct xen_platform_evtchn *xce)
{
	if (xce)
		xce->platform->ops->evtchn_close(xce);
}

int xen_platform_evtchn_fd(struct xen_platform_evtchn *xce)
{
	return xce->platform->ops->evtchn_fd(xce);
}

int xen_platform_evtchn_bind_unbound_port(struct xen_platform_evtchn *xce, uint32_t domid)
{
	return domid_ok(domid) ? xce->platform->ops->evtchn_bind_unbound_port(xce, domid) : -ESRCH;
}

int xen_platform_evtchn_bind_interdomain(struct xen_platform_evtchn *xce, uint32_t domid,
					 uint32_t remote_port)
{
	if (!domid_ok(domid))
		return -ESRCH;
	return xce->platform->ops->evtchn_bind_interdomain(xce, domid, remote_port);
}

int xen_platform_evtchn_bind_virq(struct xen_platform_evtchn *xce, unsigned int virq)
{
	const struct xen_platform_ops *ops = xce->platform->ops;

	if (virq != VIRQ_DOM_EXC)
		return -EINVAL;
	return ops->evtchn_bind_virq ? ops->evtchn_bind_virq(xce, virq) : -ENOSYS;
}

int xen_platform_evtchn_unbind(struct xen_platform_evtchn *xce, uint32_t port)
{
	return xce->platform->ops->evtchn_unbind(xce, port);
}

int xen_platform_evtchn_notify(struct xen_platform_evtchn *xce, uint32_t port)
{
	return xce->platform->ops->evtchn_notify(xce, port);
}

int xen_platform_evtchn_pending(struct xen_platform_evtchn *xce)
{
	return xce->platform->ops->evtchn_pending(xce);
}

int xen_platform_evtchn_unmask(struct xen_platform_evtchn *xce, uint32_t port)
{
	return xce->platform->ops->evtchn_unmask(xce, port);
}

/* -- grants -- */

static int check_notify(const struct xen_platform_notify *notify)
{
	if (notify->offset != XEN_PLATFORM_NO_OFFSET && notify->offset >= XEN_PLATFORM_PAGE_SIZE)
		return -EINVAL;
	return notify->port && !notify->xce ? -EINVAL : 0;
}

static bool count_ok(uint32_t count)
{
	return count >= 1 && count <= XEN_PLATFORM_MAX_PAGES;
}

int xen_platform_gnttab_open(struct xen_platform *platform, struct xen_platform_gnttab **out)
{
	return platform->ops->gnttab_open ? platform->ops->gnttab_open(platform, out) : -ENOSYS;
}

void xen_platform_gnttab_close(struct xen_platform_gnttab *xgt)
{
	if (xgt)
		xgt->platform->ops->gnttab_close(xgt);
}

static bool prot_ok(int prot)
{
	return prot == PROT_READ || prot == (PROT_READ | PROT_WRITE);
}

int xen_platform_gnttab_map(struct xen_platform_gnttab *xgt, uint32_t domid, const uint32_t *refs,
			    uint32_t count, int prot, void **addr)
{
	if (!count_ok(count) || !prot_ok(prot))
		return -EINVAL;
	if (!domid_ok(domid))
		return -ESRCH;
	return xgt->platform->ops->gnttab_map(xgt, domid, refs, count, prot, &no_notify, addr);
}

int xen_platform_gnttab_map_notify(struct xen_platform_gnttab *xgt, uint32_t domid, uint32_t ref, int prot,
				   uint32_t notify_offset, struct xen_platform_evtchn *xce,
				   uint32_t notify_port, void **addr)
{
	struct xen_platform_notify notify = { notify_offset, notify_port, xce };
	int err = check_notify(&notify);

	if (err)
		return err;
	if (!prot_ok(prot) || (notify_offset != XEN_PLATFORM_NO_OFFSET && !(prot & PROT_WRITE)))
		return -EINVAL;
	if (!domid_ok(domid))
		return -ESRCH;
	return xgt->platform->ops->gnttab_map(xgt, domid, &ref, 1, prot, &notify, addr);
}

int xen_platform_gnttab_unmap(struct xen_platform_gnttab *xgt, void *addr, uint32_t count)
{
	return xgt->platform->ops->gnttab_unmap(xgt, addr, count);
}

int xen_platform_gntshr_open(struct xen_platform *platform, struct xen_platform_gntshr **out)
{
	return platform->ops->gntshr_open ? platform->ops->gntshr_open(platform, out) : -ENOSYS;
}

void xen_platform_gntshr_close(struct xen_platform_gntshr *xgs)
{
	if (xgs)
		xgs->platform->ops->gntshr_close(xgs);
}

int xen_platform_gntshr_share(struct xen_platform_gntshr *xgs, uint32_t domid, uint32_t count, bool writable,
			      uint32_t *refs, void **addr)
{
	if (!count_ok(count))
		return -EINVAL;
	if (!domid_ok(domid))
		return -ESRCH;
	return xgs->platform->ops->gntshr_share(xgs, domid, count, writable, &no_notify, refs, addr);
}

int xen_platform_gntshr_share_notify(struct xen_platform_gntshr *xgs, uint32_t domid, bool writable,
				     uint32_t notify_offset, struct xen_platform_evtchn *xce,
				     uint32_t notify_port, uint32_t *ref, void **addr)
{
	struct xen_platform_notify notify = { notify_offset, notify_port, xce };
	int err = check_notify(&notify);

	if (err)
		return err;
	if (!domid_ok(domid))
		return -ESRCH;
	return xgs->platform->ops->gntshr_share(xgs, domid, 1, writable, &notify, ref, addr);
}

int xen_platform_gntshr_move(struct xen_platform_gntshr *xgs, void *addr, uint32_t count, void *to)
{
	const struct xen_platform_ops *ops = xgs->platform->ops;

	if ((uintptr_t)to % XEN_PLATFORM_PAGE_SIZE)
		return -EINVAL;
	return ops->gntshr_move ? ops->gntshr_move(xgs, addr, count, to) : -ENOSYS;
}

int xen_platform_gntshr_unshare(struct xen_platform_gntshr *xgs, void *addr, uint32_t count)
{
	return xgs->platform->ops->gntshr_unshare(xgs, addr, count);
}

/* -- domains -- */

int xen_platform_domain_info(struct xen_platform *platform, uint32_t domid)
{
	return platform->ops->domain_info ? platform->ops->domain_info(platform, domid) : -ENOSYS;
}

int xen_platform_store_ring(struct xen_platform *platform, struct xen_platform_evtchn *xce, void **page,
			    uint32_t *port)
{
	return platform->ops->store_ring ? platform->ops->store_ring(platform, xce, page, port) : -ENOSYS;
}

void xen_platform_store_ring_release(struct xen_platform *platform, void *page)
{
	if (page)
		platform->ops->store_ring_release(platform, page);
}

int xen_platform_foreign_store_ring(struct xen_platform *platform, uint32_t domid, void **page,
				    uint32_t *port)
{
	const struct xen_platform_ops *ops = platform->ops;

	return ops->foreign_store_ring ? ops->foreign_store_ring(platform, domid, page, port) : -ENOSYS;
}

void xen_platform_foreign_store_ring_release(struct xen_platform *platform, uint32_t domid, void *page)
{
	if (page)
		platform->ops->foreign_store_ring_release(platform, domid, page);
}
