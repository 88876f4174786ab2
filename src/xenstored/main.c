/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#include "options.h"
#include "process.h"
#include "server.h"

struct signals {
	struct server *server;
	struct source source;
	int fd;
};

static void signal_ready(struct source *source, uint32_t events)
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
	return server_watch(server, signals->fd, EPOLLIN, &signals->source);
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

static int serve(struct server *server, struct process *process, const struct options *options)
{
	struct signals signals = { .fd = -1 };
	int err = hold_signals(&signals), status = 1;

	raise_descriptors();
	if (!err)
		err = server_open(server, options);
	if (err)
		goto close_signals;
	err = take_signals(&signals, server);
	if (!err) {
		announce(server, process, options);
		status = server_run(server);
	}
	server_close(server);
close_signals:
	if (err)
		log_line(&server->log, LOG_ERR, "not started: %s", strerror(-err));
	if (signals.fd >= 0)
		close(signals.fd);
	return status;
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
