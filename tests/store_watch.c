/* SPDX-License-Identifier: MIT */
/* Watches: who hears what, and in which order. */
#include "store_world.h"

static struct world *watch_world(uint32_t *c)
{
	struct world *w = world_new();

	*c = world_connect(w);
	says(w, *c, "WRITE /w/a/b/c|1", "OK|");
	return w;
}

static void it_replies_first_then_fires_once(void **state)
{
	uint32_t c;
	struct world *w = watch_world(&c);
	char wanted[32];

	says(w, c, "WATCH /nowhere/at/all|t|", "OK|");
	snprintf(wanted, sizeof(wanted), " r%u e%u", c, c);
	assert_string_equal(w->order, wanted);
	hears(w, c, "/nowhere/at/all|t|");
	says(w, c, "WATCH /nowhere/at/all|t|", "EEXIST|");
	says(w, c, "WATCH /nowhere/at/all|u|", "OK|");
	says(w, c, "UNWATCH /nowhere/at/all|t|", "OK|");
	says(w, c, "UNWATCH /nowhere/at/all|t|", "ENOENT|");
	world_end(w);
}

static void ones_own_event_precedes_the_reply(void **state)
{
	uint32_t c;
	struct world *w = watch_world(&c);
	char wanted[32];

	says(w, c, "WATCH /w|t|", "OK|");
	says(w, c, "WRITE /w/x|1", "OK|");
	snprintf(wanted, sizeof(wanted), " e%u r%u", c, c);
	assert_string_equal(w->order, wanted);
	world_end(w);
}

static void a_change_fires_on_its_path_and_above(void **state)
{
	uint32_t c;
	struct world *w = watch_world(&c);

	says(w, c, "WATCH /w/a/b|1|", "OK|");
	says(w, c, "WATCH /|2|", "OK|");
	says(w, c, "WATCH /w/a/b/c/d|3|", "OK|");
	says(w, c, "WATCH /w/ab|4|", "OK|");
	says(w, c, "WATCH /w/a|5|", "OK|");
	free(world_heard(w, c));
	says(w, c, "WRITE /w/a/b|v", "OK|");
	hears(w, c, "/w/a/b|1| /w/a/b|2| /w/a/b|5|");
	says(w, c, "WRITE /w/a/b|v", "OK|");
	hears(w, c, "/w/a/b|1| /w/a/b|2| /w/a/b|5|");
	says(w, c, "MKDIR /w/a/b|", "OK|");
	hears(w, c, "");
	says(w, c, "WRITE /w/a/b/c/d/e|v", "OK|");
	hears(w, c, "/w/a/b/c/d/e|1| /w/a/b/c/d/e|2| /w/a/b/c/d/e|3| /w/a/b/c/d/e|5|");
	says(w, c, "SET_PERMS /w/a|n0|", "OK|");
	hears(w, c, "/w/a|2| /w/a|5|");
	world_end(w);
}

static void a_removal_fires_what_was_beneath_first(void **state)
{
	uint32_t c;
	struct world *w = watch_world(&c);

	says(w, c, "WATCH /w|1|", "OK|");
	says(w, c, "WATCH /w/a|2|", "OK|");
	says(w, c, "WATCH /w/a/b|3|", "OK|");
	says(w, c, "WATCH /w/a/b/c|4|", "OK|");
	says(w, c, "WATCH /w/a/none|5|", "OK|");
	free(world_heard(w, c));
	says(w, c, "RM /w/a|", "OK|");
	hears(w, c, "/w/a/b/c|4| /w/a/b|3| /w/a|1| /w/a|2|");
	says(w, c, "RM /w/a|", "OK|");
	hears(w, c, "");
	world_end(w);
}

static void a_removal_in_a_transaction_fires_the_same(void **state)
{
	uint32_t c, tx;
	struct world *w = watch_world(&c);

	says(w, c, "WATCH /w|1|", "OK|");
	says(w, c, "WATCH /w/a/b|3|", "OK|");
	says(w, c, "WATCH /w/a/b/c|4|", "OK|");
	free(world_heard(w, c));
	tx = world_begin(w, c);
	says_in(w, c, tx, "RM /w/a|", "OK|");
	hears(w, c, "");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	hears(w, c, "/w/a/b/c|4| /w/a/b|3| /w/a|1|");
	world_end(w);
}

