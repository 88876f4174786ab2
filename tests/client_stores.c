/* SPDX-License-Identifier: MIT */
/*
 * The client over build/xenstored. In a guest the other side of the test is this very program, run by
 * `xenbus run -- client_stores guest WHAT`: its exit status is 0, or the line of the check that failed.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <base/list.h>
#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/local.h>
#include <xenbus/platform.h>
#include <xenbus/wire.h>

#include "command.h"

#define MANY 500

static int call(struct xenstore *xs, uint32_t op, uint32_t tx, const char *path, const void *rest, size_t len,
		char **reply)
{
	const struct iovec iov[] = { { (void *)(uintptr_t)path, strlen(path) + 1 },
				     { (void *)(uintptr_t)rest, len } };

	return xenstore_call(xs, op, tx, iov, rest ? 2 : 1, reply, NULL);
}

struct counted {
	struct xenstore_watch watch;
	int fired;
};

static void count(struct xenstore_watch *watch, const char *path)
{
	list_entry(watch, struct counted, watch)->fired++;
}

static struct counted counted(const char *path, unsigned int depth_plus_1)
{
	return (struct counted){ .watch = { .path = path, .fired = count, .depth_plus_1 = depth_plus_1 } };
}

struct batch {
	struct xenbus_host *host;
	int left, failed;
};

struct read_request {
	struct xenstore_request req;
	struct batch *batch;
};

static void read_done(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct batch *batch = list_entry(req, struct read_request, req)->batch;

	batch->failed += error || strcmp(reply, "value") != 0;
	if (!--batch->left)
		xenbus_host_stop(batch->host, 0);
}

/* MANY reads of @path at once. Returns how many went wrong. */
static int read_many(struct xenbus_host *host, struct xenstore *xs, const char *path)
{
	static struct read_request request[MANY];
	struct batch batch = { .host = host };
	const struct iovec iov = { (void *)(uintptr_t)path, strlen(path) + 1 };

	for (int i = 0; i < MANY; i++) {
		request[i] = (struct read_request){ .req.done = read_done, .batch = &batch };
		if (xenstore_submit(xs, &request[i].req, XS_READ, XBT_NULL, &iov, 1))
			batch.failed++;
		else
			batch.left++;
	}
	if (batch.left)
		xenbus_host_run(host);
	return batch.failed;
}

/* -- in a guest -- */

#define CHECK(condition)                                            \
	do {                                                        \
		if (!(condition))                                   \
			return __LINE__ % 256 ? __LINE__ % 256 : 1; \
	} while (0)

struct guest {
	struct xenbus_host *host;
	struct xen_platform *platform;
	struct xenstore *xs;
};

static int use_ring(struct guest *g)
{
	static char big[WIRE_PAYLOAD_MAX];
	static struct counted near, own; /* until the session is closed */
	char *reply;

	near = counted("data", 2);
	own = counted("data/a", 1);
	memset(big, 'x', 2000);
	CHECK(call(g->xs, XS_WRITE, 0, "data/a", "value", 5, NULL) == 0);
	CHECK(call(g->xs, XS_WRITE, 0, "data/big", big, 2000, NULL) == 0);
	CHECK(call(g->xs, XS_READ, 0, "data/big", NULL, 0, &reply) == 0);
	CHECK(!strcmp(reply, big));
	free(reply);
	CHECK(call(g->xs, XS_READ, 0, "/local/domain/0/name", NULL, 0, NULL) == -EACCES);
	CHECK(call(g->xs, XS_READ, 0, "data/missing", NULL, 0, NULL) == -ENOENT);
	CHECK(read_many(g->host, g->xs, "data/a") == 0);
	CHECK(xenstore_features(g->xs) & WIRE_FEATURE_WATCH_DEPTH);
	CHECK(xenstore_watch_add(g->xs, &near.watch, NULL) == 0);
	CHECK(xenstore_watch_add(g->xs, &own.watch, NULL) == 0);
	CHECK(call(g->xs, XS_READ, 0, "data/a", NULL, 0, NULL) == 0);
	near.fired = own.fired = 0;
	CHECK(call(g->xs, XS_WRITE, 0, "data/b/c/d", "deep", 4, NULL) == 0);
	CHECK(call(g->xs, XS_WRITE, 0, "data/a", "value", 5, NULL) == 0);
	CHECK(call(g->xs, XS_READ, 0, "data/a", NULL, 0, NULL) == 0);
	CHECK(own.fired == 1);
	CHECK(near.fired == 1 ||
	      near.fired == 2); /* data/a; and data/b, if its making counts as its own event */
	return 0;
}

