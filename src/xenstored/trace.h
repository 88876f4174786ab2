/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_TRACE_H
#define XENSTORED_TRACE_H
/*
 * The trace file (-T): every message, one a line (trace_line.h). Lines are collected and written once a turn of
 * the loop. What cannot be written is lost and counted: tracing never blocks or stops the service.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "trace_line.h"

struct xenbus_host;

struct trace {
	const struct log *log;
	struct xenbus_host *host; /* its clock */
	char *path;		  /* NULL: never set */
	int fd;			  /* -1: off */
	char *data;
	size_t used;
	bool failing; /* the last write failed; said once */
	uint64_t lost;
};

void trace_init(struct trace *trace, const struct log *log, struct xenbus_host *host);
/* Starts (or changes to) appending to @path; NULL: the path set before. 0 or -errno; -ENOENT no path. */
int trace_open(struct trace *trace, const char *path);
/* Opens the path anew, after logrotate has moved the file. */
void trace_reopen(struct trace *trace);
void trace_off(struct trace *trace);
void trace_free(struct trace *trace);

static inline bool trace_on(const struct trace *trace)
{
	return trace->fd >= 0;
}
/* One whole message. */
void trace_message(struct trace *trace, const struct trace_message *message);
/* Any other text, which must be free of guests' bytes. */
void trace_text(struct trace *trace, const char *format, ...) __attribute__((format(printf, 2, 3)));
void trace_flush(struct trace *trace);

#endif