/* Linux drops a device for the event of its own node alone; toolstacks remove the emptied directory above it, too. */
static void what_was_removed_before_what_is_above_it_fires_too(void **state)
{
	uint32_t c, tx;
	struct world *w = watch_world(&c);

	says(w, c, "WATCH /w|1|", "OK|");
	says(w, c, "WATCH /w/a/b|3|", "OK|");
	free(world_heard(w, c));
	tx = world_begin(w, c);
	says_in(w, c, tx, "RM /w/a/b/c|", "OK|");
	says_in(w, c, tx, "RM /w/a/b|", "OK|");
	says_in(w, c, tx, "RM /w/a|", "OK|");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	hears(w, c, "/w/a/b/c|1| /w/a/b/c|3| /w/a/b|1| /w/a/b|3| /w/a|1|");
	world_end(w);
}

static void a_node_removed_made_anew_and_removed_with_all_above_fires_once(void **state)
{
	uint32_t c, tx;
	struct world *w = watch_world(&c);

	says(w, c, "WATCH /w|1|", "OK|");
	free(world_heard(w, c));
	tx = world_begin(w, c);
	says_in(w, c, tx, "RM /w/a/b|", "OK|");
	says_in(w, c, tx, "WRITE /w/a/b|2", "OK|");
	says_in(w, c, tx, "RM /w/a|", "OK|");
	says_in(w, c, tx, "WRITE /w/a|2", "OK|");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	hears(w, c, "/w/a/b|1| /w/a|1|");
	says(w, c, "DIRECTORY /w/a|", "");
	world_end(w);
}

static void a_node_removed_and_made_anew_fires_once(void **state)
{
	uint32_t c, tx;
	struct world *w = watch_world(&c);

	says(w, c, "WATCH /w|1|", "OK|");
	says(w, c, "WATCH /w/a/b|3|", "OK|");
	free(world_heard(w, c));
	tx = world_begin(w, c);
	says_in(w, c, tx, "RM /w/a|", "OK|");
	says_in(w, c, tx, "WRITE /w/a|2", "OK|");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	hears(w, c, "/w/a/b|3| /w/a|1|");
	says(w, c, "READ /w/a|", "2");
	world_end(w);
}

static void a_relative_watch_hears_relative_paths(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, c, "MKDIR /local/domain/5|", "OK|");
	says(w, c, "SET_PERMS /local/domain/5|n5|", "OK|");
	says(w, g, "WATCH dev|t|", "OK|");
	says(w, g, "WATCH /local/domain/5/dev|abs|", "OK|");
	hears(w, g, "dev|t| /local/domain/5/dev|abs|");
	says(w, g, "WRITE dev/x|1", "OK|");
	hears(w, g, "dev/x|t| /local/domain/5/dev/x|abs|");
	says(w, g, "WATCH /local/domain/5/dev|t|", "EEXIST|");
	says(w, g, "UNWATCH dev|t|", "OK|");
	world_end(w);
}

static void depth_limits_how_far_down_it_hears(void **state)
{
	uint32_t c;
	struct world *w = watch_world(&c);

	says(w, c, "WATCH /w|d0|0|", "OK|");
	says(w, c, "WATCH /w|d1|1|", "OK|");
	says(w, c, "WATCH /w|d2|2|", "OK|");
	free(world_heard(w, c));
	says(w, c, "WRITE /w|1", "OK|");
	hears(w, c, "/w|d0| /w|d1| /w|d2|");
	says(w, c, "WRITE /w/a|1", "OK|");
	hears(w, c, "/w/a|d1| /w/a|d2|");
	says(w, c, "WRITE /w/a/b|1", "OK|");
	hears(w, c, "/w/a/b|d2|");
	says(w, c, "WRITE /w/a/b/c|1", "OK|");
	hears(w, c, "");
	says(w, c, "RM /w|", "OK|");
	hears(w, c, "/w|d0| /w|d1| /w|d2|");
	says(w, c, "WATCH /w|x|65535|", "EINVAL|");
	says(w, c, "WATCH /w|x|-1|", "EINVAL|");
	world_end(w);
}

