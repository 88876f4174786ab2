/* SPDX-License-Identifier: MIT */
/* xenbus trace: what programs leave behind while they run and when they are killed, told from outside. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "command.h"
#include "wellformed.h"

static char top[32], dir[64], output[64];
static char front_program[PATH_MAX], back_program[PATH_MAX];
static char text[1 << 20];
static pid_t follower; /* 0: none */

static int make_world(void **state)
{
	struct command c;

	strcpy(top, "/tmp/xenbus-trace.XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/run", top);
	snprintf(output, sizeof(output), "%s/output", top);
	setenv("XENBUS_RUN_DIR", dir, 1);
	unsetenv("XENSTORED_PATH");
	RUN(&c, "xenbus", "up");
	assert_int_equal(c.status, 0);
	return 0;
}

/* Fails where a file is left, those of the traces among them. */
static int end_world(void **state)
{
	struct command c;

	if (follower) /* of a test that failed */
		kill(follower, SIGKILL);
	follower = 0;
	RUN(&c, "xenbus", "down");
	if (c.status)
		print_error("down: %s", c.err);
	command_wait_for_all();
	unlink(output);
	return c.status | rmdir(top);
}

/* What @path holds now, in text[]. */
static void read_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	assert_true(len >= 0 && (size_t)len < sizeof(text) - 1);
	text[len] = '\0';
}

/* Until @wanted is in the output of a program that goes on; a test that waits in vain is timed out. */
static void await_output(const char *wanted)
{
	const struct timespec moment = { .tv_nsec = 5000000 };

	for (read_file(output); !strstr(text, wanted); read_file(output))
		nanosleep(&moment, NULL);
}

/* The pid of the program of @domid that has a ring, in the ring's name. */
static pid_t writer_of(unsigned int domid)
{
	char path[128], prefix[16];
	struct dirent *entry;
	int pid = 0;
	DIR *traces;

	snprintf(path, sizeof(path), "%s/trace", dir);
	snprintf(prefix, sizeof(prefix), "%u.", domid);
	traces = opendir(path);
	while (traces && (entry = readdir(traces)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)))
			pid = atoi(entry->d_name + strlen(prefix));
	if (traces)
		closedir(traces);
	return pid;
}

/* Both programs; they have their rings when this returns. */
static void start_pair(void)
{
	const struct timespec moment = { .tv_nsec = 5000000 };

	START("xenbus", "run", "--domid", "0", "--", back_program, "--quiet");
	START("xenbus", "run", "--domid", "1", "--", front_program, "--quiet");
	while (!writer_of(0) || !writer_of(1))
		nanosleep(&moment, NULL);
}

static void attach(void)
{
	struct command c;

	RUN(&c, "xenbus", "attach", "alice_dev", "--front", "1", "--back", "0");
	assert_string_equal(c.err, "");
	assert_int_equal(c.status, 0);
}

/* Each of @wanted, NULL at the end, in text[] behind the one before. */
static void expect_in_order(const char *const *wanted)
{
	const char *at = text;

	for (; *wanted; wanted++) {
		const char *found = strstr(at, *wanted);

		if (!found)
			fail_msg("'%s' is not where it should be:\n%s", *wanted, text);
		at = found;
	}
}
#define EXPECT_IN_ORDER(...) expect_in_order((const char *const[]){ __VA_ARGS__, NULL })

/* By their own account, in text[]. */
static bool both_connected(void)
{
	const char *one = strstr(text, "=> Connected");

	return one && strstr(one + 1, "=> Connected");
}

/* Each end's steps: a state may be seen before its writer knows that it is written. */
static void expect_negotiation(void)
{
	EXPECT_IN_ORDER("sees InitWait", "publish()", "=> Initialised", "sees Connected", "=> Connected");
	EXPECT_IN_ORDER("features()", "=> InitWait", "sees Initialised", "=> Connected");
}

/* -- programs that run ------------------------------------------------------------------------------ */

