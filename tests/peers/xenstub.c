/* SPDX-License-Identifier: MIT */
/*
 * Lets Debian's C xenstored run on a machine without Xen, so that it can be measured beside ours:
 *
 *     LD_PRELOAD=xenstub.so XENSTORED_RUNDIR=DIR /usr/lib/xen-4.17/bin/xenstored -N
 *
 * Stands in for what it calls of libxenctrl, libxenevtchn and libxengnttab. The machine it shows
 * has one domain, dom0, whose store ring is an empty page that nobody uses: clients come by the socket.
 * Written from the public headers; the signatures are theirs, the compiler checks.
 */
#undef _FILE_OFFSET_BITS /* it makes open() another name for open64(); both are replaced here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

/* This object replaces library functions: each one is exported, and the header that declares it says so. */
#pragma GCC visibility push(default)
int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);

#define FIRST_PORT 1 /* ports 1, 2, ... are handed out; none ever fires */

static int anything; /* its address is every handle */

static int event_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fd;
}

/* A file of @len bytes that starts with @text, as /proc/xen would show it. */
static int fake_file(const char *text, off_t len)
{
	int fd = memfd_create("xenstub", MFD_CLOEXEC);

	if (fd < 0)
		return fd;
	if (ftruncate(fd, len) < 0 || pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int fake_open(const char *path, int flags, mode_t mode)
{
	int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");

	if (strcmp(path, "/proc/xen/xsd_kva") == 0 || strcmp(path, "/dev/xen/xsd_kva") == 0)
		return fake_file("", 4096);
	if (strcmp(path, "/proc/xen/xsd_port") == 0 || strcmp(path, "/dev/xen/xsd_port") == 0)
		return fake_file("1\n", 2);
	return real(path, flags, mode);
}

static mode_t mode_argument(int flags, va_list args)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_argument(flags, args);
	va_end(args);
	return fake_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_argument(flags, args);
	va_end(args);
	return fake_open(path, flags, mode);
}

/* -- <xenctrl.h> ------------------------------------------------------------------------------- */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger,
				unsigned int open_flags)
{
	return (xc_interface *)&anything;
}

int xc_interface_close(xc_interface *xch)
{
	return 0;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first_domid, unsigned int max_doms, xc_dominfo_t *info)
{
	if (first_domid > 0 || max_doms == 0)
		return 0;
	memset(info, 0, sizeof(*info));
	info->running = 1;
	return 1;
}

/* -- <xenevtchn.h> ------------------------------------------------------------------------------ */

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned int open_flags)
{
	return (xenevtchn_handle *)&anything;
}

xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned int open_flags)
{
	return (xenevtchn_handle *)&anything;
}

int xenevtchn_close(xenevtchn_handle *xce)
{
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
	return event_fd();
}

static int next_port(void)
{
	static int port = FIRST_PORT;

	return port++;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
						     evtchn_port_t remote_port)
{
	return next_port();
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
	return next_port();
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
	return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
	errno = EAGAIN;
	return -1;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
	return 0;
}

/* -- <xengnttab.h>: the only ring here is dom0's, which is not granted ---------------------------- */

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
	return (xengnttab_handle *)&anything;
}

int xengnttab_close(xengnttab_handle *xgt)
{
	return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants)
{
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
	errno = EINVAL;
	return NULL;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
	errno = EINVAL;
	return -1;
}

#pragma GCC visibility pop
