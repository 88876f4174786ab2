/* SPDX-License-Identifier: MIT */
/* What the toolstack has of the local world: domains made, run, watched and ended. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture_local.h"

static struct xen_local_exit await_exit(struct xen_local *tool)
{
	struct pollfd p = { .fd = xen_local_fd(tool), .events = POLLIN };
	struct xen_local_exit exit;
	int err;

	while ((err = xen_local_exit(tool, &exit)) == -EAGAIN)
		assert_int_equal(poll(&p, 1, 60000), 1);
	assert_int_equal(err, 0);
	return exit;
}

static int spawn(struct xen_local *tool, uint32_t domid, const char *script, int out)
{
	const char *argv[] = { "bash", "-c", script, NULL };
	const char *envp[] = { "PATH=/usr/bin:/bin", "COLOUR=blue", "XENBUS_DOMAIN_FD=99", NULL };
	struct xen_local_spawn s = { .argv = argv, .envp = envp, .cwd = "/", .stdio = { -1, out, -1 } };

	return xen_local_domain_spawn(tool, domid, &s);
}

/* All that a program writes to the pipe, whose writing end is closed here. */
static char *read_all(int p[2])
{
	static char text[4096];
	size_t at = 0;
	ssize_t n;

	close(p[1]);
	while ((n = read(p[0], text + at, sizeof(text) - 1 - at)) > 0)
		at += (size_t)n;
	text[at] = 0;
	close(p[0]);
	return text;
}

static void a_program_runs_in_its_domain_and_its_end_is_told(void **state)
{
	struct xen_local *tool = fixture_local_tool(*state);
	struct xen_local_store store;
	struct xen_local_exit exit;
	int p[2], domid = xen_local_domain_create(tool, 77, &store), pid;

	assert_int_equal(domid, 77);
	assert_true(store.port > 0);
	assert_int_equal(pipe(p), 0);
	pid = spawn(
		tool, 77,
		"echo $XENBUS_DOMAIN_FD $COLOUR $(pwd); for fd in 3 4 5 6 7 8 9 11 12 13 14 15 16 17 18 19 20;"
		"do [ -e /proc/$$/fd/$fd ] && echo $fd; done; exit 3",
		p[1]);
	assert_true(pid > 0);
	assert_string_equal(read_all(p), "3 blue /\n3\n"); /* no descriptor but its own */
	exit = await_exit(tool);
	assert_int_equal(exit.domid, 77);
	assert_int_equal(exit.pid, pid);
	assert_true(WIFEXITED(exit.status) && WEXITSTATUS(exit.status) == 3);
	assert_int_equal(xen_local_exit(tool, &exit), -EAGAIN);
	assert_int_equal(xen_local_domain_store(tool, 77, &store), -ESRCH);
}

static void a_program_that_cannot_start_leaves_the_domain(void **state)
{
	struct xen_local *tool = fixture_local_tool(*state);
	const char *argv[] = { "/nonexistent/program", NULL };
	struct xen_local_spawn s = { .argv = argv, .stdio = { -1, -1, -1 } };
	struct xen_local_store store, again;
	struct xen_local_exit exit;
	int domid = xen_local_domain_create(tool, 0, &store);

	assert_int_equal(xen_local_domain_spawn(tool, (uint32_t)domid, &s), -ENOENT);
	argv[0] = "/etc/passwd";
	assert_int_equal(xen_local_domain_spawn(tool, (uint32_t)domid, &s), -EACCES);
	argv[0] = "true";
	s.cwd = "/nonexistent";
	assert_int_equal(xen_local_domain_spawn(tool, (uint32_t)domid, &s), -ENOENT);
	assert_int_equal(xen_local_domain_store(tool, (uint32_t)domid, &again), 0);
	assert_int_equal(again.port, store.port);
	assert_int_equal(xen_local_exit(tool, &exit), -EAGAIN);
	s.cwd = NULL;
	assert_true(xen_local_domain_spawn(tool, (uint32_t)domid, &s) > 0);
	assert_int_equal(await_exit(tool).status, 0);
}

