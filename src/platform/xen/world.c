/* SPDX-License-Identifier: MIT */
/* The world `xen`: opening it, and its table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenbus/xen.h>

#include "xen_world.h"

int xen_last_error(void)
{
	return errno ? -errno : -EIO;
}

static void world_close(struct xen_platform *platform)
{
	struct xen_world *world = (struct xen_world *)platform;

	if (world->spare)
		xenevtchn_close(world->spare);
	if (world->rings)
		xengnttab_close(world->rings);
	domctl_close(world->domctl);
	xtl_logger_destroy(world->logger);
	free(world);
}

/* Dom0 knows that it is: the kernel says so. A domU would have to ask its store. */
static int world_domid(struct xen_platform *platform)
{
	FILE *file = fopen("/proc/xen/capabilities", "re");
	char line[256] = "";

	if (!file)
		return -ENOSYS;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return strstr(line, "control_d") ? 0 : -ENOSYS;
}

static int world_domain_info(struct xen_platform *platform, uint32_t domid)
{
	struct xen_world *world = (struct xen_world *)platform;
	int err;

	if (!world->domctl) {
		err = domctl_open(world->logger, &world->domctl);
		if (err)
			return err;
	}
	return domctl_info(world->domctl, domid);
}

static const struct xen_platform_ops xen_ops = {
	.name = "xen",
	.close = world_close,
	.domid = world_domid,
	.evtchn_open = xen_evtchn_open,
	.evtchn_close = xen_evtchn_close,
	.evtchn_fd = xen_evtchn_fd,
	.evtchn_bind_unbound_port = xen_evtchn_bind_unbound_port,
	.evtchn_bind_interdomain = xen_evtchn_bind_interdomain,
	.evtchn_bind_virq = xen_evtchn_bind_virq,
	.evtchn_unbind = xen_evtchn_unbind,
	.evtchn_notify = xen_evtchn_notify,
	.evtchn_pending = xen_evtchn_pending,
	.evtchn_unmask = xen_evtchn_unmask,
	.gnttab_open = xen_gnttab_open,
	.gnttab_close = xen_gnttab_close,
	.gnttab_map = xen_gnttab_map,
	.gnttab_unmap = xen_gnttab_unmap,
	.gntshr_open = xen_gntshr_open,
	.gntshr_close = xen_gntshr_close,
	.gntshr_share = xen_gntshr_share,
	.gntshr_move = xen_gntshr_move,
	.gntshr_unshare = xen_gntshr_unshare,
	.domain_info = world_domain_info,
	.foreign_store_ring = xen_foreign_store_ring,
	.foreign_store_ring_release = xen_foreign_store_ring_release,
};

/* -ENXIO says that the device is not there, whatever the kernel's word for it was. */
static int probe(struct xen_world *world, const char **why)
{
	world->spare = xenevtchn_open(world->logger, 0);
	if (world->spare)
		return 0;
	*why = "cannot open Xen's event channels (/dev/xen/evtchn)";
	return errno == ENOENT || errno == ENODEV || errno == ENOSYS ? -ENXIO : xen_last_error();
}

int xen_xen_open(struct xen_platform **out, const char **why)
{
	struct xen_world *world = calloc(1, sizeof(*world));
	int err = -ENOMEM;

	*out = NULL;
	*why = "out of memory";
	if (!world)
		return err;
	world->platform.ops = &xen_ops;
	world->logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
	if (!world->logger)
		goto free_world;
	err = probe(world, why);
	if (err)
		goto free_world;
	*out = &world->platform;
	return 0;

free_world:
	world_close(&world->platform);
	return err;
}
