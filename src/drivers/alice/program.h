/* SPDX-License-Identifier: MIT */
#ifndef ALICE_PROGRAM_H
#define ALICE_PROGRAM_H
/*
 * What alice-front and alice-back have in common: a world, a host, a bus, signals, a log like dmesg's.
 *
 *     program_open() --> driver started by the caller --> program_run() --> program_close()
 */
#include <stdbool.h>
#include <stdint.h>
#include <xenbus/host.h>
#include <xenbus/xenbus.h>

struct logfile;
struct xen_platform;

struct program {
	const char *name;	/* argv[0]'s last part */
	const char *trace_path; /* NULL: no trace is written */
	bool quiet;		/* errors only */
	struct xenbus_host *host;
	struct xen_platform *platform;
	struct logfile *dmesg; /* the world's; NULL: it has none */
	struct xenbus *bus;
	int signal_fd;
	struct xenbus_source signal_source, world_source;
};

/* Parses @text as a number in @min..@max into *@out; else says so, and false. */
bool program_number(const char *name, const char *option, const char *text, unsigned long min,
		    unsigned long max, unsigned int *out);

/* Opens everything; @changed and @ctx as struct xenbus_config has them. name, trace_path and quiet are set
 * by the caller. 0; or 1, said on stderr, nothing is held. */
int program_open(struct program *program, void (*changed)(void *ctx, struct xenbus_device *dev), void *ctx);
/* Until xenbus_stop(), SIGTERM or SIGINT (0), or the end of the world (1): the exit status. */
int program_run(struct program *program);
/* Writes the trace, and closes the bus: what the caller's driver uses is gone after it, but for the host. */
void program_close_bus(struct program *program);
void program_close(struct program *program);

/* Writes a small text file at once: nobody sees half of it. 0 or -errno. */
int program_write_file(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
