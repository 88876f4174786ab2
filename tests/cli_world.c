/* SPDX-License-Identifier: MIT */
/* A world from up to down as a user makes it; in the end no process and no file of it is left. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <base/logfile.h>

#include "command.h"

static char top[32], dir[64], store_path[96];

static int make_top(void **state)
{
	strcpy(top, "/tmp/cli_world.XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/run", top);
	snprintf(store_path, sizeof(store_path), "%s/xenstored.sock", dir);
	setenv("XENBUS_RUN_DIR", dir, 1);
	unsetenv("XENSTORED_PATH");
	return 0;
}

/* Fails where a file is left; hangs, and is timed out, where a process is. */
static int nothing_left(void **state)
{
	command_wait_for_all();
	return rmdir(top);
}

static int make_world(void **state)
{
	struct command c;

	make_top(state);
	RUN(&c, "xenbus", "up");
	assert_string_equal(c.err, "");
	return c.status;
}

static int end_world(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "down");
	if (c.status)
		print_error("down: %s", c.err);
	return c.status | nothing_left(state);
}

static void up_prints_what_a_shell_can_take_in(void **state)
{
	char line[256];
	struct command c;

	RUN(&c, "xenbus", "up"); /* it is up: this one says so and prints the same */
	assert_int_equal(c.status, 0);
	assert_non_null(strstr(c.err, "already"));
	snprintf(line, sizeof(line), "export XENSTORED_PATH='%s'\nexport XENBUS_RUN_DIR='%s'\n", store_path,
		 dir);
	assert_string_equal(c.out, line);
}

static void a_guest_gets_its_domain_and_not_dom0s_socket(void **state)
{
	struct command c;

	setenv("XENSTORED_PATH", store_path, 1);
	setenv("XENSTORED_RUNDIR", dir, 1);
	RUN(&c, "xenbus", "run", "--domid", "5", "--", "sh", "-c",
	    "echo $XENSTORED_PATH$XENSTORED_RUNDIR:${XENBUS_DOMAIN_FD:+fd}:$XENBUS_RUN_DIR");
	unsetenv("XENSTORED_PATH");
	unsetenv("XENSTORED_RUNDIR");
	assert_int_equal(c.status, 0);
	assert_string_equal(c.err, "");
	assert_memory_equal(c.out, ":fd:/", 5);
	RUN(&c, "xenbus", "run", "--domid", "0", "sh", "-c", "echo $XENSTORED_PATH:${XENBUS_DOMAIN_FD:+fd}");
	assert_int_equal(c.status, 0);
	assert_memory_equal(c.out, store_path, strlen(store_path));
	assert_string_equal(c.out + strlen(store_path), ":fd\n");
}

static void the_programs_exit_status_is_runs(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "run", "sh", "-c", "exit 7");
	assert_int_equal(c.status, 7);
	RUN(&c, "xenbus", "run", "sh", "-c", "kill -9 $$");
	assert_int_equal(c.status, 128 + SIGKILL);
	RUN(&c, "xenbus", "run", "/nonexistent/program");
	assert_int_equal(c.status, 127);
	RUN(&c, "xenbus", "run", "/etc/passwd");
	assert_int_equal(c.status, 126);
	RUN(&c, "xenbus", "run", "--domid=0", "/nonexistent/program");
	assert_int_equal(c.status, 127);
	RUN(&c, "xenbus", "run", "--domid=0", "sh", "-c", "exit 7");
	assert_int_equal(c.status, 7);
}

static void a_large_environment_reaches_the_guest(void **state)
{
	static char large[100000];
	struct command c;

	memset(large, 'x', sizeof(large) - 1);
	setenv("LARGE", large, 1);
	RUN(&c, "xenbus", "run", "sh", "-c", "echo ${#LARGE}");
	unsetenv("LARGE");
	assert_int_equal(c.status, 0);
	assert_string_equal(c.out, "99999\n");
}

static void standard_streams_are_the_callers(void **state)
{
	struct command c;

	RUN(&c, "sh", "-c", "cd /usr; echo through | \"$0\" run sh -c 'cat; echo beside >&2; pwd'",
	    getenv("XENBUS_CLI"));
	assert_int_equal(c.status, 0);
	assert_string_equal(c.out, "through\n/usr\n");
	assert_string_equal(c.err, "beside\n");
}

