/* SPDX-License-Identifier: MIT */
/* Which transport a program gets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/platform.h>

#include "session.h"

#define DEVICE_PATH "/dev/xen/xenbus"

int xenstore_open_socket(struct xenbus_host *host, const char *path, const struct xenstore_events *events,
			 struct xenstore **out)
{
	struct transport *transport;
	int err = transport_socket_new(host, path, &transport);

	return err ? err : session_open(host, transport, events, out);
}

int xenstore_open_ring(struct xenbus_host *host, struct xen_platform *platform,
		       const struct xenstore_events *events, struct xenstore **out)
{
	struct transport *transport;
	int err = transport_ring_new(host, platform, &transport);

	return err ? err : session_open(host, transport, events, out);
}

int xenstore_open_device(struct xenbus_host *host, const char *path, const struct xenstore_events *events,
			 struct xenstore **out)
{
	struct transport *transport;
	int err = transport_device_new(host, path, &transport);

	return err ? err : session_open(host, transport, events, out);
}

int xenstore_socket_path(char *buf, size_t size)
{
	const char *path = getenv("XENSTORED_PATH");
	const char *dir = getenv("XENSTORED_RUNDIR");
	int len;

	if (path && *path)
		len = snprintf(buf, size, "%s", path);
	else
		len = snprintf(buf, size, "%s/socket", dir && *dir ? dir : "/run/xenstored");
	return (size_t)len < size ? 0 : -ENAMETOOLONG;
}

static bool socket_asked_for(void)
{
	const char *path = getenv("XENSTORED_PATH");

	return path && *path;
}

static int open_socket(struct xenbus_host *host, const struct xenstore_events *events, struct xenstore **out,
		       const char **why)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int err;

	*why = socket_asked_for() ? "the socket that XENSTORED_PATH names"
				  : "the socket in XENSTORED_RUNDIR, else /run/xenstored/socket";
	err = xenstore_socket_path(path, sizeof(path));
	return err ? err : xenstore_open_socket(host, path, events, out);
}

int xenstore_open(struct xenbus_host *host, struct xen_platform *platform,
		  const struct xenstore_events *events, struct xenstore **out, const char **why)
{
	const int domid = platform ? xen_platform_domid(platform) : -ENOSYS;
	const char *tried;
	int err;

	if (!why)
		why = &tried;
	if (socket_asked_for() || domid == 0)
		return open_socket(host, events, out, why);
	if (platform) {
		*why = "the ring page of this domain";
		err = xenstore_open_ring(host, platform, events, out);
		if (err != -ENOSYS)
			return err;
	}
	*why = DEVICE_PATH;
	err = xenstore_open_device(host, DEVICE_PATH, events, out);
	if (err != -ENOENT || platform)
		return err;
	return open_socket(host, events, out, why);
}
