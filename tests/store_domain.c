/* SPDX-License-Identifier: MIT */
/* Domains: introduced, released, dead, and come again under the same number. */
#include "store_world.h"

static void introducing_maps_tells_and_then_replies(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	char order[WORLD_TEXT];

	w->exists[5] = true;
	says(w, c, "IS_DOMAIN_INTRODUCED 5|", "F|");
	says(w, c, "WATCH @introduceDomain|t|", "OK|");
	says(w, c, "INTRODUCE 5|-1|7|", "OK|");
	snprintf(order, sizeof(order), " m5 e%u r%u", c, c);
	assert_string_equal(w->order, order);
	says(w, c, "IS_DOMAIN_INTRODUCED 5|", "T|");
	says(w, c, "IS_DOMAIN_INTRODUCED 0|", "T|");
	says(w, c, "IS_DOMAIN_INTRODUCED 32752|", "T|");
	says(w, c, "INTRODUCE 6|1|7|", "ENOENT|");
	world_end(w);
}

static void a_ring_that_cannot_be_mapped_is_refused(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	struct store_stats st;

	w->exists[5] = true;
	w->map_error = -EINVAL;
	says(w, c, "INTRODUCE 5|1|7|", "EINVAL|");
	says(w, c, "IS_DOMAIN_INTRODUCED 5|", "F|");
	store_stats(w->store, &st);
	assert_int_equal(st.connections, 1);
	says(w, c, "RELEASE 5|", "ENOENT|");
	w->map_error = 0;
	says(w, c, "INTRODUCE 5|1|7|", "OK|");
	world_end(w);
}

static void a_death_before_the_ring_is_mapped_answers_the_asker(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	struct store_input in = { .type = STORE_IN_MESSAGE,
				  .conn = c,
				  .op = XS_INTRODUCE,
				  .req_id = 9,
				  .payload = "5\0001\0007",
				  .len = 6 };
	struct store_input mapped = { .type = STORE_IN_MAPPED, .domid = 5 };
	struct store_effects fx = { 0 };

	w->exists[5] = true;
	assert_int_equal(store_apply(w->store, &in, &fx), 0);
	assert_int_equal(fx.count, 1);
	assert_int_equal(fx.list[0].type, STORE_OUT_MAP_RING);
	store_effects_clear(&fx);
	assert_int_equal(store_apply(w->store, &in, &fx), 0);
	assert_string_equal((char *)fx.bytes + fx.list[0].offset + WIRE_HEADER_SIZE, "EBUSY");
	store_effects_free(&fx);
	world_kill(w, 5);
	assert_memory_equal(w->order, " u5 r", 5);
	assert_string_equal(w->reply, "ENOENT|");
	assert_int_equal(world_apply(w, &mapped), -ENOENT);
	world_end(w);
}

static void a_repeated_introduce_resets_the_connection(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);
	struct store_domain_stats st;

	says(w, g, "WATCH x|t|", "OK|");
	world_begin(w, g);
	says(w, c, "INTRODUCE 5|1|9|", "OK|");
	assert_memory_equal(w->order, " u5 m5", 6);
	says(w, g, "READ x|", "no reply");
	store_domain_stats(w->store, 5, &st);
	assert_int_equal(st.watches, 0);
	assert_int_equal(st.transactions, 0);
	assert_true(st.introduced);
	world_end(w);
}

static void a_ring_reset_drops_claims_and_keeps_the_connection(void **state)
{
	struct world *w = world_new();
	const uint32_t g = world_introduce(w, 5);
	struct store_input in = { .type = STORE_IN_RING_RESET, .conn = g };
	struct store_domain_stats st;

	w->hold_output = true;
	says(w, g, "WATCH x|t|", "OK|");
	world_begin(w, g);
	assert_int_equal(world_apply(w, &in), 0);
	store_domain_stats(w->store, 5, &st);
	assert_int_equal(st.watches, 0);
	assert_int_equal(st.transactions, 0);
	assert_int_equal(st.memory, 0);
	says(w, g, "GET_DOMAIN_PATH 5|", "/local/domain/5|");
	assert_int_equal(world_begin(w, g), 1);
	world_end(w);
}