static void running_programs_are_read(void **state)
{
	struct command c;

	start_pair();
	attach();
	do { /* an end knows a little later than the store that it is Connected */
		RUN(&c, "xenbus", "trace", "alice_dev/0", "-o", output);
		assert_string_equal(c.err, "");
		assert_int_equal(c.status, 0);
		read_file(output);
	} while (!both_connected());
	EXPECT_IN_ORDER("Dom1 device/alice_dev/0, alice-front", "Dom0 backend/alice_dev/1/0, alice-back");
	expect_negotiation();
	EXPECT_IN_ORDER("waits for frontend to publish its ring");
	assert_null(strchr(text, '\033'));
	assert_null(strstr(text, "event "));
	RUN(&c, "xenbus", "trace", "--events", "--output", output);
	read_file(output);
	assert_non_null(strstr(text, "waits for"));
}

static void what_json_says_timeline_tells(void **state)
{
	char again[sizeof(output) + 8], *told = NULL;
	struct command c;

	start_pair();
	attach();
	RUN(&c, "xenbus", "detach", "alice_dev", "--front", "1", "--back", "0");
	assert_int_equal(c.status, 0);
	snprintf(again, sizeof(again), "%s.json", output);
	do { /* until nothing happened between the first look and the last */
		free(told);
		RUN(&c, "xenbus", "trace", "-o", output);
		read_file(output);
		told = strdup(text);
		assert_non_null(told);
		RUN(&c, "xenbus", "trace", "--json", "-o", again);
		assert_int_equal(c.status, 0);
		RUN(&c, "xenbus", "trace", "-o", output);
		read_file(output);
	} while (strcmp(told, text) != 0);
	RUN(&c, "xenbus", "timeline", again, "-o", output);
	assert_string_equal(c.err, "");
	read_file(output);
	unlink(again);
	assert_string_equal(text, told);
	free(told);
}

static void pictures_are_well_formed(void **state)
{
	struct command c;

	start_pair();
	attach();
	RUN(&c, "xenbus", "trace", "--svg", "-o", output);
	assert_int_equal(c.status, 0);
	read_file(output);
	assert_true(is_xml(text));
	RUN(&c, "sh", "-c", "command -v xmllint");
	if (!c.status) {
		RUN(&c, "xmllint", "--noout", output);
		assert_int_equal(c.status, 0);
	}
	RUN(&c, "xenbus", "trace", "--chrome", "-o", output);
	assert_int_equal(c.status, 0);
	read_file(output);
	assert_true(is_json(text));
	assert_non_null(strstr(text, "domain 1: alice-front"));
}

/* States of a pair that connected: InitWait, Initialised and both Connected were seen. */
static void each_arrow_of_chromes_has_two_ends(void **state)
{
	const char *at, *object;
	double begun[64] = { 0 };
	int begins = 0, ends = 0;
	struct command c;
	size_t len;

	start_pair();
	attach();
	RUN(&c, "xenbus", "detach", "alice_dev", "--front", "1", "--back", "0");
	RUN(&c, "xenbus", "trace", "--chrome", "-o", output);
	read_file(output);
	at = strstr(text, "\"traceEvents\":");
	assert_non_null(at);
	while (next_object(&at, &object, &len)) {
		const int id = (int)number_in(object, len, "id");
		const double ts = number_in(object, len, "ts");

		if (has_string(object, len, "ph", "s")) {
			assert_true(id > 0 && id < 64 && !begun[id]);
			begun[id] = ts + 1;
			begins++;
		} else if (has_string(object, len, "ph", "f")) {
			assert_true(id > 0 && id < 64 && begun[id] && begun[id] <= ts + 1);
			ends++;
		}
	}
	assert_true(begins >= 4 && begins == ends);
}

/* It ends in good order when it is asked to. */
static void end_follower(int signal)
{
	const pid_t pid = follower;

	follower = 0;
	kill(pid, signal);
	assert_int_equal(command_wait(pid), 0);
}

/* -- live ---------------------------------------------------------------------------------------------- */

static void what_happens_is_told_as_it_happens(void **state)
{
	struct command c;

	follower = START("xenbus", "trace", "--follow", "-o", output);
	await_output("what happens in ");
	start_pair();
	await_output("domain 0: alice-back ");
	await_output("domain 1: alice-front ");
	EXPECT_IN_ORDER(" came\n");
	attach();
	do
		await_output("=> Connected");
	while (!both_connected());
	expect_negotiation();
	RUN(&c, "xenbus", "detach", "alice_dev", "--front", "1", "--back", "0");
	await_output("instance vanished");
	kill(writer_of(1), SIGTERM);
	await_output("closed its bus");
	assert_null(strstr(text, "killed"));
	end_follower(SIGINT);
}

