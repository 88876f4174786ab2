/* SPDX-License-Identifier: MIT */
/* Which world a program is in. Linked into programs only: nothing above the seam knows the worlds. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <xenbus/local.h>
#include <xenbus/platform.h>
#include <xenbus/xen.h>

#define XEN_DEVICE "/dev/xen/evtchn"

/* A number and nothing else: "3". -1 where it is not. */
static int parse_fd(const char *text)
{
	char *end;
	long fd;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	fd = strtol(text, &end, 10);
	return *end || errno || fd > INT32_MAX ? -1 : (int)fd;
}

int xen_platform_open(struct xen_platform **out, const char **why)
{
	const char *text = getenv(XEN_LOCAL_DOMAIN_FD_ENV);
	int fd;

	if (!text) {
		if (!access(XEN_DEVICE, F_OK))
			return xen_xen_open(out, why);
		*why = "no world to live in: neither " XEN_LOCAL_DOMAIN_FD_ENV
		       " in the environment (a program "
		       "started by `xenbus run` in a local domain has it) nor " XEN_DEVICE
		       " (a domain on Xen)";
		return -ENXIO;
	}
	fd = parse_fd(text);
	if (fd < 0) {
		*why = XEN_LOCAL_DOMAIN_FD_ENV " in the environment is not the number of a descriptor";
		return -EINVAL;
	}
	return xen_local_open_fd(fd, out, why);
}
