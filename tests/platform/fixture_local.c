/* SPDX-License-Identifier: MIT */
/* Domains of the local world: a broker in a run directory of its own, worlds opened over its descriptors. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture_local.h"
#include "hosts_here.h"

#define DOMAINS 3
#define WORLDS 64

struct fixture {
	char rundir[32];
	pid_t broker;
	struct xen_local *tool;
	uint32_t domid[DOMAINS];
	struct xen_local_store store[DOMAINS];
	int fd[DOMAINS];
	struct xen_platform *worlds[WORLDS];
	struct hosts hosts;
	pid_t started;
	struct xen_local_stats before;
	int descriptors_before; /* open in the broker, as the kernel counts them */
	bool cut;		/* killed */
	bool down;		/* ended */
};

static pid_t run_broker(const char *rundir)
{
	struct xen_local_broker *broker;
	pid_t pid;

	assert_int_equal(xen_local_broker_new(rundir, &broker), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int err;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(0, 15); /* not close-on-exec: no program of a domain may get it */
		err = xen_local_broker_run(broker);
		xen_local_broker_free(broker);
		exit(err ? 1 : 0);
	}
	xen_local_broker_free(broker);
	return pid;
}

static struct xen_local_stats stats(struct fixture *f)
{
	struct xen_local_stats s;

	assert_int_equal(xen_local_stats(f->tool, XEN_LOCAL_ALL, &s), 0);
	return s;
}

/* The tests' process stands for several: it must have room for what each may hold. */
static void raise_limit(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int open_in_broker(struct fixture *f)
{
	char path[32];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)f->broker);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f; /* where the broker's leak check finds it, too */
	strcpy(f->rundir, "/tmp/contract-XXXXXX");
	assert_non_null(mkdtemp(f->rundir));
	f->broker = run_broker(f->rundir);
	raise_limit();
	assert_int_equal(xen_local_connect(f->rundir, &f->tool), 0);
	for (int d = 0; d < DOMAINS; d++) {
		if (d)
			f->domid[d] = (uint32_t)xen_local_domain_create(f->tool, 0, &f->store[d]);
		f->fd[d] = xen_local_domain_fd(f->tool, f->domid[d]);
		assert_true(f->fd[d] >= 0);
	}
	f->before = stats(f);
	f->descriptors_before = open_in_broker(f);
	return 0;
}

static void assert_same(const struct xen_local_stats *a, const struct xen_local_stats *b)
{
	assert_int_equal(a->connections, b->connections);
	assert_int_equal(a->handles, b->handles);
	assert_int_equal(a->ports, b->ports);
	assert_int_equal(a->grants, b->grants);
	assert_int_equal(a->pages, b->pages);
	assert_int_equal(a->mappings, b->mappings);
	assert_int_equal(a->descriptors, b->descriptors);
}

/* A hang-up, and the end of a child that could not start its program, are seen in the broker's own time. */
static struct xen_local_stats settled(struct fixture *f)
{
	struct xen_local_stats s = stats(f);

	for (int i = 0;
	     i < 2000 && (s.connections != f->before.connections || s.descriptors != f->before.descriptors);
	     i++) {
		poll(NULL, 0, 1);
		s = stats(f);
	}
	return s;
}

void fixture_local_down(struct fixture *f)
{
	assert_int_equal(xen_local_down(f->tool), 0);
	f->down = true;
}

static void bury_broker(struct fixture *f)
{
	char path[64];
	int status;

	if (!f->cut && !f->down)
		fixture_local_down(f);
	assert_int_equal(waitpid(f->broker, &status, 0), f->broker);
	if (!f->cut)
		assert_int_equal(status, 0);
	xen_local_disconnect(f->tool);
	snprintf(path, sizeof(path), "%s/broker.sock", f->rundir);
	assert_int_equal(unlink(path), f->cut ? 0 : -1);
	snprintf(path, sizeof(path), "%s/broker.lock", f->rundir);
	unlink(path);
	assert_int_equal(rmdir(f->rundir), 0);
}

struct xenbus_host *fixture_host(struct fixture *f, struct xen_platform *platform)
{
	return hosts_get(&f->hosts, platform);
}

void fixture_turn(struct fixture *f)
{
	hosts_turn(&f->hosts);
}

const char *fixture_listen(struct fixture *f, struct xen_platform *platform,
			   void (*accepted)(void *ctx, int fd), void *ctx)
{
	return hosts_listen(&f->hosts, platform, f->rundir, accepted, ctx);
}

