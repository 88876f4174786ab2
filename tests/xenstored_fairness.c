/* SPDX-License-Identifier: MIT */
/* How many passed whom: what the server counts is never less than what a model counts one by one, and within its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fairness.h"
#include "precedence.h"

enum { CONNS = 7, ROUNDS = 3000 };

static uint32_t dice(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* A server whose connections have nothing but a number of requests to be read. */
struct model_conn {
	struct patience patience;
	unsigned int waiting;	/* requests that can be read */
	bool ready;		/* the server knows */
	uint32_t passed[CONNS]; /* requests of others since its first one waits: the truth */
};

struct model {
	struct fairness fairness;
	struct model_conn conns[CONNS];
	unsigned int queue[CONNS], queued;
	uint32_t seed;
	bool shuffled;	      /* whose turn it is next is up to chance */
	unsigned int flooder; /* always has more; CONNS: nobody */
	uint32_t highest;     /* that was said */
};

static void make_ready(struct model *m, unsigned int i)
{
	if (m->conns[i].ready)
		return;
	fairness_heard(&m->fairness, &m->conns[i].patience);
	m->conns[i].ready = true;
	m->queue[m->queued++] = i;
}

/* What comes from outside, at any time. */
static void arrive(struct model *m)
{
	unsigned int i = dice(&m->seed) % CONNS;

	if (dice(&m->seed) % 8)
		return;
	if (!m->conns[i].waiting)
		memset(m->conns[i].passed, 0, sizeof(m->conns[i].passed));
	m->conns[i].waiting += 1 + dice(&m->seed) % 80;
}

static uint32_t highest_of(const uint32_t *numbers)
{
	uint32_t highest = 0;

	for (unsigned int i = 0; i < CONNS; i++)
		if (numbers[i] > highest)
			highest = numbers[i];
	return highest;
}

static void serve(struct model *m, unsigned int i, unsigned int nth)
{
	struct model_conn *conn = &m->conns[i];
	uint32_t truth = highest_of(conn->passed);
	uint32_t said = fairness_serve(&m->fairness, &conn->patience, nth);

	assert_true(said >= truth);
	assert_true(said <= PASSED_BOUND || m->shuffled);
	if (said > m->highest)
		m->highest = said;
	memset(conn->passed, 0, sizeof(conn->passed));
	for (unsigned int other = 0; other < CONNS; other++)
		if (other != i && m->conns[other].waiting)
			m->conns[other].passed[i]++;
	conn->waiting -= i != m->flooder;
}

static void turn(struct model *m, unsigned int i)
{
	struct model_conn *conn = &m->conns[i];

	conn->ready = false;
	for (unsigned int nth = 1; conn->waiting && nth <= TURN_REQUESTS; nth++) {
		serve(m, i, nth);
		arrive(m);
	}
	fairness_rest(&m->fairness, &conn->patience);
	if (conn->waiting) {
		conn->ready = true;
		m->queue[m->queued++] = i;
	}
}

static void one_round(struct model *m)
{
	unsigned int queue[CONNS], count = m->queued;

	for (unsigned int i = 0; i < CONNS; i++)
		if (m->conns[i].waiting)
			make_ready(m, i);
	count = m->queued;
	memcpy(queue, m->queue, sizeof(queue));
	m->queued = 0;
	fairness_round(&m->fairness);
	for (unsigned int i = 0; i < count; i++) {
		/* Held: it waits for another round. */
		if (m->shuffled && queue[i] != m->flooder && dice(&m->seed) % 4 == 0)
			m->queue[m->queued++] = queue[i];
		else
			turn(m, queue[i]);
	}
	arrive(m);
}

static void run(struct model *m)
{
	if (m->flooder < CONNS)
		m->conns[m->flooder].waiting = 1;
	for (int round = 0; round < ROUNDS; round++)
		one_round(m);
}

static void it_never_says_less_than_there_was(void **state)
{
	for (uint32_t seed = 0; seed < 20; seed++) {
		struct model m = { .seed = seed, .flooder = CONNS };

		run(&m);
		assert_true(m.highest > TURN_REQUESTS);
	}
}

