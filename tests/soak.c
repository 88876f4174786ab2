/* SPDX-License-Identifier: MIT */
/*
 * Attached, a stream moved, detached, again and again, on the local world: after each cycle everybody holds what he
 * held before it.
 *
 *      broker     xenstored     backend (domain 0)     frontend (domain 1)     this process: the toolstack
 *
 * What can be counted is counted, exactly and in each cycle: what the broker and the store say they hold,
 * descriptors, allocations (of all but xenstored, which is a program of its own). What is left, memory of the
 * process, is measured with a bound. SOAK_CYCLES in the environment: how many.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <alice/back.h>
#include <alice/front.h>
#include "failing_alloc.h"
#include "pair_world.h"
#include "proc_view.h"
#include "store_report.h"

#if defined(__SANITIZE_ADDRESS__)
#define CYCLES 150u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CYCLES 150u
#endif
#endif
#ifdef CYCLES
#define MEASURED false /* freed memory is kept from reuse, so a process's size says nothing */
#else
#define CYCLES 1000u
#define MEASURED true
#endif

#define WARM_UP 20u /* cycles in which pools and tables find their size */
#define STREAM_BYTES 150000u
#define MEASURED_MIN \
	1000u /* cycles below which sizes are not compared: the buses' traces fill until about the 200th */
#define GROWTH_MAX_KIB \
	48ul /* from the third tenth of the cycles to the last: less than 100 bytes a cycle of 1,000 */
#define STEPS_MAX 2u
#define STEP_NS UINT64_C(1000000000) /* what is only late has come by then */
#define PATIENCE_NS UINT64_C(30000000000)

enum { BROKER, STORE, BACK, FRONT, TOOLSTACK, PROCESSES };
static const char *const names[] = { "broker", "xenstored", "backend", "frontend", "toolstack" };

/* Written by an end's process, read by ours. */
struct end {
	struct xenbus_counts counts; /* after its loop's last turn */
	unsigned int streams, wrong;
};

/* What there is, of everything. */
struct census {
	struct xen_local_stats world;
	struct store_report store;
	unsigned int descriptors[PROCESSES];
	long allocations[PROCESSES];
	struct xenbus_counts ends[2]; /* but for what only grows */
};

struct soak {
	struct pair_world *w;
	struct end *ends; /* shared: backend, frontend */
	pid_t pids[PROCESSES];
	unsigned int cycles, steps; /* steps: cycles after which the store was larger */
	struct census base;
	unsigned long *kib[PROCESSES]; /* of each cycle */
};

/* -- the two ends ---------------------------------------------------------------------------------- */

static uint8_t content(uint64_t at)
{
	return (uint8_t)((at * 2654435761u) >> 11);
}

static int64_t fill(void *ctx, uint64_t offset, void *buf, size_t len)
{
	uint64_t left = STREAM_BYTES - offset;

	len = len < left ? len : (size_t)left;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = content(offset + i);
	return (int64_t)len;
}

static int consume(void *ctx, uint64_t offset, const void *data, size_t len)
{
	struct end *end = ctx;

	for (size_t i = 0; i < len; i++)
		end->wrong += ((const uint8_t *)data)[i] != content(offset + i);
	return 0;
}

static void sent(void *ctx, struct xenbus_device *dev, const struct alice_front_result *result)
{
	struct end *end = ctx;

	end->wrong += result->error || result->bytes_stored != STREAM_BYTES;
	end->streams++;
}

static void received(void *ctx, struct xenbus_device *dev, const struct alice_back_result *result)
{
	struct end *end = ctx;

	end->wrong += result->error || result->bytes != STREAM_BYTES;
	end->streams++;
}

static void serve(struct xenbus *bus, struct end *end)
{
	while (xenbus_dispatch(bus, -1) >= 0)
		xenbus_counts(bus, &end->counts);
}

static void run_back(struct pair_world *w, void *arg)
{
	const struct alice_back_config config = {
		.host = w->host, .fd = -1, .consume = consume, .done = received, .ctx = arg
	};
	struct alice_back *back;

	if (!alice_back_start(w->bus[0], &config, &back))
		serve(w->bus[0], arg);
}