/* Dies with a watch set and half of a conversation on the ring. */
static int leave_traces(struct guest *g)
{
	static struct read_request request[MANY];
	static struct counted watch;
	struct batch batch = { .host = g->host };
	const struct iovec iov = { (void *)(uintptr_t) "data/a", 7 };

	watch = counted("data", 0);
	CHECK(call(g->xs, XS_WRITE, 0, "data/a", "value", 5, NULL) == 0);
	CHECK(xenstore_watch_add(g->xs, &watch.watch, NULL) == 0);
	for (int i = 0; i < MANY; i++) {
		request[i] = (struct read_request){ .req.done = read_done, .batch = &batch };
		CHECK(xenstore_submit(g->xs, &request[i].req, XS_READ, XBT_NULL, &iov, 1) == 0);
	}
	xenbus_host_dispatch(g->host, 0); /* as much as the ring holds, the last message cut */
	kill(getpid(), SIGKILL);
	return 1;
}

static int come_after(struct guest *g)
{
	struct xenstore_counters c;

	CHECK(call(g->xs, XS_WRITE, 0, "data/a", "value", 5, NULL) == 0);
	CHECK(read_many(g->host, g->xs, "data/a") == 0);
	xenstore_counters(g->xs, &c);
	CHECK(c.events == 0);
	CHECK(c.reconnects == 0);
	return use_ring(g);
}

/* The store dies under it and another one takes over. */
static int outlive_store(struct guest *g)
{
	static struct counted watch;
	struct xenstore_counters c;
	FILE *ready;

	watch = counted("data", 0);
	CHECK(xenstore_watch_add(g->xs, &watch.watch, NULL) == 0);
	CHECK(call(g->xs, XS_WRITE, 0, "data/a", "value", 5, NULL) == 0);
	ready = fopen(getenv("READY"), "w");
	CHECK(ready);
	fclose(ready);
	do {
		CHECK(xenbus_host_dispatch(g->host, -1) >= 0);
		xenstore_counters(g->xs, &c);
	} while (!c.reconnects);
	watch.fired = 0;
	CHECK(call(g->xs, XS_READ, 0, "data/a", NULL, 0, NULL) == -ENOENT);
	CHECK(call(g->xs, XS_WRITE, 0, "data/a", "value", 5, NULL) == 0);
	CHECK(watch.fired);
	return use_ring(g);
}

static int be_dom0(struct guest *g)
{
	CHECK(xenstore_features(g->xs) == 0);
	return call(g->xs, XS_IS_DOMAIN_INTRODUCED, 0, "0", NULL, 0, NULL) ? 1 : 0;
}

static int guest_main(const char *what)
{
	static const struct {
		const char *name;
		int (*run)(struct guest *g);
	} roles[] = { { "ring", use_ring },
		      { "leave", leave_traces },
		      { "after", come_after },
		      { "dom0", be_dom0 },
		      { "outlive", outlive_store } };
	struct guest g;
	const char *why;
	char *variable = getenv(XEN_LOCAL_DOMAIN_FD_ENV);
	int result = 1;

	alarm(60); /* a ring that went wrong is silence: end it here, so that the world is taken down */
	CHECK(variable);
	CHECK(xenbus_host_new(&g.host) == 0);
	CHECK(xen_local_open_fd(atoi(variable), &g.platform, &why) == 0);
	CHECK(xenstore_open(g.host, g.platform, NULL, &g.xs, &why) == 0);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (!strcmp(what, roles[i].name))
			result = roles[i].run(&g);
	xenstore_close(g.xs);
	xen_platform_close(g.platform);
	xenbus_host_free(g.host);
	return result;
}

/* -- outside -- */

static char top[32], dir[64], self[PATH_MAX];

static int make_world(void **state)
{
	struct command c;

	strcpy(top, "/tmp/client_stores.XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/run", top);
	setenv("XENBUS_RUN_DIR", dir, 1);
	RUN(&c, "xenbus", "up");
	return c.status;
}

static int end_world(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "down");
	command_wait_for_all();
	return c.status | rmdir(top);
}

static void a_guest_has_the_store_by_its_ring(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "run", "--domid", "3", self, "guest", "ring");
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
}

static void dom0_has_it_by_the_socket(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "run", "--domid", "0", self, "guest", "dom0");
	assert_int_equal(c.status, 0);
}

