/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_CLIENT_H
#define PLATFORM_LOCAL_CLIENT_H
/*
 * The world as one process sees it. What the broker has to know of is asked for in one request and one
 * answer (client_call); events between bound ports go past it.
 */
#include <base/idmap.h>
#include <base/list.h>
#include <xenbus/platform_ops.h>

#include "message.h"

struct local_world {
	struct xen_platform platform;
	int sock;  /* readable only when the broker has hung up */
	bool dead; /* it has, or answered nonsense */
	uint32_t domid;
	struct idmap ports;		     /* of struct local_port: all handles' */
	struct xen_platform_gnttab *foreign; /* for other domains' store rings; NULL: not needed yet */
};

struct local_port {
	uint32_t number;
	struct local_evtchn *handle;
	struct list link; /* handle->ports */
	int in, out;	  /* eventfds; out -1: a virq */
};

struct local_evtchn {
	struct xen_platform_evtchn xce;
	uint32_t id;
	int epoll;
	struct list ports;
};

struct local_answer {
	struct local_reply reply;
	struct message_fds fds;
};

static inline struct local_world *world_of(struct xen_platform *platform)
{
	return (struct local_world *)platform;
}

/* Asks. Returns >= 0 with *@a, whose descriptors are the caller's; -errno as the broker refused; -EMFILE:
 * it was done, a->reply stands, but there was no room for the descriptors; -ENOTCONN. */
int client_call(struct local_world *world, const struct local_request *r, struct local_answer *a);
/* For an answer of which nothing is wanted: 0 or -errno. */
int client_do(struct local_world *world, const struct local_request *r);
/* Closes the descriptors of an answer that has not exactly @n: 0, or -EPROTO and the world is dead. */
int client_want_fds(struct local_world *world, struct local_answer *a, int n);
int client_open_handle(struct local_world *world, enum local_handle kind, uint32_t *id);
void client_close_handle(struct local_world *world, uint32_t id);
/* Fills the notification of @r; -EINVAL: its port is none of its handle's. */
int client_set_notify(struct local_request *r, const struct xen_platform_notify *notify);

/* The port of an answer, with @in and @out, on @xce. On error the descriptors are closed, the broker still
 * has the port. */
int evtchn_add_port(struct local_evtchn *xce, uint32_t number, int in, int out);

int local_evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out);
void local_evtchn_close(struct xen_platform_evtchn *xce);
int local_evtchn_fd(struct xen_platform_evtchn *xce);
int local_evtchn_bind_unbound_port(struct xen_platform_evtchn *xce, uint32_t domid);
int local_evtchn_bind_interdomain(struct xen_platform_evtchn *xce, uint32_t domid, uint32_t remote_port);
int local_evtchn_bind_virq(struct xen_platform_evtchn *xce, unsigned int virq);
int local_evtchn_unbind(struct xen_platform_evtchn *xce, uint32_t port);
int local_evtchn_notify(struct xen_platform_evtchn *xce, uint32_t port);
int local_evtchn_pending(struct xen_platform_evtchn *xce);
int local_evtchn_unmask(struct xen_platform_evtchn *xce, uint32_t port);

int local_gnttab_open(struct xen_platform *platform, struct xen_platform_gnttab **out);
void local_gnttab_close(struct xen_platform_gnttab *xgt);
int local_gnttab_map(struct xen_platform_gnttab *xgt, uint32_t domid, const uint32_t *refs, uint32_t count,
		     int prot, const struct xen_platform_notify *notify, void **addr);
int local_gnttab_unmap(struct xen_platform_gnttab *xgt, void *addr, uint32_t count);

int local_gntshr_open(struct xen_platform *platform, struct xen_platform_gntshr **out);
void local_gntshr_close(struct xen_platform_gntshr *xgs);
int local_gntshr_share(struct xen_platform_gntshr *xgs, uint32_t domid, uint32_t count, bool writable,
		       const struct xen_platform_notify *notify, uint32_t *refs, void **addr);
int local_gntshr_move(struct xen_platform_gntshr *xgs, void *addr, uint32_t count, void *to);
int local_gntshr_unshare(struct xen_platform_gntshr *xgs, void *addr, uint32_t count);

int local_domain_info(struct xen_platform *platform, uint32_t domid);
int local_store_ring(struct xen_platform *platform, struct xen_platform_evtchn *xce, void **page,
		     uint32_t *port);
void local_store_ring_release(struct xen_platform *platform, void *page);
int local_foreign_store_ring(struct xen_platform *platform, uint32_t domid, void **page, uint32_t *port);
void local_foreign_store_ring_release(struct xen_platform *platform, uint32_t domid, void *page);

#endif
