/* SPDX-License-Identifier: MIT */
/* xen_platform_* of a process. Each call that does something goes through the faults first. */
#include <errno.h>
#include <sys/mman.h>

#include "events.h"
#include "faults.h"
#include "grants.h"

static struct sim_evtchn *evtchn_of(struct xen_platform_evtchn *xce)
{
	return (struct sim_evtchn *)xce;
}

static struct sim_gnttab *gnttab_of(struct xen_platform_gnttab *xgt)
{
	return (struct sim_gnttab *)xgt;
}

static struct sim_gntshr *gntshr_of(struct xen_platform_gntshr *xgs)
{
	return (struct sim_gntshr *)xgs;
}

/* -- the world -- */

static void world_close(struct xen_platform *platform)
{
}

static int world_domid(struct xen_platform *platform)
{
	return (int)sim_of_platform(platform)->domid;
}

static int world_fd(struct xen_platform *platform)
{
	return sim_of_platform(platform)->world.fd;
}

/* -- event channels -- */

static int evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out)
{
	struct sim_process *process = sim_of_platform(platform);

	return SEAM(process, SIM_EVTCHN_OPEN, sim_evtchn_open(process, out));
}

static void evtchn_close(struct xen_platform_evtchn *xce)
{
	struct sim_process *process = sim_of_platform(xce->platform);

	sim_call_begin(process, SIM_EVTCHN_CLOSE);
	sim_evtchn_free(evtchn_of(xce)); /* a dead one's has no ports any more */
	sim_call_end(process);
}

static int evtchn_fd(struct xen_platform_evtchn *xce)
{
	return evtchn_of(xce)->token.fd;
}

static int evtchn_bind_unbound_port(struct xen_platform_evtchn *xce, uint32_t domid)
{
	return SEAM(sim_of_platform(xce->platform), SIM_BIND_UNBOUND,
		    sim_bind_unbound(evtchn_of(xce), domid));
}

static int evtchn_bind_interdomain(struct xen_platform_evtchn *xce, uint32_t domid, uint32_t port)
{
	return SEAM(sim_of_platform(xce->platform), SIM_BIND_INTERDOMAIN,
		    sim_bind_interdomain(evtchn_of(xce), domid, port));
}

static int evtchn_bind_virq(struct xen_platform_evtchn *xce, unsigned int virq)
{
	return SEAM(sim_of_platform(xce->platform), SIM_BIND_VIRQ, sim_bind_virq(evtchn_of(xce), virq));
}

static int evtchn_unbind(struct xen_platform_evtchn *xce, uint32_t port)
{
	return SEAM(sim_of_platform(xce->platform), SIM_UNBIND, sim_unbind(evtchn_of(xce), port));
}

static int evtchn_notify(struct xen_platform_evtchn *xce, uint32_t port)
{
	return SEAM(sim_of_platform(xce->platform), SIM_NOTIFY, sim_evtchn_notify(evtchn_of(xce), port));
}

static int evtchn_pending(struct xen_platform_evtchn *xce)
{
	return SEAM(sim_of_platform(xce->platform), SIM_PENDING, sim_pending(evtchn_of(xce)));
}

static int evtchn_unmask(struct xen_platform_evtchn *xce, uint32_t port)
{
	return SEAM(sim_of_platform(xce->platform), SIM_UNMASK, sim_unmask(evtchn_of(xce), port));
}

/* -- grants -- */

static int gnttab_open(struct xen_platform *platform, struct xen_platform_gnttab **out)
{
	struct sim_process *process = sim_of_platform(platform);

	return SEAM(process, SIM_GNTTAB_OPEN, sim_gnttab_open(process, out));
}

static void gnttab_close(struct xen_platform_gnttab *xgt)
{
	struct sim_process *process = sim_of_platform(xgt->platform);

	sim_call_begin(process, SIM_GNTTAB_CLOSE);
	sim_gnttab_free(gnttab_of(xgt));
	sim_call_end(process);
}

static int gnttab_map(struct xen_platform_gnttab *xgt, uint32_t domid, const uint32_t *refs, uint32_t count,
		      int prot, const struct xen_platform_notify *notify, void **addr)
{
	return SEAM(sim_of_platform(xgt->platform), SIM_MAP,
		    sim_map(gnttab_of(xgt), domid, refs, count, prot & PROT_WRITE, notify, addr));
}