static void wait_for_file(const char *path)
{
	while (access(path, F_OK))
		usleep(1000);
}

/* Starts a program in domain @domid that makes the file @ready and waits for signals. */
static pid_t start_waiting(const char *domid, const char *trap, char ready[96])
{
	char script[256];
	pid_t pid;

	snprintf(ready, 96, "%s/ready%s", top, domid);
	snprintf(script, sizeof(script), "%s; : > %s; while :; do sleep 0.01; done", trap, ready);
	pid = START("xenbus", "run", "--domid", domid, "sh", "-c", script);
	wait_for_file(ready);
	unlink(ready);
	return pid;
}

static void signals_are_passed_on(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	char ready[96], trap[32];

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		snprintf(trap, sizeof(trap), "trap 'exit 4%zu' %d", i, signals[i]);
		for (int dom0 = 0; dom0 < 2; dom0++) {
			pid_t pid = start_waiting(dom0 ? "0" : "6", trap, ready);

			kill(pid, signals[i]);
			assert_int_equal(command_wait(pid), 40 + (int)i);
		}
	}
}

/* Nobody could say Closed for it any more. */
static void a_program_of_domain_0_is_told_to_end_when_its_launcher_is_killed(void **state)
{
	char ready[96];
	pid_t pid = start_waiting("0", "trap 'exit 3' TERM", ready), program = command_child(pid);

	kill(pid, SIGKILL);
	assert_int_equal(command_wait(pid), 128 + SIGKILL);
	assert_int_equal(command_wait(program), 3); /* ours by adoption */
}

static void a_program_of_domain_0_has_its_callers_signals_and_group(void **state)
{
	struct command c;

	RUN(&c, "sh", "-c",
	    "\"$0\" run --domid 0 sh -c 'grep SigBlk /proc/self/status; set -- $(cat /proc/$$/stat); echo $5'; "
	    "grep SigBlk /proc/self/status; set -- $(cat /proc/$$/stat); echo $5",
	    getenv("XENBUS_CLI"));
	assert_int_equal(c.status, 0);
	assert_int_equal(strlen(c.out) % 2, 0);
	assert_memory_equal(c.out, c.out + strlen(c.out) / 2, strlen(c.out) / 2);
}

static void a_domain_number_is_used_once_at_a_time(void **state)
{
	char ready[96];
	struct command c;
	pid_t pid = start_waiting("7", ":", ready);

	RUN(&c, "xenbus", "run", "--domid", "7", "true");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "domain 7 is there already"));
	kill(pid, SIGTERM);
	assert_int_equal(command_wait(pid), 128 + SIGTERM);
	RUN(&c, "xenbus", "run", "--domid", "7", "true");
	assert_int_equal(c.status, 0);
}

static bool has_home(const char *domid)
{
	struct command c;
	char home[32];

	snprintf(home, sizeof(home), "/local/domain/%s", domid);
	setenv("XENSTORED_PATH", store_path, 1);
	RUN(&c, "xenstore-exists", home);
	unsetenv("XENSTORED_PATH");
	return !c.status;
}

/* Whoever made it: one whose `xenbus run` waits for it, and one whose `run` was killed. */
static void a_domain_is_destroyed_whoever_made_it(void **state)
{
	char ready[96];
	struct command c;

	for (int killed = 0; killed < 2; killed++) {
		pid_t pid = start_waiting("12", "trap '' TERM INT HUP", ready);

		if (killed) {
			kill(pid, SIGKILL);
			assert_int_equal(command_wait(pid), 128 + SIGKILL);
		}
		assert_true(has_home("12"));
		RUN(&c, "xenbus", "destroy", "--domid", "12");
		assert_string_equal(c.err, "");
		assert_int_equal(c.status, 0);
		assert_false(has_home("12"));
		if (!killed)
			assert_int_equal(command_wait(pid), 128 + SIGKILL);
	}
	RUN(&c, "xenbus", "destroy", "--domid", "12");
	assert_int_equal(c.status, 1);
	assert_string_equal(c.err, "xenbus: domain 12: no such domain\n");
	RUN(&c, "xenbus", "destroy", "--domid", "0");
	assert_int_equal(c.status, 2);
}

