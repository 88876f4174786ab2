/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

void log_line(const struct log *log, int priority, const char *format, ...)
{
	va_list args;

	if (priority == LOG_DEBUG && !log->verbose)
		return;
	va_start(args, format);
	if (log->to_syslog) {
		vsyslog(LOG_DAEMON | priority, format, args);
	} else {
		flockfile(stderr);
		fputs("xenstored: ", stderr);
		vfprintf(stderr, format, args);
		fputc('\n', stderr);
		funlockfile(stderr);
	}
	va_end(args);
}
