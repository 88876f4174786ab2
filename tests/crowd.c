/* SPDX-License-Identifier: MIT */
/*
 * A thousand devices between one backend's bus and one frontend's, all Connected at once, then all detached: each costs
 * what one costs, idle ones hold no stack, and nothing is left.
 *
 * An operator who gives a guest a thousand devices raises its limits; so do these tests (store_options),
 * but for the last, which shows what a guest meets that was not given them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include <alice/back.h>
#include <alice/front.h>
#include "pair_world.h"
#include "proc_view.h"

#define CROWD 1000u
#define FEW 250u	/* what the cost of CROWD is compared with */
#define STACKS_KEPT 64u /* of a bus's pool */
#define STREAM_BYTES 20000u
#define PATIENCE_NS UINT64_C(60000000000)

/* Nodes, watches and bytes of a guest with 1,000 devices. */
static const char *const store_options[] = { "-E", "16000", "-W", "1100", "-Q", "memory=16777216", NULL };

enum { BROKER, STORE, BACK, FRONT, TOOLSTACK, PROCESSES };
static const char *const names[] = { "broker", "xenstored", "backend", "frontend", "toolstack" };

/* Written by an end's process, read by ours. */
struct end {
	struct xenbus_counts counts; /* after its loop's last turn */
	size_t most_stacks;
	unsigned int connected, closed; /* how often a device came to that state */
	unsigned int streams, wrong;
};

struct crowd {
	struct pair_world *w;
	struct end *ends; /* shared: backend, frontend */
	pid_t pids[PROCESSES];
	bool streams;
	unsigned int errands, refused; /* of the toolstack's tasks: under way, failed */
	struct xen_local_stats begun;  /* both ends started, no device yet */
};

/* -- the two ends ---------------------------------------------------------------------------------- */

static void changed(struct pair_world *w, struct xenbus_device *dev)
{
	struct end *end = (struct end *)w->changed_ctx + !dev->is_backend;

	end->connected += dev->state == XenbusStateConnected;
	end->closed += dev->state == XenbusStateClosed;
}

static int64_t fill(void *ctx, uint64_t offset, void *buf, size_t len)
{
	uint64_t left = STREAM_BYTES - offset;

	len = len < left ? len : (size_t)left;
	memset(buf, (int)(offset >> 12), len);
	return (int64_t)len;
}

static void sent(void *ctx, struct xenbus_device *dev, const struct alice_front_result *result)
{
	struct end *end = ctx;

	end->wrong += result->error || result->bytes_stored != STREAM_BYTES;
	end->streams++;
}

static void serve(struct xenbus *bus, struct end *end)
{
	while (xenbus_dispatch(bus, -1) >= 0) {
		xenbus_counts(bus, &end->counts);
		if (end->counts.stacks > end->most_stacks)
			end->most_stacks = end->counts.stacks;
	}
}

static void run_back(struct pair_world *w, void *arg)
{
	const struct alice_back_config config = { .host = w->host, .fd = -1 };
	struct alice_back *back;

	if (!alice_back_start(w->bus[0], &config, &back))
		serve(w->bus[0], &((struct crowd *)arg)->ends[0]);
}

static void run_front(struct pair_world *w, void *arg)
{
	struct crowd *c = arg;
	const struct alice_front_config config = {
		.host = w->host, .fd = -1, .fill = c->streams ? fill : NULL, .done = sent, .ctx = &c->ends[1]
	};
	struct alice_front *front;

	if (!alice_front_start(w->bus[1], &config, &front))
		serve(w->bus[1], &c->ends[1]);
}

/* -- the toolstack --------------------------------------------------------------------------------- */

static int attach_many(struct xenbus *bus, void *arg)
{
	struct xenbus_toolstack_device device = { "alice_dev", PAIR_FRONT, 0, 0 };
	int err = 0;

	for (; device.id < *(unsigned int *)arg && !err; device.id++)
		err = xenbus_toolstack_attach(bus, &device);
	return err;
}

static int detach_many(struct xenbus *bus, void *arg)
{
	struct xenbus_toolstack_device device = { "alice_dev", PAIR_FRONT, 0, 0 };
	int err = 0;

	for (; device.id < *(unsigned int *)arg && !err; device.id++)
		err = xenbus_toolstack_detach(bus, &device, false, PATIENCE_NS);
	return err;
}

