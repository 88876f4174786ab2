/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_LOCAL_H
#define XENBUS_LOCAL_H
/*
 * The world `local`: Xen played by a small process, the broker, on a machine without a hypervisor.
 *
 *      run directory/broker.sock          dom0's toolstack: struct xen_local
 *              |
 *           broker --- domain descriptor 0 --- dom0's processes       struct xen_platform
 *              |------ domain descriptor 1 --- domU 1's processes     struct xen_platform
 *              `------ ...
 *
 * A domain is known by its domain descriptor, one end of a socket whose other end the broker holds: who
 * has it is in the domain. A program finds its number in the environment variable XENBUS_DOMAIN_FD and
 * passes it on to the programs it starts. Each process opens a connection of its own over it; when that
 * hangs up, all that the process held ends as if it had closed its /dev/xen handles. When the first
 * process of a spawned domain ends, the domain ends.
 *
 * The broker's death is a power cut: xen_platform_fd(), xen_platform_evtchn_fd() and xen_local_fd() become
 * readable, every later call answers -ENOTCONN, and the first processes of spawned domains are killed.
 * (notify() and unmask() do not ask the broker: they go on answering 0 until another call has told.)
 *
 * Errors are -errno; common to all toolstack calls: -ENOTCONN, the broker is gone; -ENOMEM.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xen_platform;

#define XEN_LOCAL_DOMAIN_FD_ENV "XENBUS_DOMAIN_FD"

/* Opens the world over the domain descriptor @fd, which is borrowed for the duration of the call. A
 * process may open several, of several domains. Returns 0 and *@out, closed with xen_platform_close();
 * -errno and *@why (static storage): -EINVAL @fd is no domain descriptor; -ENOTCONN no broker behind it,
 * or the domain has ended; -ENOSPC it has too many connections. */
int xen_local_open_fd(int fd, struct xen_platform **out, const char **why);

/* -- the broker ------------------------------------------------------------------------------- */

struct xen_local_broker;

/* Makes the socket "broker.sock" (mode 0600) in the existing directory @rundir; who connects from now on is
 * answered by xen_local_broker_run(). Between the two the caller may fork: only one of the processes may
 * run it, the others call xen_local_broker_free(). -EBUSY a broker lives in @rundir already;
 * other -errno of the file system. */
int xen_local_broker_new(const char *rundir, struct xen_local_broker **out);

/* Serves until SIGTERM, SIGINT or xen_local_down(), then kills the domains it spawned, waits for them and
 * removes the socket. The process is the broker's alone: SIGTERM, SIGINT and SIGPIPE get blocked,
 * SIGALRM and ITIMER_REAL are used, and
 * RLIMIT_NOFILE goes up to the hard limit (the domains' programs get back what it was).
 * Returns 0, or -errno where it could not start. */
int xen_local_broker_run(struct xen_local_broker *broker);

/* Does not remove the socket: run() does. NULL is allowed. */
void xen_local_broker_free(struct xen_local_broker *broker);

/* -- dom0's toolstack ------------------------------------------------------------------------- */

struct xen_local;

/* Connects to the broker of @rundir; only its own user and root may. -ENOENT or -ECONNREFUSED there is
 * none. */
int xen_local_connect(const char *rundir, struct xen_local **out);
/* NULL is allowed. Domains live on. */
void xen_local_disconnect(struct xen_local *local);

/* Readable when xen_local_exit() has something to tell. Borrowed. */
int xen_local_fd(struct xen_local *local);

/* A new descriptor (close-on-exec; the caller's) of domain @domid, 0 included: for xen_local_open_fd(), or
 * for a program started in dom0. -ESRCH no such domain. */
int xen_local_domain_fd(struct xen_local *local, uint32_t domid);

/* What INTRODUCE wants of a new domain. */
struct xen_local_store {
	uint64_t gfn;  /* frame of its store ring page; stores ignore it and map grant 1 */
	uint32_t port; /* its store event channel, unbound, offered to dom0 */
};

/* Creates domain @domid, 0: the next free one. It has no process yet. Returns its domid and *@store;
 * -EEXIST; -EINVAL no ordinary domid; -ENOSPC. */
int xen_local_domain_create(struct xen_local *local, uint32_t domid, struct xen_local_store *store);

/* Looks up what create() gave. 0; -ESRCH; -EINVAL dom0. */
int xen_local_domain_store(struct xen_local *local, uint32_t domid, struct xen_local_store *store);

struct xen_local_spawn {
	const char *const *argv; /* NULL-terminated; argv[0] without '/' is sought in PATH */
	const char *const *envp; /* NULL-terminated; XENBUS_DOMAIN_FD is added. NULL: the caller's */
	const char *cwd;	 /* NULL: the caller's */
	int stdio[3];		 /* what it gets as 0, 1, 2; -1: the caller's */
};

/* Starts the first process of domain @domid, in a session of its own. Returns its pid (> 0) once it runs;
 * -EBUSY it has one already; -ESRCH; -E2BIG; -errno of chdir or exec, the domain stays as it was. */
int xen_local_domain_spawn(struct xen_local *local, uint32_t domid, const struct xen_local_spawn *spawn);

/* Ends the domain at once, killing its processes. 0; -ESRCH; -EINVAL dom0. */
int xen_local_domain_destroy(struct xen_local *local, uint32_t domid);

struct xen_local_exit {
	uint32_t domid;
	int32_t pid;
	int32_t status; /* as waitpid() tells it */
};

/* Takes one notice that the first process of a domain spawned through @local has ended, and with it the
 * domain. 0; -EAGAIN there is none now: poll xen_local_fd(). */
int xen_local_exit(struct xen_local *local, struct xen_local_exit *out);

/* What a domain holds. Pages of an ended domain that others still map count in the total only. */
struct xen_local_stats {
	uint32_t domains;     /* 1, or how many there are */
	uint32_t connections; /* processes (worlds opened) */
	uint32_t handles;     /* of the three kinds */
	uint32_t ports;	      /* event channels; one store port a domU belongs to the domain itself */
	uint32_t grants;      /* one store ring grant a domU belongs to the domain itself */
	uint32_t pages;	      /* granted now, or revoked and still mapped by somebody */
	uint32_t mappings;    /* pages of others mapped */
	uint32_t parts;	      /* calls that shared or mapped and have not ended */
	uint32_t descriptors; /* of the broker's, charged to it */
};
#define XEN_LOCAL_ALL UINT32_MAX

/* @domid, or XEN_LOCAL_ALL: all together. -ESRCH. */
int xen_local_stats(struct xen_local *local, uint32_t domid, struct xen_local_stats *out);

struct xen_local_domain {
	uint32_t domid;
	int32_t pid; /* its first process; 0: none yet, or dom0 */
};

/* The domains with domid >= @from, ascending, at most @count (0..256) of them at @out. Returns how many. */
int xen_local_domains(struct xen_local *local, uint32_t from, struct xen_local_domain *out, uint32_t count);

/* Ends the world as SIGTERM does and waits until the broker is gone. Returns 0; disconnect() still has to
 * be called. */
int xen_local_down(struct xen_local *local);

#endif
