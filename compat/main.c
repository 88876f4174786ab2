/* SPDX-License-Identifier: MIT */
/*
 * xenbus-module: one Linux-style module. `xenbus insmod` starts it.
 *
 *     xenbus-module [--foreground] FILE.so [PARAM=VALUE...]
 *
 *     open the world -> take the name -> load the object -> parameters -> init -> loop -> exit -> report leaks -> close
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "process.h"

#define XEN_RUN_DIR "/run/xenbus"

struct process process;

/* What became of the start, for who waits for it. */
struct outcome {
	int error; /* errno; 0: it runs */
	char text[256];
};

const char *process_run_dir(void)
{
	const char *dir = getenv("XENBUS_RUN_DIR");

	return dir && *dir ? dir : XEN_RUN_DIR;
}

void process_stop(int status)
{
	if (!process.stopping)
		process.status = status;
	process.stopping = true;
	xenbus_host_stop(process.host, 0);
}

static void signal_ready(struct xenbus_source *source, unsigned int events)
{
	struct signalfd_siginfo info;

	while (read(process.signal_fd, &info, sizeof(info)) == sizeof(info))
		process_stop(0);
}

static void world_ready(struct xenbus_source *source, unsigned int events)
{
	bridge_log(3, "the world has ended");
	xenbus_source_remove(process.host, source);
	process.world_ended = true;
	process_stop(1);
}

/* An init function that never ends cannot be unloaded: until it has returned ^C ends the process. */
static void allow_interrupt(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(how, &set, NULL);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (process.foreground)
		allow_interrupt(SIG_UNBLOCK);
	signal(SIGPIPE, SIG_IGN);
	process.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (process.signal_fd < 0)
		return -errno;
	process.signal_source.ready = signal_ready;
	return xenbus_source_add(process.host, &process.signal_source, process.signal_fd, XENBUS_SOURCE_READ);
}

static int open_world(const char **why)
{
	int fd, err = xen_platform_open(&process.platform, why);

	if (err)
		return err;
	fd = xen_platform_fd(process.platform);
	process.world_source.ready = world_ready;
	return fd < 0 ? 0 : xenbus_source_add(process.host, &process.world_source, fd, XENBUS_SOURCE_READ);
}

static void open_dmesg(void)
{
	char path[PATH_MAX];

	mkdir(process_run_dir(), 0700); /* on Xen nobody else may have made it */
	snprintf(path, sizeof(path), "%s/dmesg", process_run_dir());
	if (logfile_open(path, 0, &process.dmesg))
		process.dmesg = NULL;
}

/* "./dir/alice-front.so" is alice_front, as in the kernel. */
static void name_module(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *end;

	snprintf(process.name, sizeof(process.name), "%s", slash ? slash + 1 : file);
	end = strrchr(process.name, '.');
	if (end && (!strcmp(end, ".so") || !strcmp(end, ".ko")))
		*end = '\0';
	for (end = process.name; *end; end++)
		if (*end == '-')
			*end = '_';
}

/* -- the module -- */

static int load(const char *file, struct outcome *out)
{
	char path[PATH_MAX];

	if (!realpath(file, path))
		return errno;
	process.object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!process.object) {
		const char *why = dlerror();

		snprintf(out->text, sizeof(out->text), "%s", why);
		return strstr(why, "undefined symbol") ? ENOENT : ENOEXEC;
	}
	process.module.init = (int (*)(void))dlsym(process.object, "linux_module_init");
	process.module.exit = (void (*)(void))dlsym(process.object, "linux_module_exit");
	return process.module.init || dlsym(process.object, "linux_module_license") ? 0 : ENOEXEC;
}

static int set_parameters(char **parameters)
{
	for (; *parameters; parameters++) {
		int err = linux_module_set_parameter(*parameters);
		char line[256];

		if (err)
			snprintf(line, sizeof(line),
				 err == -ENOENT ? "%s: unknown parameter '%.100s' ignored"
						: "%s: '%.100s' invalid for parameter",
				 process.name, *parameters);
		if (err)
			bridge_log(err == -ENOENT ? 4 : 3, line);
		if (err && err != -ENOENT)
			return -err;
	}
	return 0;
}

static int run_init(void)
{
	return linux_module_run_init(process.module.init);
}

static int run_exit(void)
{
	linux_module_run_exit(process.module.exit);
	linux_module_reclaim();
	return 0;
}

static int run_reclaim(void)
{
	linux_module_reclaim();
	return 0;
}

/* A positive number that init() returns is no error in the kernel, either, but a warning. */
static int start_module(const char *file, char **parameters, struct outcome *out)
{
	int err = load(file, out);

	if (!err)
		err = set_parameters(parameters);
	if (!err)
		err = bridge_run(run_init);
	if (err >= 0)
		return err;
	bridge_run(run_reclaim);
	return -err;
}

/* -- from beginning to end -- */