static int all_connected(struct xenbus *bus, void *arg)
{
	struct xenbus_toolstack_entry *list;
	size_t count;
	int wrong = xenbus_toolstack_list(bus, &list, &count);

	if (wrong)
		return wrong;
	wrong = count != *(unsigned int *)arg;
	for (size_t i = 0; i < count; i++)
		wrong += list[i].frontend_state != XenbusStateConnected ||
			 list[i].backend_state != XenbusStateConnected || list[i].waits_for;
	xenbus_toolstack_list_free(list, count);
	return wrong;
}

static void until(struct crowd *c, bool (*condition)(const struct crowd *c, unsigned int n), unsigned int n,
		  const char *what)
{
	const uint64_t deadline = xenbus_host_now(c->w->host) + PATIENCE_NS;

	while (!condition(c, n)) {
		if (xenbus_host_now(c->w->host) > deadline)
			fail_msg("%s, %u devices: in vain; states came to Connected %u and %u times", what, n,
				 c->ends[0].connected, c->ends[1].connected);
		assert_true(xenbus_host_dispatch(c->w->host, 1) >= 0);
	}
}

static bool are_connected(const struct crowd *c, unsigned int n)
{
	return c->ends[0].connected == n && c->ends[1].connected == n;
}

static bool are_idle(const struct crowd *c, unsigned int n)
{
	const struct xenbus_counts *back = &c->ends[0].counts, *front = &c->ends[1].counts;

	return back->devices == n && front->devices == n && !back->fibers && !front->fibers;
}

/* The devices' resources, not the devices. */
static bool hold_nothing(const struct crowd *c, unsigned int n)
{
	for (int i = 0; i < 2; i++) {
		const struct xenbus_counts *e = &c->ends[i].counts;

		if (e->shares + e->mappings + e->ports + e->watches + e->transactions)
			return false;
	}
	return true;
}

static bool is_as_begun(const struct crowd *c, unsigned int n)
{
	struct xen_local_stats now;

	assert_int_equal(xen_local_stats(c->w->local, XEN_LOCAL_ALL, &now), 0);
	return !memcmp(&now, &c->begun, sizeof(now));
}

/* Its loop has turned, so its bus is open. */
static bool have_begun(const struct crowd *c, unsigned int n)
{
	return c->ends[0].counts.requests && c->ends[1].counts.requests;
}

static void start_ends(struct crowd *c, bool streams)
{
	c->streams = streams;
	c->pids[BACK] = pair_start(c->w, 0, run_back, c);
	c->pids[FRONT] = pair_start(c->w, 1, run_front, c);
	until(c, have_begun, 0, "starting");
}

static void kill_ends(struct crowd *c)
{
	for (int i = BACK; i <= FRONT; i++) {
		if (c->pids[i])
			pair_kill(c->pids[i]);
		c->pids[i] = 0;
	}
	memset(c->ends, 0, 2 * sizeof(*c->ends));
}

/* -- what it costs --------------------------------------------------------------------------------- */

struct cost {
	uint64_t cpu_ns[PROCESSES], requests; /* requests: of both ends' buses */
};

static struct cost cost_now(const struct crowd *c)
{
	struct cost cost = { .requests = c->ends[0].counts.requests + c->ends[1].counts.requests };

	for (int i = 0; i < PROCESSES; i++)
		cost.cpu_ns[i] = proc_cpu_ns(c->pids[i]);
	return cost;
}

/* Of one of @n devices, since @before. */
static struct cost cost_of_one(const struct crowd *c, const struct cost *before, unsigned int n)
{
	struct cost cost = cost_now(c);

	cost.requests = (cost.requests - before->requests) / n;
	print_message("%4u devices: each %llu requests of the two buses; processors:", n,
		      (unsigned long long)cost.requests);
	for (int i = 0; i < PROCESSES; i++) {
		cost.cpu_ns[i] = (cost.cpu_ns[i] - before->cpu_ns[i]) / n;
		print_message(" %s %llu us", names[i], (unsigned long long)cost.cpu_ns[i] / 1000);
	}
	print_message("\n");
	return cost;
}

