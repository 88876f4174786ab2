/* SPDX-License-Identifier: MIT */
/* The store's end of the rings: a guest's is a grant at a reserved number, dom0's a page of its kernel. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xen_world.h"

#define XSD_KVA "/proc/xen/xsd_kva"
#define XSD_PORT "/proc/xen/xsd_port"

static int read_port(uint32_t *port)
{
	int fd = open(XSD_PORT, O_RDONLY | O_CLOEXEC);
	char text[24], *end;
	ssize_t len;
	unsigned long value;

	if (fd < 0)
		return -ENOENT;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -ENOENT;
	text[len] = '\0';
	value = strtoul(text, &end, 10);
	if (end == text || value == 0 || value > UINT32_MAX)
		return -EINVAL;
	*port = (uint32_t)value;
	return 0;
}

static int map_own_kernel(void **page, uint32_t *port)
{
	int err = read_port(port), fd;
	void *mapped;

	if (err)
		return err;
	fd = open(XSD_KVA, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	mapped = mmap(NULL, XEN_PLATFORM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	err = mapped == MAP_FAILED ? xen_last_error() : 0;
	close(fd);
	if (!err)
		*page = mapped;
	return err;
}

/* One handle for all guests. The kernel's default limit of mappings a handle may be too small; newer
 * kernels have none and refuse the call, which is as good. */
static int open_rings(struct xen_world *world)
{
	if (world->rings)
		return 0;
	world->rings = xengnttab_open(world->logger, 0);
	if (!world->rings)
		return xen_last_error();
	xengnttab_set_max_grants(world->rings, XEN_PLATFORM_DOMID_FIRST_RESERVED);
	return 0;
}

int xen_foreign_store_ring(struct xen_platform *platform, uint32_t domid, void **page, uint32_t *port)
{
	struct xen_world *world = (struct xen_world *)platform;
	void *mapped;
	int err;

	if (domid == 0)
		return map_own_kernel(page, port);
	err = open_rings(world);
	if (err)
		return err;
	mapped = xengnttab_map_grant_ref(world->rings, domid, GNTTAB_RESERVED_XENSTORE,
					 PROT_READ | PROT_WRITE);
	if (!mapped) {
		err = xen_last_error();
		return xen_platform_domain_info(platform, domid) == 0 ? -ESRCH : err;
	}
	*page = mapped;
	return 0;
}

void xen_foreign_store_ring_release(struct xen_platform *platform, uint32_t domid, void *page)
{
	struct xen_world *world = (struct xen_world *)platform;

	if (domid == 0)
		munmap(page, XEN_PLATFORM_PAGE_SIZE);
	else
		xengnttab_unmap(world->rings, page, 1);
}
