/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_SIM_GRANTS_H
#define PLATFORM_SIM_GRANTS_H
/* Granting pages and mapping what was granted. */
#include "events.h"

struct sim_gntshr {
	struct xen_platform_gntshr xgs;
	struct list link; /* process->gntshrs */
	struct list shares;
};

struct sim_grant {
	struct sim_share *share;
	uint32_t ref, page;
};

struct sim_share {
	struct list link; /* handle->shares */
	struct sim_domain *owner;
	uint64_t peer; /* serial of who may map */
	struct sim_segment *segment;
	struct sim_view *view; /* NULL: the store's page */
	struct sim_notify notify;
	uint32_t count;
	struct sim_grant grants[]; /* count */
};

struct sim_mapping {
	struct list link; /* handle->mappings */
	uint64_t mapper;  /* serial */
	struct sim_view *view;
	struct sim_notify notify;
	uint32_t count;
	struct {
		struct sim_segment *segment;
		uint32_t page;
	} pages[]; /* count */
};

void sim_gnttab_init(struct sim_gnttab *g, struct sim_process *process);
/* The mappings go; the handle stays, for its owner to close. */
void sim_gnttab_end(struct sim_gnttab *g, bool dead);
int sim_gnttab_open(struct sim_process *process, struct xen_platform_gnttab **out);
void sim_gnttab_free(struct sim_gnttab *g);
int sim_map(struct sim_gnttab *g, uint32_t domid, const uint32_t *refs, uint32_t count, bool write,
	    const struct xen_platform_notify *asked, void **addr);
int sim_unmap(struct sim_gnttab *g, void *addr, uint32_t count);

void sim_gntshr_end(struct sim_gntshr *g, bool dead);
int sim_gntshr_open(struct sim_process *process, struct xen_platform_gntshr **out);
void sim_gntshr_free(struct sim_gntshr *g);
int sim_share(struct sim_gntshr *g, uint32_t domid, uint32_t count, bool writable,
	      const struct xen_platform_notify *asked, uint32_t *refs, void **addr);
int sim_unshare(struct sim_gntshr *g, void *addr, uint32_t count);
/* The store's page of @owner, granted to the domain @peer. */
int sim_store_share(struct sim_domain *owner, uint64_t peer, struct sim_share **out);
/* Revokes; returns how many pages are still mapped. @dead: of a process that was killed. */
int sim_share_free(struct sim_share *share, bool dead);

#endif
