/* SPDX-License-Identifier: MIT */
/* Removing much: gone at once for everybody who looks, its memory later, a slice at a time. */
#include "store_world.h"

#define COUNT 5000

static struct world *big_world(uint32_t *c)
{
	struct world *w = world_new();
	char request[64];

	*c = world_connect(w);
	for (int i = 0; i < COUNT; i++) {
		snprintf(request, sizeof(request), "WRITE /big/%d/%d/leaf|value", i % 70, i);
		says(w, *c, request, "OK|");
	}
	return w;
}

static uint64_t nodes_of(const struct world *w)
{
	struct store_stats st;

	store_stats(w->store, &st);
	return st.nodes;
}

static void it_is_gone_at_once_and_reclaimed_in_slices(void **state)
{
	uint32_t c;
	struct world *w = big_world(&c);
	const uint64_t before = nodes_of(w);
	struct store_input in = { .type = STORE_IN_TICK };
	int ticks = 0;

	assert_true(store_deadline(w->store) == UINT64_MAX);
	says(w, c, "RM /big|", "OK|");
	assert_true(store_deadline(w->store) == 0);
	assert_true(nodes_of(w) > before - 2000);
	assert_null(store_check(w->store));
	says(w, c, "READ /big/3/3/leaf|", "ENOENT|");
	says(w, c, "DIRECTORY /|", "tool|");
	says(w, c, "WRITE /big/3/3/leaf|new", "OK|");
	for (; store_deadline(w->store) == 0; ticks++) {
		says(w, c, "READ /big/3/3/leaf|", "new");
		assert_int_equal(world_apply(w, &in), 0);
		assert_null(store_check(w->store));
	}
	assert_true(ticks > 1);
	assert_int_equal(nodes_of(w), before - 1 - 70 - 2 * COUNT + 4);
	world_end(w);
}

/* The removed branch is one walk, another removed earlier inside it has its own, and snapshots of different
 * age see either. */
static void nested_removals_under_snapshots_are_each_freed_once(void **state)
{
	for (int order = 0; order < 6; order++) {
		static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
						  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
		uint32_t c, tx[3];
		struct world *w = big_world(&c);

		tx[0] = world_begin(w, c);
		says(w, c, "RM /big/3/3|", "OK|");
		says(w, c, "WRITE /big/3/more|", "OK|");
		tx[1] = world_begin(w, c);
		says(w, c, "RM /big/3|", "OK|");
		tx[2] = world_begin(w, c);
		says(w, c, "RM /big|", "OK|");
		for (int i = 0; i < 3; i++) {
			const int t = orders[order][i];

			says_in(w, c, tx[t], "READ /big/3/3/leaf|", t == 0 ? "value" : "ENOENT|");
			says_in(w, c, tx[t], "READ /big/3/more|", t == 1 ? "" : "ENOENT|");
			says_in(w, c, tx[t], "READ /big/4/4/leaf|", "value");
			says_in(w, c, tx[t], "TRANSACTION_END F|", "OK|");
			if (store_check(w->store))
				fail_msg("order %d, %d: %s", order, i, store_check(w->store));
			if (i == order % 3)
				world_settle(w);
		}
		world_settle(w);
		assert_int_equal(nodes_of(w), 3);
		world_end(w);
	}
}

/* While one walk goes on, a branch removed earlier inside it is freed: wherever the walk stands. */
static void a_branch_freed_under_a_walk_does_not_derail_it(void **state)
{
	for (int inputs = 0; inputs < 12; inputs++) {
		struct world *w = world_new();
		const uint32_t c = world_connect(w);
		uint32_t old, young;

		for (int i = 0; i < 4000; i++) {
			char request[64];

			snprintf(request, sizeof(request), "WRITE /big/%s/n%d|", i % 4 ? "first" : "second",
				 i);
			says(w, c, request, "OK|");
		}
		old = world_begin(w, c);
		says(w, c, "RM /big/first|", "OK|");
		world_settle(w);
		young = world_begin(w, c);
		says(w, c, "RM /big|", "OK|");
		for (int i = 0; i < inputs; i++)
			says(w, c, "READ /|", "");
		says_in(w, c, old, "TRANSACTION_END F|", "OK|");
		world_settle(w);
		if (store_check(w->store))
			fail_msg("%s", store_check(w->store));
		says_in(w, c, young, "READ /big/first/n5|", "ENOENT|");
		says_in(w, c, young, "READ /big/second/n0|", "");
		says_in(w, c, young, "TRANSACTION_END F|", "OK|");
		world_settle(w);
		assert_int_equal(nodes_of(w), 3);
		world_end(w);
	}
}

/* A thousand levels: no walk may recurse. */
static void depth_costs_no_stack(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	char request[4096] = "WRITE ";

	for (int i = 0; i < 1500; i++)
		strcat(request, "/d");
	strcat(request, "|v");
	says(w, c, request, "OK|");
	says(w, c, "WATCH /d/d/d|t|", "OK|");
	says(w, c, "RM /d|", "OK|");
	world_settle(w);
	assert_int_equal(nodes_of(w), 3);
	world_end(w);
}

static void what_a_dead_domain_leaves_is_reclaimed_in_slices(void **state)
{
	uint32_t c;
	struct world *w = big_world(&c);
	struct store_domain_stats st;

	world_introduce(w, 5);
	says(w, c, "SET_PERMS /big|n5|", "OK|");
	world_kill(w, 5);
	assert_true(store_deadline(w->store) == 0);
	assert_int_equal(store_domain_stats(w->store, 5, &st), -ENOENT);
	says(w, c, "DIRECTORY /|", "tool|");
	assert_null(store_check(w->store));
	world_settle(w);
	assert_int_equal(nodes_of(w), 3);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_gone_at_once_and_reclaimed_in_slices),
		cmocka_unit_test(nested_removals_under_snapshots_are_each_freed_once),
		cmocka_unit_test(a_branch_freed_under_a_walk_does_not_derail_it),
		cmocka_unit_test(depth_costs_no_stack),
		cmocka_unit_test(what_a_dead_domain_leaves_is_reclaimed_in_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