static void run_front(struct pair_world *w, void *arg)
{
	const struct alice_front_config config = {
		.host = w->host, .fd = -1, .fill = fill, .done = sent, .ctx = arg
	};
	struct alice_front *front;

	if (!alice_front_start(w->bus[1], &config, &front))
		serve(w->bus[1], arg);
}

/* -- what there is --------------------------------------------------------------------------------- */

static void take_census(struct soak *s, struct census *c)
{
	memset(c, 0, sizeof(*c));
	store_report(s->w->host, s->w->store_log, &c->store);
	assert_int_equal(xen_local_stats(s->w->local, XEN_LOCAL_ALL, &c->world), 0);
	for (int i = 0; i < PROCESSES; i++) {
		c->descriptors[i] = proc_descriptors(s->pids[i]);
		if (i != STORE)
			proc_read(s->pids[i], &failing_alloc.live, &c->allocations[i], sizeof(long));
	}
	for (int i = 0; i < 2; i++) {
		c->ends[i] = s->ends[i].counts;
		c->ends[i].requests = c->ends[i].looks = c->ends[i].notifications = c->ends[i].events = 0;
	}
}

static void print_counts(const char *what, const struct census *c)
{
	print_message(
		"%s: %u grants, %u pages, %u mappings, %u ports, %u broker descriptors; store: %llu bytes, "
		"%llu nodes, %llu watches, %llu connections\n",
		what, c->world.grants, c->world.pages, c->world.mappings, c->world.ports,
		c->world.descriptors, (unsigned long long)c->store.bytes, (unsigned long long)c->store.nodes,
		(unsigned long long)c->store.watches, (unsigned long long)c->store.connections);
	for (int i = 0; i < PROCESSES; i++)
		print_message("    %-10s %u descriptors, %ld allocations\n", names[i], c->descriptors[i],
			      c->allocations[i]);
	for (int i = 0; i < 2; i++)
		print_message(
			"    %-10s %zu devices, %zu fibers, %zu stacks, %zu shares, %zu mappings, %zu ports\n",
			names[BACK + i], c->ends[i].devices, c->ends[i].fibers, c->ends[i].stacks,
			c->ends[i].shares, c->ends[i].mappings, c->ends[i].ports);
}

static void turn(struct soak *s)
{
	assert_true(xenbus_host_dispatch(s->w->host, 1) >= 0);
}

/* The store's tables keep the size of the most that ever stood in them at once, which chance may raise late. */
static void allow_step(struct soak *s, const struct census *now, unsigned int cycle)
{
	print_message("cycle %u: a table of the store grew, %llu bytes after %llu\n", cycle,
		      (unsigned long long)now->store.bytes, (unsigned long long)s->base.store.bytes);
	s->base.store.bytes = now->store.bytes;
	assert_in_range(++s->steps, 1, STEPS_MAX);
}

/* Until all is as it was: others take their time to hear that it is over. */
static void settle(struct soak *s, unsigned int cycle)
{
	const uint64_t began = xenbus_host_now(s->w->host);
	struct census now;

	for (take_census(s, &now); memcmp(&now, &s->base, sizeof(now)); take_census(s, &now)) {
		const uint64_t took = xenbus_host_now(s->w->host) - began;
		const uint64_t bytes = now.store.bytes;

		now.store.bytes = s->base.store.bytes;
		if (took > STEP_NS && !memcmp(&now, &s->base, sizeof(now))) {
			now.store.bytes = bytes;
			allow_step(s, &now, cycle);
			return;
		}
		if (took > PATIENCE_NS) {
			now.store.bytes = bytes;
			print_counts("before", &s->base);
			print_counts("now", &now);
			fail_msg("after cycle %u something is left", cycle);
		}
		turn(s);
	}
}

/* The base: what there is when nothing changes any more. */
static void settle_base(struct soak *s)
{
	struct census now;

	for (int same = 0; same < 20; same++) {
		turn(s);
		take_census(s, &now);
		if (memcmp(&now, &s->base, sizeof(now)))
			same = 0;
		s->base = now;
	}
	assert_int_equal(s->base.ends[0].devices + s->base.ends[1].devices, 0);
	assert_int_equal(s->base.ends[0].fibers + s->base.ends[1].fibers, 0);
}

