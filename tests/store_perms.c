/* SPDX-License-Identifier: MIT */
/* Who may do what, and what a new node's list is. */
#include "store_world.h"

static struct world *perms_world(uint32_t *c, uint32_t *five, uint32_t *six)
{
	struct world *w = world_new();

	*c = world_connect(w);
	*five = world_introduce(w, 5);
	*six = world_introduce(w, 6);
	return w;
}

static void each_letter_gives_what_it_says(void **state)
{
	static const struct {
		char letter;
		const char *read, *write;
	} letters[] = { { 'n', "EACCES|", "EACCES|" },
			{ 'r', "1", "EACCES|" },
			{ 'w', "EACCES|", "OK|" },
			{ 'b', "1", "OK|" } };
	uint32_t c, five, six;
	struct world *w = perms_world(&c, &five, &six);

	for (size_t i = 0; i < 4; i++) {
		char request[64];

		says(w, c, "WRITE /x|1", "OK|");
		snprintf(request, sizeof(request), "SET_PERMS /x|n0|%c5|", letters[i].letter);
		says(w, c, request, "OK|");
		says(w, five, "READ /x|", letters[i].read);
		says(w, six, "READ /x|", "EACCES|");
		says(w, five, "WRITE /x|1", letters[i].write);
		snprintf(request, sizeof(request), "SET_PERMS /x|%c0|", letters[i].letter);
		says(w, c, request, "OK|");
		says(w, six, "READ /x|", letters[i].read);
		says(w, six, "WRITE /x|1", letters[i].write);
		says(w, six, "SET_PERMS /x|n6|", "EACCES|");
	}
	world_end(w);
}

static void the_first_matching_entry_wins(void **state)
{
	uint32_t c, five, six;
	struct world *w = perms_world(&c, &five, &six);

	says(w, c, "WRITE /x|1", "OK|");
	says(w, c, "SET_PERMS /x|b0|n5|b5|", "OK|");
	says(w, five, "READ /x|", "EACCES|");
	says(w, six, "READ /x|", "1");
	says(w, c, "SET_PERMS /x|n0|r32757|", "OK|");
	says(w, five, "READ /x|", "1");
	says(w, five, "WRITE /x|1", "EACCES|");
	says(w, c, "GET_PERMS /x|", "n0|r32757|");
	world_end(w);
}

static void an_owner_may_do_everything_but_give_it_away(void **state)
{
	uint32_t c, five, six;
	struct world *w = perms_world(&c, &five, &six);

	says(w, c, "WRITE /x|1", "OK|");
	says(w, c, "SET_PERMS /x|n5|", "OK|");
	says(w, five, "READ /x|", "1");
	says(w, five, "WRITE /x|2", "OK|");
	says(w, five, "SET_PERMS /x|n5|r6|", "OK|");
	says(w, six, "READ /x|", "2");
	says(w, five, "SET_PERMS /x|n6|", "EPERM|");
	says(w, six, "SET_PERMS /x|n6|", "EACCES|");
	says(w, c, "SET_PERMS /x|n6|", "OK|");
	says(w, five, "READ /x|", "EACCES|");
	world_end(w);
}

static void a_new_node_has_its_parents_list_and_its_makers_name(void **state)
{
	uint32_t c, five, six;
	struct world *w = perms_world(&c, &five, &six);

	says(w, c, "WRITE /x|", "OK|");
	says(w, c, "SET_PERMS /x|r5|b6|", "OK|");
	says(w, c, "WRITE /x/a|", "OK|");
	says(w, c, "GET_PERMS /x/a|", "r5|b6|");
	says(w, six, "WRITE /x/b/c|", "OK|");
	says(w, c, "GET_PERMS /x/b|", "r6|b6|");
	says(w, c, "GET_PERMS /x/b/c|", "r6|b6|");
	says(w, five, "WRITE /x/d|", "OK|");
	says(w, c, "GET_PERMS /x/d|", "r5|b6|");
	world_end(w);
}

