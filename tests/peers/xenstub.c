/* SPDX-License-Identifier: MIT */
/*
 * Lets a XenStore server run on a machine without Xen: ours, and the two that Debian ships.
 *
 *     LD_PRELOAD=xenstub.so XENSTUB_DIR=DIR /usr/lib/xen-4.17/bin/xenstored -N
 *
 * Stands in for what they call of libxenctrl, libxenevtchn and libxengnttab, on the machine that DIR holds
 * (machine.h: DIR/machine and the FIFO DIR/events; tests/peers/peer.c makes both), and takes what they keep under
 * /var/run to DIR/run. Without XENSTUB_DIR the machine has dom0 alone, whose ring nobody uses: clients
 * come by the socket. Written from the public headers; the signatures are theirs, the compiler checks.
 */
#undef _FILE_OFFSET_BITS /* it makes open() another name for open64(); both are replaced here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define XC_WANT_COMPAT_MAP_FOREIGN_API
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "machine.h"

/* Whatever a handle of the libraries is here: they are used for nothing but to be passed back. */
struct stub {
	struct machine *machine;
	int file;    /* the machine's */
	int from;    /* the FIFO; where it is a pipe, its reading end */
	int to;	     /* its writing end */
	bool events; /* xenevtchn is open */
	uint32_t next_port;
};

static int real_open(const char *path, int flags, mode_t mode)
{
	int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");

	return real(path, flags, mode);
}

static int open_in_dir(const char *name, int flags)
{
	char path[256];

	if (snprintf(path, sizeof(path), "%s/%s", getenv("XENSTUB_DIR"), name) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return real_open(path, flags | O_CLOEXEC, 0);
}

static void open_given(struct stub *stub)
{
	stub->file = open_in_dir("machine", O_RDWR);
	stub->from = stub->to = open_in_dir("events", O_RDWR | O_NONBLOCK);
}

/* Dom0 alone. */
static void open_own(struct stub *stub)
{
	int ends[2] = { -1, -1 };

	stub->file = memfd_create("xenstub", MFD_CLOEXEC);
	if (stub->file >= 0 && machine_format(stub->file) < 0) {
		close(stub->file);
		stub->file = -1;
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
		stub->from = ends[0];
		stub->to = ends[1];
	}
}

/* Opened by the first call, whichever that is, and closed by the process's end. */
static struct stub *stub(void)
{
	static struct stub only = { .file = -1, .from = -1, .to = -1, .next_port = 1 };

	if (only.machine)
		return &only;
	if (getenv("XENSTUB_DIR"))
		open_given(&only);
	else
		open_own(&only);
	only.machine = only.file >= 0 && only.from >= 0 ? machine_map(only.file) : NULL;
	if (!only.machine) {
		perror("xenstub: no machine");
		abort();
	}
	atomic_store(&only.machine->domains[0].flags, MACHINE_EXISTS);
	return &only;
}

static uint32_t flags_of(uint32_t domid)
{
	return domid < MACHINE_DOMAINS ? atomic_load(&stub()->machine->domains[domid].flags) : 0;
}

/* The first domain at or above @domid; MACHINE_DOMAINS: none. */
static uint32_t next_domain(uint32_t domid)
{
	while (domid < MACHINE_DOMAINS && !flags_of(domid))
		domid++;
	return domid;
}

/* This object replaces library functions: each one is exported, and the header that declares it says so. */
#pragma GCC visibility push(default)
int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);

/* -- files --------------------------------------------------------------------------------------- */

/* Where "/var/run/x" and "/run/x" are: DIR/run/x. Others are where they are. */
static const char *moved(const char *path, char buf[static 256])
{
	const char *rest = strncmp(path, "/var/run/", 9) == 0 ? path + 9
			   : strncmp(path, "/run/", 5) == 0   ? path + 5
							      : NULL;

	if (!rest || !getenv("XENSTUB_DIR"))
		return path;
	if (snprintf(buf, 256, "%s/run/%s", getenv("XENSTUB_DIR"), rest) >= 256)
		return path;
	return buf;
}

