/* SPDX-License-Identifier: MIT */
/* The command line of xenbus: what is wrong is said, and what is accepted; help is where it is looked for. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "command.h"

#define CLASS_TOO_LONG "a1234567890123456789012345678901"

static const struct {
	const char *argv[8];
	const char *says;
} wrong[] = {
	{ { "xenbus" }, "COMMAND is missing" },
	{ { "xenbus", "fly" }, "unknown command 'fly'" },
	{ { "xenbus", "" }, "unknown command ''" },
	{ { "xenbus", "help", "fly" }, "unknown command 'fly'" },
	{ { "xenbus", "up", "there" }, "'there' is too much" },
	{ { "xenbus", "up", "--run-dir" }, "--run-dir needs DIR" },
	{ { "xenbus", "up", "--run-dir=" }, "must be not empty" },
	{ { "xenbus", "up", "-r" }, "unknown option '-r'" },
	{ { "xenbus", "up", "--run" }, "unknown option '--run'" },
	{ { "xenbus", "down", "--force" }, "unknown option '--force'" },
	{ { "xenbus", "ls", "--json=yes" }, "--json takes no argument" },
	{ { "xenbus", "dmesg", "--", "x" }, "'x' is too much" },
	{ { "xenbus", "run", "--domid", "1" }, "PROGRAM [ARGUMENT...] is missing" },
	{ { "xenbus", "run", "--domid", "--", "true" }, "'--': DOMID must be a number from 0 to 32751" },
	{ { "xenbus", "run", "--domid", "32752", "true" }, "must be a number from 0 to 32751" },
	{ { "xenbus", "run", "--domid", "-1", "true" }, "must be a number" },
	{ { "xenbus", "run", "--domid", "+1", "true" }, "must be a number" },
	{ { "xenbus", "run", "--domid", " 1", "true" }, "must be a number" },
	{ { "xenbus", "run", "--domid", "0x1", "true" }, "must be a number" },
	{ { "xenbus", "run", "--domid", "1 ", "true" }, "must be a number" },
	{ { "xenbus", "run", "--domid", "99999999999999999999999", "true" }, "must be a number" },
	{ { "xenbus", "run", "--name", "", "true" }, "NAME must be not empty" },
	{ { "xenbus", "run", "--launch", "0123456789abcdef", "true" }, "--launch: with --domid 0 only" },
	{ { "xenbus", "run", "--domid=0", "--launch=0123456789abcde", "true" }, "16 to 32 hexadecimal" },
	{ { "xenbus", "release" }, "--launch TOKEN is missing" },
	{ { "xenbus", "release", "--launch", "0123456789abcdefg" }, "16 to 32 hexadecimal digits" },
	{ { "xenbus", "attach", "vbd" }, "--front DOMID is missing" },
	{ { "xenbus", "attach", "vbd", "--front", "1" }, "--back DOMID is missing" },
	{ { "xenbus", "attach", "--front=1", "--back=0" }, "CLASS is missing" },
	{ { "xenbus", "attach", "--front=1", "--back=0", "vbd", "vif" }, "'vif' is too much" },
	{ { "xenbus", "attach", "--front=1", "--back=0", "vbd", "--id", "4294967296" },
	  "from 0 to 4294967295" },
	{ { "xenbus", "detach", "--front=1", "--back=0", "vbd", "--timeout=1h" }, "SECONDS must be" },
};

static void what_is_wrong_is_said_with_what_is_accepted(void **state)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct command c;

		command_run(&c, wrong[i].argv);
		if (c.status != 2 || !strstr(c.err, wrong[i].says) || !strstr(c.err, "usage: xenbus ") ||
		    *c.out)
			fail_msg("case %zu: status %d, wanted \"%s\", got: %s%s", i, c.status, wrong[i].says,
				 c.err, c.out);
	}
}

static void help_is_printed_wherever_it_is_asked_for(void **state)
{
	static const struct {
		const char *name, *mentions;
	} commands[] = { { "up", "--run-dir DIR" },   { "down", "--run-dir DIR" }, { "run", "--domid DOMID" },
			 { "attach", "--no-wait" },   { "detach", "--force" },	   { "ls", "--json" },
			 { "dmesg", "--run-dir DIR" } };
	struct command c;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const char *name = commands[i].name;
		const char *const forms[][4] = { { "xenbus", name, "--help" },
						 { "xenbus", name, "-h" },
						 { "xenbus", "help", name } };

		for (int form = 0; form < 3; form++) {
			command_run(&c, forms[form]);
			assert_int_equal(c.status, 0);
			assert_string_equal(c.err, "");
			assert_non_null(strstr(c.out, "usage: xenbus "));
			assert_non_null(strstr(c.out, commands[i].mentions));
		}
		RUN(&c, "xenbus", "--help");
		assert_int_equal(c.status, 0);
		assert_non_null(strstr(c.out, name));
	}
}

static void the_options_of_a_program_are_the_programs(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "run", "--run-dir", "/nonexistent", "ls", "--help");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "no world lives in /nonexistent"));
	RUN(&c, "xenbus", "run", "--run-dir", "/nonexistent", "--", "--odd-program");
	assert_int_equal(c.status, 1);
}

static void the_version_is_told(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "--version");
	assert_int_equal(c.status, 0);
	assert_memory_equal(c.out, "xenbus ", 7);
}

static void without_a_world_each_command_says_so(void **state)
{
	static const char *const argv[][10] = {
		{ "xenbus", "down", "--run-dir", "/nonexistent" },
		{ "xenbus", "dmesg", "--run-dir", "/nonexistent" },
		{ "xenbus", "ls", "--run-dir", "/nonexistent" },
		{ "xenbus", "run", "--run-dir", "/nonexistent", "--domid", "1", "true" },
		{ "xenbus", "run", "--run-dir", "/nonexistent", "--domid", "0", "true" },
		{ "xenbus", "release", "--run-dir", "/nonexistent", "--launch=0123456789abcdef" },
		{ "xenbus", "attach", "--run-dir", "/nonexistent", "--front=1", "--back=0", "vbd" },
		{ "xenbus", "detach", "--run-dir", "/nonexistent", "--front=1", "--back=0", "vbd" },
	};

	for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]); i++) {
		struct command c;

		command_run(&c, argv[i]);
		assert_int_equal(c.status, 1);
		assert_string_equal(c.out, "");
		assert_non_null(strstr(c.err, "/nonexistent"));
	}
}

/* Not with whatever store there is otherwise: on a machine with Xen, that is the machine's. */
static void the_environments_world_is_the_one_that_is_meant(void **state)
{
	struct command c;

	unsetenv("XENSTORED_PATH");
	setenv("XENBUS_RUN_DIR", "/nonexistent", 1);
	RUN(&c, "xenbus", "ls");
	unsetenv("XENBUS_RUN_DIR");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "/nonexistent"));
}

