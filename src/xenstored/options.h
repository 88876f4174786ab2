/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_OPTIONS_H
#define XENSTORED_OPTIONS_H
/* The command line. Letters are C xenstored's where the meaning is the same. */
#include <stdbool.h>

#include <xenbus/store.h>

enum platform_choice {
	PLATFORM_AUTO,	   /* the world that is there; none: a warning, and the socket only */
	PLATFORM_REQUIRED, /* none: do not start */
	PLATFORM_NONE,	   /* do not look for one */
};

struct options {
	bool fork;
	bool domain_init;
	bool output_pid;
	bool verbose;
	enum platform_choice platform;
	const char *pid_file;	/* NULL: none */
	const char *trace_file; /* NULL: none */
	const char
		*ignored; /* an option that was accepted and does nothing, to be said in the log; or NULL */
	struct store_quota quota;
};

/* Fills @options. Returns -1 to go on, or the status to exit with at once: 0 after --help or --version
 * (printed), 2 after saying on stderr what was wrong and what is accepted. */
int options_parse(struct options *options, int argc, char **argv);

#endif
