/* SPDX-License-Identifier: MIT */
#include "pair_world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <xen/io/xs_wire.h>

#define PATIENCE_NS UINT64_C(30000000000)

static pid_t run_broker(const char *dir)
{
	struct xen_local_broker *broker;
	pid_t pid;

	assert_int_equal(xen_local_broker_new(dir, &broker), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(xen_local_broker_run(broker) ? 1 : 0);
	}
	xen_local_broker_free(broker);
	return pid;
}

/* build/xenstored, beside the folder of the tests. */
static void store_program(char path[512])
{
	ssize_t len = readlink("/proc/self/exe", path, 480);

	assert_true(len > 0);
	path[len] = '\0';
	strcpy(strrchr(path, '/'), "/../xenstored");
}

#define OPTIONS_MAX 16

static void exec_store(const struct pair_world *w, const char *const *options)
{
	const char *argv[OPTIONS_MAX + 3] = { "xenstored", "-N" };
	char program[512];

	store_program(program);
	for (int i = 0; options && options[i] && i < OPTIONS_MAX; i++)
		argv[i + 2] = options[i];
	if (w->store_log >= 0)
		dup2(w->store_log, STDERR_FILENO);
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static pid_t run_store(struct pair_world *w, const char *const *options)
{
	int fd = xen_local_domain_fd(w->local, 0);
	char number[12];
	pid_t pid;

	assert_true(fd >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fcntl(fd, F_SETFD, 0);
		snprintf(number, sizeof(number), "%d", fd);
		setenv(XEN_LOCAL_DOMAIN_FD_ENV, number, 1);
		exec_store(w, options);
	}
	close(fd);
	return pid;
}

static void ask(struct xenstore *xs, uint32_t op, const char *payload, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)payload, len };

	assert_int_equal(xenstore_call(xs, op, 0, &iov, 1, NULL, NULL), 0);
}
#define ASK(xs, op, payload) ask(xs, op, payload, sizeof(payload))

/* Until the store answers. */
static struct xenstore *connect_store(struct pair_world *w)
{
	const struct timespec pause = { 0, 2000000 };
	struct xenstore *xs;

	while (xenstore_open_socket(w->host, getenv("XENSTORED_PATH"), NULL, &xs)) {
		assert_int_equal(waitpid(w->store, NULL, WNOHANG), 0);
		nanosleep(&pause, NULL);
	}
	return xs;
}

/* Domain 1, as a toolstack makes it. */
static void introduce(struct pair_world *w)
{
	struct xenstore *xs = connect_store(w);
	struct xen_local_store ring;
	char text[64];
	int len;

	assert_int_equal(xen_local_domain_create(w->local, PAIR_FRONT, &ring), PAIR_FRONT);
	ASK(xs, XS_MKDIR, "/local/domain/0");
	ASK(xs, XS_MKDIR, "/local/domain/1");
	ASK(xs, XS_SET_PERMS, "/local/domain/1\0n0\0r1");
	ASK(xs, XS_MKDIR, "/local/domain/1/error");
	ASK(xs, XS_SET_PERMS, "/local/domain/1/error\0n1");
	len = snprintf(text, sizeof(text), "%u%c%llu%c%u", PAIR_FRONT, 0, (unsigned long long)ring.gfn, 0,
		       ring.port);
	ask(xs, XS_INTRODUCE, text, (size_t)len + 1);
	xenstore_close(xs);
}

static struct xen_platform *open_platform(struct pair_world *w, unsigned int domain)
{
	int fd = xen_local_domain_fd(w->local, domain ? PAIR_FRONT : 0);
	struct xen_platform *platform;
	const char *why;

	assert_true(fd >= 0);
	assert_int_equal(xen_local_open_fd(fd, &platform, &why), 0);
	close(fd);
	return platform;
}

