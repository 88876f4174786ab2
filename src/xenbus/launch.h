/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_LAUNCH_H
#define XENBUS_LAUNCH_H
/*
 * A program in domain 0, and what is left of it.
 *
 *     xenbus run --domid 0
 *       `- PROGRAM      XENBUS_LAUNCH=TOKEN; same process group and streams. Its devices' instances name the launch.
 *
 * When PROGRAM has ended, in whatever way, its devices that are not Closed become so: xenbus_toolstack_release().
 */
#include <stdint.h>

#define LAUNCH_SYNTAX "TOKEN must be 16 to 32 hexadecimal digits"

struct world_dir;
struct xen_local;

struct launch {
	const char *run_dir;	     /* --run-dir as given; NULL: not given */
	const struct world_dir *dir; /* of a local world; NULL: the machine's own, Xen */
	struct xen_local *local;     /* the line to its broker; NULL with dir */
	const char *token;	     /* see xenbus_launch_valid(); NULL: a random one */
	char **argv;
};

/* Runs the program to its end and releases its devices. Signals that end programs are passed on, but for those that the
 * terminal sends to both; the program gets SIGTERM when this process dies. Returns the exit status: the program's, 128 + N
 * where signal N ended it, 126 or 127 where it could not be run, or CLI_FAILURE after saying why. */
int launch_run(const struct launch *launch);

#endif
