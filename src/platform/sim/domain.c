/* SPDX-License-Identifier: MIT */
/* Domains: made, found, ended; and the two ends of a domU's store ring, which outlives who uses it. */
#include <errno.h>
#include <stdlib.h>

#include "events.h"
#include "grants.h"
#include "streams.h"

static struct sim_domain *find(struct sim *sim, uint32_t domid)
{
	return domid < XEN_PLATFORM_DOMID_FIRST_RESERVED ? sim->domains[domid] : NULL;
}

struct sim_domain *sim_domain_named(struct sim_process *process, uint32_t domid)
{
	return domid == XEN_PLATFORM_DOMID_SELF ? process->domain : find(process->sim, domid);
}

/* -- beginning -- */

static int make_store(struct sim_domain *domain)
{
	uint64_t dom0 = domain->sim->domains[0]->serial;
	int err = sim_store_share(domain, dom0, &domain->store_share);

	return err ? err : sim_port_new(domain, dom0, &domain->store_port);
}

int sim_domain_new(struct sim *sim, uint32_t domid, struct sim_domain **out)
{
	struct sim_domain *domain = calloc(1, sizeof(*domain));
	int err;

	if (!domain)
		return -ENOMEM;
	domain->sim = sim;
	domain->domid = domid;
	domain->serial = ++sim->last_serial;
	list_init(&domain->listeners);
	numbers_init(&domain->ports, 1, 65536);
	numbers_init(&domain->grants, SIM_FIRST_REF, 1u << 20);
	err = domid ? make_store(domain) : 0;
	if (err) {
		sim_domain_free(domain);
		return err;
	}
	sim->domains[domid] = domain;
	*out = domain;
	return 0;
}

int sim_domain_create(struct sim *sim, uint32_t domid, struct sim_store *store)
{
	struct sim_domain *domain;
	int err;

	if (!domid || domid >= XEN_PLATFORM_DOMID_FIRST_RESERVED)
		return -EINVAL;
	if (sim->domains[domid])
		return -EEXIST;
	err = sim_domain_new(sim, domid, &domain);
	if (err)
		return err;
	*store = (struct sim_store){ .gfn = domain->store_share->segment->frame,
				     .port = domain->store_port->number };
	return 0;
}

/* -- end -- */

void sim_domain_free(struct sim_domain *domain)
{
	if (domain->store_port)
		sim_port_free(domain->store_port);
	if (domain->store_share)
		sim_share_free(domain->store_share, false);
	sim_listeners_free(domain);
	numbers_deinit(&domain->ports);
	numbers_deinit(&domain->grants);
	free(domain);
}

static void tell_dom0(struct sim *sim)
{
	if (sim->dom_exc)
		sim_channel_raise(sim->dom_exc->channel, sim->dom_exc->side);
}

int sim_domain_destroy(struct sim *sim, uint32_t domid)
{
	struct sim_domain *domain = find(sim, domid);
	bool top = !sim->depth && !sim->current;

	if (!domid)
		return -EINVAL;
	if (!domain)
		return -ESRCH;
	sim->depth++; /* nobody is told before all is done */
	list_for_each (link, &sim->processes) {
		struct sim_process *process = list_entry(link, struct sim_process, link);

		if (process->domain == domain)
			sim_process_kill(process);
	}
	sim->depth--;
	sim->domains[domid] = NULL;
	sim_domain_free(domain);
	tell_dom0(sim);
	if (top)
		sim_tell_deaths(sim);
	return 0;
}

int sim_domain_shutdown(struct sim *sim, uint32_t domid)
{
	struct sim_domain *domain = find(sim, domid);

	if (!domid)
		return -EINVAL;
	if (!domain)
		return -ESRCH;
	domain->shutdown = true;
	tell_dom0(sim);
	return 0;
}

int sim_domain_info(struct sim_process *process, uint32_t domid)
{
	struct sim_domain *domain = sim_domain_named(process, domid);

	if (process->domid)
		return -EPERM;
	if (!domain)
		return 0;
	return XEN_PLATFORM_DOMAIN_EXISTS | (domain->shutdown ? XEN_PLATFORM_DOMAIN_SHUTDOWN : 0);
}

/* -- the store ring -- */

int sim_store_ring(struct sim_process *process, struct sim_evtchn *e, void **page, uint32_t *port)
{
	struct sim_domain *domain = process->domain;
	struct sim_view *view;
	int err;

	if (!domain->store_port)
		return -ENOSYS;
	if (domain->store_view || domain->store_port->handle)
		return -EBUSY;
	err = sim_view_new(process, 1, &view);
	if (err)
		return err;
	view->granter = domain->domid;
	view->refs[0] = SIM_STORE_REF;
	err = sim_view_map(view, 0, domain->store_share->segment->frame, 1, true);
	if (err) {
		sim_view_end(view);
		return err;
	}
	domain->store_view = view;
	sim_port_give(domain->store_port, e);
	/* What came for the process before: let this one look. */
	sim_channel_raise(domain->store_port->channel, domain->store_port->side);
	*page = view->addr;
	*port = domain->store_port->number;
	return 0;
}

void sim_store_ring_release(struct sim_process *process)
{
	sim_view_end(process->domain->store_view);
	process->domain->store_view = NULL;
}

int sim_foreign_ring(struct sim_process *process, uint32_t domid, void **page)
{
	static const struct xen_platform_notify none = { .offset = XEN_PLATFORM_NO_OFFSET };
	const uint32_t ref = SIM_STORE_REF;

	if (process->domid)
		return -EPERM;
	if (!domid || domid == XEN_PLATFORM_DOMID_SELF)
		return -ENOENT;
	return sim_map(&process->foreign, domid, &ref, 1, true, &none, page);
}
