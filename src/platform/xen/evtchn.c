/* SPDX-License-Identifier: MIT */
/* Event channels through libxenevtchn. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "xen_world.h"

static xenevtchn_handle *handle_of(struct xen_platform_evtchn *handle)
{
	return ((struct xen_evtchn *)handle)->xce;
}

/* The kernel says ENOTCONN of a port that is not the handle's; in the seam that word means another thing. */
static int result(int value)
{
	if (value >= 0)
		return value;
	return errno == ENOTCONN ? -EINVAL : xen_last_error();
}

/* The descriptor may be left blocking by kernels that ignore the flag: pending() looks before it reads. */
static int make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? xen_last_error() : 0;
}

int xen_evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out)
{
	struct xen_world *world = (struct xen_world *)platform;
	struct xen_evtchn *evtchn = calloc(1, sizeof(*evtchn));
	int err;

	if (!evtchn)
		return -ENOMEM;
	evtchn->handle.platform = platform;
	evtchn->xce = world->spare ? world->spare : xenevtchn_open(world->logger, 0);
	world->spare = NULL;
	err = evtchn->xce ? make_nonblocking(xenevtchn_fd(evtchn->xce)) : xen_last_error();
	if (err)
		goto close;
	*out = &evtchn->handle;
	return 0;

close:
	if (evtchn->xce)
		xenevtchn_close(evtchn->xce);
	free(evtchn);
	return err;
}

void xen_evtchn_close(struct xen_platform_evtchn *handle)
{
	xenevtchn_close(handle_of(handle));
	free(handle);
}

int xen_evtchn_fd(struct xen_platform_evtchn *handle)
{
	return xenevtchn_fd(handle_of(handle));
}

int xen_evtchn_bind_unbound_port(struct xen_platform_evtchn *handle, uint32_t domid)
{
	return result(xenevtchn_bind_unbound_port(handle_of(handle), domid));
}

int xen_evtchn_bind_interdomain(struct xen_platform_evtchn *handle, uint32_t domid, uint32_t remote_port)
{
	return result(xenevtchn_bind_interdomain(handle_of(handle), domid, remote_port));
}

int xen_evtchn_bind_virq(struct xen_platform_evtchn *handle, unsigned int virq)
{
	return result(xenevtchn_bind_virq(handle_of(handle), virq));
}

int xen_evtchn_unbind(struct xen_platform_evtchn *handle, uint32_t port)
{
	return result(xenevtchn_unbind(handle_of(handle), port));
}

int xen_evtchn_notify(struct xen_platform_evtchn *handle, uint32_t port)
{
	return result(xenevtchn_notify(handle_of(handle), port));
}

int xen_evtchn_pending(struct xen_platform_evtchn *handle)
{
	struct pollfd look = { .fd = xenevtchn_fd(handle_of(handle)), .events = POLLIN };

	if (poll(&look, 1, 0) <= 0)
		return -EAGAIN;
	return result(xenevtchn_pending(handle_of(handle)));
}

int xen_evtchn_unmask(struct xen_platform_evtchn *handle, uint32_t port)
{
	return result(xenevtchn_unmask(handle_of(handle), port));
}