/* With Debian's own client, which knows nothing of us. */
static void store_ls(struct command *c)
{
	setenv("XENSTORED_PATH", store_path, 1);
	RUN(c, "xenstore-ls", "-f", "-p");
	unsetenv("XENSTORED_PATH");
}

static bool line_says(const char *text, const char *path, const char *value, const char *perms)
{
	char want[128];
	const char *line;

	snprintf(want, sizeof(want), "%s = \"%s\"", path, value);
	line = strstr(text, want);
	return line && !strncmp(line + strcspn(line, "\n") - strlen(perms), perms, strlen(perms));
}

static void a_domain_stands_in_the_store_as_libxl_writes_it(void **state)
{
	char ready[96];
	struct command c;
	pid_t pid;

	store_ls(&c);
	if (c.status == 127)
		skip();
	pid = start_waiting("8", ":", ready);
	store_ls(&c);
	assert_true(line_says(c.out, "/local/domain/0/name", "Domain-0", "(n0)"));
	assert_true(line_says(c.out, "/local/domain/8", "", "(n0,r8)"));
	assert_true(line_says(c.out, "/local/domain/8/name", "Domain-8", "(n0,r8)"));
	assert_true(line_says(c.out, "/local/domain/8/domid", "8", "(n0,r8)"));
	assert_true(line_says(c.out, "/local/domain/8/device", "", "(n0,r8)"));
	assert_true(line_says(c.out, "/local/domain/8/data", "", "(n8)"));
	assert_true(line_says(c.out, "/local/domain/8/error", "", "(n8)"));
	assert_true(line_says(c.out, "/local/domain/8/control/shutdown", "", "(n8)"));
	kill(pid, SIGTERM);
	command_wait(pid);
	store_ls(&c);
	assert_null(strstr(c.out, "/local/domain/8"));
	assert_null(strstr(c.out, "/vm/"));
}

static void a_device_is_attached_listed_and_detached(void **state)
{
	char ready[96];
	struct command c;
	pid_t pid = start_waiting("9", ":", ready);

	RUN(&c, "xenbus", "attach", "alice_dev", "--front", "9", "--back", "0", "--id", "3", "--no-wait");
	assert_int_equal(c.status, 0);
	RUN(&c, "xenbus", "attach", "alice_dev", "--front", "9", "--back", "0", "--id", "3", "--no-wait");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "there already"));
	RUN(&c, "xenbus", "attach", "alice_dev", "--front", "9", "--back", "0", "--timeout", "0");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "not connected yet: backend Initialising, frontend Initialising"));
	RUN(&c, "xenbus", "ls");
	assert_int_equal(c.status, 0);
	assert_non_null(strstr(c.out, "alice_dev/3"));
	assert_non_null(strstr(c.out, "backend driver"));
	RUN(&c, "xenbus", "ls", "--json");
	assert_non_null(strstr(
		c.out, "{\"class\": \"alice_dev\", \"id\": 3, \"frontend\": {\"domid\": 9, \"state\": 1,"));
	RUN(&c, "xenbus", "detach", "alice_dev", "--front", "9", "--back", "0", "--timeout", "0");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "--force"));
	RUN(&c, "xenbus", "detach", "alice_dev", "--front", "9", "--back", "0", "--timeout", "0", "--force");
	assert_int_equal(c.status, 0);
	RUN(&c, "xenbus", "detach", "alice_dev", "--front", "9", "--back", "0");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "no such device"));
	RUN(&c, "xenbus", "attach", "no class", "--front", "9", "--back", "0");
	assert_int_equal(c.status, 2);
	RUN(&c, "xenbus", "attach", "alice_dev", "--front", "9", "--back", "10");
	assert_int_equal(c.status, 1);
	/* The other one goes with its domain. */
	kill(pid, SIGTERM);
	command_wait(pid);
	RUN(&c, "xenbus", "ls", "--json");
	assert_string_equal(c.out, "[]\n");
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
	static const char *const commands[] = { "ls", "up" };
	char path[PATH_MAX];
	struct command c;

	command_path("xenbus", path, sizeof(path));
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		RUN(&c, "sh", "-c", "exec \"$0\" \"$1\" >/dev/full", path, commands[i]);
		assert_int_equal(c.status, 1);
	}
}