/* A process of the domain is killed in the middle of its conversation; the next one's is its own. */
static void a_guests_next_process_begins_anew(void **state)
{
	struct command c;

	for (int i = 0; i < 5; i++) {
		RUN(&c, "xenbus", "run", "--domid", "3", "sh", "-c",
		    "\"$0\" guest leave; [ $? = 137 ] || exit 100; exec \"$0\" guest after", self);
		assert_int_equal(c.status, 0);
	}
}

/* The broker lives on; `up` starts the store anew and introduces the domain to it. */
static void a_guest_outlives_its_store(void **state)
{
	char ready[64], pid_file[80];
	struct command c;
	FILE *file;
	int store;
	pid_t pid;

	snprintf(ready, sizeof(ready), "%s/ready", top);
	snprintf(pid_file, sizeof(pid_file), "%s/xenstored.pid", dir);
	setenv("READY", ready, 1);
	pid = START("xenbus", "run", "--domid", "3", self, "guest", "outlive");
	while (access(ready, F_OK))
		usleep(1000);
	unlink(ready);
	file = fopen(pid_file, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &store), 1);
	fclose(file);
	kill(store, SIGKILL);
	command_wait(store);
	RUN(&c, "xenbus", "up");
	assert_non_null(strstr(c.err, "had lost its store"));
	assert_int_equal(c.status, 0);
	assert_int_equal(command_wait(pid), 0);
	RUN(&c, "xenbus", "run", "--domid", "3", self, "guest", "ring");
	assert_int_equal(c.status, 0);
}

static char socket_path[64];

static pid_t start_store(void)
{
	char path[PATH_MAX];
	pid_t pid;

	command_path("xenstored", path, sizeof(path));
	setenv("XENSTORED_PATH", socket_path, 1);
	pid = START(path, "-N", "--platform=none");
	unsetenv("XENSTORED_PATH");
	return pid;
}

static void on_reconnected(void *ctx)
{
	(*(int *)ctx)++;
}

/* Killed and started anew three times under a session with watches: it finds its way each time. */
static void a_session_outlives_its_store(void **state)
{
	struct counted watch = counted("/w", 2);
	struct xenstore_counters c;
	struct xenbus_host *host;
	struct xenstore *xs;
	int reconnected = 0;
	const struct xenstore_events events = { .reconnected = on_reconnected, .ctx = &reconnected };
	pid_t pid;

	strcpy(top, "/tmp/client_stores.XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(socket_path, sizeof(socket_path), "%s/socket", top);
	assert_int_equal(xenbus_host_new(&host), 0);
	pid = start_store();
	while (xenstore_open_socket(host, socket_path, &events, &xs))
		usleep(1000);
	assert_int_equal(xenstore_watch_add(xs, &watch.watch, NULL), 0);
	for (int i = 1; i <= 3; i++) {
		const int fired = watch.fired;

		assert_int_equal(call(xs, XS_WRITE, 0, "/w/a", "value", 5, NULL), 0);
		assert_int_equal(read_many(host, xs, "/w/a"), 0);
		assert_true(watch.fired > fired);
		kill(pid, SIGKILL);
		command_wait(pid);
		assert_int_equal(call(xs, XS_READ, 0, "/w/a", NULL, 0, NULL), -ENOTCONN);
		pid = start_store();
		while (reconnected < i)
			assert_true(xenbus_host_dispatch(host, -1) >= 0);
		assert_int_equal(call(xs, XS_READ, 0, "/w/a", NULL, 0, NULL), -ENOENT);
	}
	xenstore_counters(xs, &c);
	assert_int_equal(c.reconnects, 3);
	assert_int_equal(c.pending, 0);
	xenstore_close(xs);
	xenbus_host_free(host);
	kill(pid, SIGTERM);
	assert_int_equal(command_wait(pid), 0);
	assert_int_equal(rmdir(top), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_outlives_its_store),
		cmocka_unit_test_setup_teardown(a_guest_has_the_store_by_its_ring, make_world, end_world),
		cmocka_unit_test_setup_teardown(dom0_has_it_by_the_socket, make_world, end_world),
		cmocka_unit_test_setup_teardown(a_guest_outlives_its_store, make_world, end_world),
		cmocka_unit_test_setup_teardown(a_guests_next_process_begins_anew, make_world, end_world),
	};
	ssize_t len;

	if (argc == 3 && !strcmp(argv[1], "guest"))
		return guest_main(argv[2]);
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len < 0 ? 0 : len] = '\0';
	command_adopt_orphans();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