static void broken_framing_closes_only_that_connection(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), other = world_connect(w), g = world_introduce(w, 5);
	static const uint32_t lengths[] = { 4097, 0x40000000, 0x80000000, UINT32_MAX };
	char order[64];
	struct store_input in = { .type = STORE_IN_RING_RESET, .conn = g };

	world_ask_raw(w, c, 0, XS_READ, NULL, lengths[0]);
	snprintf(order, sizeof(order), " c%u", c);
	assert_string_equal(w->order, order);
	says(w, c, "READ /|", "no reply");
	says(w, other, "READ /|", "");
	for (size_t i = 0; i < 4; i++) {
		says(w, g, "WATCH x|t|", "OK|");
		world_ask_raw(w, g, 0, 99, NULL, lengths[i]);
		snprintf(order, sizeof(order), " c%u", g);
		assert_string_equal(w->order, order);
		says(w, g, "GET_DOMAIN_PATH 5|", "no reply");
		says(w, other, "IS_DOMAIN_INTRODUCED 5|", "T|");
		assert_int_equal(world_apply(w, &in), 0);
		says(w, g, "GET_DOMAIN_PATH 5|", "/local/domain/5|");
	}
	world_end(w);
}

static void what_a_dead_domain_owned_goes_with_what_is_beneath(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	struct store_stats before, after;

	world_introduce(w, 5);
	store_stats(w->store, &before);
	says(w, c, "WRITE /home/5/dev/x|1", "OK|");
	says(w, c, "WRITE /elsewhere/y|1", "OK|");
	says(w, c, "SET_PERMS /home/5|n5|", "OK|");
	says(w, c, "SET_PERMS /home/5/dev/x|n5|", "OK|");
	says(w, c, "SET_PERMS /elsewhere/y|n5|", "OK|");
	says(w, c, "WATCH /home/5/dev|t|", "OK|");
	says(w, c, "WATCH /elsewhere|t|", "OK|");
	says(w, c, "WATCH @releaseDomain|r|", "OK|");
	free(world_heard(w, c));
	world_kill(w, 5);
	hears(w, c, "/home/5/dev|t| /elsewhere/y|t| @releaseDomain|r|");
	says(w, c, "DIRECTORY /home|", "");
	says(w, c, "DIRECTORY /elsewhere|", "");
	store_stats(w->store, &after);
	assert_int_equal(after.nodes, before.nodes + 2);
	world_end(w);
}

static void the_root_outlives_its_owner(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);

	world_introduce(w, 5);
	says(w, c, "WRITE /a/b|1", "OK|");
	says(w, c, "SET_PERMS /|b5|r7|", "OK|");
	says(w, c, "WATCH /|t|", "OK|");
	hears(w, c, "/|t|");
	world_kill(w, 5);
	hears(w, c, "/|t|");
	says(w, c, "GET_PERMS /|", "n0|");
	says(w, c, "READ /a/b|", "1");
	world_end(w);
}

static void a_reused_number_inherits_nothing(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	struct store_domain_stats st;
	uint32_t g = world_introduce(w, 5);

	says(w, c, "WRITE /x|1", "OK|");
	says(w, c, "SET_PERMS /x|n0|r5|", "OK|");
	says(w, c, "SET_PERMS @releaseDomain|n0|r5|", "OK|");
	says(w, g, "READ /x|", "1");
	world_kill(w, 5);
	g = world_introduce(w, 5);
	says(w, g, "READ /x|", "EACCES|");
	says(w, g, "GET_PERMS @releaseDomain|", "EACCES|");
	says(w, c, "GET_PERMS /x|", "n0|r5|");
	store_domain_stats(w->store, 5, &st);
	assert_int_equal(st.nodes, 0);
	assert_int_equal(st.perm_entries, 0);
	says(w, c, "SET_PERMS /x|n0|r5|", "OK|");
	says(w, g, "READ /x|", "1");
	world_end(w);
}

static void nor_does_it_inside_an_open_transaction(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	uint32_t g = world_introduce(w, 5), tx;

	says(w, c, "WRITE /x|1", "OK|");
	tx = world_begin(w, c);
	says_in(w, c, tx, "SET_PERMS /x|n0|r5|", "OK|");
	world_kill(w, 5);
	g = world_introduce(w, 5);
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	says(w, c, "GET_PERMS /x|", "n0|r5|");
	says(w, g, "READ /x|", "EACCES|");
	world_end(w);
}

static void release_ends_the_instance(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, c, "WRITE /x|1", "OK|");
	says(w, c, "SET_PERMS /x|n5|", "OK|");
	says(w, c, "RELEASE 5|", "OK|");
	says(w, g, "READ /x|", "no reply");
	says(w, c, "READ /x|", "ENOENT|");
	says(w, c, "RELEASE 5|", "ENOENT|");
	says(w, c, "IS_DOMAIN_INTRODUCED 5|", "F|");
	says(w, c, "RESUME 5|", "ENOENT|");
	says(w, c, "RESUME 0|", "EINVAL|");
	world_end(w);
}

