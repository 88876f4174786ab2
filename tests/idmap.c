/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/idmap.h>

enum { KEYS = 600 };

static uint32_t dice(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Random puts and removals against a plain array; keys that collide on purpose (equal low bits). */
static void it_holds_what_an_array_holds(void **state)
{
	struct idmap map = { 0 };
	int values[8];
	void *model[KEYS] = { NULL };
	uint32_t seed = 7, count = 0;

	assert_null(idmap_get(&map, 5));
	idmap_del(&map, 5);
	for (int step = 0; step < 50000; step++) {
		uint32_t i = dice(&seed) % KEYS, key = i < KEYS / 2 ? i + 1 : i << 16;

		if (dice(&seed) % 5 < 2) {
			count -= model[i] != NULL;
			model[i] = NULL;
			idmap_del(&map, key);
		} else {
			count += model[i] == NULL;
			model[i] = &values[dice(&seed) % 8];
			assert_int_equal(idmap_put(&map, key, model[i]), 0);
		}
		i = dice(&seed) % KEYS;
		assert_ptr_equal(idmap_get(&map, i < KEYS / 2 ? i + 1 : i << 16), model[i]);
		assert_int_equal(map.count, count);
	}
	assert_null(idmap_get(&map, 0));
	idmap_free(&map);
	assert_null(idmap_get(&map, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_what_an_array_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