static void who_may_not_read_hears_nothing(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, g, "WATCH /|t|", "OK|");
	hears(w, g, "/|t|");
	says(w, c, "WRITE /secret|1", "OK|");
	says(w, c, "WRITE /secret/x|1", "OK|");
	says(w, c, "RM /secret|", "OK|");
	hears(w, g, "");
	world_end(w);
}

static void gaining_and_losing_the_right_are_both_heard(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, c, "WRITE /x|1", "OK|");
	says(w, g, "WATCH /x|t|", "OK|");
	hears(w, g, "/x|t|");
	says(w, c, "SET_PERMS /x|n0|r5|", "OK|");
	hears(w, g, "/x|t|");
	says(w, c, "WRITE /x|2", "OK|");
	hears(w, g, "/x|t|");
	says(w, c, "SET_PERMS /x|n0|", "OK|");
	hears(w, g, "/x|t|");
	says(w, c, "WRITE /x|2", "OK|");
	says(w, c, "SET_PERMS /x|n0|w5|", "OK|");
	hears(w, g, "");
	world_end(w);
}

static void removing_what_one_may_read_is_heard(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, c, "WRITE /top/x|1", "OK|");
	says(w, c, "SET_PERMS /top/x|n0|r5|", "OK|");
	says(w, g, "WATCH /top/x|t|", "OK|");
	hears(w, g, "/top/x|t|");
	says(w, c, "RM /top/x|", "OK|");
	hears(w, g, "/top/x|t|");
	says(w, c, "WRITE /top/x|1", "OK|");
	hears(w, g, "");
	says(w, c, "SET_PERMS /top/x|n0|r5|", "OK|");
	free(world_heard(w, g));
	says(w, c, "RM /top|", "OK|");
	hears(w, g, "/top/x|t|");
	world_end(w);
}

static void a_reader_of_the_parent_hears_of_an_unreadable_child(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, c, "WRITE /p/x|1", "OK|");
	says(w, c, "SET_PERMS /p|n0|r5|", "OK|");
	says(w, g, "WATCH /p|t|", "OK|");
	free(world_heard(w, g));
	says(w, c, "WRITE /p/x|2", "OK|");
	hears(w, g, "/p/x|t|");
	says(w, c, "WRITE /p/x/deep|2", "OK|");
	hears(w, g, "");
	world_end(w);
}

static void special_watches_hear_domains_come_and_go(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);

	says(w, c, "WATCH @introduceDomain|i|", "OK|");
	says(w, c, "WATCH @releaseDomain|r|", "OK|");
	says(w, c, "WATCH @releaseDomain|d|1|", "OK|");
	says(w, c, "WATCH @releaseDomain/6|six|", "OK|");
	says(w, c, "WATCH @other thing//|o|", "OK|");
	hears(w, c,
	      "@introduceDomain|i| @releaseDomain|r| @releaseDomain|d| @releaseDomain/6|six| "
	      "@other thing//|o|");
	world_introduce(w, 5);
	hears(w, c, "@introduceDomain|i|");
	says(w, c, "INTRODUCE 5|1|8|", "OK|");
	hears(w, c, "");
	world_kill(w, 5);
	hears(w, c, "@releaseDomain|r| @releaseDomain/5|d|");
	world_introduce(w, 6);
	free(world_heard(w, c));
	says(w, c, "RELEASE 6|", "OK|");
	hears(w, c, "@releaseDomain|r| @releaseDomain/6|d| @releaseDomain/6|six|");
	says(w, c, "UNWATCH @releaseDomain/6|six|", "OK|");
	says(w, c, "UNWATCH @other thing//|o|", "OK|");
	world_end(w);
}

static void special_watches_follow_their_permissions(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, g, "WATCH @releaseDomain|r|", "OK|");
	hears(w, g, "@releaseDomain|r|");
	world_introduce(w, 6);
	world_kill(w, 6);
	hears(w, g, "");
	says(w, g, "SET_PERMS @releaseDomain|n0|r5|", "EACCES|");
	says(w, g, "GET_PERMS @releaseDomain|", "EACCES|");
	says(w, c, "SET_PERMS @releaseDomain|n0|r5|", "OK|");
	says(w, c, "GET_PERMS @releaseDomain|", "n0|r5|");
	says(w, g, "GET_PERMS @releaseDomain|", "n0|r5|");
	world_introduce(w, 7);
	world_kill(w, 7);
	hears(w, g, "@releaseDomain|r|");
	says(w, c, "SET_PERMS @releaseDomain|n0|r32757|", "OK|");
	world_introduce(w, 8);
	world_kill(w, 8);
	hears(w, g, "@releaseDomain|r|");
	world_end(w);
}