static void what_is_missing_shows_by_the_right_that_was_asked_for(void **state)
{
	uint32_t c, five, six;
	struct world *w = perms_world(&c, &five, &six);

	says(w, c, "WRITE /p/there|1", "OK|");
	says(w, five, "READ /p/there|", "EACCES|");
	says(w, five, "READ /p/missing|", "EACCES|");
	says(w, five, "READ /missing/deep|", "EACCES|");
	says(w, five, "RM /p/missing|", "EACCES|");
	says(w, five, "MKDIR /p/missing|", "EACCES|");
	says(w, c, "SET_PERMS /p|r0|", "OK|");
	says(w, five, "READ /p/there|", "EACCES|");
	says(w, five, "READ /p/missing|", "ENOENT|");
	says(w, five, "RM /p/missing|", "EACCES|");
	says(w, five, "RM /p/missing/deep|", "EACCES|");
	says(w, five, "MKDIR /p/missing|", "EACCES|");
	says(w, five, "SET_PERMS /p/missing|n5|", "EACCES|");
	says(w, c, "SET_PERMS /p|w0|", "OK|");
	says(w, five, "READ /p/there|", "EACCES|");
	says(w, five, "READ /p/missing|", "EACCES|");
	says(w, five, "RM /p/missing|", "OK|");
	says(w, five, "RM /p/missing/deep|", "ENOENT|");
	says(w, five, "MKDIR /p/missing|", "OK|");
	says(w, five, "WRITE /p/missing/deep|", "OK|");
	world_end(w);
}

static void a_guest_has_no_way_into_the_root(void **state)
{
	static const char *const requests[] = { "READ /|",   "DIRECTORY /|",	    "GET_PERMS /|",
						"RM /|",     "WRITE /|x",	    "SET_PERMS /|n5|",
						"MKDIR /|",  "DIRECTORY_PART /|0|", "WRITE /new|x",
						"RM /tool|", "READ /nothing|" };
	uint32_t c, five, six;
	struct world *w = perms_world(&c, &five, &six);

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		says(w, five, requests[i], "EACCES|");
	world_end(w);
}

static void privileged_operations_are_refused_to_guests(void **state)
{
	static const char *const requests[] = { "CONTROL check|", "INTRODUCE 6|1|1|",
						"RELEASE 6|",	  "IS_DOMAIN_INTRODUCED 5|",
						"RESUME 6|",	  "SET_TARGET 5|6|",
						"INTRODUCE |",	  "SET_PERMS @releaseDomain|n0|" };
	uint32_t c, five, six;
	struct world *w = perms_world(&c, &five, &six);

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		says(w, five, requests[i], "EACCES|");
	says(w, five, "GET_DOMAIN_PATH 7|", "/local/domain/7|");
	world_end(w);
}

static void an_owner_must_exist_a_reader_need_not(void **state)
{
	uint32_t c, five, six;
	struct world *w = perms_world(&c, &five, &six);
	struct store_domain_stats st;

	says(w, c, "WRITE /x|1", "OK|");
	says(w, c, "SET_PERMS /x|n77|", "ENOENT|");
	says(w, c, "SET_PERMS /x|n0|r77|", "OK|");
	says(w, c, "GET_PERMS /x|", "n0|r77|");
	says(w, world_introduce(w, 77), "READ /x|", "EACCES|");
	w->exists[78] = true;
	says(w, c, "SET_PERMS /x|n78|", "OK|");
	assert_int_equal(store_domain_stats(w->store, 78, &st), 0);
	assert_int_equal(st.nodes, 1);
	assert_false(st.introduced);
	says(w, world_introduce(w, 78), "READ /x|", "1");
	world_end(w);
}

static void a_stub_domain_acts_for_its_target(void **state)
{
	uint32_t c, five, six;
	struct world *w = perms_world(&c, &five, &six);

	says(w, c, "WRITE /x|1", "OK|");
	says(w, c, "SET_PERMS /x|n5|", "OK|");
	says(w, c, "WRITE /y|1", "OK|");
	says(w, c, "SET_PERMS /y|n0|r5|", "OK|");
	says(w, six, "READ /x|", "EACCES|");
	says(w, c, "SET_TARGET 6|5|", "OK|");
	says(w, six, "READ /x|", "1");
	says(w, six, "READ /y|", "1");
	says(w, six, "WRITE /x/new|1", "OK|");
	says(w, c, "GET_PERMS /x/new|", "n5|");
	says(w, six, "SET_PERMS /x|n5|r6|", "OK|");
	says(w, five, "READ /y|", "1");
	world_kill(w, 5);
	says(w, six, "READ /y|", "EACCES|");
	says(w, c, "SET_TARGET 6|5|", "ENOENT|");
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_letter_gives_what_it_says),
		cmocka_unit_test(the_first_matching_entry_wins),
		cmocka_unit_test(an_owner_may_do_everything_but_give_it_away),
		cmocka_unit_test(a_new_node_has_its_parents_list_and_its_makers_name),
		cmocka_unit_test(what_is_missing_shows_by_the_right_that_was_asked_for),
		cmocka_unit_test(a_guest_has_no_way_into_the_root),
		cmocka_unit_test(privileged_operations_are_refused_to_guests),
		cmocka_unit_test(an_owner_must_exist_a_reader_need_not),
		cmocka_unit_test(a_stub_domain_acts_for_its_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
