/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_TIMELINE_OUTPUT_H
#define XENBUS_TIMELINE_OUTPUT_H
/* What `trace` and `timeline` have in common: the options that say how and where to a timeline is put. */
#include "cli.h"
#include "timeline.h"

struct timeline_output {
	struct timeline_look look; /* filled by timeline_output_open() but for events */
	bool json, svg, chrome;	   /* none: text */
	const char *path;	   /* NULL: standard output */
	FILE *out;
};

#define TIMELINE_OPTIONS(output)                                                                 \
	{ .name = "events",                                                                      \
	  .kind = CLI_FLAG,                                                                      \
	  .out = &(output)->look.events,                                                         \
	  .help = "the store's events, too" },                                                   \
		{ .name = "json",                                                                \
		  .kind = CLI_FLAG,                                                              \
		  .out = &(output)->json,                                                        \
		  .help = "an object a line, for programs" },                                    \
		{ .name = "svg", .kind = CLI_FLAG, .out = &(output)->svg, .help = "a picture" }, \
		{ .name = "chrome",                                                              \
		  .kind = CLI_FLAG,                                                              \
		  .out = &(output)->chrome,                                                      \
		  .help = "what Perfetto and chrome://tracing load" },                           \
	{                                                                                        \
		.name = "output", .letter = 'o', .value = "FILE", .kind = CLI_STRING,            \
		.out = &(output)->path, .help = "write there, not to the standard output"        \
	}

/* One format at most was asked for, one that can be @live (text, JSON) where it must. -1, or the exit status. */
int timeline_output_check(const struct timeline_output *output, bool live, const struct cli_command *command,
			  const struct cli_option *options);
/* 0, or an exit status after saying why. */
int timeline_output_open(struct timeline_output *output);
/* Writes all stories. 0, or an exit status after saying why; -ENOENT there are none. */
int timeline_output_put(struct timeline_output *output, struct timeline *timeline);
/* After open(): @status, or an exit status after saying why what was written did not arrive. */
int timeline_output_close(struct timeline_output *output, int status);

#endif
