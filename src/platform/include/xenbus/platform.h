/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_PLATFORM_H
#define XENBUS_PLATFORM_H
/*
 * The seam: what Xen gives a program, call for call.
 *
 *        driver, bus, client, xenstored
 *     ------------ xen_platform_* -------------
 *      xen/            local/            sim/
 *      libxenevtchn    broker process    one process,
 *      libxengnttab    memfd + eventfd   virtual time
 *
 * Each call below has one counterpart in <xenevtchn.h>, <xengnttab.h> or <xenctrl.h>, named in its
 * comment; the contract is that of the counterpart, except that
 *
 *   - errors are returned as -errno (0, a count, a port or a descriptor otherwise), never left in errno;
 *   - each handle belongs to a world (struct xen_platform) instead of to the machine;
 *   - everything is XEN_PAGE_SIZE (4096 bytes) granular, whatever the host's page size is.
 *
 * Ownership: a handle belongs to who opened it. Closing a handle is a process's death in small: ports
 * are unbound, mappings unmapped, shares revoked and the notifications asked for are delivered.
 * The world must outlive its handles. No call is thread-safe: a world belongs to one loop.
 *
 * Worlds differ in what follows, each time because Xen promises less; a driver may rely on no more than what "xen" has.
 *
 *                                            xen                               local, sim
 *   notified again before it was taken       one more event may follow         merged
 *   a peer's domid where no domain is        taken; a map says -EINVAL         -ESRCH
 *   a share ended while mapped               the peer may map it once more     not even so
 *   how much of it is mapped                 not told: 0                       told by unshare()
 *   numbers of ports and grants              used again at once                not at once
 *   mprotect() of a read-only mapping        domain 0 may widen it             -EACCES
 *   a domain that is destroyed               its shares end in silence         its notifications are delivered
 *   a new domain with an old domid           has what was granted to the old   has nothing
 *   VIRQ_DOM_EXC                             is the host's xenstored's         is free
 *   mappings                                 as many as tables and memory hold a limit a handle
 *
 * Errors common to all: -ENOMEM; -ENOSYS, this world does not offer the call (its comment says which);
 * -ENOTCONN, the world itself is gone (local: the broker died; every later call answers the same).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

#define XEN_PLATFORM_PAGE_SIZE 4096u		  /* XEN_PAGE_SIZE: grants and rings, not the host's pages */
#define XEN_PLATFORM_DOMID_SELF 0x7ff0u		  /* DOMID_SELF, <xen/xen.h> */
#define XEN_PLATFORM_DOMID_FIRST_RESERVED 0x7ff0u /* ordinary domids are below */

struct xen_platform;	    /* a world, seen from one domain */
struct xen_platform_evtchn; /* xenevtchn_handle */
struct xen_platform_gnttab; /* xengnttab_handle: maps what others granted */
struct xen_platform_gntshr; /* xengntshr_handle: grants pages of its own */

/* -- the world ------------------------------------------------------------------------------- */

/* Opens the world this process lives in: XENBUS_DOMAIN_FD in the environment means local, else
 * /dev/xen/evtchn means xen. For programs: who is above the seam is given a world.
 * Returns 0, *@out owned by the caller; -ENXIO, neither is there: *@why (static storage, never NULL
 * on error) names both and says what is accepted; other -errno from the world, *@why says where. */
int xen_platform_open(struct xen_platform **out, const char **why);

/* Closes the world. All handles must have been closed before. NULL is allowed. */
void xen_platform_close(struct xen_platform *platform);

/* "xen", "local" or "sim"; static storage. */
const char *xen_platform_name(const struct xen_platform *platform);

/* The caller's own domid, 0..0x7fef. On xen a domU reads it from the store instead: -ENOSYS. */
int xen_platform_domid(struct xen_platform *platform);

/* The descriptor that becomes readable (for ever) when the world itself ends, e.g. the broker died;
 * -ENOSYS where that cannot happen. Borrowed: never read, never closed by the caller. */
int xen_platform_fd(struct xen_platform *platform);

/* -- event channels: <xenevtchn.h> ----------------------------------------------------------- */

/* xenevtchn_open. */
int xen_platform_evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out);

/* xenevtchn_close: unbinds every port of the handle. NULL is allowed. */
void xen_platform_evtchn_close(struct xen_platform_evtchn *xce);

