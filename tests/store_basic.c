/* SPDX-License-Identifier: MIT */
/* Operations one by one: what they answer and what they refuse. */
#include "store_world.h"

static void a_fresh_store_holds_what_every_server_makes(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);

	says(w, c, "DIRECTORY /|", "tool|");
	says(w, c, "DIRECTORY /tool|", "xenstored|");
	says(w, c, "READ /tool/xenstored|", "");
	says(w, c, "GET_PERMS /|", "n0|");
	says(w, c, "GET_PERMS @releaseDomain|", "n0|");
	world_end(w);
}

static void what_is_written_is_read(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);

	says(w, c, "WRITE /a/b/c|value", "OK|");
	says(w, c, "READ /a/b/c|", "value");
	says(w, c, "READ /a/b|", "");
	says(w, c, "DIRECTORY /a|", "b|");
	says(w, c, "WRITE /a/b/c|", "OK|");
	says(w, c, "READ /a/b/c|", "");
	says(w, c, "MKDIR /a/d|", "OK|");
	says(w, c, "MKDIR /a/b|", "OK|");
	says(w, c, "WRITE /a/a|x", "OK|");
	says(w, c, "DIRECTORY /a|", "b|d|a|");
	says(w, c, "RM /a/d|", "OK|");
	says(w, c, "DIRECTORY /a|", "b|a|");
	says(w, c, "RM /a|", "OK|");
	says(w, c, "READ /a/b/c|", "ENOENT|");
	says(w, c, "RM /a|", "OK|");
	says(w, c, "RM /a/b|", "ENOENT|");
	world_end(w);
}

static void a_relative_path_starts_at_home(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);

	says(w, c, "WRITE /local/domain/5|", "OK|");
	says(w, c, "SET_PERMS /local/domain/5|n5|", "OK|");
	says(w, g, "WRITE x|1", "OK|");
	says(w, c, "READ /local/domain/5/x|", "1");
	says(w, c, "GET_PERMS /local/domain/5/x|", "n5|");
	says(w, c, "WRITE rel|2", "OK|");
	says(w, c, "READ /local/domain/0/rel|", "2");
	world_end(w);
}

static void malformed_requests_get_einval(void **state)
{
	static const char *const bad[] = {
		"READ /a",
		"READ |",
		"READ //|",
		"READ /a/|",
		"READ /a|b|",
		"READ /a b|",
		"READ @x|",
		"READ",
		"WRITE /a",
		"WRITE",
		"WRITE @a|v",
		"MKDIR /a|junk",
		"RM /|",
		"RM",
		"DIRECTORY a//b|",
		"DIRECTORY_PART /|",
		"DIRECTORY_PART /|x|",
		"DIRECTORY_PART /|0",
		"SET_PERMS /a|",
		"SET_PERMS /a|n0",
		"SET_PERMS /a|x0|",
		"SET_PERMS @x|n0|",
		"GET_PERMS @x|",
		"WATCH /a|",
		"WATCH /a|t",
		"WATCH /a|t|x|",
		"WATCH /a|t|1|2|",
		"WATCH /a b|t|",
		"WATCH |t|",
		"UNWATCH /a|",
		"TRANSACTION_END X|",
		"TRANSACTION_END T",
		"INTRODUCE 5|1|0|",
		"INTRODUCE 5|1|",
		"INTRODUCE x|1|1|",
		"INTRODUCE 32752|1|1|",
		"RELEASE 0|",
		"RELEASE x|",
		"GET_DOMAIN_PATH x|",
		"IS_DOMAIN_INTRODUCED |",
		"RESUME |",
		"SET_TARGET 1|",
		"CONTROL",
		"CONTROL nonsense|",
		"CONTROL quota|set|nonsense|1|",
		"READ /local/domain/|",
		"WATCH @releaseDomain|t|2|",
	};
	struct world *w = world_new();
	const uint32_t c = world_connect(w);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *answer = world_ask(w, c, 0, bad[i]);

		if (strcmp(answer, "EINVAL|"))
			fail_msg("%s: %s", bad[i], answer);
	}
	world_end(w);
}