static void a_flood_passes_others_by_two_turns_and_no_more(void **state)
{
	for (uint32_t seed = 0; seed < 20; seed++) {
		struct model m = { .seed = seed, .flooder = seed % CONNS };

		run(&m);
		assert_int_equal(m.highest, PASSED_BOUND);
	}
}

static void waits_of_many_rounds_are_counted_too(void **state)
{
	for (uint32_t seed = 0; seed < 20; seed++) {
		struct model m = { .seed = seed, .flooder = seed % CONNS, .shuffled = true };

		run(&m);
		assert_true(m.highest > 2 * PASSED_BOUND);
	}
}

/* Rounds of one flood, and of one guest that has one request at a time: nobody holds back but its own turn. */
static void who_is_alone_is_passed_by_nobody(void **state)
{
	struct fairness f = { 0 };
	struct patience alone = { 0 };

	for (unsigned int round = 0; round < 100; round++) {
		fairness_round(&f);
		for (unsigned int nth = 1; nth <= TURN_REQUESTS; nth++)
			assert_int_equal(fairness_serve(&f, &alone, nth), 0);
		fairness_rest(&f, &alone);
	}
	assert_int_equal(alone.served, 100 * TURN_REQUESTS);
}

/* -- precedence -------------------------------------------------------------------------------------- */

static bool holds(struct precedence *p, uint64_t *held_by, uint64_t contention, uint64_t now_ns,
		  uint64_t longest)
{
	const struct precedence_view view = { contention, now_ns, longest };

	return precedence_holds(p, held_by, &view);
}

static void precedence_ends_after_so_many_requests(void **state)
{
	struct precedence_view view = { .contention = 1, .now_ns = 2, .longest = 1000 };
	struct precedence p = { 0 };
	uint64_t guest = 0;

	assert_true(holds(&p, &guest, 1, 1, 1000));
	for (; view.longest < 1000 + PRECEDENCE_REQUESTS; view.longest++) {
		assert_int_equal(precedence_deadline(&p, &view), 1 + PRECEDENCE_NS);
		assert_true(precedence_holds(&p, &guest, &view));
	}
	assert_int_equal(precedence_deadline(&p, &view), 0);
	assert_false(precedence_holds(&p, &guest, &view));
}

static void nobody_is_held_twice_before_its_turn(void **state)
{
	struct precedence p = { 0 };
	uint64_t waits = 0, served = 0;

	assert_true(holds(&p, &waits, 1, 1, 0));
	assert_true(holds(&p, &served, 1, 1, 0));
	assert_false(holds(&p, &served, 0, 2, 0)); /* over */
	assert_true(holds(&p, &served, 2, 4, 0));  /* the next one */
	assert_false(holds(&p, &waits, 2, 4, 0));
	assert_true(holds(&p, &waits, 2, 4, 0));
}

static void guests_have_half_of_the_time(void **state)
{
	struct precedence p = { 0 };
	uint64_t held = 0;

	for (uint64_t now = 1; now < 1000; now++) {
		uint64_t guest = 0;

		held += holds(&p, &guest, now, now * 1000000, 0);
	}
	assert_in_range(held, 490, 510);
}

/* Its client was stopped, or does something else. The next one is waited for again. */
static void one_that_stays_open_is_waited_for_once(void **state)
{
	struct precedence p = { 0 };
	uint64_t held = 0;

	for (uint64_t now = 1; now < 1000; now++) {
		uint64_t guest = 0;

		held += holds(&p, &guest, 7, now * 1000000, 0);
	}
	assert_int_equal(held, PRECEDENCE_NS / 1000000);
	held = 0;
	assert_true(holds(&p, &held, 8, 1000000000, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_never_says_less_than_there_was),
		cmocka_unit_test(a_flood_passes_others_by_two_turns_and_no_more),
		cmocka_unit_test(waits_of_many_rounds_are_counted_too),
		cmocka_unit_test(who_is_alone_is_passed_by_nobody),
		cmocka_unit_test(precedence_ends_after_so_many_requests),
		cmocka_unit_test(nobody_is_held_twice_before_its_turn),
		cmocka_unit_test(guests_have_half_of_the_time),
		cmocka_unit_test(one_that_stays_open_is_waited_for_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