/* xenevtchn_fd: readable while an unmasked port of the handle is pending, and perhaps once more where such a port was
 * unbound: pending() tells. Borrowed. In sim the
 * number is a token that only the simulator's xenbus_host understands, so hand it to
 * xenbus_source_add() and to nothing else. */
int xen_platform_evtchn_fd(struct xen_platform_evtchn *xce);

/* xenevtchn_bind_unbound_port: a new port that domain @domid may bind. Returns the port, > 0;
 * -ESRCH no such domain; -ENOSPC no port free. */
int xen_platform_evtchn_bind_unbound_port(struct xen_platform_evtchn *xce, uint32_t domid);

/* xenevtchn_bind_interdomain: binds to @remote_port, offered by @domid to the caller's domain. The
 * new local port starts pending (Xen raises one event, for notifications sent before the bind).
 * Returns the port, > 0; -ESRCH no such domain; -EINVAL the remote port is not unbound, or not
 * offered to the caller. */
int xen_platform_evtchn_bind_interdomain(struct xen_platform_evtchn *xce, uint32_t domid,
					 uint32_t remote_port);

/* xenevtchn_bind_virq: only VIRQ_DOM_EXC (3: a domain died or shut down). Returns the port, > 0;
 * -EPERM not dom0; -EEXIST bound by somebody else already; -EINVAL another virq. On xen a
 * host's xenstored has it; a domU may bind it there, and never hears of it. */
int xen_platform_evtchn_bind_virq(struct xen_platform_evtchn *xce, unsigned int virq);

/* xenevtchn_unbind: closes @port; a bound peer's later notifications go nowhere, silently, and its
 * port is unbound again: only the domain of the closed end may bind it anew. -EINVAL not a port of the
 * handle. */
int xen_platform_evtchn_unbind(struct xen_platform_evtchn *xce, uint32_t port);

/* xenevtchn_notify: makes the peer's port pending; many notifications before it looks are one, or (xen) two.
 * Returns 0 too when the peer is gone or not bound yet. -EINVAL not a port of the handle. */
int xen_platform_evtchn_notify(struct xen_platform_evtchn *xce, uint32_t port);

/* xenevtchn_pending: takes one pending port, clears and masks it. Returns the port; -EAGAIN none
 * pending (never blocks, unlike the counterpart). The port stays masked until unmask(). */
int xen_platform_evtchn_pending(struct xen_platform_evtchn *xce);

/* xenevtchn_unmask: the port may be reported again, and is at once when an event came meanwhile.
 * -EINVAL not a port of the handle. */
int xen_platform_evtchn_unmask(struct xen_platform_evtchn *xce, uint32_t port);

/* -- mapping what another domain granted: <xengnttab.h> -------------------------------------- */

/* xengnttab_open. */
int xen_platform_gnttab_open(struct xen_platform *platform, struct xen_platform_gnttab **out);

/* xengnttab_close: unmaps whatever is still mapped. NULL is allowed. */
void xen_platform_gnttab_close(struct xen_platform_gnttab *xgt);

/* xengnttab_map_domain_grant_refs: maps @count (1..256) grants of @domid into consecutive pages.
 * @prot is PROT_READ, with PROT_WRITE where wanted. Returns 0 and *@addr (unmap with @count);
 * -EINVAL a ref is not granted to the caller's domain, or it is granted read-only and PROT_WRITE is
 * wanted (nothing stays mapped); -ESRCH no such domain (xen: -EINVAL); -ENOSPC the handle's limit. */
int xen_platform_gnttab_map(struct xen_platform_gnttab *xgt, uint32_t domid, const uint32_t *refs,
			    uint32_t count, int prot, void **addr);

/* xengnttab_map_grant_ref_notify: maps one page and asks that when the mapping ends, by unmap, close
 * or the process's death, byte @notify_offset (0..4095; UINT32_MAX: none) is set to 0 and then event
 * channel @notify_port of @xce (0: none) is notified; on xen not when the domain is destroyed. @prot must have
 * PROT_WRITE for the byte: else -EINVAL. */
int xen_platform_gnttab_map_notify(struct xen_platform_gnttab *xgt, uint32_t domid, uint32_t ref, int prot,
				   uint32_t notify_offset, struct xen_platform_evtchn *xce,
				   uint32_t notify_port, void **addr);