/* A real pair of drivers, started, connected and taken away with nothing but this program. */
static void two_drivers_meet(void **state)
{
	char greeting[PATH_MAX];
	struct command c;
	pid_t back, front;

	command_path("examples/greeting", greeting, sizeof(greeting));
	if (access(greeting, X_OK))
		skip();
	fflush(stdout);
	back = START("xenbus", "run", "--domid", "0", greeting, "back");
	front = START("xenbus", "run", "--domid", "1", greeting, "front");
	do
		RUN(&c, "xenbus", "attach", "greeting", "--front", "1", "--back", "0", "--timeout", "60");
	while (c.status && strstr(c.err, "is not there")); /* the domain is being made */
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
	RUN(&c, "xenbus", "ls");
	assert_non_null(strstr(c.out, "Connected      Connected"));
	RUN(&c, "xenbus", "detach", "greeting", "--front", "1", "--back", "0", "--timeout", "60");
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
	kill(front, SIGTERM);
	kill(back, SIGTERM);
	assert_int_equal(command_wait(front), 128 + SIGTERM);
	command_wait(back);
}

static void dmesg_prints_what_was_logged_and_no_control_characters(void **state)
{
	struct logfile *log;
	char path[96];
	struct command c;

	RUN(&c, "xenbus", "dmesg");
	assert_int_equal(c.status, 0);
	assert_string_equal(c.out, "");
	snprintf(path, sizeof(path), "%s/dmesg", dir);
	assert_int_equal(logfile_open(path, 0, &log), 0);
	assert_int_equal(logfile_line(log, "DomU: Alice_front inited!"), 0);
	assert_int_equal(logfile_line(log, "DomU: \033[31mred"), 0);
	logfile_close(log);
	RUN(&c, "xenbus", "dmesg");
	assert_int_equal(c.status, 0);
	assert_int_equal(c.out[0], '[');
	assert_memory_equal(c.out + 13, "] DomU: Alice_front inited!\n", 28);
	assert_non_null(strstr(c.out, "DomU: ?[31mred\n"));
}

static void down_ends_domains_with_programs_in_them(void **state)
{
	char ready[96];
	struct command c;
	pid_t pid = start_waiting("11", "trap '' TERM INT HUP", ready);

	RUN(&c, "xenbus", "down");
	assert_int_equal(c.status, 0);
	assert_string_equal(c.err, "");
	assert_int_equal(command_wait(pid), 128 + SIGKILL);
	command_wait_for_all();
	RUN(&c, "xenbus", "down");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "no world lives in"));
	RUN(&c, "xenbus", "up");
	assert_int_equal(c.status, 0);
}

static void after_a_power_cut_down_cleans_up_and_up_starts_anew(void **state)
{
	struct command c;

	for (int again = 0; again < 2; again++) {
		kill(command_orphan("xenbus"), SIGKILL);
		command_wait_for_all(); /* the store does not outlive its world */
		RUN(&c, "xenbus", "run", "true");
		assert_int_equal(c.status, 1);
		if (!again) {
			RUN(&c, "xenbus", "down");
			assert_int_equal(c.status, 0);
			assert_int_not_equal(access(dir, F_OK), 0);
		}
		RUN(&c, "xenbus", "up");
		assert_int_equal(c.status, 0);
		RUN(&c, "xenbus", "run", "true");
		assert_int_equal(c.status, 0);
	}
}

static void without_its_store_a_world_still_goes_down(void **state)
{
	struct command c;

	kill(command_orphan("xenstored"), SIGKILL);
	RUN(&c, "xenbus", "run", "true");
	assert_int_equal(c.status, 1);
}

static void many_ups_and_downs_at_once_leave_one_world_or_none(void **state)
{
	struct command c;
	pid_t pid[12];

	for (int i = 0; i < 12; i++) {
		if (i % 3 == 2)
			pid[i] = START("sh", "-c", "exec \"$0\" down 2>/dev/null", getenv("XENBUS_CLI"));
		else
			pid[i] = START("sh", "-c", "exec \"$0\" up >/dev/null 2>&1", getenv("XENBUS_CLI"));
	}
	for (int i = 0; i < 12; i++) {
		int status = command_wait(pid[i]);

		assert_true(status == 0 || (i % 3 == 2 && status == 1));
	}
	RUN(&c, "xenbus", "up");
	assert_int_equal(c.status, 0);
	RUN(&c, "xenbus", "run", "true");
	assert_int_equal(c.status, 0);
}

