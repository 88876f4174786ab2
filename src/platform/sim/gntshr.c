/* SPDX-License-Identifier: MIT */
/* Granting pages. */
#include <errno.h>
#include <stdlib.h>

#include "grants.h"

#define DEFAULT_GRANTS 4096u

static struct sim_process *process_of(struct sim_gntshr *g)
{
	return sim_of_platform(g->xgs.platform);
}

int sim_gntshr_open(struct sim_process *process, struct xen_platform_gntshr **out)
{
	struct sim_gntshr *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->xgs.platform = &process->platform;
	list_init(&g->shares);
	list_add_tail(&process->gntshrs, &g->link);
	*out = &g->xgs;
	return 0;
}

static void put_refs(struct sim_share *share)
{
	for (uint32_t i = 0; i < share->count && share->grants[i].ref; i++)
		if (share->grants[i].ref != SIM_STORE_REF)
			numbers_del(&share->owner->grants, share->grants[i].ref);
}

static int take_refs(struct sim_share *share)
{
	uint32_t most = share->owner->sim->config.grants;

	if (share->count > (most ? most : DEFAULT_GRANTS) - share->owner->grants.used)
		return -ENOSPC;
	for (uint32_t i = 0; i < share->count; i++) {
		int64_t ref = numbers_add(&share->owner->grants, &share->grants[i]);

		if (ref < 0) {
			put_refs(share);
			return (int)ref;
		}
		share->grants[i].ref = (uint32_t)ref;
	}
	return 0;
}

/* With pages, without refs and view. */
static int share_new(struct sim_domain *owner, uint64_t peer, uint32_t count, bool writable,
		     struct sim_share **out)
{
	struct sim_share *share = calloc(1, sizeof(*share) + count * sizeof(share->grants[0]));
	int err = share ? sim_segment_new(owner->sim, count, writable, &share->segment) : -ENOMEM;

	if (err) {
		free(share);
		return err;
	}
	list_init(&share->link);
	share->owner = owner;
	share->peer = peer;
	share->count = count;
	share->segment->granted = true;
	for (uint32_t i = 0; i < count; i++)
		share->grants[i] = (struct sim_grant){ .share = share, .page = i };
	*out = share;
	return 0;
}

static void end_view(struct sim_share *share, bool dead)
{
	if (!share->view)
		return;
	if (dead)
		sim_view_privatise(share->view);
	else
		sim_view_end(share->view);
}

static uint32_t mapped_pages(const struct sim_share *share)
{
	uint32_t mapped = 0;

	for (uint32_t i = 0; i < share->count; i++)
		mapped += share->segment->mapped[i] != 0;
	return mapped;
}

int sim_share_free(struct sim_share *share, bool dead)
{
	uint32_t mapped = mapped_pages(share);

	if (share->peer != share->owner->serial && share->view)
		share->owner->sim->unshared_mapped += mapped;
	end_view(share, dead);
	put_refs(share);
	list_del(&share->link);
	sim_notify_fire(&share->notify);
	share->segment->granted = false;
	sim_segment_put(share->segment);
	free(share);
	return (int)mapped;
}

int sim_store_share(struct sim_domain *owner, uint64_t peer, struct sim_share **out)
{
	int err = share_new(owner, peer, 1, true, out);

	if (err)
		return err;
	(*out)->grants[0].ref = SIM_STORE_REF;
	(*out)->segment->store = true;
	return 0;
}

/* Everything that can fail; what was done stays, for the caller to undo. */
static int equip(struct sim_share *share, struct sim_process *process,
		 const struct xen_platform_notify *asked)
{
	int err = sim_notify_set(&share->notify, process, asked, share->segment, 0);

	if (!err)
		err = sim_view_new(process, share->count, &share->view);
	if (!err)
		err = sim_view_map(share->view, 0, share->segment->frame, share->count, true);
	return err ? err : take_refs(share);
}

static void discard(struct sim_share *share)
{
	sim_notify_drop(&share->notify);
	end_view(share, false);
	sim_segment_put(share->segment);
	free(share);
}

int sim_share(struct sim_gntshr *g, uint32_t domid, uint32_t count, bool writable,
	      const struct xen_platform_notify *asked, uint32_t *refs, void **addr)
{
	struct sim_process *process = process_of(g);
	struct sim_domain *peer = sim_domain_named(process, domid);
	struct sim_share *share;
	int err;

	if (!peer)
		return -ESRCH;
	err = share_new(process->domain, peer->serial, count, writable, &share);
	if (err)
		return err;
	err = equip(share, process, asked);
	if (err) {
		discard(share);
		return err;
	}
	share->view->granter = process->domid;
	for (uint32_t i = 0; i < count; i++)
		refs[i] = share->view->refs[i] = share->grants[i].ref;
	list_add_tail(&g->shares, &share->link);
	*addr = share->view->addr;
	return 0;
}

int sim_unshare(struct sim_gntshr *g, void *addr, uint32_t count)
{
	struct sim_process *process = process_of(g);

	list_for_each (link, &g->shares) {
		struct sim_share *share = list_entry(link, struct sim_share, link);

		if (share->view->addr == addr && share->count == count)
			return sim_share_free(share, false);
	}
	sim_violation(process->sim, process, "unshare of %u pages that are no share of the handle's", count);
	return -EINVAL;
}

void sim_gntshr_end(struct sim_gntshr *g, bool dead)
{
	while (!list_empty(&g->shares))
		sim_share_free(list_first(&g->shares, struct sim_share, link), dead);
}

void sim_gntshr_free(struct sim_gntshr *g)
{
	sim_gntshr_end(g, false);
	list_del(&g->link);
	free(g);
}