static int setup(void **state, int store_log, const char *const *options)
{
	struct pair_world *w = calloc(1, sizeof(*w));
	char socket[96];

	assert_non_null(w);
	w->store_log = store_log;
	strcpy(w->dir, "/tmp/alice-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(socket, sizeof(socket), "%s/xenstored.sock", w->dir);
	setenv("XENSTORED_PATH", socket, 1);
	w->device = (struct xenbus_toolstack_device){ "alice_dev", PAIR_FRONT, 0, 0 };
	w->broker = run_broker(w->dir);
	assert_int_equal(xen_local_connect(w->dir, &w->local), 0);
	assert_int_equal(xenbus_host_new(&w->host), 0);
	w->store = run_store(w, options);
	introduce(w);
	assert_int_equal(xen_local_stats(w->local, XEN_LOCAL_ALL, &w->before), 0);
	*state = w;
	return 0;
}

int pair_setup(void **state)
{
	return setup(state, -1, NULL);
}

int pair_setup_store(void **state, const char *const *options)
{
	int log = memfd_create("store log", MFD_CLOEXEC);

	assert_true(log >= 0);
	return setup(state, log, options);
}

static void end(pid_t pid, int sig)
{
	int status;

	kill(pid, sig);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool nothing_left(struct pair_world *w, void *arg)
{
	struct xen_local_stats now;

	assert_int_equal(xen_local_stats(w->local, XEN_LOCAL_ALL, &now), 0);
	return now.connections == w->before.connections && now.grants == w->before.grants &&
	       now.pages == w->before.pages && now.mappings == w->before.mappings &&
	       now.ports == w->before.ports;
}

/* What the test left open is closed; then the world holds what it held when it was fresh. */
int pair_teardown(void **state)
{
	struct pair_world *w = *state;
	char path[96];

	for (unsigned int domain = 0; domain < 2; domain++)
		if (w->bus[domain])
			pair_close_bus(w, domain);
	pair_run_until(w, nothing_left, NULL);
	kill(w->store, SIGCONT); /* where a test that failed left it stopped */
	end(w->store, SIGTERM);
	if (w->store_log >= 0)
		close(w->store_log);
	xen_local_disconnect(w->local);
	end(w->broker, SIGTERM);
	xenbus_host_free(w->host);
	snprintf(path, sizeof(path), "%s/broker.lock", w->dir);
	unlink(path);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

static void log_line(void *ctx, enum xenbus_log_level level, const char *line)
{
	struct pair_world *w = ctx;
	size_t room = sizeof(w->log) - w->log_len;
	int n = snprintf(w->log + w->log_len, room, "%s\n", line);

	if (getenv("PAIR_VERBOSE"))
		fprintf(stderr, "%9.6f %s\n", (double)xenbus_host_now(w->host) / 1e9, line);
	if (n > 0 && (size_t)n < room)
		w->log_len += (size_t)n;
}

static void changed(void *ctx, struct xenbus_device *dev)
{
	struct pair_world *w = ctx;

	if (dev)
		w->dev[!dev->is_backend] = dev;
	if (dev && w->changed)
		w->changed(w, dev);
}

/* The guest's store is its ring: the socket is hidden from it. */
void pair_open_bus(struct pair_world *w, unsigned int domain)
{
	struct xenbus_config config = { .host = w->host, .log = log_line, .changed = changed, .ctx = w };
	char *socket = strdup(getenv("XENSTORED_PATH"));
	const char *why = NULL;
	int err;

	w->platform[domain] = open_platform(w, domain);
	config.platform = w->platform[domain];
	if (domain)
		unsetenv("XENSTORED_PATH");
	err = xenbus_open(&config, &w->bus[domain], &why);
	setenv("XENSTORED_PATH", socket, 1);
	free(socket);
	if (err)
		fail_msg("bus of domain %u: %s (%s)", domain, strerror(-err), why);
}

void pair_close_bus(struct pair_world *w, unsigned int domain)
{
	if (getenv("PAIR_TRACE")) {
		char path[256];
		FILE *f;

		snprintf(path, sizeof(path), "%s.%u", getenv("PAIR_TRACE"), domain);
		f = fopen(path, "w");
		if (f) {
			xenbus_trace_write(w->bus[domain], f);
			fclose(f);
		}
	}
	xenbus_close(w->bus[domain]);
	w->bus[domain] = NULL;
	xen_platform_close(w->platform[domain]);
	w->platform[domain] = NULL;
}

pid_t pair_start(struct pair_world *w, unsigned int domain, void (*body)(struct pair_world *w, void *arg),
		 void *arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent's loop and buses are not ours, nor is its line to the broker: answers would mix. */
	if (xen_local_connect(w->dir, &w->local))
		_exit(1);
	if (xenbus_host_new(&w->host))
		_exit(1);
	pair_open_bus(w, domain);
	body(w, arg);
	_exit(0);
}

void pair_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static int attach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_attach(bus, &((struct pair_world *)arg)->device);
}

void pair_attach(struct pair_world *w)
{
	assert_int_equal(xenbus_task_run(w->bus[0], attach, w), 0);
}

static int detach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_detach(bus, &((struct pair_world *)arg)->device, false, PATIENCE_NS);
}

static int detach_by_force(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_detach(bus, &((struct pair_world *)arg)->device, true, 1000000);
}

int pair_detach(struct pair_world *w, bool force)
{
	return xenbus_task_run(w->bus[0], force ? detach_by_force : detach, w);
}

struct states {
	struct pair_world *world;
	unsigned int of[2]; /* domain 0's end, domain 1's */
};

static int read_states(struct xenbus *bus, void *arg)
{
	struct states *states = arg;
	const struct xenbus_toolstack_device *device = &states->world->device;
	char dirs[2][80];

	snprintf(dirs[0], sizeof(dirs[0]), "/local/domain/0/backend/%s/%u/%u", device->devicetype,
		 device->frontend_id, device->id);
	snprintf(dirs[1], sizeof(dirs[1]), "/local/domain/%u/device/%s/%u", device->frontend_id,
		 device->devicetype, device->id);
	for (int i = 0; i < 2; i++)
		states->of[i] = xenbus_read_unsigned(bus, dirs[i], "state", 0);
	return 0;
}

unsigned int pair_state(struct pair_world *w, unsigned int domain)
{
	struct states states = { w, { 0 } };

	assert_int_equal(xenbus_task_run(w->bus[0], read_states, &states), 0);
	return states.of[domain];
}

void pair_await_states(struct pair_world *w, unsigned int front, unsigned int back)
{
	const uint64_t deadline = xenbus_host_now(w->host) + PATIENCE_NS;
	struct states states = { w, { 0 } };

	for (;;) {
		assert_int_equal(xenbus_task_run(w->bus[0], read_states, &states), 0);
		if ((!front || states.of[1] == front) && (!back || states.of[0] == back))
			return;
		if (xenbus_host_now(w->host) > deadline)
			fail_msg("states %u/%u instead of %u/%u", states.of[1], states.of[0], front, back);
		xenbus_host_dispatch(w->host, 10);
	}
}

void pair_run_until(struct pair_world *w, bool (*condition)(struct pair_world *w, void *arg), void *arg)
{
	const uint64_t deadline = xenbus_host_now(w->host) + PATIENCE_NS;

	while (!condition(w, arg)) {
		if (xenbus_host_now(w->host) > deadline)
			fail_msg("waited for 30 s in vain; log:\n%s", w->log);
		xenbus_host_dispatch(w->host, 10);
	}
}

static bool holds_nothing(struct pair_world *w, void *arg)
{
	size_t held = 0;

	for (int i = 0; i < 2; i++) {
		struct xenbus_counts counts;

		if (!w->bus[i])
			continue;
		xenbus_counts(w->bus[i], &counts);
		held += counts.shares + counts.shared_pages + counts.mappings + counts.mapped_pages +
			counts.ports + counts.transactions;
	}
	return !held;
}

void pair_holds_nothing(struct pair_world *w)
{
	pair_run_until(w, holds_nothing, NULL);
}