static void a_domain_and_its_stub_die_together(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);

	world_introduce(w, 5);
	world_introduce(w, 6);
	says(w, c, "SET_TARGET 6|5|", "OK|");
	says(w, c, "WATCH @releaseDomain|r|", "OK|");
	free(world_heard(w, c));
	world_kill(w, 5);
	world_kill(w, 6);
	hears(w, c, "@releaseDomain|r| @releaseDomain|r|");
	world_end(w);
}

static void a_stub_hears_its_targets_nodes_go(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	uint32_t stub;

	world_introduce(w, 5);
	stub = world_introduce(w, 6);
	says(w, c, "WRITE /home/5|1", "OK|");
	says(w, c, "SET_PERMS /home/5|n5|", "OK|");
	says(w, c, "SET_TARGET 6|5|", "OK|");
	says(w, stub, "WATCH /home|t|", "OK|");
	hears(w, stub, "/home|t|");
	world_kill(w, 5);
	hears(w, stub, "/home/5|t|");
	world_end(w);
}

/* An open snapshot still sees the dead domain's nodes, as they were; its own account is empty. */
static void a_snapshot_outlives_a_domain(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	uint32_t tx;
	struct store_stats st;

	world_introduce(w, 5);
	says(w, c, "WRITE /x/y|1", "OK|");
	says(w, c, "SET_PERMS /x|n5|", "OK|");
	says(w, c, "SET_PERMS /x/y|n5|", "OK|");
	tx = world_begin(w, c);
	world_kill(w, 5);
	world_settle(w);
	assert_null(store_check(w->store));
	says_in(w, c, tx, "READ /x/y|", "1");
	says_in(w, c, tx, "GET_PERMS /x|", "n5|");
	says_in(w, c, tx, "WRITE /x/z|1", "OK|");
	says_in(w, c, tx, "TRANSACTION_END T|", "EAGAIN|");
	world_settle(w);
	store_stats(w->store, &st);
	assert_int_equal(st.version_bytes, 0);
	assert_int_equal(st.domains, 1);
	world_end(w);
}

static void domains_are_listed_in_rising_order(void **state)
{
	struct world *w = world_new();
	static const uint32_t ids[] = { 300, 5, 32751, 256, 1 };
	static const int64_t wanted[] = { 0, 1, 5, 256, 300, 32751, -1 };
	int64_t at = -1;

	for (size_t i = 0; i < 5; i++)
		world_introduce(w, ids[i]);
	for (size_t i = 0; i < 7; i++) {
		at = store_next_domain(w->store, at);
		assert_true(at == wanted[i]);
	}
	world_end(w);
}

static void inputs_about_strangers_do_nothing(void **state)
{
	struct world *w = world_new();
	struct store_input in = { .type = STORE_IN_MESSAGE, .conn = 99 };

	assert_int_equal(world_apply(w, &in), -ENOENT);
	in.type = STORE_IN_DISCONNECT;
	assert_int_equal(world_apply(w, &in), -ENOENT);
	in.type = STORE_IN_DRAINED;
	assert_int_equal(world_apply(w, &in), -ENOENT);
	in = (struct store_input){ .type = STORE_IN_DOMAIN_DEAD, .domid = 9 };
	assert_int_equal(world_apply(w, &in), -ENOENT);
	in.domid = 0;
	assert_int_equal(world_apply(w, &in), -ENOENT);
	in.domid = UINT32_MAX;
	assert_int_equal(world_apply(w, &in), -ENOENT);
	in.type = STORE_IN_MAPPED;
	assert_int_equal(world_apply(w, &in), -ENOENT);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(introducing_maps_tells_and_then_replies),
		cmocka_unit_test(a_ring_that_cannot_be_mapped_is_refused),
		cmocka_unit_test(a_death_before_the_ring_is_mapped_answers_the_asker),
		cmocka_unit_test(a_repeated_introduce_resets_the_connection),
		cmocka_unit_test(a_ring_reset_drops_claims_and_keeps_the_connection),
		cmocka_unit_test(broken_framing_closes_only_that_connection),
		cmocka_unit_test(what_a_dead_domain_owned_goes_with_what_is_beneath),
		cmocka_unit_test(the_root_outlives_its_owner),
		cmocka_unit_test(a_reused_number_inherits_nothing),
		cmocka_unit_test(nor_does_it_inside_an_open_transaction),
		cmocka_unit_test(release_ends_the_instance),
		cmocka_unit_test(a_domain_and_its_stub_die_together),
		cmocka_unit_test(a_stub_hears_its_targets_nodes_go),
		cmocka_unit_test(a_snapshot_outlives_a_domain),
		cmocka_unit_test(domains_are_listed_in_rising_order),
		cmocka_unit_test(inputs_about_strangers_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