static void down_leaves_what_is_not_its_own(void **state)
{
	char mine[96];
	struct command c;

	snprintf(mine, sizeof(mine), "%s/mine", dir);
	close(open(mine, O_CREAT | O_WRONLY, 0600));
	RUN(&c, "xenbus", "down");
	assert_int_equal(c.status, 0);
	assert_int_equal(unlink(mine), 0);
	assert_int_equal(rmdir(dir), 0);
	RUN(&c, "xenbus", "up");
	assert_int_equal(c.status, 0);
}

/* xenbus alone in a directory, with a store that is not one beside it. */
/* What is installed may be moved as a whole: the store is found from where this program is, bin or not. */
static void a_store_that_does_not_start_is_told_and_nothing_stays(void **state)
{
	static const char *const stores[] = { "xenstored", "sbin/xenstored", NULL };
	char copy[96], store[96], log[96], sbin[96];
	struct command c;

	snprintf(sbin, sizeof(sbin), "%s/bin", top);
	assert_int_equal(mkdir(sbin, 0700), 0);
	snprintf(sbin, sizeof(sbin), "%s/sbin", top);
	assert_int_equal(mkdir(sbin, 0700), 0);
	snprintf(log, sizeof(log), "%s/xenstored.log", dir);
	for (size_t i = 0; stores[i]; i++) {
		FILE *file;

		snprintf(copy, sizeof(copy), "%s/%sxenbus", top, i ? "bin/" : "");
		RUN(&c, "cp", getenv("XENBUS_CLI"), copy);
		assert_int_equal(c.status, 0);
		snprintf(store, sizeof(store), "%s/%s", top, stores[i]);
		file = fopen(store, "w");
		fputs("#!/bin/sh\necho broken >&2; exit 1\n", file);
		fclose(file);
		chmod(store, 0700);
		RUN(&c, copy, "up");
		assert_int_equal(c.status, 1);
		assert_string_equal(c.out, "");
		assert_non_null(strstr(c.err, "xenstored.log"));
		command_wait_for_all();
		assert_int_equal(access(log, F_OK), 0);
		RUN(&c, "grep", "-q", "broken", log);
		assert_int_equal(c.status, 0);
		RUN(&c, copy, "down");
		assert_int_equal(c.status, 0);
		unlink(store);
		unlink(copy);
	}
	rmdir(sbin);
	strcpy(strrchr(sbin, '/'), "/bin");
	rmdir(sbin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)
		WITH_WORLD(up_prints_what_a_shell_can_take_in),
		WITH_WORLD(a_guest_gets_its_domain_and_not_dom0s_socket),
		WITH_WORLD(the_programs_exit_status_is_runs),
		WITH_WORLD(a_large_environment_reaches_the_guest),
		WITH_WORLD(standard_streams_are_the_callers),
		WITH_WORLD(signals_are_passed_on),
		WITH_WORLD(a_program_of_domain_0_is_told_to_end_when_its_launcher_is_killed),
		WITH_WORLD(a_program_of_domain_0_has_its_callers_signals_and_group),
		WITH_WORLD(a_domain_number_is_used_once_at_a_time),
		WITH_WORLD(a_domain_is_destroyed_whoever_made_it),
		WITH_WORLD(a_domain_stands_in_the_store_as_libxl_writes_it),
		WITH_WORLD(a_device_is_attached_listed_and_detached),
		WITH_WORLD(output_that_cannot_be_written_is_a_failure),
		WITH_WORLD(two_drivers_meet),
		WITH_WORLD(dmesg_prints_what_was_logged_and_no_control_characters),
		WITH_WORLD(down_ends_domains_with_programs_in_them),
		WITH_WORLD(after_a_power_cut_down_cleans_up_and_up_starts_anew),
		WITH_WORLD(without_its_store_a_world_still_goes_down),
		WITH_WORLD(many_ups_and_downs_at_once_leave_one_world_or_none),
		WITH_WORLD(down_leaves_what_is_not_its_own),
		cmocka_unit_test_setup_teardown(a_store_that_does_not_start_is_told_and_nothing_stays,
						make_top, nothing_left),
	};
	char path[PATH_MAX];

	command_path("xenbus", path, sizeof(path));
	setenv("XENBUS_CLI", path, 1);
	command_adopt_orphans();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