static void spawning_what_cannot_be_is_refused(void **state)
{
	struct xen_local *tool = fixture_local_tool(*state);
	uint32_t dom1 = fixture_domid(*state, 1);
	const char *argv[] = { "true", NULL };
	struct xen_local_spawn s = { .argv = argv, .stdio = { -1, -1, -1 } };
	size_t len = 2 << 20;
	char *huge = malloc(len);

	memset(huge, 'x', len);
	huge[len - 1] = 0;
	assert_int_equal(xen_local_domain_spawn(tool, 0, &s), -EINVAL);
	assert_int_equal(xen_local_domain_spawn(tool, 0x7fe0, &s), -ESRCH);
	assert_int_equal(xen_local_domain_spawn(tool, UINT32_MAX, &s), -ESRCH);
	argv[0] = huge;
	assert_int_equal(xen_local_domain_spawn(tool, dom1, &s), -E2BIG);
	free(huge);
	argv[0] = "cat";
	s.stdio[0] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	s.stdio[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(xen_local_domain_spawn(tool, dom1, &s) > 0);
	assert_int_equal(xen_local_domain_spawn(tool, dom1, &s), -EBUSY);
	close(s.stdio[0]);
	close(s.stdio[1]);
	fixture_end_domain(*state, 1);
	assert_int_equal(WTERMSIG(await_exit(tool).status), SIGKILL);
}

static void domids_are_given_upwards_and_listed_in_order(void **state)
{
	struct xen_local *tool = fixture_local_tool(*state);
	uint32_t dom2 = fixture_domid(*state, 2);
	struct xen_local_domain list[256];
	struct xen_local_store store;
	struct xen_local_stats stats;
	int next = xen_local_domain_create(tool, 0, &store), after;

	assert_int_equal(next, dom2 + 1);
	assert_int_equal(xen_local_domain_create(tool, (uint32_t)next, &store), -EEXIST);
	assert_int_equal(xen_local_domain_create(tool, 0x7ff0, &store), -EINVAL);
	assert_int_equal(xen_local_domain_create(tool, UINT32_MAX, &store), -EINVAL);
	assert_int_equal(xen_local_domain_create(tool, 0x7fef, &store), 0x7fef);
	assert_int_equal(xen_local_domains(tool, 0, list, 256), 5);
	assert_int_equal(list[0].domid, 0);
	assert_int_equal(list[4].domid, 0x7fef);
	assert_int_equal(xen_local_domains(tool, dom2, list, 2), 2);
	assert_int_equal(list[1].domid, next);
	assert_int_equal(xen_local_domains(tool, 0, list, 257), -EINVAL);
	assert_int_equal(xen_local_stats(tool, XEN_LOCAL_ALL, &stats), 0);
	assert_int_equal(stats.domains, 5);
	assert_int_equal(xen_local_stats(tool, (uint32_t)next, &stats), 0);
	assert_true(stats.domains == 1 && stats.ports == 1 && stats.grants == 1 && stats.pages == 1);
	assert_int_equal(xen_local_stats(tool, 0x7fe0, &stats), -ESRCH);
	assert_int_equal(xen_local_domain_destroy(tool, 0x7fef), 0);
	assert_int_equal(xen_local_domain_destroy(tool, (uint32_t)next), 0);
	assert_int_equal(xen_local_domain_destroy(tool, (uint32_t)next), -ESRCH);
	assert_int_equal(xen_local_domain_destroy(tool, 0), -EINVAL);
	/* The number of one that ended comes last. */
	after = xen_local_domain_create(tool, 0, &store);
	assert_int_equal(after, next + 1);
	assert_int_equal(xen_local_domain_destroy(tool, (uint32_t)after), 0);
	assert_int_equal(xen_local_domain_fd(tool, 0x7fe0), -ESRCH);
	assert_int_equal(xen_local_domain_store(tool, 0, &store), -EINVAL);
}

static int number_from(int fd)
{
	char line[32] = "";

	for (size_t at = 0; at + 1 < sizeof(line) && read(fd, line + at, 1) == 1 && line[at] != '\n'; at++)
		;
	return atoi(line);
}

/* A background job in a process group of its own dies with its domain; so does the domain with its first. */
static void the_end_of_a_domain_takes_its_session_along(void **state)
{
	struct xen_local *tool = fixture_local_tool(*state);
	struct xen_local_store store;
	int p[2], job, domid;

	for (int destroys = 0; destroys < 2; destroys++) {
		domid = xen_local_domain_create(tool, 0, &store);
		assert_int_equal(pipe(p), 0);
		assert_true(spawn(tool, (uint32_t)domid,
				  destroys ? "set -m; sleep 1000 & echo $!; wait"
					   : "set -m; sleep 1000 & echo $!",
				  p[1]) > 0);
		close(p[1]);
		job = number_from(p[0]);
		assert_true(job > 0);
		if (destroys)
			assert_int_equal(xen_local_domain_destroy(tool, (uint32_t)domid), 0);
		assert_int_equal(await_exit(tool).domid, domid);
		assert_int_equal(read(p[0], &job, 1), 0); /* nobody has the pipe any more */
		close(p[0]);
		assert_int_equal(xen_local_domain_fd(tool, (uint32_t)domid), -ESRCH);
	}
}

static void notices_wait_while_other_answers_are_taken(void **state)
{
	struct xen_local *tool = fixture_local_tool(*state);
	struct pollfd p = { .fd = xen_local_fd(tool), .events = POLLIN };
	struct xen_local_stats stats;
	struct xen_local_store store;
	struct xen_local_exit exit;

	assert_int_equal(poll(&p, 1, 0), 0);
	for (uint32_t domid = 100; domid < 110; domid++) {
		assert_int_equal(xen_local_domain_create(tool, domid, &store), domid);
		assert_true(spawn(tool, domid, "exit 1", -1) > 0);
	}
	do
		assert_int_equal(xen_local_stats(tool, XEN_LOCAL_ALL, &stats), 0);
	while (stats.domains > 3);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(poll(&p, 1, 60000), 1);
		exit = await_exit(tool);
		assert_true(exit.domid >= 100 && exit.domid < 110 && WEXITSTATUS(exit.status) == 1);
	}
	assert_int_equal(poll(&p, 1, 0), 0);
}

