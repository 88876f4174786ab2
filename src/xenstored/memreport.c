/* SPDX-License-Identifier: MIT */
#include "memreport.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "server.h"

struct report {
	struct server *server;
	FILE *file; /* NULL: the trace, or the log */
};

static void line(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(struct report *report, const char *format, ...)
{
	struct server *server = report->server;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (report->file)
		fprintf(report->file, "%s\n", text);
	else if (trace_on(&server->trace))
		trace_text(&server->trace, "%s", text);
	else
		log_line(&server->log, LOG_NOTICE, "%s", text);
}

static void totals(struct report *report)
{
	struct store_stats st;

	store_stats(report->server->store, &st);
	line(report,
	     "memory: %" PRIu64 " bytes; %" PRIu64 " nodes, %" PRIu64 " watches, %" PRIu64
	     " transactions, %" PRIu64 " connections, %" PRIu64 " domains, %" PRIu64 " bytes of old versions",
	     st.bytes, st.nodes, st.watches, st.transactions, st.connections, st.domains, st.version_bytes);
}

static void of_domain(struct report *report, uint32_t domid)
{
	struct store_domain_stats st;
	const struct store_quota_use *memory = &st.quota[STORE_QUOTA_MEMORY];

	if (store_domain_stats(report->server->store, domid, &st))
		return;
	line(report,
	     "domain %" PRIu32 ": %" PRIu64 " bytes, most %" PRIu64 ", limit %" PRIu32 "; %" PRIu32
	     " nodes, %" PRIu32 " watches, %" PRIu32 " transactions, %" PRIu64 " replies not taken",
	     domid, memory->now, memory->max, memory->limit, st.nodes, st.watches, st.transactions,
	     st.quota[STORE_QUOTA_OUTSTANDING].now);
}

/* A FIFO without a reader, or with a slow one, must not stop us: so non-blocking. */
static int open_file(const char *path, FILE **out)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

	int err;

	if (fd < 0)
		return -errno;
	*out = fdopen(fd, "w");
	if (*out)
		return 0;
	err = -errno;
	close(fd);
	return err;
}

int memreport(struct server *server, const char *path)
{
	struct report report = { .server = server };
	int err = path ? open_file(path, &report.file) : 0;

	if (err)
		return err;
	for (int64_t domid = -1; (domid = store_next_domain(server->store, domid)) >= 0;)
		of_domain(&report, (uint32_t)domid);
	totals(&report);
	if (!report.file)
		return 0;
	err = ferror(report.file) ? -EIO : 0;
	return fclose(report.file) && !err ? -errno : err;
}