static int port_file(void)
{
	int fd = memfd_create("xsd_port", MFD_CLOEXEC);

	if (fd >= 0 && pwrite(fd, "1", 1, 0) != 1) {
		close(fd);
		return -1;
	}
	return fd;
}

static int fake_open(const char *path, int flags, mode_t mode)
{
	char buf[256];

	if (strcmp(path, "/proc/xen/xsd_kva") == 0 || strcmp(path, "/dev/xen/xsd_kva") == 0)
		return dup(stub()->file); /* dom0's ring is its first page */
	if (strcmp(path, "/proc/xen/xsd_port") == 0 || strcmp(path, "/dev/xen/xsd_port") == 0)
		return port_file();
	return real_open(moved(path, buf), flags, mode);
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

int unlink(const char *path)
{
	int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
	char buf[256];

	return real(moved(path, buf));
}

int access(const char *path, int mode)
{
	int (*real)(const char *, int) = (int (*)(const char *, int))dlsym(RTLD_NEXT, "access");
	char buf[256];

	return real(moved(path, buf), mode);
}

int mkdir(const char *path, mode_t mode)
{
	int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
	char buf[256];

	return real(moved(path, buf), mode);
}

int chmod(const char *path, mode_t mode)
{
	int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "chmod");
	char buf[256];

	return real(moved(path, buf), mode);
}

typedef int (*bind_fn)(int, const struct sockaddr *, socklen_t);

int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	bind_fn real = (bind_fn)dlsym(RTLD_NEXT, "bind");
	struct sockaddr_un there = { 0 };
	const char *path;
	char buf[256];

	if (address.__sockaddr__->sa_family != AF_UNIX || len > sizeof(there))
		return real(fd, address.__sockaddr__, len);
	memcpy(&there, address.__sockaddr_un__, len);
	there.sun_path[sizeof(there.sun_path) - 1] = '\0';
	path = moved(there.sun_path, buf);
	if (path == there.sun_path || strlen(path) >= sizeof(there.sun_path))
		return real(fd, address.__sockaddr__, len);
	strcpy(there.sun_path, path);
	return real(fd, (const struct sockaddr *)&there, sizeof(there));
}

/* oxenstored asks for more than a container has; as many as there are will do. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	typedef int (*setrlimit_fn)(__rlimit_resource_t, const struct rlimit *);
	setrlimit_fn real = (setrlimit_fn)dlsym(RTLD_NEXT, "setrlimit");
	struct rlimit all;

	if (resource != RLIMIT_NOFILE || getrlimit(resource, &all) || limit->rlim_max <= all.rlim_max)
		return real(resource, limit);
	all.rlim_cur = all.rlim_max;
	return real(resource, &all);
}

/* -- <xenctrl.h> ------------------------------------------------------------------------------- */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger,
				unsigned int open_flags)
{
	return (xc_interface *)stub();
}

int xc_interface_close(xc_interface *xch)
{
	return 0;
}

const xc_error *xc_get_last_error(xc_interface *xch)
{
	static const xc_error none = { .code = XC_ERROR_NONE };

	return &none;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first_domid, unsigned int max_doms, xc_dominfo_t *info)
{
	unsigned int n = 0;

	for (uint32_t d = next_domain(first_domid); n < max_doms && d < MACHINE_DOMAINS;
	     d = next_domain(d + 1)) {
		bool shutdown = flags_of(d) & MACHINE_SHUTDOWN;

		memset(&info[n], 0, sizeof(info[n]));
		info[n].domid = d;
		info[n].shutdown = shutdown;
		info[n++].running = !shutdown;
	}
	if (n)
		return (int)n;
	errno = ESRCH;
	return -1;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain, unsigned int max_domains,
			  xc_domaininfo_t *info)
{
	unsigned int n = 0;

	for (uint32_t d = next_domain(first_domain); n < max_domains && d < MACHINE_DOMAINS;
	     d = next_domain(d + 1)) {
		memset(&info[n], 0, sizeof(info[n]));
		info[n].domain = (domid_t)d;
		info[n++].flags = flags_of(d) & MACHINE_SHUTDOWN ? XEN_DOMINF_shutdown : XEN_DOMINF_running;
	}
	return (int)n;
}