static void a_run_directory_has_one_broker_and_its_user(void **state)
{
	struct fixture *fx = *state;
	struct xen_local_broker *second;
	struct xen_local *nobody;
	char path[64];
	struct stat st;

	assert_int_equal(xen_local_broker_new(fixture_local_rundir(fx), &second), -EBUSY);
	assert_int_equal(xen_local_broker_new("/nonexistent", &second), -ENOENT);
	assert_int_equal(xen_local_connect("/nonexistent", &nobody), -ENOENT);
	snprintf(path, sizeof(path), "%s/broker.sock", fixture_local_rundir(fx));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_long_run_directory_is_no_obstacle(void **state)
{
	char dir[300] = "/tmp/contract-XXXXXX", path[320];
	struct xen_local_broker *broker;
	struct xen_local *tool;
	size_t base;

	assert_non_null(mkdtemp(dir));
	base = strlen(dir);
	dir[base] = '/';
	memset(dir + base + 1, 'd', 200);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(xen_local_broker_new(dir, &broker), 0);
	assert_int_equal(xen_local_connect(dir, &tool), 0);
	xen_local_disconnect(tool);
	xen_local_broker_free(broker);
	snprintf(path, sizeof(path), "%s/broker.sock", dir);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/broker.lock", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	dir[base] = 0;
	assert_int_equal(rmdir(dir), 0);
}

static void after_a_power_cut_the_toolstack_is_told_and_programs_die(void **state)
{
	struct fixture *fx = *state;
	struct xen_local *tool = fixture_local_tool(fx);
	struct pollfd p = { .fd = xen_local_fd(tool), .events = POLLIN };
	struct xen_local_exit exit;
	struct xen_local_stats stats;
	struct xen_local_store store;
	int out[2], pid;

	assert_int_equal(pipe(out), 0);
	pid = spawn(tool, fixture_domid(fx, 1), "echo; exec sleep 1000", out[1]);
	assert_true(pid > 0);
	close(out[1]);
	number_from(out[0]);
	fixture_power_cut(fx);
	assert_int_equal(read(out[0], &pid, 1), 0); /* the program is dead */
	close(out[0]);
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(xen_local_exit(tool, &exit), -ENOTCONN);
	assert_int_equal(xen_local_stats(tool, 0, &stats), -ENOTCONN);
	assert_int_equal(xen_local_domain_create(tool, 0, &store), -ENOTCONN);
	assert_int_equal(xen_local_domain_fd(tool, 0), -ENOTCONN);
	assert_int_equal(xen_local_down(tool), -ENOTCONN);
	assert_int_equal(poll(&p, 1, 0), 1);
}

/* Who spawned it may go; what can be ignored, it ignores. */
static void down_kills_the_programs(void **state)
{
	struct fixture *fx = *state;
	struct xen_local *second;
	int out[2], byte;

	assert_int_equal(xen_local_connect(fixture_local_rundir(fx), &second), 0);
	assert_int_equal(pipe(out), 0);
	assert_true(spawn(second, fixture_domid(fx, 1),
			  "trap '' TERM HUP INT; echo; while :; do sleep 1000; done", out[1]) > 0);
	close(out[1]);
	number_from(out[0]);
	xen_local_disconnect(second);
	fixture_local_down(fx);
	assert_int_equal(read(out[0], &byte, 1), 0);
	close(out[0]);
}

int main(void)
{
#define LOCAL(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		LOCAL(a_program_runs_in_its_domain_and_its_end_is_told),
		LOCAL(a_program_that_cannot_start_leaves_the_domain),
		LOCAL(spawning_what_cannot_be_is_refused),
		LOCAL(domids_are_given_upwards_and_listed_in_order),
		LOCAL(the_end_of_a_domain_takes_its_session_along),
		LOCAL(notices_wait_while_other_answers_are_taken),
		LOCAL(a_run_directory_has_one_broker_and_its_user),
		LOCAL(a_long_run_directory_is_no_obstacle),
		LOCAL(after_a_power_cut_the_toolstack_is_told_and_programs_die),
		LOCAL(down_kills_the_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