const char *fixture_nobody(struct fixture *f)
{
	return hosts_nobody(&f->hosts, f->rundir);
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->started)
		fixture_kill(f);
	hosts_free(&f->hosts);
	for (int i = 0; i < WORLDS; i++)
		xen_platform_close(f->worlds[i]);
	if (!f->cut && !f->down) {
		struct xen_local_stats after;

		for (int d = 0; d < DOMAINS; d++)
			if (f->fd[d] < 0)
				fixture_new_domain(f, d);
		after = settled(f);
		assert_same(&after, &f->before);
		assert_int_equal(open_in_broker(f), f->descriptors_before);
	}
	for (int d = 0; d < DOMAINS; d++)
		close(f->fd[d]);
	bury_broker(f);
	free(f);
	return 0;
}

uint32_t fixture_domid(struct fixture *f, int domain)
{
	return f->domid[domain];
}

struct xen_platform *fixture_open(struct fixture *f, int domain)
{
	const char *why = "";

	for (int i = 0; i < WORLDS; i++) {
		if (f->worlds[i])
			continue;
		assert_int_equal(xen_local_open_fd(f->fd[domain], &f->worlds[i], &why), 0);
		return f->worlds[i];
	}
	fail_msg("more worlds than the fixture holds");
	return NULL;
}

/* When its connection is gone from the broker, so is all else. */
void fixture_close(struct fixture *f, struct xen_platform *platform)
{
	uint32_t connections = stats(f).connections;
	struct pollfd gone = { .fd = xen_platform_fd(platform), .events = POLLIN };
	bool ended = poll(&gone, 1, 0) == 1; /* its domain has: there is nothing to wait for */

	hosts_forget(&f->hosts, platform);
	for (int i = 0; i < WORLDS; i++)
		if (f->worlds[i] == platform)
			f->worlds[i] = NULL;
	xen_platform_close(platform);
	while (!ended && stats(f).connections >= connections)
		poll(NULL, 0, 1);
}

static void child(struct fixture *f, int domain, int (*body)(struct xen_platform *, void *), void *arg,
		  int out)
{
	struct xen_platform *platform;
	const char *why;
	int result = xen_local_open_fd(f->fd[domain], &platform, &why);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!result)
		result = body(platform, arg);
	if (write(out, &result, sizeof(result)) != sizeof(result))
		_exit(1);
	for (;;)
		pause();
}

int fixture_start(struct fixture *f, int domain, int (*body)(struct xen_platform *, void *), void *arg,
		  size_t size)
{
	int p[2], result;

	assert_int_equal(pipe(p), 0);
	f->started = fork();
	assert_true(f->started >= 0);
	if (!f->started)
		child(f, domain, body, arg, p[1]);
	close(p[1]);
	assert_int_equal(read(p[0], &result, sizeof(result)), sizeof(result));
	close(p[0]);
	return result;
}

void fixture_kill(struct fixture *f)
{
	uint32_t connections = f->cut ? 1 : stats(f).connections;

	kill(f->started, SIGKILL);
	waitpid(f->started, NULL, 0);
	f->started = 0;
	while (!f->cut && stats(f).connections >= connections)
		poll(NULL, 0, 1);
}

void fixture_end_domain(struct fixture *f, int domain)
{
	assert_int_equal(xen_local_domain_destroy(f->tool, f->domid[domain]), 0);
	close(f->fd[domain]);
	f->fd[domain] = -1;
}

void fixture_new_domain(struct fixture *f, int domain)
{
	assert_int_equal(xen_local_domain_create(f->tool, f->domid[domain], &f->store[domain]),
			 f->domid[domain]);
	f->fd[domain] = xen_local_domain_fd(f->tool, f->domid[domain]);
	assert_true(f->fd[domain] >= 0);
}

uint32_t fixture_store_port(struct fixture *f, int domain)
{
	return f->store[domain].port;
}

void fixture_power_cut(struct fixture *f)
{
	f->cut = true;
	kill(f->broker, SIGKILL);
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

bool fixture_readable(struct xen_platform_evtchn *xce)
{
	return readable(xen_platform_evtchn_fd(xce), 0);
}

/* The broker tells in its own time. */
bool fixture_ended(struct xen_platform *platform)
{
	return readable(xen_platform_fd(platform), 1);
}

uint32_t fixture_await(struct xen_platform_evtchn *xce)
{
	struct pollfd p = { .fd = xen_platform_evtchn_fd(xce), .events = POLLIN };
	int port;

	do {
		assert_int_equal(poll(&p, 1, 60000), 1);
		port = xen_platform_evtchn_pending(xce);
	} while (port == -EAGAIN);
	assert_true(port > 0);
	return (uint32_t)port;
}

struct xen_local *fixture_local_tool(struct fixture *f)
{
	return f->tool;
}

int fixture_local_fd(struct fixture *f, int domain)
{
	return f->fd[domain];
}

const char *fixture_local_rundir(struct fixture *f)
{
	return f->rundir;
}

struct xen_local_stats fixture_local_stats(struct fixture *f)
{
	return stats(f);
}

void fixture_local_await(struct fixture *f, uint32_t connections)
{
	while (stats(f).connections > connections)
		poll(NULL, 0, 1);
}
