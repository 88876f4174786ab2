/* SPDX-License-Identifier: MIT */
#ifndef XEN_WORLD_H
#define XEN_WORLD_H
/*
 * The world `xen`, inside: which of Xen's handles the world itself holds, and the functions that fill
 * its table. Xen's libraries return -1 with errno, or NULL with errno; here that becomes -errno at once.
 */
#include <base/idmap.h>
#include <xenbus/platform_ops.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xentoollog.h>

#include "areas.h"

struct domctl;

struct xen_world {
	struct xen_platform platform;
	xentoollog_logger *logger; /* errors go to who asked, not to stderr behind his back */
	xenevtchn_handle *spare;   /* opened to see whether there is a Xen; the first evtchn_open takes it */
	xengnttab_handle *rings;   /* maps guests' store rings; opened by the first */
	struct domctl *domctl;	   /* opened by the first question */
};

struct xen_evtchn {
	struct xen_platform_evtchn handle;
	xenevtchn_handle *xce;
	struct idmap ports; /* bound on the handle; the value means nothing */
};

struct xen_gnttab {
	struct xen_platform_gnttab handle;
	xengnttab_handle *xgt;
	struct areas mapped;
};

struct xen_gntshr {
	struct xen_platform_gntshr handle;
	xengntshr_handle *xgs;
	struct areas shared;
};

/* Whether @port is bound on @handle. */
bool xen_evtchn_has(const struct xen_platform_evtchn *handle, uint32_t port);

/* errno of a call that has just failed, negative. A library that forgot to set it yields -EIO. */
int xen_last_error(void);

/* domctl.c: the only file that knows libxenctrl, whose ABI changes with each version of Xen. */
int domctl_open(xentoollog_logger *logger, struct domctl **out);
void domctl_close(struct domctl *domctl); /* NULL is allowed */
/* XEN_PLATFORM_DOMAIN_* of @domid, 0 no such domain, or -errno. */
int domctl_info(struct domctl *domctl, uint32_t domid);

int xen_evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out);
void xen_evtchn_close(struct xen_platform_evtchn *handle);
int xen_evtchn_fd(struct xen_platform_evtchn *handle);
int xen_evtchn_bind_unbound_port(struct xen_platform_evtchn *handle, uint32_t domid);
int xen_evtchn_bind_interdomain(struct xen_platform_evtchn *handle, uint32_t domid, uint32_t remote_port);
int xen_evtchn_bind_virq(struct xen_platform_evtchn *handle, unsigned int virq);
int xen_evtchn_unbind(struct xen_platform_evtchn *handle, uint32_t port);
int xen_evtchn_notify(struct xen_platform_evtchn *handle, uint32_t port);
int xen_evtchn_pending(struct xen_platform_evtchn *handle);
int xen_evtchn_unmask(struct xen_platform_evtchn *handle, uint32_t port);

int xen_gnttab_open(struct xen_platform *platform, struct xen_platform_gnttab **out);
void xen_gnttab_close(struct xen_platform_gnttab *handle);
int xen_gnttab_map(struct xen_platform_gnttab *handle, uint32_t domid, const uint32_t *refs, uint32_t count,
		   int prot, const struct xen_platform_notify *notify, void **addr);
int xen_gnttab_unmap(struct xen_platform_gnttab *handle, void *addr, uint32_t count);
int xen_gntshr_open(struct xen_platform *platform, struct xen_platform_gntshr **out);
void xen_gntshr_close(struct xen_platform_gntshr *handle);
int xen_gntshr_share(struct xen_platform_gntshr *handle, uint32_t domid, uint32_t count, bool writable,
		     const struct xen_platform_notify *notify, uint32_t *refs, void **addr);
int xen_gntshr_move(struct xen_platform_gntshr *handle, void *addr, uint32_t count, void *to);
int xen_gntshr_unshare(struct xen_platform_gntshr *handle, void *addr, uint32_t count);

int xen_foreign_store_ring(struct xen_platform *platform, uint32_t domid, void **page, uint32_t *port);
void xen_foreign_store_ring_release(struct xen_platform *platform, uint32_t domid, void *page);

#endif
