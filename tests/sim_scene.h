/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SIM_SCENE_H
#define TESTS_SIM_SCENE_H
/* Two processes of domain 1: front offers a port, a page and a socket; back takes one of each. */
#include <sys/mman.h>

#include "sim_world.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGE XEN_PLATFORM_PAGE_SIZE
#define MSEC 1000000ull

/* A process that has one of each. */
struct body {
	struct sim_process *process;
	struct xenbus_host *host;
	struct xen_platform *platform;
	struct xen_platform_evtchn *xce;
	struct xen_platform_gnttab *xgt;
	struct xen_platform_gntshr *xgs;
	struct xenbus_source events, stream;
	uint32_t port, ref;
	uint8_t *shared, *mapped;
	int fd;
};

static inline void ready(struct xenbus_source *source, unsigned int events)
{
}

/* What the sweeps below fail: calls in a fixed order, of which each may fail. 0, or what failed; then some is left. */
static inline int body_fill(struct body *b, uint32_t peer, uint32_t remote_port, uint32_t remote_ref)
{
	void *page;
	int err = xen_platform_evtchn_open(b->platform, &b->xce);

	if (!err)
		err = xen_platform_gnttab_open(b->platform, &b->xgt);
	if (!err)
		err = xen_platform_gntshr_open(b->platform, &b->xgs);
	if (!err)
		err = xen_platform_evtchn_bind_interdomain(b->xce, peer, remote_port);
	if (err > 0) {
		b->port = (uint32_t)err;
		err = xenbus_source_add(b->host, &b->events, xen_platform_evtchn_fd(b->xce),
					XENBUS_SOURCE_READ);
	}
	if (!err)
		err = xen_platform_gntshr_share_notify(b->xgs, peer, true, 0, b->xce, b->port, &b->ref,
						       &page);
	if (!err) {
		b->shared = page;
		err = xen_platform_gnttab_map_notify(b->xgt, peer, remote_ref, RW, 1, b->xce, b->port, &page);
	}
	if (!err) {
		b->mapped = page;
		err = xenbus_stream_connect(b->host, "/socket");
	}
	if (err < 0)
		return err;
	b->fd = err;
	err = xenbus_source_add(b->host, &b->stream, b->fd, XENBUS_SOURCE_READ);
	return err ? err : xen_platform_evtchn_notify(b->xce, b->port);
}

/* In the order of a careful program, alive or dead. */
static inline void body_empty(struct body *b)
{
	xenbus_source_remove(b->host, &b->stream);
	if (b->fd > 0)
		xenbus_stream_close(b->host, b->fd);
	if (b->mapped)
		xen_platform_gnttab_unmap(b->xgt, b->mapped, 1);
	if (b->shared)
		xen_platform_gntshr_unshare(b->xgs, b->shared, 1);
	xenbus_source_remove(b->host, &b->events);
	if (b->port)
		xen_platform_evtchn_unbind(b->xce, b->port);
	xen_platform_gntshr_close(b->xgs);
	xen_platform_gnttab_close(b->xgt);
	xen_platform_evtchn_close(b->xce);
}

static inline void body_init(struct body *b, struct sim *sim, uint32_t domid, const char *name)
{
	*b = (struct body){ .process = start(sim, domid, name) };
	b->host = sim_process_host(b->process);
	b->platform = sim_process_platform(b->process);
	b->events.ready = b->stream.ready = ready;
}

/* Front in domain 1, offering a port, a page and a socket; another process of its domain to fill. */
struct scene {
	struct noting noting;
	struct body front, back;
	int accepted;
};

static inline void accept_one(void *ctx, int fd)
{
	struct scene *s = ctx;

	s->accepted++;
	xenbus_stream_close(s->front.host, fd);
}

static inline void scene_init(struct scene *s, struct sim_config config)
{
	void *page;

	memset(s, 0, sizeof(*s));
	noting_init(&s->noting, config);
	body_init(&s->front, s->noting.sim, 1, "front");
	assert_int_equal(xen_platform_evtchn_open(s->front.platform, &s->front.xce), 0);
	assert_int_equal(xen_platform_gntshr_open(s->front.platform, &s->front.xgs), 0);
	s->front.port =
		(uint32_t)xen_platform_evtchn_bind_unbound_port(s->front.xce, XEN_PLATFORM_DOMID_SELF);
	assert_int_equal(xen_platform_gntshr_share(s->front.xgs, XEN_PLATFORM_DOMID_SELF, 1, true,
						   &s->front.ref, &page),
			 0);
	s->front.shared = page;
	memset(page, 7, PAGE);
	assert_int_equal(sim_listen(s->front.process, "/socket", accept_one, s), 0);
	body_init(&s->back, s->noting.sim, 1, "back");
}

static inline int scene_fill(struct scene *s)
{
	return body_fill(&s->back, XEN_PLATFORM_DOMID_SELF, s->front.port, s->front.ref);
}

static inline void scene_deinit(struct scene *s)
{
	body_empty(&s->front);
	sim_process_free(s->front.process);
	noting_deinit(&s->noting);
}

static inline struct sim_counts counts_of(const struct scene *s)
{
	struct sim_counts c;

	sim_world_counts(s->noting.sim, &c);
	return c;
}

#endif
