/* SPDX-License-Identifier: MIT */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenbus/host.h>
#include <xenbus/local.h>
#include <xenbus/toolstack.h>
#include <xenbus/xenbus.h>

#include "cli.h"
#include "process.h"
#include "world.h"

#define WITHOUT_PIDFD_MS 100 /* how often a program is looked at that no descriptor stands for */

struct child {
	const struct launch *launch;
	char token[XENBUS_LAUNCH_MAX + 1];
	int domain_fd; /* of a local world, else -1 */
	pid_t self, pid;
	int pidfd, signals;
	sigset_t mask;	   /* the caller's */
	void (*chld)(int); /* what it did with SIGCHLD */
	bool world_ended;
};

static int make_token(struct child *c)
{
	struct xenbus_host *host;
	uint64_t random;
	int err;

	if (c->launch->token) {
		snprintf(c->token, sizeof(c->token), "%s", c->launch->token);
		return 0;
	}
	err = xenbus_host_new(&host);
	if (err)
		return err;
	err = xenbus_host_random(host, &random, sizeof(random));
	xenbus_host_free(host);
	snprintf(c->token, sizeof(c->token), "%016llx", (unsigned long long)random);
	return err;
}

/* What the program finds, and this process uses, too. */
static int make_environment(struct child *c)
{
	char number[16];
	int err = make_token(c);

	c->domain_fd = -1;
	if (err)
		return cli_fail("a random number: %s", strerror(-err));
	setenv(XENBUS_LAUNCH_ENV, c->token, 1);
	unsetenv(XEN_LOCAL_DOMAIN_FD_ENV);
	if (!c->launch->dir)
		return 0;
	c->domain_fd = xen_local_domain_fd(c->launch->local, 0);
	if (c->domain_fd < 0)
		return cli_fail("domain 0: %s", strerror(-c->domain_fd));
	snprintf(number, sizeof(number), "%d", c->domain_fd);
	setenv(XEN_LOCAL_DOMAIN_FD_ENV, number, 1);
	world_setenv(c->launch->dir);
	return 0;
}

/* From now on they are read, not taken. SIGCHLD ignored would lose the exit status. */
static int catch_signals(struct child *c)
{
	static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_BLOCK, &set, &c->mask);
	c->chld = signal(SIGCHLD, SIG_DFL);
	c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signals < 0 ? cli_fail("signals: %s", strerror(errno)) : 0;
}

/* In the child. Who could say Closed for it is gone when we die: let it end in good order. */
static void become(const struct child *c, int report)
{
	int err = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != c->self)
		_exit(127);
	if (c->domain_fd >= 0)
		fcntl(c->domain_fd, F_SETFD, 0);
	signal(SIGCHLD, c->chld);
	sigprocmask(SIG_SETMASK, &c->mask, NULL);
	execvp(c->launch->argv[0], c->launch->argv);
	err = errno;
	if (write(report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

/* 0; an errno of exec; or a negative one of ours. */
static int start(struct child *c)
{
	int report[2], err = 0;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	c->self = getpid();
	c->pid = fork();
	if (!c->pid)
		become(c, report[1]);
	if (c->pid < 0)
		err = -errno;
	close(report[1]);
	if (!err && read(report[0], &err, sizeof(err)) == sizeof(err))
		waitpid(c->pid, NULL, 0);
	close(report[0]);
	return err;
}

/* The terminal's go to the whole process group, and what the program sends to its own it has had. */
static void pass_signals_on(struct child *c)
{
	struct signalfd_siginfo info;

	while (read(c->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_code != SI_KERNEL && (pid_t)info.ssi_pid != c->pid)
			kill(c->pid, (int)info.ssi_signo);
}

/* The broker hung up: a power cut. A program that does not look is told. */
static void see_world(struct child *c)
{
	struct xen_local_stats stats;

	if (xen_local_stats(c->launch->local, 0, &stats) != -ENOTCONN)
		return;
	c->world_ended = true;
	cli_fail("the world has ended");
	kill(c->pid, SIGTERM);
}

/* How it ended, as waitpid() tells it. */
static int await_end(struct child *c)
{
	struct pollfd fds[3] = { { .fd = c->pidfd, .events = POLLIN },
				 { .fd = c->signals, .events = POLLIN },
				 { .fd = -1, .events = POLLIN } };
	int status = 0;

	if (c->launch->local)
		fds[2].fd = xen_local_fd(c->launch->local);
	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		poll(fds, 3, c->pidfd < 0 ? WITHOUT_PIDFD_MS : -1);
		pass_signals_on(c);
		if (fds[2].revents)
			see_world(c);
		if (c->world_ended)
			fds[2].fd = -1;
	}
	return status;
}

/* -- afterwards ------------------------------------------------------------------------------- */

struct release {
	const char *launch;
	char what[128];
};

static int release(struct xenbus *bus, void *arg)
{
	struct release *r = arg;

	int count = xenbus_toolstack_release(bus, r->launch, r->what);

	return count < 0 ? count : 0;
}

static void tell_end(const struct child *c, int status, struct release *r)
{
	const char *name = strrchr(c->launch->argv[0], '/');
	char how[48];

	name = name ? name + 1 : c->launch->argv[0];
	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "ended with exit status %d", WEXITSTATUS(status));
	snprintf(r->what, sizeof(r->what), "%.64s (pid %d) %s", name, (int)c->pid, how);
}

/* What cannot be done is said, and is no failure of the program's. */
static void release_devices(const struct child *c, int status)
{
	struct release r = { .launch = c->token };
	int err;

	tell_end(c, status, &r);
	err = world_bus_run(c->launch->run_dir, release, &r);
	if (err < 0)
		cli_fail("the devices of %s: %s; `xenbus release --launch %s` closes them", r.what,
			 strerror(-err), c->token);
}

/* `down` is over once the lock is ours. */
static void clean_up(struct child *c, int status)
{
	struct xen_local_stats stats;
	bool ended = false;
	int lock = -1;

	if (c->launch->dir) {
		lock = world_lock(c->launch->dir, WORLD_USE);
		ended = lock < 0 || xen_local_stats(c->launch->local, 0, &stats) == -ENOTCONN;
	}
	if (!ended)
		release_devices(c, status);
	else if (!c->world_ended)
		cli_fail("the world has ended");
	if (lock >= 0)
		close(lock);
}

int launch_run(const struct launch *launch)
{
	struct child c = { .launch = launch, .signals = -1 };
	int status = make_environment(&c);

	if (!status)
		status = catch_signals(&c);
	if (status)
		return status;
	status = start(&c);
	if (c.domain_fd >= 0)
		close(c.domain_fd);
	if (status) {
		cli_fail("%s: %s", launch->argv[0], strerror(status < 0 ? -status : status));
		return status == ENOENT ? 127 : 126;
	}
	c.pidfd = process_open(c.pid);
	status = await_end(&c);
	clean_up(&c, status);
	if (c.world_ended && WIFEXITED(status) && !WEXITSTATUS(status))
		return CLI_FAILURE; /* it ended because we told it to */
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