/* WATCH and UNWATCH do not look at it. */
static void an_unknown_transaction_gets_enoent(void **state)
{
	static const char *const requests[] = { "READ /|",
						"WRITE /a|1",
						"DIRECTORY_PART /|0|",
						"GET_DOMAIN_PATH 5|",
						"IS_DOMAIN_INTRODUCED 0|",
						"INTRODUCE 5|1|1|",
						"TRANSACTION_START |",
						"TRANSACTION_END T|",
						"RESET_WATCHES |" };
	struct world *w = world_new();
	uint32_t c = world_connect(w);

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		says_in(w, c, 99, requests[i], "ENOENT|");
	says_in(w, c, 99, "WATCH /a|t|", "OK|");
	says_in(w, c, 99, "UNWATCH /a|t|", "OK|");
	world_end(w);
}

static void unknown_operations_get_enosys(void **state)
{
	static const uint32_t ops[] = { XS_WATCH_EVENT, XS_ERROR, 20, 27, 31, 32, 33, 0xffff, UINT32_MAX };
	struct world *w = world_new();
	const uint32_t c = world_connect(w);

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		assert_string_equal(world_ask_raw(w, c, 0, ops[i], "/", 2), "ENOSYS|");
	world_end(w);
}

static void no_request_length_does_harm(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);

	for (uint32_t op = 0; op < 40; op++)
		for (size_t len = 0; len < 8; len++)
			world_ask_raw(w, c, 0, op, "/a\0b\0c\0", len);
	says(w, c, "READ /|", "");
	world_end(w);
}

static void a_path_of_3072_bytes_is_the_longest(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	char request[4096] = "WRITE /";

	memset(request + 7, 'p', 3071);
	strcpy(request + 7 + 3071, "|v");
	says(w, c, request, "OK|");
	strcpy(request + 7 + 3071, "p|v");
	says(w, c, request, "EINVAL|");
	world_end(w);
}

/* Names of 10 bytes and their NUL: 372 fit into 4096, 373 do not. */
static void a_listing_over_4096_bytes_gets_e2big(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	char request[64];

	for (int i = 0; i < 373; i++) {
		if (i == 372)
			assert_int_equal(strlen(world_ask(w, c, 0, "DIRECTORY /d|")), 372 * 11);
		snprintf(request, sizeof(request), "MKDIR /d/%010d|", i);
		says(w, c, request, "OK|");
	}
	says(w, c, "DIRECTORY /d|", "E2BIG|");
	world_end(w);
}

/* Puts a directory together from its parts; the text lists all names. Returns the number of parts. */
static int read_parts(struct world *w, uint32_t c, const char *path, char *all)
{
	size_t offset = 0;

	all[0] = '\0';
	for (int parts = 1;; parts++) {
		char request[128];
		const char *names;

		snprintf(request, sizeof(request), "DIRECTORY_PART %s|%zu|", path, offset);
		names = strchr(world_ask(w, c, 0, request), '|') + 1;
		assert_true(w->reply_len <= WIRE_PAYLOAD_MAX);
		strcat(all, names);
		offset += strlen(names);
		if (!names[0] || !strcmp(names, "|") || !strcmp(names + strlen(names) - 2, "||"))
			return parts;
	}
}

static void parts_join_to_the_whole(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	static char all[WORLD_TEXT], wanted[WORLD_TEXT];

	for (int i = 0; i < 3000; i++) {
		char request[64];

		snprintf(request, sizeof(request), "MKDIR /d/name-%d|", i);
		says(w, c, request, "OK|");
		sprintf(wanted + strlen(wanted), "name-%d|", i);
	}
	assert_in_range(read_parts(w, c, "/d", all), 8, 9);
	strcat(wanted, "|");
	assert_string_equal(all, wanted);
	says(w, c, "RM /d/name-0|", "OK|"); /* a listing half done goes on in the list as it is now */
	world_ask(w, c, 0, "DIRECTORY_PART /d|0|");
	says(w, c, "RM /d/name-1|", "OK|");
	assert_in_range(read_parts(w, c, "/d", all), 8, 9);
	assert_string_equal(all, wanted + strlen("name-0|name-1|"));
	assert_int_equal(read_parts(w, c, "/d/name-7", all), 1);
	assert_string_equal(all, "|");
	world_end(w);
}