static void print_connected(const struct crowd *c, unsigned int n, const unsigned long *kib)
{
	print_message("%u connected: stacks %zu and %zu (most: %zu and %zu)", n, c->ends[0].counts.stacks,
		      c->ends[1].counts.stacks, c->ends[0].most_stacks, c->ends[1].most_stacks);
	for (int i = 0; i < PROCESSES; i++)
		print_message("%s %s %.2f KiB", i ? "," : "; a device:", names[i],
			      (double)(proc_anonymous_kib(c->pids[i]) - kib[i]) / n);
	print_message("\n");
}

/* Attached, Connected all at once, detached; what it cost, of all processes. */
static struct cost come_and_go(struct crowd *c, unsigned int n)
{
	const struct cost before = cost_now(c);
	unsigned long kib[PROCESSES];

	for (int i = 0; i < 2; i++)
		c->ends[i].connected = 0;
	for (int i = 0; i < PROCESSES; i++)
		kib[i] = proc_anonymous_kib(c->pids[i]);
	assert_int_equal(xenbus_task_run(c->w->bus[0], attach_many, &n), 0);
	until(c, are_connected, n, "connecting");
	until(c, are_idle, n, "connecting");
	for (int i = 0; i < 2; i++)
		assert_in_range(c->ends[i].counts.stacks, 0, STACKS_KEPT);
	if (n == CROWD)
		print_connected(c, n, kib);
	assert_int_equal(xenbus_task_run(c->w->bus[0], detach_many, &n), 0);
	until(c, are_idle, 0, "detaching");
	until(c, hold_nothing, 0, "letting go");
	until(c, is_as_begun, 0, "letting go");
	return cost_of_one(c, &before, n);
}

/* Whose cost of one of many is more than twice that of one of few; NULL: nobody's. */
static const char *grows(const struct cost *few, const struct cost *many)
{
	for (int i = 0; i < PROCESSES; i++)
		if (many->cpu_ns[i] > 2 * few->cpu_ns[i])
			return names[i];
	return NULL;
}

/* What grows with the crowd does so each time; what a busy machine does to a clock does not. */
static void each_of_a_thousand_costs_what_one_does(void **state)
{
	const char *growing = names[0];
	struct crowd *c = *state;
	struct cost one;

	start_ends(c, false);
	assert_int_equal(xen_local_stats(c->w->local, XEN_LOCAL_ALL, &c->begun), 0);
	one = come_and_go(c, 1);
	for (int round = 0; round < 3 && growing; round++) {
		const struct cost few = come_and_go(c, FEW), many = come_and_go(c, CROWD);

		assert_true(many.requests * 2 <= one.requests * 3);
		growing = grows(&few, &many);
	}
	if (growing)
		fail_msg("%s works more for each device where there are many", growing);
}

/* -- all at once ----------------------------------------------------------------------------------- */

/* One task of the toolstack's for each device. */
struct errand {
	struct crowd *crowd;
	struct xenbus_toolstack_device device;
};

static int detach_one(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_detach(bus, &((struct errand *)arg)->device, false, PATIENCE_NS);
}

static void detached(void *arg, int result)
{
	struct errand *errand = arg;

	errand->crowd->refused += result != 0;
	errand->crowd->errands--;
	free(errand);
}

static bool errands_done(const struct crowd *c, unsigned int n)
{
	return !c->errands;
}

static void detach_from(struct crowd *c, unsigned int first, unsigned int n)
{
	struct xenbus_counts before, after;
	uint64_t cpu = proc_cpu_ns(c->w->store);

	xenbus_counts(c->w->bus[0], &before);
	for (unsigned int id = first; id < first + n; id++) {
		struct errand *errand = malloc(sizeof(*errand));

		assert_non_null(errand);
		*errand = (struct errand){ c, { "alice_dev", PAIR_FRONT, 0, id } };
		c->errands++;
		assert_int_equal(xenbus_task(c->w->bus[0], detach_one, errand, detached), 0);
	}
	until(c, errands_done, n, "detaching at once");
	assert_int_equal(c->refused, 0);
	xenbus_counts(c->w->bus[0], &after);
	print_message(
		"%u detached at once: each %llu requests of the toolstack, %llu us of the store's processor\n",
		n, (unsigned long long)(after.requests - before.requests) / n,
		(unsigned long long)(proc_cpu_ns(c->w->store) - cpu) / n / 1000);
}

