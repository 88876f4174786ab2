/* SPDX-License-Identifier: MIT */
#ifndef COMPAT_PROCESS_H
#define COMPAT_PROCESS_H
/* The bus's side: one module, one bus, one process. Linux's calls name none of them, so they are found here; in main.c. */
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <base/list.h>
#include <base/logfile.h>
#include <xenbus/host.h>
#include <xenbus/platform.h>
#include <xenbus/xenbus.h>
#include "bridge.h"

struct process {
	char name[64];	 /* the module's */
	const char *why; /* where opening failed */
	bool foreground;
	void *object; /* dlopen()'s */
	struct bridge_module module;
	struct xenbus_host *host;
	struct xen_platform *platform;
	struct xenbus *bus;
	unsigned int domid;
	struct logfile *dmesg;
	struct xen_platform_evtchn *xce;
	struct xen_platform_gnttab *xgt;
	struct xen_platform_gntshr *xgs;
	struct xenbus_source event_source, signal_source, world_source, control_source;
	int signal_fd, control_fd, control_dir;
	char control_name[76]; /* in control_dir; "" there is none */
	struct list again;     /* bridge.c: events to be told again */
	struct list drivers;   /* bridge.c: memory of drivers, until the bus is closed */
	struct list clients;   /* control.c */
	struct xenbus_timer timer;
	struct xenbus_completion *unregistering;
	bool is_live; /* init() has returned 0 */
	bool stopping, world_ended;
	int status;
};
extern struct process process;

/* bridge.c */
int bridge_open(const char **why);
void bridge_close(void);
/* Runs @fn in a fiber, and the loop until it has returned. */
int bridge_run(int (*fn)(void));
/* arena.c */
int arena_open(void);
void arena_close(void);
/* control.c: who asks what runs here, and who ends it. */
/* -EEXIST a module of that name runs in this domain; -ENOENT no folder could be made: it goes without. */
int control_open(void);
void control_close(void);
/* The folder of the sockets of modules, made where it is missing. A descriptor or -errno. */
int control_folder(void);

/* oops.c: from here on a fault of this thread is told in the log before the process dies of it. */
void oops_open(void);

/* supervise.c */
/* Before the module's process is made. 0 or -errno. */
int supervise_begin(void);
/* Waits for the end of the module's process, a child; closes its devices where it was killed. Exit status. */
int supervise(int pid);

/* The folder where this world keeps what its programs share: XENBUS_RUN_DIR, else on Xen /run/xenbus. */
const char *process_run_dir(void);
/* Ends the loop. */
void process_stop(int status);

#endif
