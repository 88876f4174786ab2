/* SPDX-License-Identifier: MIT */
/* Linux-style drivers in a local world, as a user loads and unloads them. */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "command.h"

static char top[40], run_dir[64];

static int make_world(void **state)
{
	char options[80];
	struct command c;

	strcpy(top, "/tmp/linux_modules.XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(run_dir, sizeof(run_dir), "%s/run", top);
	setenv("XENBUS_RUN_DIR", run_dir, 1);
	unsetenv("XENSTORED_PATH");
	/* What a sanitizer says of a module that has no terminal becomes a file that is left. */
	snprintf(options, sizeof(options), "log_path=%s/sanitizer", top);
	setenv("ASAN_OPTIONS", options, 1);
	setenv("UBSAN_OPTIONS", options, 1);
	RUN(&c, "xenbus", "up");
	return c.status;
}

/* Fails where a file is left; hangs, and is timed out, where a process is. */
static int end_world(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "down");
	if (c.status)
		print_error("down: %s", c.err);
	command_wait_for_all();
	return c.status | rmdir(top);
}

/* tests/linux/NAME.so, or the example's. */
static const char *module(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 4], file[64];

	snprintf(file, sizeof(file), "tests/%s.so", name);
	command_path(file, path, PATH_MAX);
	return path;
}

static void insmod(const char *name, const char *parameter)
{
	struct command c;

	if (parameter)
		RUN(&c, "xenbus", "insmod", module(name), parameter);
	else
		RUN(&c, "xenbus", "insmod", module(name));
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
}

static void rmmod(const char *domid, const char *name)
{
	struct command c;

	RUN(&c, "xenbus", "rmmod", "--domid", domid, name);
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
}

static const char *dmesg(void)
{
	static struct command c;

	RUN(&c, "xenbus", "dmesg");
	assert_int_equal(c.status, 0);
	return c.out;
}

static bool said(const char *text)
{
	return strstr(dmesg(), text) != NULL;
}

static void await_said(const char *text)
{
	for (int i = 0; i < 6000 && !said(text); i++)
		usleep(10000);
	if (!said(text))
		fail_msg("nobody says '%s':\n%s", text, dmesg());
}

/* All of them, in this order. */
static void expect_said(const char *const *lines)
{
	const char *log = dmesg(), *at = log;

	for (; *lines; lines++) {
		at = strstr(at, *lines);
		if (!at)
			fail_msg("'%s' is not said, or earlier:\n%s", *lines, log);
		at += strlen(*lines);
	}
}

/* A guest that is a module, loaded. */
static pid_t guest(const char *domid, const char *name, const char *inited)
{
	pid_t pid = START("xenbus", "run", "--domid", domid, "--", getenv("XENBUS_CLI"), "insmod",
			  "--foreground", module(name));

	await_said(inited);
	return pid;
}

static void attach(const char *class)
{
	struct command c;

	RUN(&c, "xenbus", "attach", class, "--front", "1", "--back", "0");
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
}

static bool is_listed(const char *what)
{
	struct command c;

	RUN(&c, "xenbus", "lsmod");
	assert_int_equal(c.status, 0);
	return strstr(c.out, what) != NULL;
}

static pid_t listed_pid(const char *name)
{
	struct command c;
	char begin[96], *line;

	snprintf(begin, sizeof(begin), "{\"name\":\"%s\",\"domid\":0,\"pid\":", name);
	RUN(&c, "xenbus", "lsmod", "--json");
	line = strstr(c.out, begin);
	assert_non_null(line);
	return (pid_t)atoi(line + strlen(begin));
}

/* A sanitizer reports a wild pointer in its own way, before the runtime does: what that says is not tested there. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

/* -- pairs -- */

static pid_t minimal_pair(void)
{
	pid_t front;

	insmod("minimal_back", NULL);
	front = guest("1", "minimal_front", "minimal_front inited!");
	attach("minimal");
	await_said("Other side says it is connected");
	return front;
}

static void ids_probe_and_otherend_changed_are_enough(void **state)
{
	static const char *const front_says[] = { "DomU: minimal_front inited!", "DomU: Probe called.",
						  "DomU: Connecting the frontend now",
						  "DomU: Other side says it is connected as well.", NULL };
	static const char *const back_says[] = { "Dom0: minimal_back inited!", "Dom0: Probe called.",
						 "Dom0: Connect the backend", NULL };
	pid_t front = minimal_pair();

	expect_said(front_says);
	expect_said(back_says);
	rmmod("1", "minimal_front");
	assert_int_equal(command_wait(front), 0);
	rmmod("0", "minimal_back");
	assert_false(said("leaked"));
	assert_false(said("BUG"));
}