static void a_death_is_told_live(void **state)
{
	start_pair();
	attach();
	follower = START("xenbus", "trace", "--follow", "--json", "-o", output);
	await_output("\"program\":\"alice-front\"");
	await_output("\"program\":\"alice-back\"");
	assert_non_null(strstr(text, "is there"));
	kill(writer_of(1), SIGKILL);
	await_output("was killed, or crashed");
	await_output("\"sees\":\"Gone\"");
	end_follower(SIGTERM);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(is_json(line));
		if (strstr(line, "\"text\":\"is there\"")) /* a program's line is no device's */
			assert_true(!strstr(line, "\"device\"") && !strstr(line, "\"end\""));
	}
}

static void a_death_before_is_not_told_live(void **state)
{
	struct command c;

	start_pair();
	attach();
	kill(writer_of(1), SIGKILL);
	do {
		RUN(&c, "xenbus", "trace", "-o", output);
		assert_int_equal(c.status, 0);
		read_file(output);
	} while (!strstr(text, "was killed, or crashed"));
	follower = START("xenbus", "trace", "--follow", "-o", output);
	await_output(" is there\n");
	end_follower(SIGINT);
	read_file(output);
	assert_null(strstr(text, "killed"));
}

static void a_live_trace_ends_with_its_world(void **state)
{
	struct command c;
	pid_t pid;

	pid = follower = START("xenbus", "trace", "--follow", "-o", output);
	await_output("what happens in ");
	RUN(&c, "xenbus", "down");
	assert_int_equal(c.status, 0);
	follower = 0;
	assert_int_equal(command_wait(pid), 1);
	RUN(&c, "xenbus", "up"); /* for the teardown */
	assert_int_equal(c.status, 0);
}

/* -- programs that are gone -------------------------------------------------------------------------------- */

static void a_killed_programs_last_steps_are_told(void **state)
{
	struct command c;
	pid_t front;

	start_pair();
	attach();
	front = writer_of(1);
	kill(front, SIGKILL);
	do { /* until the other end has seen it */
		RUN(&c, "xenbus", "trace", "-o", output);
		assert_int_equal(c.status, 0);
		read_file(output);
	} while (!strstr(text, "sees Gone") || !strstr(text, "was killed, or crashed"));
	EXPECT_IN_ORDER("publish()", "=> Initialised", "then alice-front ", "sees Gone");
	RUN(&c, "xenbus", "trace", "--svg", "-o", output);
	read_file(output);
	assert_true(is_xml(text));
	assert_non_null(strstr(text, "was killed, or crashed"));
}

static void a_program_that_closed_is_not_called_killed(void **state)
{
	struct command c;

	start_pair();
	attach();
	RUN(&c, "xenbus", "detach", "alice_dev", "--front", "1", "--back", "0");
	kill(writer_of(1), SIGTERM);
	do
		RUN(&c, "xenbus", "ls");
	while (!c.status && strstr(c.out, "alice_dev"));
	kill(writer_of(0), SIGTERM);
	RUN(&c, "xenbus", "down");
	assert_int_equal(c.status, 0);
	command_wait_for_all();
	RUN(&c, "xenbus", "up");
	assert_int_equal(c.status, 0);
	RUN(&c, "xenbus", "trace"); /* with the world its traces went */
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "no program with drivers left a trace"));
}

/* -- what is asked for ----------------------------------------------------------------------------------------- */