static void detach_at_once(struct crowd *c, unsigned int n)
{
	detach_from(c, 0, n);
}

/* Both programs start when all is attached, so each bus finds a thousand at once. */
static void a_thousand_that_are_there_already_connect(void **state)
{
	struct crowd *c = *state;
	unsigned int n = CROWD;

	assert_int_equal(xenbus_task_run(c->w->bus[0], attach_many, &n), 0);
	start_ends(c, false);
	until(c, are_connected, n, "connecting");
	until(c, are_idle, n, "connecting");
	for (int i = 0; i < 2; i++)
		assert_in_range(c->ends[i].counts.stacks, 0, STACKS_KEPT);
	print_message("stacks: most %zu and %zu\n", c->ends[0].most_stacks, c->ends[1].most_stacks);
	assert_int_equal(xenbus_task_run(c->w->bus[0], all_connected, &n), 0);
	detach_at_once(c, n);
	until(c, are_idle, 0, "detaching");
}

static bool have_streamed(const struct crowd *c, unsigned int n)
{
	return c->ends[1].streams == n;
}

static void a_hundred_streams_run_at_once(void **state)
{
	struct crowd *c = *state;
	unsigned int n = 100;

	assert_int_equal(xenbus_task_run(c->w->bus[0], attach_many, &n), 0);
	start_ends(c, true);
	until(c, have_streamed, n, "streaming");
	assert_int_equal(c->ends[1].wrong, 0);
	detach_at_once(c, n);
	until(c, are_idle, 0, "detaching");
	until(c, hold_nothing, 0, "letting go");
}

/* -- a guest with a guest's limits ----------------------------------------------------------------- */

static bool are_served(const struct crowd *c, unsigned int n)
{
	return c->ends[0].connected >= n && c->ends[1].connected >= n;
}

static bool others_are_connected(const struct crowd *c, unsigned int n)
{
	return !xenbus_task_run(c->w->bus[0], all_connected, &n);
}

/* 1,000 nodes, 128 watches. A device is 4 nodes of the toolstack's and 3 of the frontend's: 200 of them leave room for
 * 66 to connect. The others wait, and come when there is room. */
static void what_has_no_room_waits_for_it(void **state)
{
	struct crowd *c = *state;
	unsigned int n = 200, half = n / 2;

	assert_int_equal(xenbus_task_run(c->w->bus[0], attach_many, &n), 0);
	start_ends(c, false);
	until(c, are_served, 60, "connecting what has room");
	until(c, are_idle, n, "connecting what has room");
	assert_in_range(c->ends[1].connected, 60, 70);
	assert_int_equal(xenbus_task_run(c->w->bus[0], detach_many, &half), 0);
	until(c, others_are_connected, n - half, "connecting what waited");
	detach_from(c, half, n - half);
	until(c, are_idle, 0, "detaching");
	until(c, hold_nothing, 0, "letting go");
}

/* -- the world ------------------------------------------------------------------------------------- */

static int make(void **state, const char *const *options)
{
	struct crowd *c = calloc(1, sizeof(*c));
	struct rlimit files;

	assert_non_null(c);
	/* Four descriptors a device in each end. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	c->ends = mmap(NULL, 2 * sizeof(*c->ends), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(c->ends, MAP_FAILED);
	assert_int_equal(pair_setup_store((void **)&c->w, options), 0);
	c->w->changed = changed;
	c->w->changed_ctx = c->ends;
	c->pids[BROKER] = c->w->broker;
	c->pids[STORE] = c->w->store;
	c->pids[TOOLSTACK] = getpid();
	pair_open_bus(c->w, 0);
	*state = c;
	return 0;
}

static int setup(void **state)
{
	return make(state, store_options);
}

static int setup_ordinary(void **state)
{
	return make(state, NULL);
}

static int teardown(void **state)
{
	struct crowd *c = *state;

	kill_ends(c);
	assert_int_equal(pair_teardown((void **)&c->w), 0);
	munmap(c->ends, 2 * sizeof(*c->ends));
	free(c);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_of_a_thousand_costs_what_one_does, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thousand_that_are_there_already_connect, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hundred_streams_run_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_no_room_waits_for_it, setup_ordinary, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