static void a_backend_may_go_first_and_come_back(void **state)
{
	pid_t front = minimal_pair();

	rmmod("0", "minimal_back");
	assert_false(is_listed("minimal_back"));
	insmod("minimal_back", NULL); /* takes the device again, which it left Closed */
	rmmod("1", "minimal_front");
	assert_int_equal(command_wait(front), 0);
	rmmod("0", "minimal_back");
	assert_false(said("leaked"));
}

static void the_toolstack_detaches_a_device(void **state)
{
	pid_t front = minimal_pair();
	struct command c;

	RUN(&c, "xenbus", "detach", "minimal", "--front", "1", "--back", "0");
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
	await_said("Dom0: Frontend is gone");
	attach("minimal"); /* made anew, it is taken again */
	rmmod("0", "minimal_back");
	rmmod("1", "minimal_front");
	assert_int_equal(command_wait(front), 0);
}

static void a_frontends_domain_is_destroyed(void **state)
{
	pid_t front = minimal_pair();
	struct command c;

	RUN(&c, "xenbus", "destroy", "--domid", "1");
	assert_int_equal(c.status, 0);
	command_wait(front);
	await_said("Dom0: Frontend is gone");
	assert_false(is_listed("minimal_front"));
	rmmod("0", "minimal_back");
	assert_false(said("leaked"));
}

static pid_t alice_pair(void)
{
	pid_t front;

	insmod("alice_back", NULL);
	front = guest("1", "alice_front", "Alice_front inited!");
	attach("alice_dev");
	await_said("DomU: Got hi: response 234");
	return front;
}

static void the_example_says_hello_over_its_ring(void **state)
{
	static const char *const says[] = { "DomU: Sending hello: request 233",
					    "Dom0: Got hello: request 233", "DomU: Got hi: response 234",
					    NULL };
	pid_t front = alice_pair();

	expect_said(says);
	rmmod("1", "alice_front");
	assert_int_equal(command_wait(front), 0);
	rmmod("0", "alice_back");
	assert_false(said("leaked"));
	assert_false(said("BUG"));
}

static void the_examples_backend_is_unloaded_while_connected(void **state)
{
	pid_t front = alice_pair();

	rmmod("0", "alice_back");
	rmmod("1", "alice_front");
	assert_int_equal(command_wait(front), 0);
	assert_false(said("leaked"));
	assert_false(said("BUG"));
}

static void switching_the_state_of_what_is_gone_says_0(void **state)
{
	struct command c;

	insmod("vanishing_back", NULL);
	RUN(&c, "xenbus", "run", "--domid", "1", "--", getenv("XENBUS_CLI"), "attach",
	    "--help"); /* domid 1 exists */
	RUN(&c, "xenbus", "run", "--domid", "1", "--", "sh", "-c",
	    "env -u XENBUS_DOMAIN_FD \"$0\" attach vanishing --front 1 --back 0 --no-wait; sleep 0.5",
	    getenv("XENBUS_CLI"));
	await_said("vanisher vanishing-1-0: probed, Initialising of domain 1");
	await_said("removed the node: 0");
	await_said("switching says 0, the state is Connected");
	await_said("writing says -ENODEV");
	await_said("vanisher vanishing-1-0: removed");
	rmmod("0", "vanishing_back");
}

static void a_device_outlives_a_probe_that_failed(void **state)
{
	struct command c;
	pid_t front;

	setenv("MALLOC_PERTURB_", "165", 1); /* what is freed is seen to be */
	insmod("exercise", "check=refusing_probe");
	unsetenv("MALLOC_PERTURB_");
	front = guest("1", "minimal_front", "minimal_front inited!");
	RUN(&c, "xenbus", "attach", "minimal", "--front", "1", "--back", "0", "--no-wait");
	await_said("left over: ");
	assert_true(said("left over: backend/minimal/1/0 of domain 1\n"));
	rmmod("0", "exercise");
	assert_false(said("leaked"));
	rmmod("1", "minimal_front");
	command_wait(front);
}

/* -- loading -- */

static void init_that_fails_is_reported(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "insmod", module("exercise"), "check=fail", "number=19");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "insmod: ERROR: could not insert module "));
	assert_non_null(strstr(c.err, "exercise.so: No such device\n"));
	assert_false(is_listed("exercise"));
}

