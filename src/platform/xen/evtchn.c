/* SPDX-License-Identifier: MIT */
/* Event channels through libxenevtchn. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "xen_world.h"

static struct xen_evtchn *evtchn_of(struct xen_platform_evtchn *handle)
{
	return (struct xen_evtchn *)handle;
}

bool xen_evtchn_has(const struct xen_platform_evtchn *handle, uint32_t port)
{
	return idmap_get(&((const struct xen_evtchn *)handle)->ports, port);
}

static int result(int value)
{
	return value < 0 ? xen_last_error() : value;
}

/* pending() never blocks; and the kernel's read does where it is not told otherwise. */
static int make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? xen_last_error() : 0;
}

/* The kernel answers an unmask of somebody else's port with nothing, and reports events of ports that were
 * unbound before they were read: so the handle keeps its own list. */
static int remember(struct xen_evtchn *evtchn, int port)
{
	if (port < 0)
		return xen_last_error();
	if (!idmap_put(&evtchn->ports, (uint32_t)port, evtchn))
		return port;
	xenevtchn_unbind(evtchn->xce, (evtchn_port_t)port);
	return -ENOMEM;
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
	struct xen_evtchn *evtchn = evtchn_of(handle);

	xenevtchn_close(evtchn->xce);
	idmap_free(&evtchn->ports);
	free(evtchn);
}

int xen_evtchn_fd(struct xen_platform_evtchn *handle)
{
	return xenevtchn_fd(evtchn_of(handle)->xce);
}

int xen_evtchn_bind_unbound_port(struct xen_platform_evtchn *handle, uint32_t domid)
{
	struct xen_evtchn *evtchn = evtchn_of(handle);

	return remember(evtchn, xenevtchn_bind_unbound_port(evtchn->xce, domid));
}

int xen_evtchn_bind_interdomain(struct xen_platform_evtchn *handle, uint32_t domid, uint32_t remote_port)
{
	struct xen_evtchn *evtchn = evtchn_of(handle);

	return remember(evtchn, xenevtchn_bind_interdomain(evtchn->xce, domid, remote_port));
}

int xen_evtchn_bind_virq(struct xen_platform_evtchn *handle, unsigned int virq)
{
	struct xen_evtchn *evtchn = evtchn_of(handle);

	return remember(evtchn, xenevtchn_bind_virq(evtchn->xce, virq));
}

int xen_evtchn_unbind(struct xen_platform_evtchn *handle, uint32_t port)
{
	struct xen_evtchn *evtchn = evtchn_of(handle);

	if (!xen_evtchn_has(handle, port))
		return -EINVAL;
	idmap_del(&evtchn->ports, port);
	return result(xenevtchn_unbind(evtchn->xce, port));
}

int xen_evtchn_notify(struct xen_platform_evtchn *handle, uint32_t port)
{
	if (!xen_evtchn_has(handle, port))
		return -EINVAL;
	return result(xenevtchn_notify(evtchn_of(handle)->xce, port));
}

/* A port that was unbound before its event was read is no news. */
int xen_evtchn_pending(struct xen_platform_evtchn *handle)
{
	int port;

	do
		port = xenevtchn_pending(evtchn_of(handle)->xce);
	while (port > 0 && !xen_evtchn_has(handle, (uint32_t)port));
	return result(port);
}

int xen_evtchn_unmask(struct xen_platform_evtchn *handle, uint32_t port)
{
	if (!xen_evtchn_has(handle, port))
		return -EINVAL;
	return result(xenevtchn_unmask(evtchn_of(handle)->xce, port));
}
