/* SPDX-License-Identifier: MIT */
/* Mapping what others granted. */
#include <errno.h>
#include <stdlib.h>

#include "grants.h"

#define DEFAULT_MAPPED 4096u

static struct sim_process *process_of(struct sim_gnttab *g)
{
	return sim_of_platform(g->xgt.platform);
}

void sim_gnttab_init(struct sim_gnttab *g, struct sim_process *process)
{
	*g = (struct sim_gnttab){ .xgt.platform = &process->platform };
	list_init(&g->mappings);
	list_init(&g->link);
}

int sim_gnttab_open(struct sim_process *process, struct xen_platform_gnttab **out)
{
	struct sim_gnttab *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	sim_gnttab_init(g, process);
	list_add_tail(&process->gnttabs, &g->link);
	*out = &g->xgt;
	return 0;
}

static struct sim_grant *grant_for(struct sim_domain *granter, uint32_t ref, uint64_t mapper, bool write)
{
	struct sim_grant *grant = numbers_get(&granter->grants, ref);

	if (ref == SIM_STORE_REF && granter->store_share)
		grant = granter->store_share->grants;
	if (!grant || grant->share->peer != mapper)
		return NULL;
	return write && !grant->share->segment->writable ? NULL : grant;
}

static int find_pages(struct sim_mapping *m, struct sim_domain *granter, const uint32_t *refs, bool write)
{
	for (uint32_t i = 0; i < m->count; i++) {
		struct sim_grant *grant = grant_for(granter, refs[i], m->mapper, write);

		if (!grant)
			return -EINVAL;
		m->pages[i].segment = grant->share->segment;
		m->pages[i].page = grant->page;
		m->view->refs[i] = refs[i];
	}
	return 0;
}

/* How many pages from @at one mmap can take. */
static uint32_t run_length(const struct sim_mapping *m, uint32_t at)
{
	uint32_t n = 1;

	while (at + n < m->count && m->pages[at + n].segment == m->pages[at].segment &&
	       m->pages[at + n].page == m->pages[at].page + n)
		n++;
	return n;
}

static int map_pages(struct sim_mapping *m, bool write)
{
	for (uint32_t at = 0, n; at < m->count; at += n) {
		int err;

		n = run_length(m, at);
		err = sim_view_map(m->view, at, m->pages[at].segment->frame + m->pages[at].page, n, write);
		if (err)
			return err;
	}
	return 0;
}

/* Everything that can fail; what was done stays, for the caller to undo. */
static int equip(struct sim_mapping *m, struct sim_process *process, struct sim_domain *granter,
		 const uint32_t *refs, bool write, const struct xen_platform_notify *asked)
{
	int err = sim_view_new(process, m->count, &m->view);

	if (err)
		return err;
	m->view->mapping = true;
	m->view->granter = granter->domid;
	err = find_pages(m, granter, refs, write);
	if (!err)
		err = map_pages(m, write);
	if (!err)
		err = sim_notify_set(&m->notify, process, asked, m->pages[0].segment, m->pages[0].page);
	return err;
}

int sim_map(struct sim_gnttab *g, uint32_t domid, const uint32_t *refs, uint32_t count, bool write,
	    const struct xen_platform_notify *asked, void **addr)
{
	struct sim_process *process = process_of(g);
	struct sim_domain *granter = sim_domain_named(process, domid);
	uint32_t most =
		process->sim->config.mapped_pages ? process->sim->config.mapped_pages : DEFAULT_MAPPED;
	struct sim_mapping *m;
	int err;

	if (!granter)
		return -ESRCH;
	if (count > most - g->pages)
		return -ENOSPC;
	m = calloc(1, sizeof(*m) + count * sizeof(m->pages[0]));
	if (!m)
		return -ENOMEM;
	m->count = count;
	m->mapper = process->domain->serial;
	err = equip(m, process, granter, refs, write, asked);
	if (err) {
		if (m->view)
			sim_view_end(m->view);
		free(m);
		return err;
	}
	for (uint32_t i = 0; i < count; i++) {
		sim_segment_get(m->pages[i].segment);
		m->pages[i].segment->mapped[m->pages[i].page]++;
	}
	g->pages += count;
	list_add_tail(&g->mappings, &m->link);
	*addr = m->view->addr;
	return 0;
}

/* Unmaps first: who is notified must find us gone. */
static void mapping_free(struct sim_gnttab *g, struct sim_mapping *m, bool dead)
{
	if (dead)
		sim_view_privatise(m->view);
	else
		sim_view_end(m->view);
	list_del(&m->link);
	g->pages -= m->count;
	sim_notify_fire(&m->notify);
	for (uint32_t i = 0; i < m->count; i++) {
		m->pages[i].segment->mapped[m->pages[i].page]--;
		sim_segment_put(m->pages[i].segment);
	}
	free(m);
}

int sim_unmap(struct sim_gnttab *g, void *addr, uint32_t count)
{
	struct sim_process *process = process_of(g);

	list_for_each (link, &g->mappings) {
		struct sim_mapping *m = list_entry(link, struct sim_mapping, link);

		if (m->view->addr != addr || m->count != count)
			continue;
		mapping_free(g, m, false);
		return 0;
	}
	sim_violation(process->sim, process, "unmap of %u pages that are no mapping of the handle's", count);
	return -EINVAL;
}

void sim_gnttab_end(struct sim_gnttab *g, bool dead)
{
	while (!list_empty(&g->mappings))
		mapping_free(g, list_first(&g->mappings, struct sim_mapping, link), dead);
}

void sim_gnttab_free(struct sim_gnttab *g)
{
	sim_gnttab_end(g, false);
	list_del(&g->link);
	free(g);
}
