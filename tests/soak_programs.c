/* SPDX-License-Identifier: MIT */
/*
 * The soak with programs, as a user runs them: `xenbus up` once, then again and again a new alice-back, a new domain 1
 * with a new alice-front, a device, a stream, and all their ends. What stays, broker and xenstored, holds after each
 * cycle what it held before. SOAK_PROGRAM_CYCLES in the environment: how many.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <xenbus/host.h>
#include <xenbus/local.h>

#include "command.h"
#include "proc_view.h"
#include "store_report.h"

#if defined(__SANITIZE_ADDRESS__)
#define CYCLES 12u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CYCLES 12u
#endif
#endif
#ifdef CYCLES
#define MEASURED false /* freed memory is kept from reuse, so a process's size says nothing */
#else
#define CYCLES 100u
#define MEASURED true
#endif
#define WARM_UP 3u
#define GROWTH_MAX_KIB 80ul /* 32 of them are the store's table of authors, whose pages fill as it is used */
#define STREAM_BYTES 300000
#define STEPS_MAX 2u
#define STEP_NS UINT64_C(1000000000) /* what is only late has come by then */
#define PATIENCE_NS UINT64_C(60000000000)

static const char *const names[] = { "broker", "xenstored" };

struct census {
	struct xen_local_stats world;
	struct store_report store;
	unsigned int descriptors[2]; /* broker's, xenstored's */
	unsigned int files;	     /* in the run directory */
};

struct soak {
	char top[32], run_dir[64], sent[64], back_result[64], front_result[64], front[PATH_MAX],
		back[PATH_MAX];
	pid_t pids[2]; /* broker, xenstored */
	int store_log;
	unsigned int steps; /* cycles after which the store was larger */
	struct xen_local *local;
	struct xenbus_host *host;
};

/* -- the world ------------------------------------------------------------------------------------- */

static void make_file(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (int i = 0; i < STREAM_BYTES; i++)
		fputc((int)(((unsigned int)i * 2654435761u) >> 11 & 255), f);
	assert_int_equal(fclose(f), 0);
}

static void name_paths(struct soak *s)
{
	strcpy(s->top, "/tmp/soak.XXXXXX");
	assert_non_null(mkdtemp(s->top));
	snprintf(s->run_dir, sizeof(s->run_dir), "%s/run", s->top);
	snprintf(s->sent, sizeof(s->sent), "%s/sent", s->top);
	snprintf(s->back_result, sizeof(s->back_result), "%s/back", s->top);
	snprintf(s->front_result, sizeof(s->front_result), "%s/front", s->top);
	command_path("alice-front", s->front, sizeof(s->front));
	command_path("alice-back", s->back, sizeof(s->back));
}

static int up(void **state)
{
	struct soak *s = calloc(1, sizeof(*s));
	char path[96];
	struct command c;

	assert_non_null(s);
	name_paths(s);
	make_file(s->sent);
	setenv("XENBUS_RUN_DIR", s->run_dir, 1);
	RUN(&c, "xenbus", "up");
	assert_int_equal(c.status, 0);
	s->pids[0] = command_orphan("xenbus");
	s->pids[1] = command_orphan("xenstored");
	snprintf(path, sizeof(path), "%s/xenstored.sock", s->run_dir);
	setenv("XENSTORED_PATH", path, 1);
	snprintf(path, sizeof(path), "%s/xenstored.log", s->run_dir);
	s->store_log = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(s->store_log >= 0);
	assert_int_equal(xen_local_connect(s->run_dir, &s->local), 0);
	assert_int_equal(xenbus_host_new(&s->host), 0);
	*state = s;
	return 0;
}

static int down(void **state)
{
	struct soak *s = *state;
	struct command c;

	xenbus_host_free(s->host);
	xen_local_disconnect(s->local);
	close(s->store_log);
	RUN(&c, "xenbus", "down");
	assert_int_equal(c.status, 0);
	command_wait_for_all();
	unlink(s->back_result);
	unlink(s->front_result);
	unlink(s->sent);
	assert_int_equal(rmdir(s->top), 0);
	free(s);
	return 0;
}

/* -- what there is --------------------------------------------------------------------------------- */

