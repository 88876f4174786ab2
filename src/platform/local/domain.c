/* SPDX-License-Identifier: MIT */
/* Domains as their processes see them, and the two ends of a domU's store ring. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

int local_domain_info(struct xen_platform *platform, uint32_t domid)
{
	struct local_request r = { .op = LOCAL_DOMAIN_INFO, .domid = domid };
	struct local_answer a;
	int err = client_call(world_of(platform), &r, &a);

	return err ? err : (int)a.reply.count;
}

static void release_at_broker(struct local_world *world)
{
	struct local_request r = { .op = LOCAL_STORE_RING_RELEASE };

	client_do(world, &r);
}

/* Takes the answer's three descriptors. On error the broker still has ring and port ours. */
static int take_ring(struct local_evtchn *e, struct local_answer *a, void **page)
{
	struct local_world *world = world_of(e->xce.platform);
	int err = client_want_fds(world, a, 3);
	void *map;

	if (err)
		return err;
	map = mmap(NULL, XEN_PLATFORM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, a->fds.fd[0], 0);
	if (map == MAP_FAILED) {
		message_close_fds(&a->fds);
		return -ENOMEM;
	}
	close(a->fds.fd[0]);
	err = evtchn_add_port(e, a->reply.id, a->fds.fd[1], a->fds.fd[2]);
	if (err)
		munmap(map, XEN_PLATFORM_PAGE_SIZE);
	else
		*page = map;
	return err;
}

int local_store_ring(struct xen_platform *platform, struct xen_platform_evtchn *xce, void **page,
		     uint32_t *port)
{
	struct local_world *world = world_of(platform);
	struct local_evtchn *e = (struct local_evtchn *)xce;
	struct local_request r = { .op = LOCAL_STORE_RING, .handle = e->id };
	struct local_request unbind = { .op = LOCAL_UNBIND, .handle = e->id };
	struct local_answer a;
	int err = client_call(world, &r, &a);

	if (err && err != -EMFILE)
		return err;
	if (!err)
		err = take_ring(e, &a, page);
	if (!err) {
		*port = a.reply.id;
		return 0;
	}
	unbind.id = a.reply.id;
	client_do(world, &unbind);
	release_at_broker(world);
	return err;
}

void local_store_ring_release(struct xen_platform *platform, void *page)
{
	munmap(page, XEN_PLATFORM_PAGE_SIZE);
	release_at_broker(world_of(platform));
}

/* -- the store's side -- */

int local_foreign_store_ring(struct xen_platform *platform, uint32_t domid, void **page, uint32_t *port)
{
	static const struct xen_platform_notify none = { .offset = XEN_PLATFORM_NO_OFFSET };
	const uint32_t ref = LOCAL_STORE_REF;
	struct local_world *world = world_of(platform);
	int err = 0;

	if (world->domid)
		return -EPERM;
	if (!domid || domid == XEN_PLATFORM_DOMID_SELF)
		return -ENOENT;
	if (!world->foreign)
		err = local_gnttab_open(platform, &world->foreign);
	if (err)
		return err;
	return local_gnttab_map(world->foreign, domid, &ref, 1, PROT_READ | PROT_WRITE, &none, page);
}

void local_foreign_store_ring_release(struct xen_platform *platform, uint32_t domid, void *page)
{
	local_gnttab_unmap(world_of(platform)->foreign, page, 1);
}
