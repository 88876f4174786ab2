/* SPDX-License-Identifier: MIT */
/* Where lines go that the owner of the bus does not want for himself: to stderr as a kernel prints them, and to
 * the log of the world, for `xenbus dmesg`. */
#include "bus.h"
#include <base/logfile.h>
#include <stdlib.h>
#include <xenbus/trace_file.h>

void bus_log_open(struct xenbus *bus)
{
	const char *dir = trace_file_world(bus->platform);
	char *path;

	if (bus->config.log || !dir || asprintf(&path, "%s/dmesg", dir) < 0)
		return;
	if (logfile_open(path, 0, &bus->dmesg))
		bus->dmesg = NULL; /* stderr has them */
	free(path);
}

void bus_log_close(struct xenbus *bus)
{
	logfile_close(bus->dmesg);
}

void bus_log_line(struct xenbus *bus, enum xenbus_log_level level, const char *line)
{
	uint64_t us;

	if (bus->config.log) {
		bus->config.log(bus->config.ctx, level, line);
		return;
	}
	if (level == XENBUS_LOG_DEBUG)
		return;
	us = xenbus_host_now(bus->host) / 1000;
	if (bus->dmesg)
		logfile_line(bus->dmesg, line);
	fprintf(stderr, "[%5llu.%06llu] %s\n", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000), line);
}