static void a_name_is_taken_once_a_domain(void **state)
{
	struct command c;

	insmod("exercise", NULL);
	RUN(&c, "xenbus", "insmod", module("exercise"));
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "File exists"));
	assert_true(is_listed("exercise"));
	rmmod("0", "exercise");
	insmod("exercise", NULL);
	rmmod("0", "exercise");
}

static void what_cannot_be_loaded_is_named(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "insmod", module("unknown"));
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "Unknown symbol"));
	assert_non_null(strstr(c.err, "no_such_function_anywhere"));
	RUN(&c, "xenbus", "insmod", "/nonexistent.so");
	assert_int_equal(c.status, 1);
	assert_string_equal(c.err, "insmod: ERROR: could not insert module /nonexistent.so: "
				   "No such file or directory\n");
	RUN(&c, "xenbus", "insmod", "/etc/passwd");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, ": Invalid module format: "));
	RUN(&c, "xenbus", "insmod", module("no_module"));
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, ": Invalid module format\n"));
	RUN(&c, "xenbus", "rmmod", "nobody");
	assert_int_equal(c.status, 1);
	assert_string_equal(c.err, "rmmod: ERROR: Module nobody is not currently loaded\n");
}

static void what_has_a_beginning_and_no_end_stays(void **state)
{
	struct command c;
	pid_t pid;

	insmod("no_functions", NULL);
	rmmod("0", "no_functions");
	insmod("no_exit", NULL);
	RUN(&c, "xenbus", "rmmod", "no_exit");
	assert_int_equal(c.status, 1);
	assert_string_equal(c.err, "rmmod: ERROR: could not remove 'no_exit': Device or resource busy\n");
	pid = listed_pid("no_exit");
	assert_int_equal(kill(pid, SIGTERM), 0); /* as at the world's end */
}

static void options_are_no_parameters(void **state)
{
	static const char usage[] =
		"usage: xenbus insmod [--run-dir DIR] [--foreground] FILE [PARAM=VALUE...]\n";
	struct command c;

	RUN(&c, "xenbus", "insmod", module("exercise"), "--bogus");
	assert_int_equal(c.status, 2);
	assert_non_null(strstr(c.err, "unknown option '--bogus'"));
	assert_non_null(strstr(c.err, usage));
	RUN(&c, "xenbus", "insmod", "--", module("exercise"), "-number=1");
	assert_int_equal(c.status, 2);
	assert_non_null(strstr(c.err, usage));
	assert_false(is_listed("exercise"));
}

static void parameters_have_their_types(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "insmod", module("exercise"), "check=parameters", "number=-7", "flag",
	    "list=1,20,65535", "text=abc", "what=ever");
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
	assert_true(said("exercise: unknown parameter 'what=ever' ignored"));
	rmmod("0", "exercise");
	RUN(&c, "xenbus", "insmod", module("exercise"), "number=x");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "Invalid argument"));
	RUN(&c, "xenbus", "insmod", module("exercise"), "list=1,2,3,4,5");
	assert_int_equal(c.status, 1);
}

static void modules_are_listed_for_programs(void **state)
{
	struct command c;

	insmod("exercise", NULL);
	insmod("minimal_back", NULL);
	RUN(&c, "xenbus", "lsmod", "--json");
	assert_int_equal(c.status, 0);
	assert_memory_equal(c.out, "{\"name\":\"exercise\",\"domid\":0,\"pid\":", 35);
	assert_non_null(strstr(c.out, "\n{\"name\":\"minimal_back\",\"domid\":0,\"pid\":"));
	assert_non_null(strstr(c.out, ",\"devices\":[]}\n"));
	rmmod("0", "exercise");
	rmmod("0", "minimal_back");
}

static void a_bug_ends_its_module_alone(void **state)
{
	struct command c;

	insmod("minimal_back", NULL);
	RUN(&c, "xenbus", "insmod", module("exercise"), "check=bug");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "its process died"));
	assert_true(said("kernel BUG at exercise.c:"));
	assert_false(is_listed("exercise"));
	assert_true(is_listed("minimal_back"));
	rmmod("0", "minimal_back");
}

#ifndef SANITIZED
static void a_wild_pointer_is_told_before_its_module_dies(void **state)
{
	static const char *const says[] = { "BUG: unable to handle page access for address 0x123000\n",
					    "pc: exercise.so+0x",
					    ", in insmod [exercise]\n",
					    "Call trace of exercise:\n",
					    "exercise.so",
					    "addr2line -fe /",
					    "exercise.so 0x",
					    "module exercise is ended\n",
					    "was killed by signal 11",
					    NULL };
	struct command c;

	RUN(&c, "xenbus", "insmod", module("exercise"), "check=wild");
	assert_int_equal(c.status, 1);
	await_said("was killed by signal 11");
	expect_said(says);
}