static void a_directory_no_socket_fits_into_is_refused(void **state)
{
	char dir[200] = "/";
	struct command c;

	memset(dir + 1, 'x', sizeof(dir) - 2);
	RUN(&c, "xenbus", "up", "--run-dir", dir);
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "longer than"));
	assert_int_not_equal(access(dir, F_OK), 0);
}

static void where_no_directory_is_known_it_is_asked_for(void **state)
{
	char path[PATH_MAX];
	struct command c;

	command_path("xenbus", path, sizeof(path));
	unsetenv("XENBUS_RUN_DIR");
	unsetenv("XDG_RUNTIME_DIR");
	if (geteuid() == 0) /* which has a default of its own */
		RUN(&c, "setpriv", "--reuid=65534", "--clear-groups", path, "up");
	else
		RUN(&c, "xenbus", "up");
	if (c.status == 127)
		skip(); /* others may not see this build */
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "--run-dir"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_said_with_what_is_accepted),
		cmocka_unit_test(help_is_printed_wherever_it_is_asked_for),
		cmocka_unit_test(the_options_of_a_program_are_the_programs),
		cmocka_unit_test(the_version_is_told),
		cmocka_unit_test(without_a_world_each_command_says_so),
		cmocka_unit_test(the_environments_world_is_the_one_that_is_meant),
		cmocka_unit_test(a_directory_no_socket_fits_into_is_refused),
		cmocka_unit_test(where_no_directory_is_known_it_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
