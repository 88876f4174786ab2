/* SPDX-License-Identifier: MIT */
/*
 * Granting pages. SHARE makes them, we map them, SHARED lets the broker seal and grant them: a read-only
 * grant must be sealed against later writers, which is possible only after its granter has mapped it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "client.h"

struct share {
	struct list link; /* handle->shares */
	void *addr;
	uint32_t count;
	uint32_t id; /* the broker's */
};

struct local_gntshr {
	struct xen_platform_gntshr xgs;
	uint32_t id;
	struct list shares;
};

static struct local_gntshr *gntshr_of(struct xen_platform_gntshr *xgs)
{
	return (struct local_gntshr *)xgs;
}

static size_t bytes(uint32_t count)
{
	return (size_t)count * XEN_PLATFORM_PAGE_SIZE;
}

int local_gntshr_open(struct xen_platform *platform, struct xen_platform_gntshr **out)
{
	struct local_gntshr *g = calloc(1, sizeof(*g));
	int err = g ? client_open_handle(world_of(platform), LOCAL_GNTSHR, &g->id) : -ENOMEM;

	if (err) {
		free(g);
		return err;
	}
	g->xgs.platform = platform;
	list_init(&g->shares);
	*out = &g->xgs;
	return 0;
}

/* Unmaps our view; the broker is told by the caller. */
static void share_drop(struct share *share)
{
	if (share->addr)
		munmap(share->addr, bytes(share->count));
	list_del(&share->link);
	free(share);
}

void local_gntshr_close(struct xen_platform_gntshr *xgs)
{
	struct local_gntshr *g = gntshr_of(xgs);

	while (!list_empty(&g->shares))
		share_drop(list_first(&g->shares, struct share, link));
	client_close_handle(world_of(xgs->platform), g->id);
	free(g);
}

static int tell(struct local_gntshr *g, enum local_op op, uint32_t id, struct local_answer *a)
{
	struct local_request r = { .op = op, .handle = g->id, .id = id };

	return client_call(world_of(g->xgs.platform), &r, a);
}

static int map_share(struct share *share, int fd)
{
	void *addr = mmap(NULL, bytes(share->count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (addr == MAP_FAILED)
		return -errno;
	share->addr = addr;
	return 0;
}

/* @share gets pages and number; on error the broker holds nothing. */
static int make_share(struct local_gntshr *g, struct share *share, const struct local_request *r,
		      uint32_t *refs)
{
	struct local_world *world = world_of(g->xgs.platform);
	struct local_answer a, ignored;
	int err = client_call(world, r, &a);

	if (err && err != -EMFILE)
		return err;
	share->id = a.reply.id;
	if (!err)
		err = client_want_fds(world, &a, 1);
	if (!err)
		err = map_share(share, a.fds.fd[0]);
	message_close_fds(&a.fds);
	if (!err)
		err = tell(g, LOCAL_SHARED, share->id, &ignored);
	if (err)
		tell(g, LOCAL_UNSHARE, share->id, &ignored);
	else
		memcpy(refs, a.reply.refs, share->count * sizeof(refs[0]));
	return err;
}

int local_gntshr_share(struct xen_platform_gntshr *xgs, uint32_t domid, uint32_t count, bool writable,
		       const struct xen_platform_notify *notify, uint32_t *refs, void **addr)
{
	struct local_gntshr *g = gntshr_of(xgs);
	struct local_request r = { .op = LOCAL_SHARE, .handle = g->id, .domid = domid, .count = count };
	struct share *share;
	int err = client_set_notify(&r, notify);

	if (err)
		return err;
	r.flags = writable ? LOCAL_WRITABLE : 0;
	share = calloc(1, sizeof(*share));
	if (!share)
		return -ENOMEM;
	share->count = count;
	list_add_tail(&g->shares, &share->link);
	err = make_share(g, share, &r, refs);
	if (err) {
		share_drop(share);
		return err;
	}
	*addr = share->addr;
	return 0;
}

static struct share *share_find(struct local_gntshr *g, const void *addr, uint32_t count)
{
	list_for_each (link, &g->shares) {
		struct share *share = list_entry(link, struct share, link);

		if (share->addr == addr && share->count == count)
			return share;
	}
	return NULL;
}

int local_gntshr_move(struct xen_platform_gntshr *xgs, void *addr, uint32_t count, void *to)
{
	struct share *share = share_find(gntshr_of(xgs), addr, count);

	if (!share)
		return -EINVAL;
	if (mremap(addr, bytes(count), bytes(count), MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		return -errno;
	share->addr = to;
	return 0;
}

int local_gntshr_unshare(struct xen_platform_gntshr *xgs, void *addr, uint32_t count)
{
	struct local_gntshr *g = gntshr_of(xgs);
	struct share *share = share_find(g, addr, count);
	struct local_answer a;
	int err;

	if (!share)
		return -EINVAL;
	err = tell(g, LOCAL_UNSHARE, share->id, &a);
	share_drop(share);
	return err ? err : (int)a.reply.count;
}