static int open_all(struct outcome *out)
{
	const char *why = NULL;
	int err = xenbus_host_new(&process.host);

	if (!err)
		err = open_signals();
	if (!err)
		err = open_world(&why);
	if (!err)
		err = bridge_open(&why);
	if (!err)
		err = arena_open();
	if (!err)
		err = linux_module_setup(process.name);
	if (err) {
		snprintf(out->text, sizeof(out->text), "%s", why ? why : "");
		return -err;
	}
	err = control_open();
	return err == -EEXIST ? EEXIST : 0; /* without a folder there is no rmmod; SIGTERM ends it */
}

static void close_all(void)
{
	if (process.control_fd >= 0 || *process.control_name)
		control_close();
	bridge_close();
	arena_close();
	if (process.object)
		dlclose(process.object);
	if (process.signal_source.fd >= 0)
		xenbus_source_remove(process.host, &process.signal_source);
	if (process.world_source.fd >= 0)
		xenbus_source_remove(process.host, &process.world_source);
	if (process.signal_fd >= 0)
		close(process.signal_fd);
	xen_platform_close(process.platform);
	xenbus_host_free(process.host);
	logfile_close(process.dmesg);
}

static void tell(int fd, const struct outcome *out)
{
	if (write(fd, out, sizeof(*out)) < 0)
		return; /* nobody waits any more */
}

/* What stays must hold nothing of the caller's. */
static void detach(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir("/"))
		return; /* no harm */
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	close(null);
	close(fd);
}

static int run(const char *file, char **parameters, int report)
{
	struct outcome out = { 0 };

	oops_open();
	out.error = open_all(&out);
	if (!out.error)
		out.error = start_module(file, parameters, &out);
	process.is_live = !out.error;
	allow_interrupt(SIG_BLOCK);
	tell(report, &out);
	if (!process.foreground)
		detach(report);
	while (!out.error && !process.stopping)
		xenbus_dispatch(process.bus, -1);
	if (process.world_ended)
		_exit(1); /* a power cut: there is nothing left to say goodbye to */
	if (!out.error)
		bridge_run(run_exit);
	close_all();
	return out.error ? 1 : process.status;
}

static const char *say(const struct outcome *out)
{
	if (out->error == ENOEXEC)
		return "Invalid module format";
	if (out->error == ENOENT && *out->text)
		return "Unknown symbol in module";
	return strerror(out->error);
}

static int print_outcome(const char *file, const struct outcome *out)
{
	if (!out->error)
		return 0;
	fprintf(stderr, "insmod: ERROR: could not insert module %s: %s%s%s\n", file, say(out),
		*out->text ? ": " : "", out->text);
	return 1;
}

/* The parent: says what the child told. */
static int await(const char *file, int report)
{
	struct outcome out = { .error = ECHILD };
	ssize_t n;

	do
		n = read(report, &out, sizeof(out));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(out))
		return print_outcome(file, &out);
	fprintf(stderr, "insmod: ERROR: could not insert module %s: its process died; see `xenbus dmesg`\n",
		file);
	return 1;
}

static int in_foreground(const char *file, char **parameters)
{
	int report[2], status;
	struct outcome out = { 0 };

	if (pipe2(report, O_CLOEXEC))
		return 1;
	status = run(file, parameters, report[1]);
	if (read(report[0], &out, sizeof(out)) == (ssize_t)sizeof(out))
		print_outcome(file, &out);
	return status;
}

/* The child: holds nothing of the caller's but @report, which the module has now. */
static int stay(const char *file, char **parameters, int report)
{
	pid_t module;

	setsid();
	module = supervise_begin() ? -1 : fork();
	if (module == 0)
		return run(file, parameters, report);
	detach(report);
	return module < 0 ? 1 : supervise(module);
}

static int in_background(const char *file, char **parameters)
{
	int report[2];
	pid_t pid;

	if (pipe2(report, O_CLOEXEC))
		return 1;
	pid = fork();
	if (pid < 0) {
		fprintf(stderr, "insmod: fork: %s\n", strerror(errno));
		return 1;
	}
	if (pid) {
		close(report[1]);
		return await(file, report[0]);
	}
	close(report[0]);
	return stay(file, parameters, report[1]);
}

int main(int argc, char **argv)
{
	int first = 1;

	if (first < argc && !strcmp(argv[first], "--foreground")) {
		process.foreground = true;
		first++;
	}
	if (first >= argc) {
		fputs("usage: xenbus-module [--foreground] FILE.so [PARAM=VALUE...]\n"
		      "`xenbus insmod` is what starts it.\n",
		      stderr);
		return 2;
	}
	process.signal_fd = process.control_fd = process.control_dir = -1;
	process.event_source.fd = process.signal_source.fd = process.world_source.fd =
		process.control_source.fd = -1;
	list_init(&process.again);
	list_init(&process.drivers);
	list_init(&process.clients);
	name_module(argv[first]);
	open_dmesg();
	return process.foreground ? in_foreground(argv[first], argv + first + 1)
				  : in_background(argv[first], argv + first + 1);
}
