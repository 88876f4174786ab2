/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_WORLD_H
#define XENBUS_WORLD_H
/*
 * A local world's directory and the ways into it.
 *
 *     DIR/broker.sock      who plays the hypervisor           DIR/xenstored.sock   the store
 *     DIR/broker.log, DIR/xenstored.log   what they complain of
 *     DIR/dmesg, DIR/dmesg.0              what programs log, see <base/logfile.h>
 *     DIR/modules/                        sockets of Linux-style modules, see modules.h
 *     DIR/trace/                          what happened on their buses, see <xenbus/trace_file.h>
 *
 * On a machine with Xen the store is where libxenstore looks for it and there is no directory.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

struct xen_local;
struct xenbus;
struct xenbus_host;
struct xenstore;

#define WORLD_DIR_ENV "XENBUS_RUN_DIR"
/* Leaves room for the longest name of a socket in it. */
#define WORLD_DIR_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 16)
#define WORLD_PATH_MAX (WORLD_DIR_MAX + 32)

struct world_dir {
	char path[WORLD_DIR_MAX]; /* absolute */
};

/* The directory that --run-dir names (@given, NULL: not given), else the default; it need not exist.
 * Returns 0, or CLI_FAILURE after saying why not. */
int world_dir(const char *given, struct world_dir *out);
/* DIR/NAME; @name is at most 15 bytes long. */
void world_path(const struct world_dir *dir, const char *name, char path[WORLD_PATH_MAX]);
/* What programs that belong to the world (its dom0) find in their environment. */
void world_setenv(const struct world_dir *dir);

/* Is domain 0 meant of the machine itself, which runs Xen? Not where a directory is named by @given (--run-dir; NULL: not
 * given) or by the environment, nor where a local world lives in the default one. */
bool world_is_machine(const char *given);

enum world_lock {
	WORLD_MAKE, /* `up`: alone; makes the directory, the last part the owner's, and those above it */
	WORLD_END,  /* `down`: alone */
	WORLD_USE,  /* among others who use it: it stays as it is meanwhile */
};
/* Waits until it may do @how with the directory; closing the descriptor lets others go on. Returns the descriptor;
 * -ENOENT there is no directory (not for WORLD_MAKE); or -1 after saying why not. */
int world_lock(const struct world_dir *dir, enum world_lock how);

/* Connects to the broker. 0, or CLI_FAILURE after saying why not. */
int world_connect(const struct world_dir *dir, struct xen_local **out);

/* The store of the world @run_dir (an option's argument, NULL: not given): of that directory where it was
 * given; else what XENSTORED_PATH says; else of what XENBUS_RUN_DIR says; else of the default directory if a
 * store lives there; else where Xen's own is. A session on a host of its own, for calls that wait. */
struct world_store {
	struct xenbus_host *host;
	struct xenstore *xs;
};
/* 0, or CLI_FAILURE after saying why not. */
int world_store_open(const char *run_dir, struct world_store *out);
void world_store_close(struct world_store *store);
/* The path of that store's socket into @path of @size bytes. 0, or CLI_FAILURE as above. */
int world_store_path(const char *run_dir, char *path, size_t size);
/* "no store at ...": says so. CLI_FAILURE. @why may be NULL. */
int world_no_store(int err, const char *why);

/* The same as a bus without drivers, for the toolstack's calls: runs @fn in a fiber and returns what it returns,
 * or a negative error number; CLI_FAILURE after saying why there is no bus, or that the store was lost. */
int world_bus_run(const char *run_dir, int (*fn)(struct xenbus *bus, void *arg), void *arg);

#endif
