/* SPDX-License-Identifier: MIT */
/*
 * Mapping what others granted. The answer to a map request brings the memfds of the segments its pages are
 * in; consecutive pages of one segment are one mmap, and the descriptors are closed at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"

#define CALLS              \
	(LOCAL_MAX_PAGES / \
	 LOCAL_MAX_FDS) /* of one mapping: pages of too many segments are asked for in parts */

struct mapping {
	struct list link; /* handle->mappings */
	void *addr;
	uint32_t count;
	uint32_t calls, id[CALLS]; /* the broker's */
};

struct local_gnttab {
	struct xen_platform_gnttab xgt;
	uint32_t id;
	struct list mappings;
};

static struct local_gnttab *gnttab_of(struct xen_platform_gnttab *xgt)
{
	return (struct local_gnttab *)xgt;
}

static size_t bytes(uint32_t count)
{
	return (size_t)count * XEN_PLATFORM_PAGE_SIZE;
}

int local_gnttab_open(struct xen_platform *platform, struct xen_platform_gnttab **out)
{
	struct local_gnttab *g = calloc(1, sizeof(*g));
	int err = g ? client_open_handle(world_of(platform), LOCAL_GNTTAB, &g->id) : -ENOMEM;

	if (err) {
		free(g);
		return err;
	}
	g->xgt.platform = platform;
	list_init(&g->mappings);
	*out = &g->xgt;
	return 0;
}

void local_gnttab_close(struct xen_platform_gnttab *xgt)
{
	struct local_gnttab *g = gnttab_of(xgt);

	while (!list_empty(&g->mappings)) {
		struct mapping *m = list_first(&g->mappings, struct mapping, link);

		munmap(m->addr, bytes(m->count));
		list_del(&m->link);
		free(m);
	}
	client_close_handle(world_of(xgt->platform), g->id);
	free(g);
}

/* How many of @pages[0..n) one mmap can take. */
static uint32_t run_length(const struct local_page *pages, uint32_t n)
{
	uint32_t i = 1;

	while (i < n && pages[i].segment == pages[0].segment && pages[i].page == pages[0].page + i)
		i++;
	return i;
}

static int map_runs(void *addr, const struct local_answer *a, int prot)
{
	for (uint32_t at = 0, run; at < a->reply.count; at += run) {
		const struct local_page *page = &a->reply.pages[at];

		run = run_length(page, a->reply.count - at);
		if (page->segment >= a->fds.n)
			return -EPROTO;
		if (mmap((char *)addr + bytes(at), bytes(run), prot, MAP_SHARED | MAP_FIXED,
			 a->fds.fd[page->segment], (off_t)bytes(page->page)) == MAP_FAILED)
			return -errno;
	}
	return 0;
}

/* Asks for @r and maps it at @addr; the mapping remembers the broker's number before anything can fail. */
static int map_part(struct local_gnttab *g, struct mapping *m, const struct local_request *r, void *addr)
{
	int prot = PROT_READ | (r->flags & LOCAL_WRITABLE ? PROT_WRITE : 0);
	struct local_answer a;
	int err = client_call(world_of(g->xgt.platform), r, &a);

	if (err && err != -EMFILE)
		return err;
	m->id[m->calls++] = a.reply.id;
	if (!err)
		err = a.reply.count == r->count ? map_runs(addr, &a, prot) : -EPROTO;
	message_close_fds(&a.fds);
	return err;
}

static int map_parts(struct local_gnttab *g, struct mapping *m, struct local_request *r, const uint32_t *refs)
{
	uint32_t part = m->count;

	for (uint32_t at = 0; at < m->count;) {
		int err;

		r->count = m->count - at < part ? m->count - at : part;
		memcpy(r->refs, refs + at, r->count * sizeof(refs[0]));
		err = map_part(g, m, r, (char *)m->addr + bytes(at));
		if (err == -EMSGSIZE && part > LOCAL_MAX_FDS)
			part = LOCAL_MAX_FDS;
		else if (err)
			return err;
		else
			at += r->count;
	}
	return 0;
}

/* Unmaps first: who is notified by the broker must find us gone. */
static int mapping_end(struct local_gnttab *g, struct mapping *m)
{
	struct local_request r = { .op = LOCAL_UNMAP, .handle = g->id };
	int err = 0;

	munmap(m->addr, bytes(m->count));
	for (uint32_t i = 0; i < m->calls; i++) {
		r.id = m->id[i];
		err = client_do(world_of(g->xgt.platform), &r);
	}
	list_del(&m->link);
	free(m);
	return err;
}

static int mapping_new(uint32_t count, struct mapping **out)
{
	struct mapping *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->count = count;
	list_init(&m->link);
	m->addr = mmap(NULL, bytes(count), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->addr == MAP_FAILED) {
		free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

int local_gnttab_map(struct xen_platform_gnttab *xgt, uint32_t domid, const uint32_t *refs, uint32_t count,
		     int prot, const struct xen_platform_notify *notify, void **addr)
{
	struct local_gnttab *g = gnttab_of(xgt);
	struct local_request r = { .op = LOCAL_MAP, .handle = g->id, .domid = domid };
	struct mapping *m;
	int err = client_set_notify(&r, notify);

	if (err)
		return err;
	r.flags = prot & PROT_WRITE ? LOCAL_WRITABLE : 0;
	err = mapping_new(count, &m);
	if (err)
		return err;
	err = map_parts(g, m, &r, refs);
	if (err) {
		mapping_end(g, m);
		return err;
	}
	list_add_tail(&g->mappings, &m->link);
	*addr = m->addr;
	return 0;
}

int local_gnttab_unmap(struct xen_platform_gnttab *xgt, void *addr, uint32_t count)
{
	struct local_gnttab *g = gnttab_of(xgt);

	list_for_each (link, &g->mappings) {
		struct mapping *m = list_entry(link, struct mapping, link);

		if (m->addr == addr && m->count == count)
			return mapping_end(g, m);
	}
	return -EINVAL;
}
