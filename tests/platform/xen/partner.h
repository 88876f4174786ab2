/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLATFORM_XEN_PARTNER_H
#define TESTS_PLATFORM_XEN_PARTNER_H
/*
 * What the partner in a guest does for the test. Handles and addresses are numbers of its process: the test gives back
 * what it was given. Arguments in the order of the xen_platform_* call, refs as data.
 */
#include <stddef.h>
#include <sys/types.h>

struct xen_platform;

enum partner_op {
	PARTNER_QUIT,
	PARTNER_COUNT, /* -> arg[1]: descriptors, arg[2]: mapped and shared areas */
	PARTNER_OPEN,  /* -> arg[1]: platform */
	PARTNER_CLOSE,
	PARTNER_DOMID,
	PARTNER_INFO,
	PARTNER_STORE_RING,
	PARTNER_FOREIGN_RING,
	PARTNER_EVTCHN_OPEN, /* -> arg[1] */
	PARTNER_EVTCHN_CLOSE,
	PARTNER_BIND_UNBOUND,
	PARTNER_BIND_INTERDOMAIN,
	PARTNER_BIND_VIRQ,
	PARTNER_UNBIND,
	PARTNER_NOTIFY,
	PARTNER_PENDING,
	PARTNER_UNMASK,
	PARTNER_READABLE, /* handle, milliseconds */
	PARTNER_GNTTAB_OPEN,
	PARTNER_GNTTAB_CLOSE,
	PARTNER_MAP, /* handle, domid, count, prot, notify offset, evtchn, port; refs -> arg[1]: address */
	PARTNER_UNMAP,
	PARTNER_GNTSHR_OPEN,
	PARTNER_GNTSHR_CLOSE,
	PARTNER_SHARE, /* handle, domid, count, writable, notify offset, evtchn, port -> arg[1]: address; refs */
	PARTNER_UNSHARE,
	PARTNER_READ,  /* address, length -> data */
	PARTNER_WRITE, /* address; data */
	PARTNER_PROTECT,
	PARTNER_START, /* body; its argument */
	PARTNER_KILL,
	PARTNER_OPS,
};

/* The partner: serves until PARTNER_QUIT. Returns an exit status. */
int partner_serve(void);

/* What this process holds of the world: for leaks. */
void partner_count(long *descriptors, long *areas);

/* A process of its own, of this program: the body at @offset from process_main() in it gets the @size bytes at @arg.
 * Returns its pid, and what the body returned. */
pid_t process_start(ptrdiff_t offset, const void *arg, size_t size, int *result);
ptrdiff_t process_offset(int (*body)(struct xen_platform *platform, void *arg));
void process_kill(pid_t pid);
/* What such a process runs: `--process OFFSET ARGUMENT`. */
int process_main(const char *offset, const char *arg);

#endif