/* xengnttab_unmap: @addr and @count as mapped. -EINVAL they are not a mapping of this handle. */
int xen_platform_gnttab_unmap(struct xen_platform_gnttab *xgt, void *addr, uint32_t count);

/* -- granting pages of one's own: <xengnttab.h>, gntshr --------------------------------------- */

/* xengntshr_open. */
int xen_platform_gntshr_open(struct xen_platform *platform, struct xen_platform_gntshr **out);

/* xengntshr_close: unshares whatever is still shared. NULL is allowed. */
void xen_platform_gntshr_close(struct xen_platform_gntshr *xgs);

/* xengntshr_share_pages: @count (1..256) fresh zeroed pages, consecutive at *@addr, granted to
 * @domid, by number: not XEN_PLATFORM_DOMID_SELF; @refs[count] receives their grant references, each >= 8 (Xen
 * reserves the first).
 * @writable: may the peer write? -ESRCH no such domain; -ENOSPC no grant free (xen: gntalloc's limit, 1024 pages of a
 * domain unless its module was told otherwise). */
int xen_platform_gntshr_share(struct xen_platform_gntshr *xgs, uint32_t domid, uint32_t count, bool writable,
			      uint32_t *refs, void **addr);

/* xengntshr_share_page_notify: one page, with the notification of map_notify() when the share ends. */
int xen_platform_gntshr_share_notify(struct xen_platform_gntshr *xgs, uint32_t domid, bool writable,
				     uint32_t notify_offset, struct xen_platform_evtchn *xce,
				     uint32_t notify_port, uint32_t *ref, void **addr);

/* mremap(2) of the caller's view, who shared @count pages at @addr: from now on they lie at @to (page aligned), in place of
 * what the caller had there; unshare them with @to. -EINVAL not a share of this handle; -ENOSYS sim. */
int xen_platform_gntshr_move(struct xen_platform_gntshr *xgs, void *addr, uint32_t count, void *to);

/* xengntshr_unshare: revokes the grants and unmaps the caller's view. A page that the peer still has
 * mapped stays the peer's to see until it unmaps; the page is never reused for another grant, and no
 * new mapping of it succeeds. Returns the number of pages still mapped by the peer, 0..@count, or
 * -EINVAL not a share of this handle. (On xen the number is not known: always 0.) */
int xen_platform_gntshr_unshare(struct xen_platform_gntshr *xgs, void *addr, uint32_t count);

/* -- domains: <xenctrl.h> and what the kernel tells ------------------------------------------- */

enum xen_platform_domain_flags {
	XEN_PLATFORM_DOMAIN_EXISTS = 1u << 0,
	XEN_PLATFORM_DOMAIN_SHUTDOWN = 1u << 1, /* XEN_DOMINF_shutdown: stopped running, not destroyed */
	XEN_PLATFORM_DOMAIN_DYING = 1u << 2,	/* XEN_DOMINF_dying: being destroyed */
};

/* xc_domain_getinfolist for one domain. Returns flags, 0 where there is no such domain; -EPERM not
 * dom0. */
int xen_platform_domain_info(struct xen_platform *platform, uint32_t domid);

/* The caller's own store ring page and its event channel port, bound on @xce (a domU's view:
 * HVM_PARAM_STORE_PFN and _EVTCHN, or start_info). *@page stays mapped until
 * xen_platform_store_ring_release(). -EBUSY another process of the domain has it; -ENOSYS xen: the
 * kernel owns the ring, use /dev/xen/xenbus; local dom0: use the socket. */
int xen_platform_store_ring(struct xen_platform *platform, struct xen_platform_evtchn *xce, void **page,
			    uint32_t *port);
void xen_platform_store_ring_release(struct xen_platform *platform, void *page);

/* The store's side: maps the ring page of @domid, grant GNTTAB_RESERVED_XENSTORE (1), or for dom0 on
 * xen what /proc/xen/xsd_kva shows (there *@port becomes xsd_port's number, elsewhere it is left).
 * -ENOENT there is no such ring (local dom0); -ESRCH no such domain; -EPERM not the store's domain. */
int xen_platform_foreign_store_ring(struct xen_platform *platform, uint32_t domid, void **page,
				    uint32_t *port);
void xen_platform_foreign_store_ring_release(struct xen_platform *platform, uint32_t domid, void *page);

#pragma GCC visibility pop

#endif