/* As of any node: the owner may set the list, but not give it away; the next domain of that number is another. */
static void who_owns_a_special_event_decides_who_hears_it(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, c, "SET_PERMS @releaseDomain|n5|r6|", "OK|");
	says(w, g, "GET_PERMS @releaseDomain|", "n5|r6|");
	says(w, g, "SET_PERMS @releaseDomain|n5|", "OK|");
	says(w, g, "SET_PERMS @releaseDomain|n0|r5|", "EPERM|");
	says(w, g, "SET_PERMS @introduceDomain|n5|", "EACCES|");
	says(w, g, "SET_PERMS @nothing|n5|", "EINVAL|");
	says(w, c, "GET_PERMS @releaseDomain|", "n5|");
	world_kill(w, 5);
	says(w, world_introduce(w, 5), "SET_PERMS @releaseDomain|n5|", "EACCES|");
	world_end(w);
}

static void resetting_inside_a_transaction_ends_that_too(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, c, "WRITE /local/domain/5/a|", "OK|");
	says(w, c, "SET_PERMS /local/domain/5|n5|", "OK|");
	for (int i = 0; i < 2; i++) {
		const uint32_t conn = i ? g : c, tx = world_begin(w, conn);

		says(w, conn, "WATCH /local/domain/5|t|", "OK|");
		free(world_heard(w, conn));
		says_in(w, conn, tx, "WRITE /local/domain/5/new|", "OK|");
		says_in(w, conn, tx, "RESET_WATCHES |", "OK|");
		says_in(w, conn, tx, "WRITE /local/domain/5/new|", "ENOENT|");
		says_in(w, conn, tx, "TRANSACTION_END T|", "ENOENT|");
		says(w, conn, "UNWATCH /local/domain/5|t|", "ENOENT|");
		says(w, conn, "READ /local/domain/5/new|", "ENOENT|");
	}
	world_end(w);
}

static void shutdown_is_told_once_until_resume(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	struct store_input in = { .type = STORE_IN_DOMAIN_SHUTDOWN, .domid = 5 };

	world_introduce(w, 5);
	says(w, c, "WATCH @releaseDomain|r|", "OK|");
	free(world_heard(w, c));
	assert_int_equal(world_apply(w, &in), 0);
	assert_int_equal(world_apply(w, &in), 0);
	hears(w, c, "@releaseDomain|r|");
	says(w, c, "RESUME 5|", "OK|");
	assert_int_equal(world_apply(w, &in), 0);
	hears(w, c, "@releaseDomain|r|");
	world_kill(w, 5);
	hears(w, c, "@releaseDomain|r|");
	world_end(w);
}

static void an_event_still_queued_is_not_sent_again(void **state)
{
	uint32_t c;
	struct world *w = watch_world(&c);
	struct store_input drained = { .type = STORE_IN_DRAINED, .conn = c, .bytes = 1 };
	const uint32_t other = world_connect(w);

	says(w, c, "WATCH /w|t|", "OK|");
	hears(w, c, "/w|t|");
	w->hold_output = true;
	for (int i = 0; i < 100; i++) {
		says(w, other, "WRITE /w/x|1", "OK|");
		says(w, other, "WRITE /w/y|1", "OK|");
	}
	hears(w, c, "/w/x|t| /w/y|t|");
	world_apply(w, &drained); /* the first byte is on its way: a new change is news */
	says(w, other, "WRITE /w/x|1", "OK|");
	says(w, other, "WRITE /w/y|1", "OK|");
	hears(w, c, "/w/x|t|");
	drained.bytes = UINT64_MAX;
	world_apply(w, &drained);
	says(w, other, "WRITE /w/x|1", "OK|");
	hears(w, c, "/w/x|t|");
	world_end(w);
}

