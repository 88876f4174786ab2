/* SPDX-License-Identifier: MIT */
#include "bus_world.h"
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <base/list.h>
#include <xenbus/client.h>
#include <xenbus/host.h>

/* -- the drivers -- */

static struct world_end *end_of(struct xenbus_device *dev)
{
	return list_entry(dev->driver, struct world_end, drv);
}

static int end_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	end_of(dev)->probes++;
	end_of(dev)->dev = dev;
	return 0;
}

static int end_features(struct xenbus_device *dev)
{
	end_of(dev)->features++;
	return xenbus_publish_add(dev, "feature-test", "1");
}

static int end_publish(struct xenbus_device *dev)
{
	struct world_end *end = end_of(dev);
	int err;

	end->publishes++;
	if (end->stuck) {
		end->stuck_result = xenbus_wait(dev->bus, end->stuck, 0);
		if (end->stuck_result)
			return end->stuck_result;
	}
	if (xenbus_read_unsigned(dev->bus, dev->otherend, "feature-test", 0) != 1)
		return -EPROTO;
	err = xenbus_publish_add(dev, "ring-ref", "%u", 8);
	if (!err)
		err = xenbus_publish_add(dev, "event-channel", "%u", 5);
	return err ? err : end->fail;
}

static int front_connect(struct xenbus_device *dev)
{
	end_of(dev)->connects++;
	return end_of(dev)->fail;
}

static int back_connect(struct xenbus_device *dev)
{
	unsigned int ref, port;
	int err = xenbus_gather(dev->bus, XBT_NIL, dev->otherend, "ring-ref", "%u", &ref, "event-channel",
				"%u", &port, NULL);

	end_of(dev)->connects++;
	return err ? err : end_of(dev)->fail;
}

static void end_disconnect(struct xenbus_device *dev)
{
	end_of(dev)->disconnects++;
}

static void end_remove(struct xenbus_device *dev)
{
	end_of(dev)->removes++;
	end_of(dev)->dev = NULL;
}

static const struct xenbus_device_id test_ids[] = { { "test" }, { "" } };

static const struct xenbus_driver front_driver = {
	.name = "front",
	.ids = test_ids,
	.probe = end_probe,
	.publish = end_publish,
	.connect = front_connect,
	.disconnect = end_disconnect,
	.remove = end_remove,
};
static const struct xenbus_driver back_driver = {
	.name = "back",
	.ids = test_ids,
	.probe = end_probe,
	.features = end_features,
	.connect = back_connect,
	.disconnect = end_disconnect,
	.remove = end_remove,
};

/* -- the store -- */

static bool socket_answers(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	err = connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return !err;
}

static void store_start(struct world *w)
{
	const char *program = getenv("XENSTORED");
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no store behind */
		if (!getenv("BUS_TEST_VERBOSE"))
			(void)!freopen("/dev/null", "w", stderr);
		setenv("XENSTORED_RUNDIR", w->dir, 1);
		setenv("XENSTORED_PATH", w->socket, 1);
		execl(program ? program : "build/xenstored", "xenstored", "-N", (char *)NULL);
		_exit(127);
	}
	w->store_pid = pid;
	while (!socket_answers(w->socket)) {
		int status;

		assert_int_equal(waitpid(pid, &status, WNOHANG), 0); /* it ended: it could not start */
		usleep(1000);
	}
}

static void store_kill(struct world *w, int sig)
{
	int status;

	if (!w->store_pid)
		return;
	kill((pid_t)w->store_pid, sig);
	assert_int_equal(waitpid((pid_t)w->store_pid, &status, 0), w->store_pid);
	w->store_pid = 0;
}

void world_restart_store(struct world *w)
{
	store_kill(w, SIGKILL);
	unlink(w->socket);
	store_start(w);
}

/* -- the world -- */

static void world_log(void *ctx, enum xenbus_log_level level, const char *line)
{
	if (getenv("BUS_TEST_VERBOSE"))
		fprintf(stderr, "%s\n", line);
}

static struct xenbus *open_bus(struct world *w)
{
	struct xenbus_config config = { .host = w->host,
					.log = world_log,
					.wait_deadline_ns = w->deadline_ns };
	struct xenbus *bus;
	const char *why;
	int err = xenbus_open(&config, &bus, &why);

	if (err)
		fail_msg("xenbus_open: %s: %s", why, strerror(-err));
	return bus;
}