static void devices_are_chosen_by_name_and_domain(void **state)
{
	static const struct {
		const char *argv[6];
		int status;
	} asked[] = {
		{ { "xenbus", "trace" }, 0 },
		{ { "xenbus", "trace", "alice_dev" }, 0 },
		{ { "xenbus", "trace", "alice_dev/0" }, 0 },
		{ { "xenbus", "trace", "vbd", "alice_dev/0" }, 0 },
		{ { "xenbus", "trace", "--front", "1" }, 0 },
		{ { "xenbus", "trace", "alice_dev", "--front=1" }, 0 },
		{ { "xenbus", "trace", "alice_de" }, 1 },
		{ { "xenbus", "trace", "alice_dev/1" }, 1 },
		{ { "xenbus", "trace", "alice_dev/00" }, 1 },
		{ { "xenbus", "trace", "--front", "2" }, 1 },
		{ { "xenbus", "trace", "/" }, 2 },
		{ { "xenbus", "trace", "alice_dev/" }, 2 },
		{ { "xenbus", "trace", "a/0/1" }, 2 },
		{ { "xenbus", "trace", "" }, 2 },
		{ { "xenbus", "trace", "--json", "--svg" }, 2 },
		{ { "xenbus", "trace", "--follow", "--chrome" }, 2 },
		{ { "xenbus", "trace", "-o", "/nonexistent/file" }, 1 },
	};
	struct command c;

	start_pair();
	attach();
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		command_run(&c, asked[i].argv);
		if (c.status != asked[i].status || !*c.err != !asked[i].status)
			fail_msg("case %zu: status %d: %s", i, c.status, c.err);
	}
	RUN(&c, "xenbus", "trace", "--run-dir", "/nonexistent");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "no world lives in /nonexistent"));
}

static void put(const char *name, const void *bytes, size_t len)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/trace/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void files_that_are_no_traces_are_passed_over(void **state)
{
	char path[160], name[64];
	struct command c;
	size_t len;

	start_pair();
	attach();
	snprintf(name, sizeof(name), "1.%d.0.ring", (int)writer_of(1));
	snprintf(path, sizeof(path), "%s/trace/%s", dir, name);
	read_file(path);
	len = 4096 + 100; /* a ring that is cut */
	put("3.1.0.ring", text, len);
	put("\033[2J.ring", "nothing", 7);
	put("5.1.0.ring", "nonsense", 8);
	snprintf(path, sizeof(path), "%s/trace/link.ring", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	RUN(&c, "xenbus", "trace", "-o", output);
	assert_int_equal(c.status, 0);
	assert_non_null(strstr(c.err, "3.1.0.ring: the file is not as long as it says; passed over"));
	assert_non_null(strstr(c.err, "?[2J.ring: it is no ring"));
	assert_non_null(strstr(c.err, "5.1.0.ring: it is no ring"));
	assert_non_null(strstr(c.err, "link.ring: "));
	assert_null(strchr(c.err, '\033'));
	read_file(output);
	assert_non_null(strstr(text, "sees InitWait"));
}

/* Whatever a program scribbles into its ring: the command ends, in time, and says nothing that a terminal obeys. */
static void no_scribble_is_more_than_a_story(void **state)
{
	static char image[1 << 20];
	char path[160];
	uint64_t x = 88172645463325252u;
	size_t len;
	int fd;

	start_pair();
	attach();
	snprintf(path, sizeof(path), "%s/trace/1.%d.0.ring", dir, (int)writer_of(1));
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	len = (size_t)read(fd, image, sizeof(image));
	close(fd);
	for (int round = 0; round < 60; round++) {
		struct command c;

		for (int i = 0; i < 1 << round % 12; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			/* in the header, or in the slots that are used */
			image[x % 3 ? 4096 + x / 3 % (len / 16) : x / 3 % 256] = (char)(x >> 40);
		}
		put("1.99.0.ring", image, len);
		RUN(&c, "xenbus", "trace", round % 2 ? "--json" : "--svg", "-o", output);
		assert_int_equal(c.status, 0);
		assert_null(strchr(c.err, '\033'));
		read_file(output);
		assert_null(strchr(text, '\033'));
		assert_true(round % 2 || is_xml(text));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)
	const struct CMUnitTest tests[] = {
		TEST(running_programs_are_read),
		TEST(what_json_says_timeline_tells),
		TEST(pictures_are_well_formed),
		TEST(each_arrow_of_chromes_has_two_ends),
		TEST(what_happens_is_told_as_it_happens),
		TEST(a_death_is_told_live),
		TEST(a_death_before_is_not_told_live),
		TEST(a_live_trace_ends_with_its_world),
		TEST(a_killed_programs_last_steps_are_told),
		TEST(a_program_that_closed_is_not_called_killed),
		TEST(devices_are_chosen_by_name_and_domain),
		TEST(files_that_are_no_traces_are_passed_over),
		TEST(no_scribble_is_more_than_a_story),
	};

	command_path("alice-front", front_program, sizeof(front_program));
	command_path("alice-back", back_program, sizeof(back_program));
	command_adopt_orphans();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
