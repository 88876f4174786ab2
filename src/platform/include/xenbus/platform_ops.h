/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_PLATFORM_OPS_H
#define XENBUS_PLATFORM_OPS_H
/*
 * For those who implement a world; everybody else wants <xenbus/platform.h>.
 *
 *      xen_platform_gnttab_map()          platform.c: checks the arguments, then
 *              |
 *      platform->ops->gnttab_map()        xen/, local/, sim/
 *
 * A world embeds struct xen_platform as the first member of its own, and each handle likewise; what a
 * function is given is one of its own objects, so it may go from the member to the whole. A function
 * left NULL answers -ENOSYS. The contract of each is that of the xen_platform_* call of its name; what
 * platform.c has checked already stands beside it and need not be checked again.
 */
#include <xenbus/platform.h>

struct xen_platform {
	const struct xen_platform_ops *ops;
};
struct xen_platform_evtchn {
	struct xen_platform *platform;
};
struct xen_platform_gnttab {
	struct xen_platform *platform;
};
struct xen_platform_gntshr {
	struct xen_platform *platform;
};

/* What map_notify() and share_notify() ask for when the mapping or share ends. The port belongs to a
 * handle of the same world. Both parts absent: an ordinary mapping. */
struct xen_platform_notify {
	uint32_t offset; /* 0..4095, or XEN_PLATFORM_NO_OFFSET */
	uint32_t port;	 /* 0: none */
	struct xen_platform_evtchn *xce;
};
#define XEN_PLATFORM_NO_OFFSET UINT32_MAX
#define XEN_PLATFORM_MAX_PAGES 256u /* pages of one map or share */

struct xen_platform_ops {
	const char *name;
	void (*close)(struct xen_platform *platform); /* not NULL; @platform is not NULL */
	int (*domid)(struct xen_platform *platform);
	int (*fd)(struct xen_platform *platform);

	int (*evtchn_open)(struct xen_platform *platform, struct xen_platform_evtchn **out);
	void (*evtchn_close)(struct xen_platform_evtchn *xce); /* @xce is not NULL, so for the others */
	int (*evtchn_fd)(struct xen_platform_evtchn *xce);
	int (*evtchn_bind_unbound_port)(struct xen_platform_evtchn *xce, uint32_t domid);
	int (*evtchn_bind_interdomain)(struct xen_platform_evtchn *xce, uint32_t domid, uint32_t remote_port);
	int (*evtchn_bind_virq)(struct xen_platform_evtchn *xce, unsigned int virq);
	int (*evtchn_unbind)(struct xen_platform_evtchn *xce, uint32_t port);
	int (*evtchn_notify)(struct xen_platform_evtchn *xce, uint32_t port);
	int (*evtchn_pending)(struct xen_platform_evtchn *xce);
	int (*evtchn_unmask)(struct xen_platform_evtchn *xce, uint32_t port);

	int (*gnttab_open)(struct xen_platform *platform, struct xen_platform_gnttab **out);
	void (*gnttab_close)(struct xen_platform_gnttab *xgt);
	/* @count is 1..XEN_PLATFORM_MAX_PAGES, 1 where @notify asks for something; @prot is PROT_READ or
	 * PROT_READ | PROT_WRITE, the latter where @notify has an offset; @notify is not NULL. */
	int (*gnttab_map)(struct xen_platform_gnttab *xgt, uint32_t domid, const uint32_t *refs,
			  uint32_t count, int prot, const struct xen_platform_notify *notify, void **addr);
	int (*gnttab_unmap)(struct xen_platform_gnttab *xgt, void *addr, uint32_t count);

	int (*gntshr_open)(struct xen_platform *platform, struct xen_platform_gntshr **out);
	void (*gntshr_close)(struct xen_platform_gntshr *xgs);
	/* @count and @notify as for gnttab_map. */
	int (*gntshr_share)(struct xen_platform_gntshr *xgs, uint32_t domid, uint32_t count, bool writable,
			    const struct xen_platform_notify *notify, uint32_t *refs, void **addr);
	int (*gntshr_move)(struct xen_platform_gntshr *xgs, void *addr, uint32_t count, void *to);
	int (*gntshr_unshare)(struct xen_platform_gntshr *xgs, void *addr, uint32_t count);

	int (*domain_info)(struct xen_platform *platform, uint32_t domid);
	int (*store_ring)(struct xen_platform *platform, struct xen_platform_evtchn *xce, void **page,
			  uint32_t *port);
	void (*store_ring_release)(struct xen_platform *platform, void *page);
	int (*foreign_store_ring)(struct xen_platform *platform, uint32_t domid, void **page, uint32_t *port);
	void (*foreign_store_ring_release)(struct xen_platform *platform, uint32_t domid, void *page);
};

#endif