static unsigned int count_files(const char *path)
{
	unsigned int count = 0;
	struct dirent *entry;
	DIR *dir = opendir(path);

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void take_census(struct soak *s, struct census *c)
{
	memset(c, 0, sizeof(*c));
	store_report(s->host, s->store_log, &c->store);
	assert_int_equal(xen_local_stats(s->local, XEN_LOCAL_ALL, &c->world), 0);
	for (int i = 0; i < 2; i++)
		c->descriptors[i] = proc_descriptors(s->pids[i]);
	c->files = count_files(s->run_dir);
}

static void print_census(const char *when, const struct census *c)
{
	print_message(
		"%s: %u domains, %u grants, %u pages, %u mappings, %u ports, %u broker descriptors (of %u); "
		"store: %llu bytes, %llu nodes, %llu watches, %llu connections, %llu domains, "
		"%u descriptors; %u files\n",
		when, c->world.domains, c->world.grants, c->world.pages, c->world.mappings, c->world.ports,
		c->world.descriptors, c->descriptors[0], (unsigned long long)c->store.bytes,
		(unsigned long long)c->store.nodes, (unsigned long long)c->store.watches,
		(unsigned long long)c->store.connections, (unsigned long long)c->store.domains,
		c->descriptors[1], c->files);
}

/* What there is when nothing changes any more. */
static void settle_base(struct soak *s, struct census *base)
{
	struct census now;

	take_census(s, base);
	for (int same = 0; same < 20; same++) {
		usleep(1000);
		take_census(s, &now);
		if (memcmp(&now, base, sizeof(now)))
			same = 0;
		*base = now;
	}
}

/* The store's tables keep the size of the most that ever stood in them at once, which chance may raise late. */
static void allow_step(struct soak *s, struct census *base, const struct census *now, unsigned int cycle)
{
	print_message("cycle %u: a table of the store grew, %llu bytes after %llu\n", cycle,
		      (unsigned long long)now->store.bytes, (unsigned long long)base->store.bytes);
	base->store.bytes = now->store.bytes;
	assert_in_range(++s->steps, 1, STEPS_MAX);
}

/* Until all is as it was: others take their time to hear that it is over. */
static void settle(struct soak *s, struct census *base, unsigned int cycle)
{
	const uint64_t began = xenbus_host_now(s->host);
	struct census now;

	for (take_census(s, &now); memcmp(&now, base, sizeof(now)); take_census(s, &now)) {
		const uint64_t took = xenbus_host_now(s->host) - began;
		const uint64_t bytes = now.store.bytes;

		now.store.bytes = base->store.bytes;
		if (took > STEP_NS && !memcmp(&now, base, sizeof(now))) {
			now.store.bytes = bytes;
			allow_step(s, base, &now, cycle);
			return;
		}
		if (took > PATIENCE_NS) {
			now.store.bytes = bytes;
			print_census("before", base);
			print_census("now", &now);
			fail_msg("after cycle %u something is left", cycle);
		}
		usleep(1000);
	}
}

/* -- the cycles ------------------------------------------------------------------------------------ */

static void attach(struct soak *s)
{
	struct command c;

	do
		RUN(&c, "xenbus", "attach", "alice_dev", "--front", "1", "--back", "0", "--timeout", "60");
	while (c.status && strstr(c.err, "is not there")); /* the domain is being made */
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
}

static void await_result(struct soak *s, const char *path)
{
	const uint64_t deadline = xenbus_host_now(s->host) + PATIENCE_NS;
	char line[32] = "";
	FILE *f;

	while (access(path, F_OK)) {
		assert_true(xenbus_host_now(s->host) < deadline);
		usleep(1000);
	}
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_string_equal(line, "error=0\n");
	unlink(path);
}

static void end(pid_t pid)
{
	kill(pid, SIGTERM);
	assert_int_equal(command_wait(pid), 0);
}

static void one_cycle(struct soak *s)
{
	struct command c;
	pid_t back, front;

	fflush(stdout);
	back = START("xenbus", "run", "--domid", "0", s->back, "--quiet", "--result", s->back_result);
	front = START("xenbus", "run", "--domid", "1", s->front, "--quiet", "--file", s->sent, "--result",
		      s->front_result);
	attach(s);
	await_result(s, s->front_result);
	await_result(s, s->back_result);
	RUN(&c, "xenbus", "detach", "alice_dev", "--front", "1", "--back", "0", "--timeout", "60");
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
	end(front);
	end(back);
}

static void programs_that_come_and_go_leave_nothing(void **state)
{
	const char *asked = getenv("SOAK_PROGRAM_CYCLES");
	const unsigned int cycles = asked ? (unsigned int)strtoul(asked, NULL, 10) : CYCLES;
	unsigned long before[2];
	struct soak *s = *state;
	unsigned int cycle = 0;
	struct census base;

	assert_in_range(cycles, WARM_UP + 1, 1000000);
	while (cycle++ < WARM_UP)
		one_cycle(s);
	settle_base(s, &base);
	for (int i = 0; i < 2; i++)
		before[i] = proc_anonymous_kib(s->pids[i]);
	for (; cycle <= cycles; cycle++) {
		one_cycle(s);
		settle(s, &base, cycle);
	}
	for (int i = 0; i < 2; i++) {
		const unsigned long now = proc_anonymous_kib(s->pids[i]);

		print_message("%u cycles: %s %lu KiB, then %lu KiB; %u descriptors\n", cycles, names[i],
			      before[i], now, base.descriptors[i]);
		assert_true(!MEASURED || now <= before[i] + GROWTH_MAX_KIB);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(programs_that_come_and_go_leave_nothing, up, down),
	};

	command_adopt_orphans();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
