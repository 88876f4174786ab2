/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

static void to_stderr(const char *format, va_list args)
{
	flockfile(stderr);
	fputs("xenstored: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

void log_line(const struct log *log, int priority, const char *format, ...)
{
	char line[1024];
	va_list args;

	if (priority == LOG_DEBUG && !log->verbose)
		return;
	va_start(args, format);
	if (log->sink) {
		vsnprintf(line, sizeof(line), format, args);
		log->sink(log->ctx, priority, line);
	} else if (log->to_syslog) {
		vsyslog(LOG_DAEMON | priority, format, args);
	} else {
		to_stderr(format, args);
	}
	va_end(args);
}