void world_start(struct world *w)
{
	uint64_t deadline_ns = w->deadline_ns;
	const char *server = getenv("BUS_TEST_STORE");

	*w = (struct world){ .deadline_ns = deadline_ns, .device = { "test", 0, 0, 0 } };
	snprintf(w->dir, sizeof(w->dir), "/tmp/bus-test.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->socket, sizeof(w->socket), "%s/socket", w->dir);
	if (server)
		snprintf(w->socket, sizeof(w->socket), "%s", server);
	else
		store_start(w);
	setenv("XENSTORED_PATH", w->socket, 1);
	assert_int_equal(xenbus_host_new(&w->host), 0);
	w->toolstack = open_bus(w);
	w->front = (struct world_end){ .bus = open_bus(w), .drv = front_driver };
	w->back = (struct world_end){ .bus = open_bus(w), .drv = back_driver };
	assert_int_equal(xenbus_register_frontend(w->front.bus, &w->front.drv), 0);
	assert_int_equal(xenbus_register_backend(w->back.bus, &w->back.drv), 0);
}

static int clean_up(struct xenbus *bus, void *arg)
{
	xenbus_rm(bus, XBT_NIL, "/local/domain/0/device/test", "");
	xenbus_rm(bus, XBT_NIL, "/local/domain/0/backend/test", "");
	xenbus_rm(bus, XBT_NIL, "/local/domain/0/error", "");
	return 0;
}

static void expect_nothing_held(struct world_end *end)
{
	struct xenbus_counts counts;

	assert_int_equal(end->probes, end->removes);
	xenbus_counts(end->bus, &counts);
	assert_int_equal(counts.devices, 0);
	assert_int_equal(counts.fibers, 0);
	assert_int_equal(counts.transactions, 0);
	assert_int_equal(counts.watches, 0);
}

static bool no_devices(struct world *w)
{
	struct xenbus_counts front, back;

	xenbus_counts(w->front.bus, &front);
	xenbus_counts(w->back.bus, &back);
	if (front.transactions + back.transactions + front.fibers + back.fibers)
		return false; /* the last ones are being ended */
	return !xenbus_driver_devices(w->front.bus, &w->front.drv) &&
	       !xenbus_driver_devices(w->back.bus, &w->back.drv);
}

void world_stop(struct world *w)
{
	xenbus_unregister_driver(w->front.bus, &w->front.drv);
	xenbus_unregister_driver(w->back.bus, &w->back.drv);
	world_until(w, no_devices);
	expect_nothing_held(&w->front);
	expect_nothing_held(&w->back);
	world_task(w, clean_up);
	xenbus_close(w->front.bus);
	xenbus_close(w->back.bus);
	xenbus_close(w->toolstack);
	xenbus_host_free(w->host);
	if (w->store_pid) {
		store_kill(w, SIGTERM);
		unlink(w->socket);
	}
	rmdir(w->dir);
}

void world_stop_without_store(struct world *w)
{
	store_kill(w, SIGKILL);
	xenbus_close(w->front.bus);
	xenbus_close(w->back.bus);
	assert_int_equal(w->front.probes, w->front.removes);
	assert_int_equal(w->back.probes, w->back.removes);
	xenbus_close(w->toolstack);
	xenbus_host_free(w->host);
	unlink(w->socket);
	rmdir(w->dir);
}

struct task_args {
	struct world *w;
	int (*fn)(struct xenbus *bus, void *w);
	const char *path, *value;
	char *out;
	unsigned int front, back;
};

int world_task(struct world *w, int (*fn)(struct xenbus *bus, void *w))
{
	return xenbus_task_run(w->toolstack, fn, w);
}

static int do_attach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_attach(bus, &((struct world *)arg)->device);
}

void world_attach(struct world *w)
{
	assert_int_equal(world_task(w, do_attach), 0);
}

static unsigned int read_state(struct xenbus *bus, const char *dir)
{
	unsigned int state;
	int err = xenbus_scanf(bus, XBT_NIL, dir, "state", "%u", &state);

	return err == 1 ? state : XENBUS_STATE_GONE;
}

/* Reads until both are as wanted: a test waits for what must come, however often the store is asked. */
static int do_expect(struct xenbus *bus, void *arg)
{
	struct task_args *args = arg;
	uint64_t limit = xenbus_host_now(args->w->host) + WORLD_NS_LIMIT;
	unsigned int front, back;

	do {
		front = read_state(bus, FRONT);
		back = read_state(bus, BACK);
		if (front == args->front && back == args->back)
			return 0;
	} while (xenbus_host_now(args->w->host) < limit);
	print_error("states are %u (frontend) and %u (backend), not %u and %u\n", front, back, args->front,
		    args->back);
	return -ETIMEDOUT;
}

void world_expect_states(struct world *w, unsigned int front, unsigned int back)
{
	struct task_args args = { .w = w, .front = front, .back = back };

	assert_int_equal(xenbus_task_run(w->toolstack, do_expect, &args), 0);
}

void world_expect_connected(struct world *w)
{
	world_expect_states(w, XenbusStateConnected, XenbusStateConnected);
}

void world_until(struct world *w, bool (*condition)(struct world *w))
{
	uint64_t limit = xenbus_host_now(w->host) + WORLD_NS_LIMIT;

	while (!condition(w)) {
		xenbus_host_dispatch(w->host, 10);
		if (xenbus_host_now(w->host) > limit)
			fail_msg("a condition did not come");
	}
}

static int do_write(struct xenbus *bus, void *arg)
{
	struct task_args *args = arg;

	return xenbus_write(bus, XBT_NIL, args->path, "", args->value);
}

void world_write(struct world *w, const char *path, const char *value)
{
	struct task_args args = { .path = path, .value = value };

	assert_int_equal(xenbus_task_run(w->toolstack, do_write, &args), 0);
}

static int do_rm(struct xenbus *bus, void *arg)
{
	return xenbus_rm(bus, XBT_NIL, ((struct task_args *)arg)->path, "");
}

void world_rm(struct world *w, const char *path)
{
	struct task_args args = { .path = path };
	int err = xenbus_task_run(w->toolstack, do_rm, &args);

	assert_true(!err || err == -ENOENT);
}

static int do_read(struct xenbus *bus, void *arg)
{
	struct task_args *args = arg;

	return xenbus_read(bus, XBT_NIL, args->path, "", &args->out, NULL);
}

char *world_read(struct world *w, const char *path)
{
	struct task_args args = { .path = path };

	return xenbus_task_run(w->toolstack, do_read, &args) ? NULL : args.out;
}

static int do_state(struct xenbus *bus, void *arg)
{
	return (int)read_state(bus, ((struct task_args *)arg)->path);
}

unsigned int world_state(struct world *w, const char *dir)
{
	struct task_args args = { .path = dir };

	return (unsigned int)xenbus_task_run(w->toolstack, do_state, &args);
}
