/* SPDX-License-Identifier: MIT */
/*
 * A module that dies leaves its devices as they are, and only who started it can know. So a module in the background has a
 * process beside it that waits, and closes for it what is still of its launch: then the other ends close, too, and the devices
 * can be taken again.
 *
 *     xenbus insmod --+-- waits for the outcome, and ends
 *                     +-- this process --- the module
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenbus/toolstack.h>
#include "process.h"

struct release {
	const char *launch;
	char what[128];
	int domid; /* -1: only the store knows it */
};

/* A launch of its own: of who started us may be others. */
int supervise_begin(void)
{
	struct xenbus_host *host;
	uint64_t random;
	char token[XENBUS_LAUNCH_MAX + 1];
	int err = xenbus_host_new(&host);

	if (err)
		return err;
	err = xenbus_host_random(host, &random, sizeof(random));
	xenbus_host_free(host);
	snprintf(token, sizeof(token), "%016llx", (unsigned long long)random);
	setenv(XENBUS_LAUNCH_ENV, token, 1);
	return err;
}

static int release(struct xenbus *bus, void *arg)
{
	struct release *r = arg;

	return xenbus_toolstack_release(bus, r->launch, r->what);
}

static void quiet(void *ctx, enum xenbus_log_level level, const char *line)
{
}

/* How many devices were closed; -errno. */
static int release_devices(struct release *r)
{
	struct xenbus_config config = { .log = quiet };
	struct xenbus *bus = NULL;
	const char *why;
	int err = xenbus_host_new(&config.host);

	if (err)
		return err;
	err = xen_platform_open(&config.platform, &why);
	if (!err)
		r->domid = xen_platform_domid(config.platform);
	if (!err)
		err = xenbus_open(&config, &bus, &why);
	if (!err)
		err = xenbus_task_run(bus, release, r);
	xenbus_close(bus);
	xen_platform_close(config.platform);
	xenbus_host_free(config.host);
	return err;
}

/* For who asks for the module by its name: `xenbus rmmod`. The next of that name takes it away. */
static void leave_word(const struct release *r)
{
	char file[96];
	int folder = control_folder(), fd;

	if (folder < 0)
		return;
	snprintf(file, sizeof(file), "died.%d.%s", r->domid, process.name);
	fd = openat(folder, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0) {
		dprintf(fd, "%s\n", r->what);
		close(fd);
	}
	close(folder);
}

int supervise(int pid)
{
	struct release r = { .launch = getenv(XENBUS_LAUNCH_ENV), .domid = -1 };
	char line[256];
	int status, count;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFSIGNALED(status))
		return 0; /* it has closed its devices, or its world has ended */
	snprintf(r.what, sizeof(r.what), "%s (pid %d) was killed by signal %d", process.name, pid,
		 WTERMSIG(status));
	count = release_devices(&r);
	if (r.domid >= 0)
		leave_word(&r);
	snprintf(line, sizeof(line), "%s; %d of its devices closed for it", r.what, count < 0 ? 0 : count);
	if (process.dmesg)
		logfile_line(process.dmesg, line);
	return 1;
}
