/* SPDX-License-Identifier: MIT */
/* Streams: what they keep, and that no broken one does harm. */
#include "store_world.h"

static struct world *rich_world(void)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	world_introduce(w, 6);
	says(w, c, "WRITE /local/domain/5/a|value", "OK|");
	says(w, c, "SET_PERMS /local/domain/5|n5|r6|", "OK|");
	says(w, c, "WRITE /x/y/z|1", "OK|");
	says(w, c, "SET_PERMS /x/y|b0|r6|w77|r32757|", "OK|");
	says(w, c, "SET_TARGET 6|5|", "OK|");
	says(w, c, "WATCH /x|t|", "OK|");
	says(w, c, "WATCH /x|deep|3|", "OK|");
	says(w, c, "WATCH @releaseDomain|r|", "OK|");
	says(w, g, "WATCH a|relative|", "OK|");
	says(w, c, "SET_PERMS @introduceDomain|n0|r5|", "OK|");
	says(w, c, "CONTROL quota|set|nodes|123|", "OK|");
	says(w, c, "SET_QUOTA 6|watches|3|", "OK|");
	says(w, c, "SET_QUOTA 6|memory|300000|", "OK|");
	w->exists[9] = true;
	says(w, c, "SET_FEATURE 9|5|", "OK|");
	world_begin(w, c);
	return w;
}

static struct store *load(const struct world *w, const uint8_t *data, size_t len, int *err)
{
	const char *why = NULL;
	struct store *copy;

	assert_int_equal(store_new(&w->config, &copy), 0);
	*err = store_load(copy, data, len, &why);
	assert_true(*err ? why != NULL : store_check(copy) == NULL);
	return copy;
}

/* Goes on in a store loaded from the world's dump. */
static void live_update(struct world *w)
{
	struct store *copy;
	uint8_t *data;
	size_t len;
	int err;

	assert_int_equal(store_dump(w->store, &data, &len), 0);
	copy = load(w, data, len, &err);
	assert_int_equal(err, 0);
	free(data);
	store_free(w->store);
	w->store = copy;
}

static void clients_go_on_as_if_nothing_had_happened(void **state)
{
	struct world *w = rich_world();
	char part[64];
	struct store_domain_stats st;

	for (uint32_t conn = 0; conn < 8; conn++)
		free(world_heard(w, conn));
	strcpy(part, world_ask(w, 1, 0, "DIRECTORY_PART /x|9|"));
	live_update(w);
	says(w, 1, "READ /x/y/z|", "1");
	says(w, 1, "GET_PERMS /x/y|", "b0|r6|w77|r32757|");
	says(w, 1, "IS_DOMAIN_INTRODUCED 6|", "T|");
	assert_non_null(strstr(world_ask(w, 1, 0, "CONTROL quota|"), "nodes            :      123 "));
	says(w, 1, "WRITE /x/y|2", "OK|");
	hears(w, 1, "/x/y|t| /x/y|deep|");
	says(w, 1, "WRITE /local/domain/5/a|2", "OK|");
	hears(w, 3, "a|relative|"); /* the ring of domain 5 */
	says_in(w, 1, 1, "READ /x/y/z|", "1");
	says_in(w, 1, 1, "TRANSACTION_END T|", "EAGAIN|");
	assert_int_equal(store_domain_stats(w->store, 5, &st), 0);
	assert_int_equal(st.nodes, 1);
	assert_string_not_equal(world_ask(w, 1, 0, "DIRECTORY_PART /local/domain/5|9|"), part);
	world_introduce(w, 77);
	says(w, 1, "GET_PERMS /x/y|", "b0|r6|w77|r32757|");
	assert_true(world_connect(w) > 5);
	world_end(w);
}

static void a_stale_entry_stays_nobodys(void **state)
{
	struct world *w = rich_world();
	uint32_t g;

	says(w, 1, "WRITE /secret|1", "OK|");
	says(w, 1, "SET_PERMS /secret|n0|r5|", "OK|");
	world_kill(w, 5);
	live_update(w);
	g = world_introduce(w, 5);
	says(w, g, "READ /secret|", "EACCES|");
	live_update(w);
	says(w, g, "READ /secret|", "EACCES|");
	says(w, 1, "GET_PERMS /secret|", "n0|r5|");
	world_end(w);
}

static void a_stream_cut_anywhere_is_refused(void **state)
{
	struct world *w = rich_world();
	uint8_t *data;
	size_t len;
	int err;

	assert_int_equal(store_dump(w->store, &data, &len), 0);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut + 1); /* its own, so that reading past it shows */

		assert_non_null(copy);
		memcpy(copy, data, cut);
		store_free(load(w, copy, cut, &err));
		assert_int_equal(err, -EINVAL);
		free(copy);
	}
	free(data);
	world_end(w);
}

static void a_damaged_stream_does_no_harm(void **state)
{
	struct world *w = rich_world();
	uint64_t random = 88172645463325252u;
	uint8_t *data, *copy;
	size_t len;
	int err, refused = 0;

	assert_int_equal(store_dump(w->store, &data, &len), 0);
	copy = malloc(len);
	assert_non_null(copy);
	for (int i = 0; i < 20000; i++) {
		memcpy(copy, data, len);
		for (int flips = 0; flips <= i % 4; flips++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			copy[(random >> 8) % len] =
				(uint8_t)(i & 1 ? random >> 40 : 1u << (random >> 40) % 8);
		}
		store_free(load(w, copy, len, &err));
		refused += err != 0;
	}
	assert_true(refused > 1000 && refused < 20000);
	free(data);
	free(copy);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_go_on_as_if_nothing_had_happened),
		cmocka_unit_test(a_stale_entry_stays_nobodys),
		cmocka_unit_test(a_stream_cut_anywhere_is_refused),
		cmocka_unit_test(a_damaged_stream_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
