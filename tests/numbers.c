/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <base/numbers.h>

/* Against a plain array: what was added is found, what was not is not. */
static void numbers_name_what_was_added(void **state)
{
	enum { FIRST = 8, LIMIT = 2000 };
	static void *model[LIMIT];
	struct numbers n;
	uint32_t used = 0;

	numbers_init(&n, FIRST, LIMIT);
	memset(model, 0, sizeof(model));
	srand(3);
	for (int i = 0; i < 100000; i++) {
		uint32_t at = (uint32_t)rand() % LIMIT;
		bool full = used == LIMIT - FIRST;

		if (rand() % 1000 < (i / 20000 % 2 ? 300 : 700)) {
			int64_t got = numbers_add(&n, &model[at]);

			assert_true(full ? got == -ENOSPC : got >= FIRST && got < LIMIT && !model[got]);
			if (!full)
				model[got] = &model[at];
			used += !full;
		} else if (model[at]) {
			numbers_del(&n, at);
			model[at] = NULL;
			used--;
		}
		assert_ptr_equal(numbers_get(&n, at), model[at]);
	}
	for (uint32_t at = 0; at < LIMIT + 10; at++)
		assert_ptr_equal(numbers_get(&n, at), at < LIMIT ? model[at] : NULL);
	assert_null(numbers_get(&n, UINT32_MAX));
	numbers_deinit(&n);
}

static void a_number_comes_again_only_after_all_others(void **state)
{
	struct numbers n;
	int64_t first, got;
	int before = 0;

	numbers_init(&n, 1, 100000);
	first = numbers_add(&n, &n);
	assert_int_equal(first, 1);
	numbers_del(&n, 1);
	while ((got = numbers_add(&n, &n)) != first) {
		numbers_del(&n, (uint32_t)got);
		before++;
	}
	assert_true(before >= (int)NUMBERS_MIN - 1);
	numbers_deinit(&n);
}

static void all_numbers_are_given_before_there_is_no_space(void **state)
{
	struct numbers n;

	numbers_init(&n, 5, 1000);
	for (int i = 0; i < 995; i++)
		assert_true(numbers_add(&n, &n) > 0);
	assert_int_equal(numbers_add(&n, &n), -ENOSPC);
	numbers_del(&n, 500);
	assert_int_equal(numbers_add(&n, &n), 500);
	numbers_deinit(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_name_what_was_added),
		cmocka_unit_test(a_number_comes_again_only_after_all_others),
		cmocka_unit_test(all_numbers_are_given_before_there_is_no_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