static int gnttab_unmap(struct xen_platform_gnttab *xgt, void *addr, uint32_t count)
{
	return SEAM(sim_of_platform(xgt->platform), SIM_UNMAP, sim_unmap(gnttab_of(xgt), addr, count));
}

static int gntshr_open(struct xen_platform *platform, struct xen_platform_gntshr **out)
{
	struct sim_process *process = sim_of_platform(platform);

	return SEAM(process, SIM_GNTSHR_OPEN, sim_gntshr_open(process, out));
}

static void gntshr_close(struct xen_platform_gntshr *xgs)
{
	struct sim_process *process = sim_of_platform(xgs->platform);

	sim_call_begin(process, SIM_GNTSHR_CLOSE);
	sim_gntshr_free(gntshr_of(xgs));
	sim_call_end(process);
}

static int gntshr_share(struct xen_platform_gntshr *xgs, uint32_t domid, uint32_t count, bool writable,
			const struct xen_platform_notify *notify, uint32_t *refs, void **addr)
{
	return SEAM(sim_of_platform(xgs->platform), SIM_SHARE,
		    sim_share(gntshr_of(xgs), domid, count, writable, notify, refs, addr));
}

static int gntshr_unshare(struct xen_platform_gntshr *xgs, void *addr, uint32_t count)
{
	return SEAM(sim_of_platform(xgs->platform), SIM_UNSHARE, sim_unshare(gntshr_of(xgs), addr, count));
}

/* -- domains -- */

static int domain_info(struct xen_platform *platform, uint32_t domid)
{
	struct sim_process *process = sim_of_platform(platform);

	return SEAM(process, SIM_DOMAIN_INFO, sim_domain_info(process, domid));
}

static int store_ring(struct xen_platform *platform, struct xen_platform_evtchn *xce, void **page,
		      uint32_t *port)
{
	struct sim_process *process = sim_of_platform(platform);

	return SEAM(process, SIM_STORE_RING, sim_store_ring(process, evtchn_of(xce), page, port));
}

static void store_ring_release(struct xen_platform *platform, void *page)
{
	struct sim_process *process = sim_of_platform(platform);
	struct sim_view *view;

	if (!sim_call_begin(process, SIM_STORE_RING_RELEASE)) {
		view = process->domain->store_view;
		if (view && view->process == process && view->addr == page)
			sim_store_ring_release(process);
		else
			sim_violation(process->sim, process, "release of a store ring that is not its own");
	}
	sim_call_end(process);
}

static int foreign_store_ring(struct xen_platform *platform, uint32_t domid, void **page, uint32_t *port)
{
	struct sim_process *process = sim_of_platform(platform);

	return SEAM(process, SIM_FOREIGN_RING, sim_foreign_ring(process, domid, page));
}

static void foreign_store_ring_release(struct xen_platform *platform, uint32_t domid, void *page)
{
	struct sim_process *process = sim_of_platform(platform);

	if (!sim_call_begin(process, SIM_FOREIGN_RING_RELEASE))
		sim_unmap(&process->foreign, page, 1);
	sim_call_end(process);
}

const struct xen_platform_ops sim_platform_ops = {
	.name = "sim",
	.close = world_close,
	.domid = world_domid,
	.fd = world_fd,
	.evtchn_open = evtchn_open,
	.evtchn_close = evtchn_close,
	.evtchn_fd = evtchn_fd,
	.evtchn_bind_unbound_port = evtchn_bind_unbound_port,
	.evtchn_bind_interdomain = evtchn_bind_interdomain,
	.evtchn_bind_virq = evtchn_bind_virq,
	.evtchn_unbind = evtchn_unbind,
	.evtchn_notify = evtchn_notify,
	.evtchn_pending = evtchn_pending,
	.evtchn_unmask = evtchn_unmask,
	.gnttab_open = gnttab_open,
	.gnttab_close = gnttab_close,
	.gnttab_map = gnttab_map,
	.gnttab_unmap = gnttab_unmap,
	.gntshr_open = gntshr_open,
	.gntshr_close = gntshr_close,
	.gntshr_share = gntshr_share,
	.gntshr_unshare = gntshr_unshare,
	.domain_info = domain_info,
	.store_ring = store_ring,
	.store_ring_release = store_ring_release,
	.foreign_store_ring = foreign_store_ring,
	.foreign_store_ring_release = foreign_store_ring_release,
};