static void a_part_says_when_the_node_has_changed(void **state)
{
	static const char *const changes[] = { "WRITE /d|v", "SET_PERMS /d|n0|", "MKDIR /d/new|",
					       "RM /d/new|" };
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	char before[64];

	says(w, c, "WRITE /d/x|", "OK|");
	for (size_t i = 0; i < 4; i++) {
		strcpy(before, world_ask(w, c, 0, "DIRECTORY_PART /d|999|"));
		says(w, c, "DIRECTORY_PART /d|999|", before);
		says(w, c, "WRITE /d/x|v", "OK|");
		says(w, c, "DIRECTORY_PART /d|999|", before);
		says(w, c, changes[i], "OK|");
		assert_string_not_equal(world_ask(w, c, 0, "DIRECTORY_PART /d|999|"), before);
	}
	world_end(w);
}

static int shell_control(void *ctx, const char *cmd, const char *args, size_t len, char *reply, size_t size)
{
	if (!strcmp(cmd, "log") && len == 3 && !memcmp(args, "on", 3))
		return snprintf(reply, size, "logging") + 1;
	if (!strcmp(cmd, "help"))
		return snprintf(reply, size, "log\t[on|off]\n");
	return -EINVAL;
}

static void control_answers_for_itself_and_for_the_shell(void **state)
{
	struct world *w = world_new();
	uint32_t c;

	store_free(w->store);
	w->config.control = shell_control;
	assert_int_equal(store_new(&w->config, &w->store), 0);
	c = world_connect(w);
	says(w, c, "CONTROL check|", "OK|");
	says(w, c, "CONTROL print|hello\x1b|", "OK|");
	assert_string_equal(w->log, "control: hello\\x1b\n");
	says(w, c, "CONTROL memreport|", "EINVAL|"); /* the shell's */
	says(w, c, "CONTROL check|x|", "EINVAL|");
	says(w, c, "CONTROL help|x|", "EINVAL|");
	says(w, c, "CONTROL print|a|b|", "EINVAL|");
	says(w, c, "CONTROL print|", "EINVAL|");
	says(w, c, "CONTROL quota|set|nodes|7|", "OK|");
	assert_non_null(strstr(world_ask(w, c, 0, "CONTROL quota|"), "nodes            :        7 "));
	assert_non_null(strstr(world_ask(w, c, 0, "CONTROL quota-soft|"), "memory           :  2097152 "));
	assert_non_null(strstr(world_ask(w, c, 0, "CONTROL quota|0|"),
			       "Domain 0:\nnodes           :        3 (most 3, limit 0, refused 0)\n"));
	says(w, c, "CONTROL quota|9|", "ENOENT|");
	says(w, c, "CONTROL log|on|", "logging|");
	says(w, c, "CONTROL log|off|", "EINVAL|");
	assert_non_null(strstr(world_ask(w, c, 0, "CONTROL help|"), "quota-soft"));
	assert_non_null(strstr(w->reply, "log\t[on"));
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_store_holds_what_every_server_makes),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_relative_path_starts_at_home),
		cmocka_unit_test(malformed_requests_get_einval),
		cmocka_unit_test(an_unknown_transaction_gets_enoent),
		cmocka_unit_test(unknown_operations_get_enosys),
		cmocka_unit_test(no_request_length_does_harm),
		cmocka_unit_test(a_path_of_3072_bytes_is_the_longest),
		cmocka_unit_test(a_listing_over_4096_bytes_gets_e2big),
		cmocka_unit_test(parts_join_to_the_whole),
		cmocka_unit_test(a_part_says_when_the_node_has_changed),
		cmocka_unit_test(control_answers_for_itself_and_for_the_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
