/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_LOG_H
#define XENSTORED_LOG_H
/* Lines for the operator: to stderr in the foreground, to syslog behind, or to who runs the server. */
#include <stdbool.h>
#include <stddef.h>

struct log {
	bool to_syslog;
	bool verbose; /* say, too, who comes and goes */
	/* Gets each line instead, cut at 1 KiB; NULL: nobody does. @priority as below. */
	void (*sink)(void *ctx, int priority, const char *line);
	void *ctx;
};

/* @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO of <syslog.h>; LOG_DEBUG only if verbose. */
void log_line(const struct log *log, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
