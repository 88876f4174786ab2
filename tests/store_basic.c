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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_store_holds_what_every_server_makes),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_relative_path_starts_at_home),
		cmocka_unit_test(malformed_requests_get_einval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
