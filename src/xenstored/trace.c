/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <xenbus/host.h>
#include <xenbus/wire.h>

enum {
	TRACE_BUFFER = 65536,
	LINE_MAX_BYTES = 128 + 4 * WIRE_PAYLOAD_MAX, /* each byte escaped */
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

static size_t stamp(const struct trace *trace, char *line)
{
	const uint64_t now_us = xenbus_host_wallclock(trace->host) / 1000;
	const time_t seconds = (time_t)(now_us / 1000000);
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(line, 32, "%Y%m%d %H:%M:%S", &tm);
	return len + (size_t)sprintf(line + len, ".%06u ", (unsigned int)(now_us % 1000000));
}

static size_t escape(char *out, const uint8_t *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = bytes[i];

		if (c == '\0') {
			out[used++] = '|';
		} else if (c >= ' ' && c < 0x7f && !strchr("|\\()", c)) {
			out[used++] = (char)c;
		} else {
			out[used++] = '\\';
			out[used++] = 'x';
			out[used++] = hex[c >> 4];
			out[used++] = hex[c & 15];
		}
	}
	return used;
}

/* Where the next line goes; there is always room for the longest. */
static char *next_line(struct trace *trace)
{
	if (TRACE_BUFFER - trace->used < LINE_MAX_BYTES)
		trace_flush(trace);
	return trace->data + trace->used;
}

void trace_message(struct trace *trace, const char *who, const char *direction, uint32_t op, uint32_t req_id,
		   uint32_t tx_id, const void *payload, size_t len)
{
	const char *name = wire_op_name(op);
	char *line = next_line(trace), number[16];
	size_t used = stamp(trace, line);

	snprintf(number, sizeof(number), "%u", op);
	if (len > WIRE_PAYLOAD_MAX)
		len = WIRE_PAYLOAD_MAX;
	used += (size_t)sprintf(line + used, "%-3s %s %s %u/%u (", direction, who, name ? name : number,
				req_id, tx_id);
	used += escape(line + used, payload, len);
	line[used++] = ')';
	line[used++] = '\n';
	trace->used += used;
}

void trace_text(struct trace *trace, const char *format, ...)
{
	char *line = next_line(trace);
	size_t used = stamp(trace, line);
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line + used, LINE_MAX_BYTES - used - 1, format, args);
	va_end(args);
	if (len < 0)
		return;
	used += (size_t)len < LINE_MAX_BYTES - used - 1 ? (size_t)len : LINE_MAX_BYTES - used - 2;
	line[used++] = '\n';
	trace->used += used;
}