/* -- the cycles ------------------------------------------------------------------------------------ */

static void one_cycle(struct soak *s, unsigned int cycle)
{
	const uint64_t deadline = xenbus_host_now(s->w->host) + PATIENCE_NS;
	const struct end *ends = s->ends;

	pair_attach(s->w);
	while (ends[0].streams != cycle || ends[1].streams != cycle) {
		if (xenbus_host_now(s->w->host) > deadline)
			fail_msg("cycle %u: no stream arrived", cycle);
		turn(s);
	}
	assert_int_equal(ends[0].wrong + ends[1].wrong, 0);
	assert_int_equal(pair_detach(s->w, false), 0);
	for (int i = 0; i < PROCESSES && MEASURED; i++)
		s->kib[i][cycle - 1] = proc_anonymous_kib(s->pids[i]);
}

static int by_size(const void *a, const void *b)
{
	const unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

static unsigned long median(unsigned long *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_size);
	return values[count / 2];
}

/* The third tenth of the cycles and the last. */
static void check_growth(struct soak *s)
{
	const unsigned int tenth = s->cycles / 10;

	for (int i = 0; i < PROCESSES; i++) {
		unsigned long early = median(s->kib[i] + 2 * tenth, tenth),
			      late = median(s->kib[i] + 9 * tenth, tenth);

		print_message("    %-10s %lu KiB, then %lu KiB; %u descriptors, %ld allocations\n", names[i],
			      early, late, s->base.descriptors[i], s->base.allocations[i]);
		if (late > early + GROWTH_MAX_KIB)
			fail_msg("%s has grown by %lu KiB", names[i], late - early);
	}
}

static int start(void **state)
{
	const char *asked = getenv("SOAK_CYCLES");
	struct soak *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->cycles = asked ? (unsigned int)strtoul(asked, NULL, 10) : CYCLES;
	assert_in_range(s->cycles, WARM_UP + 1, 1000000);
	s->ends = mmap(NULL, 2 * sizeof(*s->ends), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(s->ends, MAP_FAILED);
	for (int i = 0; i < PROCESSES; i++) {
		s->kib[i] = calloc(s->cycles, sizeof(**s->kib));
		assert_non_null(s->kib[i]);
	}
	assert_int_equal(pair_setup_store((void **)&s->w, NULL), 0);
	s->pids[BROKER] = s->w->broker;
	s->pids[STORE] = s->w->store;
	s->pids[BACK] = pair_start(s->w, 0, run_back, &s->ends[0]);
	s->pids[FRONT] = pair_start(s->w, 1, run_front, &s->ends[1]);
	s->pids[TOOLSTACK] = getpid();
	pair_open_bus(s->w, 0);
	*state = s;
	return 0;
}

static int stop(void **state)
{
	struct soak *s = *state;

	pair_kill(s->pids[FRONT]);
	pair_kill(s->pids[BACK]);
	assert_int_equal(pair_teardown((void **)&s->w), 0);
	munmap(s->ends, 2 * sizeof(*s->ends));
	for (int i = 0; i < PROCESSES; i++)
		free(s->kib[i]);
	free(s);
	return 0;
}

static void after_each_of_many_cycles_nothing_is_left(void **state)
{
	struct soak *s = *state;
	unsigned int cycle = 1;

	for (; cycle <= WARM_UP; cycle++)
		one_cycle(s, cycle);
	settle_base(s);
	for (; cycle <= s->cycles; cycle++) {
		one_cycle(s, cycle);
		settle(s, cycle);
	}
	print_message("%u cycles; store: %llu bytes, %llu nodes, %llu watches\n", s->cycles,
		      (unsigned long long)s->base.store.bytes, (unsigned long long)s->base.store.nodes,
		      (unsigned long long)s->base.store.watches);
	if (MEASURED && s->cycles >= MEASURED_MIN)
		check_growth(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(after_each_of_many_cycles_nothing_is_left, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
