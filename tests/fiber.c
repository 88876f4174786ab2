/* SPDX-License-Identifier: MIT */
/* Stacks that are left and entered again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fiber.h"

#define FIBERS 200

struct counter {
	struct fiber_pool *pool;
	unsigned int number, turns;
	double sum;
};

/* Leaves with values in registers, floating-point ones too, and a filled stack behind it. */
static void count(void *arg)
{
	struct counter *c = arg;
	unsigned char fill[8192];
	double step = 0.5 + c->number;

	memset(fill, (int)c->number, sizeof(fill));
	for (unsigned int i = 0; i < 10; i++) {
		c->sum += step;
		c->turns++;
		fiber_leave(c->pool);
		for (size_t at = 0; at < sizeof(fill); at += 511)
			if (fill[at] != (unsigned char)c->number)
				c->sum = -1;
	}
}

static void fibers_keep_their_stacks_and_registers(void **state)
{
	struct fiber *fibers[FIBERS];
	struct counter counters[FIBERS];
	struct fiber_pool pool;
	unsigned int live = FIBERS;

	fiber_pool_init(&pool);
	for (unsigned int i = 0; i < FIBERS; i++) {
		counters[i] = (struct counter){ .pool = &pool, .number = i };
		fibers[i] = fiber_new(&pool, count, &counters[i]);
		assert_non_null(fibers[i]);
	}
	while (live) {
		for (unsigned int i = 0; i < FIBERS; i++) {
			if (!fibers[i] || !fiber_enter(&pool, fibers[i]))
				continue;
			fibers[i] = NULL;
			live--;
		}
	}
	for (unsigned int i = 0; i < FIBERS; i++) {
		assert_int_equal(counters[i].turns, 10);
		assert_true(counters[i].sum == 10 * (0.5 + i));
	}
	assert_int_equal(pool.live, 0);
	assert_int_equal(pool.stacks, FIBER_POOL_MAX); /* the others were given back */
	fiber_pool_fini(&pool);
	assert_int_equal(pool.stacks, 0);
}

static void nothing(void *arg)
{
	++*(int *)arg;
}

static void a_stack_serves_one_fiber_after_the_other(void **state)
{
	struct fiber_pool pool;
	int ran = 0;

	fiber_pool_init(&pool);
	for (int i = 0; i < 1000; i++)
		assert_true(fiber_enter(&pool, fiber_new(&pool, nothing, &ran)));
	assert_int_equal(ran, 1000);
	assert_int_equal(pool.stacks, 1);
	fiber_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fibers_keep_their_stacks_and_registers),
		cmocka_unit_test(a_stack_serves_one_fiber_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
