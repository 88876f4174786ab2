/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#include "options.h"
#include "process.h"
#include "server.h"
#include "world.h"

struct signals {
	struct server *server;
	struct xenbus_source source;
	int fd;
};

static void signal_ready(struct xenbus_source *source, unsigned int events)
{
	struct signals *signals = list_entry(source, struct signals, source);
	struct signalfd_siginfo info;

	while (read(signals->fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			trace_reopen(&signals->server->trace);
		else
			server_stop(signals->server, 0);
	}
}

/* From here on they wait: one that comes while we open must not leave half of what we made behind. */
static int hold_signals(struct signals *signals)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals->fd < 0 ? -errno : 0;
}

static int take_signals(struct signals *signals, struct server *server)
{
	signals->server = server;
	signals->source.ready = signal_ready;
	return xenbus_source_add(server->host, &signals->source, signals->fd, XENBUS_SOURCE_READ);
}

/* A descriptor a client: as many as we are let have. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool is_anywhere(const char *path)
{
	return !path || *path == '/';
}

static void announce(struct server *server, struct process *process, const struct options *options)
{
	bool anywhere = is_anywhere(options->pid_file) && is_anywhere(options->trace_file) &&
			is_anywhere(server->sockets.address.sun_path);

	if (options->ignored)
		log_line(&server->log, LOG_WARNING, "without effect: %s", options->ignored);
	if (options->output_pid) {
		printf("%d\n", (int)getpid());
		fflush(stdout);
	}
	if (options->fork) {
		openlog("xenstored", LOG_PID, LOG_DAEMON);
		server->log.to_syslog = true;
	}
	process_ready(process, anywhere);
}

static int run(struct server *server, struct process *process, const struct options *options,
	       struct signals *signals)
{
	int err = server_listen(server), status;

	if (!err)
		err = take_signals(signals, server);
	if (err)
		return err;
	announce(server, process, options);
	status = server_run(server);
	xenbus_source_remove(server->host, &signals->source);
	return status;
}

/* Exit status, or -errno: not started. */
static int serve_in(const struct server_world *world, struct server *server, struct process *process,
		    const struct options *options, struct signals *signals)
{
	int status = server_open(server, options, world);

	if (status)
		return status;
	status = run(server, process, options, signals);
	server_close(server);
	return status;
}

static int serve(struct server *server, struct process *process, const struct options *options)
{
	struct server_world world = { 0 };
	struct signals signals = { .fd = -1 };
	int status = hold_signals(&signals);

	raise_descriptors();
	if (!status)
		status = xenbus_host_new(&world.host);
	if (!status)
		status = world_open(options->platform, &server->log, &world.platform);
	if (!status)
		status = serve_in(&world, server, process, options, &signals);
	if (status < 0)
		log_line(&server->log, LOG_ERR, "not started: %s", strerror(-status));
	xen_platform_close(world.platform);
	xenbus_host_free(world.host);
	if (signals.fd >= 0)
		close(signals.fd);
	return status < 0 ? 1 : status;
}

int main(int argc, char **argv)
{
	struct server server = { 0 };
	struct process process;
	struct options options;
	int status = options_parse(&options, argc, argv), err = 0;

	if (status >= 0)
		return status;
	process_init(&process);
	if (options.fork)
		err = process_fork(&process);
	if (!err && options.pid_file)
		err = process_pid_file(&process, options.pid_file, &server.log);
	status = err ? 1 : serve(&server, &process, &options);
	process_end(&process);
	return status;
}