static void the_callback_that_failed_is_named(void **state)
{
	struct command c;
	pid_t front;

	insmod("exercise", "check=wild_probe");
	front = guest("1", "minimal_front", "minimal_front inited!");
	RUN(&c, "xenbus", "attach", "minimal", "--front", "1", "--back", "0", "--no-wait");
	await_said("was killed by signal 11");
	assert_true(said(", in probe() of minimal-1-0 [exercise]\n"));
	rmmod("1", "minimal_front");
	command_wait(front);
}

static void a_stack_that_overflows_is_told(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "insmod", module("exercise"), "check=overflow");
	assert_int_equal(c.status, 1);
	await_said("was killed by signal 11");
	assert_true(said("BUG: unable to handle page access for address 0x"));
	assert_true(said("pc: exercise.so+0x"));
}
#endif

static void the_devices_of_a_killed_module_are_closed(void **state)
{
	struct command c;
	pid_t front = minimal_pair();
	char *pid;

	RUN(&c, "xenbus", "lsmod", "--json");
	pid = strstr(c.out, "{\"name\":\"minimal_back\",\"domid\":0,\"pid\":");
	assert_non_null(pid);
	assert_int_equal(kill((pid_t)atoi(strstr(pid, "\"pid\":") + 6), SIGKILL), 0);
	await_said("was killed by signal 9; 1 of its devices closed for it");
	assert_false(is_listed("minimal_back"));
	RUN(&c, "xenbus", "rmmod", "minimal_back");
	assert_int_equal(c.status, 1);
	assert_memory_equal(c.err, "rmmod: ERROR: minimal_back (pid ", 32);
	assert_non_null(strstr(c.err, ") was killed by signal 9; see `xenbus dmesg`\n"));
	insmod("minimal_back", NULL); /* what is Closed may be taken again, and the name is free */
	rmmod("1", "minimal_front");
	assert_int_equal(command_wait(front), 0);
	rmmod("0", "minimal_back");
	RUN(&c, "xenbus", "rmmod", "minimal_back");
	assert_string_equal(c.err, "rmmod: ERROR: Module minimal_back is not currently loaded\n");
}

/* -- modules that are stuck -- */

static void expect_rmmod_gives_up(const char *name, pid_t pid)
{
	struct command c;
	char expected[128];

	snprintf(expected, sizeof(expected),
		 "rmmod: ERROR: module %s (pid %d) does not answer; `kill -9 %d` ends it\n", name, (int)pid,
		 (int)pid);
	RUN(&c, "xenbus", "rmmod", name);
	assert_string_equal(c.err, expected);
	assert_int_equal(c.status, 1);
}

static void one_that_never_answers_is_named_and_hinders_nobody(void **state)
{
	struct command c;
	pid_t insmod_pid, pid;

	insmod("minimal_back", NULL);
	insmod_pid = START("xenbus", "insmod", module("exercise"), "check=endless");
	for (int i = 0; i < 100 && !is_listed("(does not answer)"); i++)
		;
	assert_true(is_listed("(does not answer)"));
	assert_true(is_listed("minimal_back"));
	pid = listed_pid("exercise");
	RUN(&c, "xenbus", "lsmod", "--json");
	assert_non_null(strstr(c.out, ",\"answers\":false,\"devices\":[]}\n"));
	expect_rmmod_gives_up("exercise", pid);
	rmmod("0", "minimal_back");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(command_wait(insmod_pid), 1);
	assert_false(is_listed("exercise"));
}

static void an_exit_that_takes_long_is_waited_for(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "insmod", module("exercise"), "check=slow_exit", "number=2500");
	assert_int_equal(c.status, 0);
	rmmod("0", "exercise");
	assert_false(is_listed("exercise"));
}

