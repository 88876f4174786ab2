/* SPDX-License-Identifier: MIT */
/* The byte table of src/store/node.h, held to its promise. */
#include "store_world.h"

#define NODES 1000000u
#define FAN_OUT 1000u

static void apply_write(struct world *w, uint32_t conn, const char *path, const char *value)
{
	char payload[128];
	const int len = snprintf(payload, sizeof(payload), "%s%c%s", path, 0, value);

	assert_string_equal(world_ask_raw(w, conn, 0, XS_WRITE, payload, (size_t)len), "OK|");
}

static void a_million_nodes_take_110_bytes_each(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	struct store_stats before, after;
	char path[64], value[32];

	store_stats(w->store, &before);
	for (uint32_t i = 0; i < NODES; i++) {
		snprintf(path, sizeof(path), "/d%u/name%06u", i / FAN_OUT, i);
		snprintf(value, sizeof(value), "%016u", i);
		apply_write(w, c, path, value);
	}
	store_stats(w->store, &after);
	assert_true(after.nodes - before.nodes == NODES + NODES / FAN_OUT);
	print_message("%.1f bytes a node\n",
		      (double)(after.bytes - before.bytes) / (double)(after.nodes - before.nodes));
	assert_true(after.bytes - before.bytes <= 110 * (after.nodes - before.nodes));
	for (uint32_t i = 0; i < NODES / FAN_OUT; i++) {
		snprintf(path, sizeof(path), "RM /d%u|", i);
		says(w, c, path, "OK|");
	}
	world_settle(w);
	store_stats(w->store, &after);
	assert_true(after.nodes == before.nodes);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_nodes_take_110_bytes_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