/* Distinct events far beyond the table's first size, each once; then all again after draining. */
static void merging_holds_for_many_events(void **state)
{
	uint32_t c;
	struct world *w = watch_world(&c);
	struct store_input drained = { .type = STORE_IN_DRAINED, .conn = c, .bytes = UINT64_MAX };
	struct store_stats st;
	char request[64];

	says(w, c, "WATCH /w|t|", "OK|");
	w->hold_output = true;
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 500; i++) {
			snprintf(request, sizeof(request), "WRITE /w/n%d|1", i);
			says(w, c, request, "OK|");
		}
		store_stats(w->store, &st);
		assert_int_equal(st.events, 1 + 500 * (round / 2 + 1));
		if (round % 2)
			world_apply(w, &drained);
	}
	assert_int_equal(st.events_merged, 3 * 500);
	world_end(w);
}

static void too_long_an_event_is_dropped(void **state)
{
	uint32_t c;
	struct world *w = watch_world(&c);
	char request[5000];
	struct store_stats st;
	int len = snprintf(request, sizeof(request), "WATCH /w|");

	memset(request + len, 't', 4000);
	strcpy(request + len + 4000, "|");
	says(w, c, request, "OK|");
	free(world_heard(w, c));
	len = snprintf(request, sizeof(request), "WRITE /w/");
	memset(request + len, 'x', 200);
	strcpy(request + len + 200, "|");
	says(w, c, request, "OK|");
	hears(w, c, "");
	store_stats(w->store, &st);
	assert_int_equal(st.events_dropped, 1);
	/* To the byte: 4096 passes. path + NUL + token + NUL = "/w/" + n + 1 + 4000 + 1 */
	len = snprintf(request, sizeof(request), "WRITE /w/");
	memset(request + len, 'x', 91);
	strcpy(request + len + 91, "|");
	says(w, c, request, "OK|");
	store_stats(w->store, &st);
	assert_int_equal(st.events_dropped, 1);
	request[len + 91] = 'x';
	strcpy(request + len + 92, "|");
	says(w, c, request, "OK|");
	store_stats(w->store, &st);
	assert_int_equal(st.events_dropped, 2);
	world_end(w);
}

static void ended_watches_are_silent(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);
	struct store_domain_stats st;

	says(w, c, "WRITE /x|", "OK|");
	says(w, c, "SET_PERMS /x|r0|", "OK|");
	for (int i = 0; i < 1000; i++) {
		says(w, g, "WATCH /x|t|", "OK|");
		says(w, g, "WATCH /a/b/c/d/e|t|", "OK|");
		says(w, g, "RESET_WATCHES |", "OK|");
	}
	free(world_heard(w, g));
	says(w, c, "WRITE /x|", "OK|");
	hears(w, g, "");
	store_domain_stats(w->store, 5, &st);
	assert_int_equal(st.watches, 0);
	assert_int_equal(st.memory, 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_replies_first_then_fires_once),
		cmocka_unit_test(ones_own_event_precedes_the_reply),
		cmocka_unit_test(a_change_fires_on_its_path_and_above),
		cmocka_unit_test(a_removal_fires_what_was_beneath_first),
		cmocka_unit_test(a_removal_in_a_transaction_fires_the_same),
		cmocka_unit_test(what_was_removed_before_what_is_above_it_fires_too),
		cmocka_unit_test(a_node_removed_made_anew_and_removed_with_all_above_fires_once),
		cmocka_unit_test(a_node_removed_and_made_anew_fires_once),
		cmocka_unit_test(a_relative_watch_hears_relative_paths),
		cmocka_unit_test(depth_limits_how_far_down_it_hears),
		cmocka_unit_test(who_may_not_read_hears_nothing),
		cmocka_unit_test(gaining_and_losing_the_right_are_both_heard),
		cmocka_unit_test(removing_what_one_may_read_is_heard),
		cmocka_unit_test(a_reader_of_the_parent_hears_of_an_unreadable_child),
		cmocka_unit_test(special_watches_hear_domains_come_and_go),
		cmocka_unit_test(special_watches_follow_their_permissions),
		cmocka_unit_test(who_owns_a_special_event_decides_who_hears_it),
		cmocka_unit_test(resetting_inside_a_transaction_ends_that_too),
		cmocka_unit_test(shutdown_is_told_once_until_resume),
		cmocka_unit_test(an_event_still_queued_is_not_sent_again),
		cmocka_unit_test(merging_holds_for_many_events),
		cmocka_unit_test(too_long_an_event_is_dropped),
		cmocka_unit_test(ended_watches_are_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
