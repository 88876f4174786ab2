/* SPDX-License-Identifier: MIT */
/*
 * A thousand guests and a thousand clients in peace, and then with one hostile among them, a kind after the other: each gets its
 * answers, nobody is passed by more than was promised, memory stays bounded, and in the end the store holds exactly what was
 * acknowledged.
 *
 *     LOAD_OPS    answers in each phase (default 20,000; 4,000 under a sanitizer)
 *     LOAD_SEED   of the traffic (default 1)
 *     LOAD_GUESTS, LOAD_SOCKETS    how many (default 1,000 each)
 *     LOAD_KIND   only the hostile kinds whose name has this in it
 *     LOAD_PEER   "c" or "ox": the same in peace on Debian's servers, to compare what it costs; nothing is judged
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../proc_view.h"
#include "load.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Stated in src/xenstored/fairness.h; said again here, so that it cannot change unseen. */
#define PASSED_CLIENT 64u
#define PASSED_GUEST 608u

#define OF_DOM0 2u /* connections: the test's, and its kernel's ring */

struct state {
	struct load *load;
	unsigned int goal; /* answers for each in a phase */
	struct load_figures calm;
};

static unsigned int knob(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value && *value ? (unsigned int)strtoul(value, NULL, 10) : otherwise;
}

static void print_head(void)
{
	print_message("%-31s %8s %9s %8s %6s %7s %7s %8s %8s %8s %9s\n", "hostile", "answers", "hostile's",
		      "refused", "passed", "guest's", "EAGAIN", "p50 us", "p99 us", "CPU us", "RSS KiB");
}

static void print_row(const char *name, const struct load_figures *f)
{
	print_message("%-31s %8llu %9llu %8llu %6u %7u %4llu/%-2u %8llu %8llu %8.1f %9ld\n", name,
		      (unsigned long long)f->ops, (unsigned long long)f->hostile_ops,
		      (unsigned long long)f->hostile_errors, f->passed, f->passed_guest,
		      (unsigned long long)f->lost, f->worst_lost, (unsigned long long)f->p50_ns / 1000,
		      (unsigned long long)f->p99_ns / 1000,
		      (double)f->store_ns / 1000.0 / (double)(f->ops + f->hostile_ops + !f->ops), f->rss_kib);
}

static void expect_right(const struct load *load)
{
	if (load->wrongs)
		fail_msg("%u wrong; the first: %s", load->wrongs, load->wrong);
}

static void expect_fair(const struct load_figures *f)
{
	if (f->passed > PASSED_CLIENT)
		fail_msg("a client was passed by %u requests of one other", f->passed);
	if (f->passed_guest > PASSED_GUEST)
		fail_msg("a guest was passed by %u requests of one other", f->passed_guest);
}

static bool is_left_clean(struct load *load)
{
	const struct load_held held = load_held(load);
	unsigned long long watches = 0;

	for (unsigned int i = 0; i < load->count; i++)
		watches += load->victims[i].watches;
	return load->wrongs || (!held.open && held.watches == watches && held.domains == load->guests + 1 &&
				held.connections == load->count + OF_DOM0);
}

/* The server hears of the hostile one's end in its own time. */
static void expect_nothing_left(struct load *load, const char *name)
{
	const uint64_t until = load_now_ns() + PEER_PATIENCE_MS * UINT64_C(1000000);

	while (load->judges && !is_left_clean(load)) {
		const struct load_held held = load_held(load);

		if (load_now_ns() > until)
			fail_msg(
				"%s: left are %llu transactions, of %llu domains, %llu connections, %llu watches",
				name, held.open, held.domains, held.connections, held.watches);
	}
}

static void in_peace_everybody_is_served(void **state)
{
	struct state *s = *state;

	print_head();
	s->calm = load_phase(s->load, s->goal, NULL);
	s->calm = load_phase(s->load, s->goal, NULL);
	print_row("(none)", &s->calm);
	expect_right(s->load);
	expect_fair(&s->calm);
	expect_nothing_left(s->load, "(none)");
}

static void with_a_hostile_one_everybody_is_served(const struct hostile_kind *kind, struct state *s)
{
	struct hostile *hostile = hostile_begin(s->load, kind);
	struct load_figures figures = load_phase(s->load, s->goal, hostile);

	hostile_end(hostile);
	print_row(kind->name, &figures);
	expect_right(s->load);
	expect_nothing_left(s->load, kind->name);
	expect_fair(&figures);
	assert_true(figures.hostile_ops > 0 || strstr(kind->name, "stalled"));
	if (!SANITIZED && figures.rss_kib > s->calm.rss_kib + (long)kind->more_kib)
		fail_msg("%s: %ld KiB, in peace %ld", kind->name, figures.rss_kib, s->calm.rss_kib);
}

static void with_any_hostile_one_everybody_is_served(void **state)
{
	const char *only = getenv("LOAD_KIND");
	bool any = false;

	for (size_t i = 0; i < hostile_kind_count; i++) {
		if (only && !strstr(hostile_kinds[i].name, only))
			continue;
		with_a_hostile_one_everybody_is_served(&hostile_kinds[i], *state);
		any = true;
	}
	if (!any)
		fail_msg("LOAD_KIND: '%s' is in no kind's name", only);
}

static void what_was_acknowledged_is_there(void **state)
{
	struct state *s = *state;

	checker_compare(s->load);
	expect_right(s->load);
	print_message("%zu nodes compared\n", s->load->model.count);
}

static enum peer_kind peer_wanted(void)
{
	const char *name = getenv("LOAD_PEER");

	if (!name || !*name)
		return PEER_OURS;
	return strcmp(name, "c") ? PEER_OX : PEER_C;
}

static int begin(void **state)
{
	const unsigned int guests = knob("LOAD_GUESTS", 1000), sockets = knob("LOAD_SOCKETS", 1000);
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	*state = s;
	s->goal = knob("LOAD_OPS", SANITIZED ? 4000 : 20000) / (guests + sockets);
	s->goal += !s->goal;
	s->load = load_begin(peer_wanted(), guests, sockets, knob("LOAD_SEED", 1));
	return s->load ? 0 : -1;
}

static int end(void **state)
{
	struct state *s = *state;
	int failed = s->load ? load_end(s->load) : 0;

	free(s);
	return failed;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_peace_everybody_is_served),
		cmocka_unit_test(with_any_hostile_one_everybody_is_served),
		cmocka_unit_test(what_was_acknowledged_is_there),
	};
	const struct CMUnitTest others[] = { cmocka_unit_test(in_peace_everybody_is_served) };
	const char *missing = peer_missing(peer_wanted());

	if (missing) {
		printf("skipped: %s\n", missing);
		return 77;
	}
	if (peer_wanted() != PEER_OURS)
		return cmocka_run_group_tests(others, begin, end);
	return cmocka_run_group_tests(tests, begin, end);
}