static void an_exit_that_never_ends_is_not(void **state)
{
	pid_t pid;

	insmod("exercise", "check=endless_exit");
	pid = listed_pid("exercise");
	expect_rmmod_gives_up("exercise", pid);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

static void an_endless_init_is_interrupted(void **state)
{
	pid_t pid = START("xenbus", "insmod", "--foreground", module("exercise"), "check=endless");

	for (int i = 0; i < 100 && !is_listed("(does not answer)"); i++)
		;
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(command_wait(pid), 128 + SIGINT);
}

/* -- the runtime, from within -- */

static void check(const char *name)
{
	char parameter[32];

	snprintf(parameter, sizeof(parameter), "check=%s", name);
	insmod("exercise", parameter);
	rmmod("0", "exercise");
}

static void from_within(void **state)
{
	const char *name = *state;

	check(name);
	if (said("leaked") || said("BUG"))
		fail_msg("%s", dmesg());
}

static void lines_go_to_dmesg(void **state)
{
	check("formats");
	expect_said((const char *const[]){ "] begun, and ended\n", "] two\n", "] lines\n", NULL });
}

static void what_may_be_granted_is_said(void **state)
{
	check("grants");
	expect_said(
		(const char *const[]){ "is granted already: reference ", "kmalloc's, the stack's", NULL });
	assert_false(said("leaked"));
}

static void a_warning_says_where(void **state)
{
	check("warn");
	expect_said((const char *const[]){ "WARNING: at exercise.c:", "check_warn() [exercise]",
					   "a warning of 4 words\n", "Call trace", NULL });
}

static void sleeping_with_a_spinlock_is_told(void **state)
{
	check("atomic_sleep");
	assert_true(
		said("BUG: scheduling while atomic: msleep() waits, with the spinlock taken at exercise.c:"));
}

static void what_is_left_is_told_and_taken_back(void **state)
{
	static const char *const left[] = { "exercise: leaked: the thread 'sleeper'",
					    "exercise: leaked: a watch on left",
					    "exercise: leaked: a timer that is pending",
					    "exercise: leaked: the workqueue 'forgotten'",
					    "exercise: leaked: event channel ",
					    "exercise: leaked: grant ",
					    "exercise: leaked: 1 page from exercise.c:",
					    "exercise: leaked: 3 blocks of kmalloc() from exercise.c:",
					    NULL };

	check("leaks");
	expect_said(left);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)
#define FROM_WITHIN(check_name)                                                                        \
	{                                                                                              \
		.name = "from_within_" check_name, .test_func = from_within, .setup_func = make_world, \
		.teardown_func = end_world, .initial_state = (void *)check_name                        \
	}

int main(void)
{
	static char cli[PATH_MAX];
	const struct CMUnitTest tests[] = {
		IN_WORLD(ids_probe_and_otherend_changed_are_enough),
		IN_WORLD(a_backend_may_go_first_and_come_back),
		IN_WORLD(the_toolstack_detaches_a_device),
		IN_WORLD(a_frontends_domain_is_destroyed),
		IN_WORLD(the_example_says_hello_over_its_ring),
		IN_WORLD(the_examples_backend_is_unloaded_while_connected),
		IN_WORLD(switching_the_state_of_what_is_gone_says_0),
		IN_WORLD(a_device_outlives_a_probe_that_failed),
		IN_WORLD(init_that_fails_is_reported),
		IN_WORLD(a_name_is_taken_once_a_domain),
		IN_WORLD(what_cannot_be_loaded_is_named),
		IN_WORLD(what_has_a_beginning_and_no_end_stays),
		IN_WORLD(options_are_no_parameters),
		IN_WORLD(parameters_have_their_types),
		IN_WORLD(modules_are_listed_for_programs),
		IN_WORLD(a_bug_ends_its_module_alone),
#ifndef SANITIZED
		IN_WORLD(a_wild_pointer_is_told_before_its_module_dies),
		IN_WORLD(the_callback_that_failed_is_named),
		IN_WORLD(a_stack_that_overflows_is_told),
#endif
		IN_WORLD(the_devices_of_a_killed_module_are_closed),
		IN_WORLD(one_that_never_answers_is_named_and_hinders_nobody),
		IN_WORLD(an_exit_that_takes_long_is_waited_for),
		IN_WORLD(an_exit_that_never_ends_is_not),
		IN_WORLD(an_endless_init_is_interrupted),
		FROM_WITHIN("numbers"),
		FROM_WITHIN("memory"),
		FROM_WITHIN("works"),
		FROM_WITHIN("waits"),
		FROM_WITHIN("kthreads"),
		FROM_WITHIN("store"),
		FROM_WITHIN("watches"),
		IN_WORLD(lines_go_to_dmesg),
		IN_WORLD(what_may_be_granted_is_said),
		IN_WORLD(a_warning_says_where),
		IN_WORLD(sleeping_with_a_spinlock_is_told),
		IN_WORLD(what_is_left_is_told_and_taken_back),
	};

	command_path("xenbus", cli, sizeof(cli));
	setenv("XENBUS_CLI", cli, 1);
	command_adopt_orphans();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
