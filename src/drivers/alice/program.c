/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <base/list.h>
#include <base/logfile.h>
#include <xenbus/platform.h>
#include <xenbus/trace_file.h>

bool program_number(const char *name, const char *option, const char *text, unsigned long min,
		    unsigned long max, unsigned int *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < min || value > max) {
		fprintf(stderr, "%s: %s takes a number from %lu to %lu, not '%s'\n", name, option, min, max,
			text);
		return false;
	}
	*out = (unsigned int)value;
	return true;
}

/* As the kernel's log has it: "[    1.234567] line". On stderr with the clock that all processes of the machine
 * share; in the world's dmesg with the time since the world began. */
static void log_line(void *ctx, enum xenbus_log_level level, const char *line)
{
	const struct program *program = ctx;
	uint64_t us = xenbus_host_now(program->host) / 1000;

	if (level == XENBUS_LOG_DEBUG || (program->quiet && level != XENBUS_LOG_ERROR))
		return;
	if (program->dmesg)
		logfile_line(program->dmesg, line);
	fprintf(stderr, "[%5llu.%06llu] %s\n", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000), line);
}

/* A world has a log for its programs; without one stderr is all. */
static void open_dmesg(struct program *program)
{
	const char *dir = trace_file_world(program->platform);
	char *path;

	if (!dir || asprintf(&path, "%s/dmesg", dir) < 0)
		return;
	if (logfile_open(path, 0, &program->dmesg))
		program->dmesg = NULL;
	free(path);
}

static void signal_ready(struct xenbus_source *source, unsigned int events)
{
	struct program *program = list_entry(source, struct program, signal_source);
	struct signalfd_siginfo info;

	while (read(program->signal_fd, &info, sizeof(info)) == sizeof(info))
		xenbus_host_stop(program->host, 0);
}

static void world_ready(struct xenbus_source *source, unsigned int events)
{
	struct program *program = list_entry(source, struct program, world_source);

	fprintf(stderr, "%s: the world has ended\n", program->name);
	xenbus_source_remove(program->host, source);
	xenbus_host_stop(program->host, 1);
}

/* One that comes while we open waits until we run. */
static int open_signals(struct program *program)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	program->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (program->signal_fd < 0)
		return -errno;
	program->signal_source.ready = signal_ready;
	return xenbus_source_add(program->host, &program->signal_source, program->signal_fd,
				 XENBUS_SOURCE_READ);
}

static int open_world(struct program *program, const char **why)
{
	int fd, err = xen_platform_open(&program->platform, why);

	if (err)
		return err;
	fd = xen_platform_fd(program->platform);
	program->world_source.ready = world_ready;
	return fd < 0 ? 0 : xenbus_source_add(program->host, &program->world_source, fd, XENBUS_SOURCE_READ);
}

static int open_all(struct program *program, struct xenbus_config *config, const char **why)
{
	int err = xenbus_host_new(&program->host);

	if (!err)
		err = open_signals(program);
	if (!err)
		err = open_world(program, why);
	if (err)
		return err;
	open_dmesg(program);
	*why = NULL;
	config->host = program->host;
	config->platform = program->platform;
	return xenbus_open(config, &program->bus, why);
}

int program_open(struct program *program, void (*changed)(void *ctx, struct xenbus_device *dev), void *ctx)
{
	/* One ctx for both callbacks: the program is the first member of what the caller embeds it in. */
	struct xenbus_config config = { .log = log_line, .changed = changed, .ctx = ctx };
	const char *why = "cannot open the loop";
	int err;

	program->signal_fd = program->signal_source.fd = program->world_source.fd = -1;
	err = open_all(program, &config, &why);
	if (!err)
		return 0;
	fprintf(stderr, "%s: %s: %s\n", program->name, why ? why : "cannot open the bus", strerror(-err));
	program_close(program);
	return 1;
}

int program_run(struct program *program)
{
	int code = xenbus_run(program->bus);

	if (code >= 0)
		return code;
	fprintf(stderr, "%s: the loop failed: %s\n", program->name, strerror(-code));
	return 1;
}

static void write_trace(struct program *program)
{
	FILE *out = fopen(program->trace_path, "we");
	int err = out ? xenbus_trace_write(program->bus, out) : -errno;

	if (out && fclose(out) && !err)
		err = -errno;
	if (err)
		fprintf(stderr, "%s: cannot write %s: %s\n", program->name, program->trace_path,
			strerror(-err));
}

void program_close_bus(struct program *program)
{
	if (program->bus && program->trace_path)
		write_trace(program);
	xenbus_close(program->bus);
	program->bus = NULL;
}

void program_close(struct program *program)
{
	program_close_bus(program);
	if (program->signal_source.fd >= 0)
		xenbus_source_remove(program->host, &program->signal_source);
	if (program->world_source.fd >= 0)
		xenbus_source_remove(program->host, &program->world_source);
	if (program->signal_fd >= 0)
		close(program->signal_fd);
	xen_platform_close(program->platform);
	xenbus_host_free(program->host);
	logfile_close(program->dmesg);
}

static int write_and_close(FILE *out, const char *fmt, va_list ap)
{
	int err = vfprintf(out, fmt, ap) < 0 ? -EIO : 0;

	if (fclose(out) && !err)
		err = -errno;
	return err;
}

int program_write_file(const char *path, const char *fmt, ...)
{
	char *part;
	va_list ap;
	FILE *out;
	int err;

	if (asprintf(&part, "%s.part", path) < 0)
		return -ENOMEM;
	out = fopen(part, "we");
	err = out ? 0 : -errno;
	if (!err) {
		va_start(ap, fmt);
		err = write_and_close(out, fmt, ap);
		va_end(ap);
	}
	if (!err && rename(part, path))
		err = -errno;
	free(part);
	return err;
}