static void *map_ring(uint32_t domid)
{
	if (flags_of(domid))
		return machine_map_ring(stub()->file, domid);
	errno = EINVAL;
	return NULL;
}

void *xc_map_foreign_range(xc_interface *xch, uint32_t dom, int size, int prot, unsigned long mfn)
{
	return map_ring(dom);
}

/* -- <xenevtchn.h> ------------------------------------------------------------------------------ */

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned int open_flags)
{
	struct stub *s = stub();

	if (s->events) {
		errno = EBUSY; /* all ports are in one FIFO */
		return NULL;
	}
	s->events = true;
	return (xenevtchn_handle *)s;
}

/* After a live update: the FIFO is found again by its name. */
xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned int open_flags)
{
	return xenevtchn_open(logger, open_flags);
}

static void unbind(struct stub *s, uint32_t port)
{
	struct machine_domain *domain = &s->machine->domains[s->machine->ports[port].domid];

	atomic_store(&s->machine->ports[port].bound, 0);
	if (atomic_load(&domain->port) == port)
		atomic_store(&domain->port, 0);
	if (atomic_load(&s->machine->virq) == port)
		atomic_store(&s->machine->virq, 0);
}

int xenevtchn_close(xenevtchn_handle *xce)
{
	struct stub *s = stub();

	for (uint32_t port = 1; port < MACHINE_PORTS; port++) {
		if (atomic_load(&s->machine->ports[port].bound))
			unbind(s, port);
	}
	s->events = false;
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
	return stub()->from;
}

/* A number is used again as late as can be: what the FIFO still holds of an old one is read before. */
static uint32_t new_port(struct stub *s, uint32_t domid)
{
	for (uint32_t tried = 1; tried < MACHINE_PORTS; tried++) {
		uint32_t port = s->next_port;
		struct machine_port *p = &s->machine->ports[port];

		s->next_port = port % (MACHINE_PORTS - 1) + 1;
		if (atomic_load(&p->bound))
			continue;
		atomic_store(&p->domid, domid);
		atomic_store(&p->state, MACHINE_IDLE);
		atomic_store(&p->bound, 1);
		return port;
	}
	return 0;
}

/* As Xen: what the guest raised before is not known, so binding raises one. */
xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
						     evtchn_port_t remote_port)
{
	struct stub *s = stub();
	uint32_t port = flags_of(domid) ? new_port(s, domid) : 0;

	if (!port) {
		errno = flags_of(domid) ? ENOSPC : ESRCH;
		return -1;
	}
	atomic_store(&s->machine->domains[domid].port, port);
	machine_raise(s->machine, s->to, port);
	return (int)port;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
	struct stub *s = stub();
	uint32_t port = new_port(s, 0);

	if (!port) {
		errno = ENOSPC;
		return -1;
	}
	if (virq == VIRQ_DOM_EXC)
		atomic_store(&s->machine->virq, port);
	return (int)port;
}

static bool is_bound(evtchn_port_t port)
{
	if (port > 0 && port < MACHINE_PORTS && atomic_load(&stub()->machine->ports[port].bound))
		return true;
	errno = EINVAL;
	return false;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
	if (!is_bound(port))
		return -1;
	unbind(stub(), port);
	return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
	struct stub *s = stub();

	if (!is_bound(port))
		return -1;
	machine_notify(s->machine, s->machine->ports[port].domid);
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
	uint32_t port;

	return read(stub()->from, &port, sizeof(port)) == sizeof(port) ? (int)port : -1;
}

/* A port that was unbound while its event waited to be read is no error: /dev/xen/evtchn passes over it. */
int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
	struct stub *s = stub();

	if (!is_bound(port))
		return 0;
	machine_unmask(s->machine, s->to, port);
	return 0;
}

/* -- <xengnttab.h>: the one grant there is, of a domain's store ring --------------------------------- */

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
	return (xengnttab_handle *)stub();
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
	if (ref == GNTTAB_RESERVED_XENSTORE)
		return map_ring(domid);
	errno = EINVAL;
	return NULL;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
	return munmap(start_address, (size_t)count * MACHINE_PAGE);
}

#pragma GCC visibility pop
