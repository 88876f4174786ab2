/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <xenbus/host.h>

enum {
	TRACE_BUFFER = 65536,
};

void trace_init(struct trace *trace, const struct log *log, struct xenbus_host *host)
{
	*trace = (struct trace){ .log = log, .host = host, .fd = -1 };
}

/* A FIFO without a reader, or with a slow one, must not stop us: so non-blocking. */
static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

	return fd < 0 ? -errno : fd;
}

int trace_open(struct trace *trace, const char *path)
{
	char *copy = NULL, *data = trace->data ? trace->data : malloc(TRACE_BUFFER);
	int fd;

	if (!data)
		return -ENOMEM;
	trace->data = data;
	if (!path && !trace->path)
		return -ENOENT;
	if (path) {
		copy = strdup(path);
		if (!copy)
			return -ENOMEM;
	}
	fd = open_file(path ? path : trace->path);
	if (fd < 0) {
		free(copy);
		return fd;
	}
	trace_off(trace);
	if (copy) {
		free(trace->path);
		trace->path = copy;
	}
	trace->fd = fd;
	return 0;
}

void trace_reopen(struct trace *trace)
{
	int err = trace_on(trace) ? trace_open(trace, NULL) : 0;

	if (err)
		log_line(trace->log, LOG_WARNING, "trace file %s: cannot be opened again: %s", trace->path,
			 strerror(-err));
}

void trace_off(struct trace *trace)
{
	trace_flush(trace);
	if (trace->fd >= 0)
		close(trace->fd);
	trace->fd = -1;
	trace->failing = false;
}

void trace_free(struct trace *trace)
{
	trace_off(trace);
	free(trace->data);
	free(trace->path);
}

static void complain(struct trace *trace, int err)
{
	if (!trace->failing)
		log_line(trace->log, LOG_WARNING, "trace file %s: %s; lines are lost until that changes",
			 trace->path, strerror(err));
	trace->failing = true;
	trace->lost++;
}

void trace_flush(struct trace *trace)
{
	size_t done = 0;
	int err = 0;

	if (trace->fd < 0 || trace->used == 0)
		return;
	while (done < trace->used && !err) {
		ssize_t n = write(trace->fd, trace->data + done, trace->used - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			err = errno;
	}
	trace->used = 0;
	if (err)
		complain(trace, err);
	else
		trace->failing = false;
}

/* Where the next line goes; there is always room for the longest. */
static char *next_line(struct trace *trace)
{
	if (TRACE_BUFFER - trace->used < TRACE_LINE_MAX)
		trace_flush(trace);
	return trace->data + trace->used;
}

void trace_message(struct trace *trace, const struct trace_message *message)
{
	trace->used += trace_line(next_line(trace), xenbus_host_wallclock(trace->host), message);
}

void trace_text(struct trace *trace, const char *format, ...)
{
	char *line = next_line(trace);
	size_t used = trace_stamp(line, xenbus_host_wallclock(trace->host));
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line + used, TRACE_LINE_MAX - used - 1, format, args);
	va_end(args);
	if (len < 0)
		return;
	used += (size_t)len < TRACE_LINE_MAX - used - 1 ? (size_t)len : TRACE_LINE_MAX - used - 2;
	line[used++] = '\n';
	trace->used += used;
}
