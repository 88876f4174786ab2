/* SPDX-License-Identifier: MIT */
/* The daemon from outside, over its socket: hostile clients, greedy clients, its beginning and its end. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* -- framing ------------------------------------------------------------------------------------ */

static void a_length_no_message_has_closes_that_connection_alone(void **state)
{
	static const uint32_t lengths[] = { 4097,	4098,	    65536,	0x01000000, 0x3fffffff,
					    0x40000000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };
	struct daemon daemon;
	struct wire_answer answer;
	char header[WIRE_HEADER_SIZE], junk[8192] = { 0 };
	int bystander;

	daemon_start(&daemon, NULL);
	bystander = wire_connect(&daemon);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		for (uint32_t type = 0; type < WIRE_OP_COUNT; type++) {
			int fd = wire_connect(&daemon);

			wire_header_put(header, type, 1, 0, lengths[i]);
			wire_bytes(fd, header, sizeof(header));
			wire_bytes(fd, junk, type % 2 ? sizeof(junk) : 0);
			while (wire_answer(fd, &answer))
				assert_int_equal(answer.header.type, XS_ERROR);
			close(fd);
		}
		wire_alive(&daemon, bystander);
	}
	close(bystander);
	daemon_stop(&daemon);
}

static void unknown_types_and_wild_ids_are_answered_and_the_connection_lives(void **state)
{
	static const uint32_t types[] = { 15, 16,  20,	27,	28,	    31,		32,	   33,
					  64, 255, 256, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff };
	static const uint32_t ids[] = { 1, 77, 0x7fffffff, 0x80000000, 0xffffffff };
	struct daemon daemon;
	struct wire_answer answer;
	char message[WIRE_MESSAGE_MAX];
	int fd;

	daemon_start(&daemon, NULL);
	fd = wire_connect(&daemon);
	for (size_t i = 0; i < COUNT(types); i++) {
		wire_ask(fd, types[i], "/", 2, &answer);
		assert_string_equal(answer.payload, "ENOSYS");
		wire_ask(fd, types[i], NULL, 0, &answer);
		assert_int_equal(answer.header.type, XS_ERROR);
	}
	for (size_t i = 0; i < COUNT(ids); i++) {
		size_t len = wire_build(message, XS_READ, ids[i], "/", 2);

		wire_header_put(message, XS_READ, ids[i], ids[i], 2); /* and as transaction */
		wire_bytes(fd, message, len);
		assert_int_equal(wire_answer(fd, &answer), 1);
		assert_int_equal(answer.header.req_id, ids[i]);
		assert_int_equal(answer.header.tx_id, ids[i]);
		assert_int_equal(answer.header.type, XS_ERROR);
		assert_string_equal(answer.payload, "ENOENT");
	}
	wire_alive(&daemon, fd);
	close(fd);
	daemon_stop(&daemon);
}

/* Every operation, every length from 0 to 40 and the largest, of four kinds of bytes. */
static void any_payload_is_answered(void **state)
{
	static const char fills[] = { '\0', '/', 'a', '\xff' };
	struct daemon daemon;
	struct wire_answer answer;
	char payload[WIRE_PAYLOAD_MAX];

	daemon_start(&daemon, NULL);
	for (size_t i = 0; i < COUNT(fills); i++) {
		memset(payload, fills[i], sizeof(payload));
		for (uint32_t type = 0; type < WIRE_OP_COUNT; type++) {
			int fd = wire_connect(&daemon);

			for (size_t len = 0; len <= 40; len++)
				wire_request(fd, type, (uint32_t)len, payload, len);
			wire_request(fd, type, 41, payload, sizeof(payload));
			for (uint32_t answered = 0; answered < 42;) {
				assert_int_equal(wire_answer(fd, &answer), 1);
				if (answer.header.type == XS_WATCH_EVENT)
					continue;
				assert_int_equal(answer.header.req_id, answered);
				answered++;
			}
			close(fd);
		}
		wire_alive(&daemon, -1);
	}
	daemon_stop(&daemon);
}

static void messages_in_single_bytes_are_put_together(void **state)
{
	struct daemon daemon;
	struct wire_answer answer;
	char message[64];
	size_t len;
	int fd;

	daemon_start(&daemon, NULL);
	fd = wire_connect(&daemon);
	len = wire_build(message, XS_WRITE, 5, "/bytewise\0value", 15);
	for (size_t i = 0; i < len; i++)
		wire_bytes(fd, message + i, 1);
	assert_int_equal(wire_answer(fd, &answer), 1);
	assert_int_equal(answer.header.req_id, 5);
	assert_string_equal(answer.payload, "OK");
	wire_ask(fd, XS_READ, "/bytewise", 10, &answer);
	assert_string_equal(answer.payload, "value");
	close(fd);
	daemon_stop(&daemon);
}

static void a_client_that_leaves_in_mid_message_takes_nothing_along(void **state)
{
	struct daemon daemon;
	struct wire_answer answer;
	char message[64];
	size_t len = wire_build(message, XS_WRITE, 5, "/half\0value", 11);
	int bystander;

	daemon_start(&daemon, NULL);
	bystander = wire_connect(&daemon);
	for (size_t cut = 0; cut < len; cut++) {
		int fd = wire_connect(&daemon);

		wire_bytes(fd, message, cut);
		close(fd);
		wire_alive(&daemon, bystander);
	}
	wire_ask(bystander, XS_READ, "/half", 6, &answer);
	assert_string_equal(answer.payload, "ENOENT"); /* none of the halves was worked off */
	close(bystander);
	daemon_stop(&daemon);
}

static void a_client_that_ends_its_side_gets_what_it_asked_for(void **state)
{
	struct daemon daemon;
	struct wire_answer answer;
	int fd;

	daemon_start(&daemon, NULL);
	fd = wire_connect(&daemon);
	for (uint32_t i = 0; i < 100; i++)
		wire_request(fd, XS_DIRECTORY, i, "/", 2);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(wire_answer(fd, &answer), 1);
		assert_int_equal(answer.header.req_id, i);
	}
	assert_int_equal(wire_answer(fd, &answer), 0);
	close(fd);
	daemon_stop(&daemon);
}

/* -- greed -------------------------------------------------------------------------------------- */

enum { FLOODERS = 5, FLOOD = 2000, TURN = 32 };

/* Requests in the order the server took them: how many of others stand before the first line of @who? */
static int served_before(const struct daemon *daemon, const char *path)
{
	char *line = NULL;
	size_t size = 0;
	int before = 0;
	bool found = false;
	FILE *file = fopen(daemon->trace, "re");

	assert_non_null(file);
	while (!found && getline(&line, &size, file) > 0) {
		found = strstr(line, " IN ") && strstr(line, path);
		before += !found && strstr(line, " IN ") && strstr(line, "/flood");
	}
	free(line);
	fclose(file);
	assert_true(found);
	return before;
}

/* The server is stopped while five clients queue 2000 requests each and then the victim one. When it goes
 * on, the victim is served after at most one turn of each flooder. Counted, not timed. */
static void a_flood_delays_others_by_a_turn_each_at_most(void **state)
{
	struct daemon daemon;
	struct wire_answer answer;
	char *flood = malloc(FLOOD * 32), message[64];
	size_t len = 0, one = wire_build(message, XS_READ, 1, "/flood", 7);
	int flooders[FLOODERS], victim, status, before;

	daemon_start(&daemon, NULL);
	for (int i = 0; i < FLOOD; i++, len += one)
		memcpy(flood + len, message, one);
	for (int i = 0; i < FLOODERS; i++)
		flooders[i] = wire_connect(&daemon);
	victim = wire_connect(&daemon);
	wire_alive(&daemon, victim);
	for (int i = 0; i < FLOODERS; i++)
		wire_alive(&daemon,
			   flooders[i]); /* after the victim: what epoll reported last it reports first */
	assert_int_equal(kill(daemon.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(daemon.pid, &status, WUNTRACED), daemon.pid);
	for (int i = 0; i < FLOODERS; i++)
		wire_bytes(flooders[i], flood, len);
	wire_request(victim, XS_READ, 9, "/victim", 8);
	assert_int_equal(kill(daemon.pid, SIGCONT), 0);
	assert_int_equal(wire_answer(victim, &answer), 1);
	for (int i = 0; i < FLOODERS; i++) {
		for (int n = 0; n < FLOOD; n++)
			assert_int_equal(wire_answer(flooders[i], &answer), 1);
		close(flooders[i]);
	}
	close(victim);
	wire_alive(&daemon, -1);
	before = served_before(&daemon, "/victim");
	print_message("requests of others served before the victim's: %d of %d\n", before, FLOODERS * FLOOD);
	assert_true(before <= FLOODERS * TURN);
	daemon_stop(&daemon);
	free(flood);
}

/* Bytes that a client which never reads gets rid of: until the server has stopped taking them, which is so when
 * others were answered 20 times meanwhile. */
static size_t push_until_stuck(const struct daemon *daemon, int fd, const char *bytes, size_t len)
{
	size_t pushed = 0;

	for (int stuck = 0; stuck < 20;) {
		ssize_t n = send(fd, bytes + pushed % len, len - pushed % len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			pushed += (size_t)n;
			stuck = 0;
			assert_true(pushed < 512u << 20);
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		wire_alive(daemon, -1);
		stuck++;
	}
	return pushed;
}

static void a_client_that_never_reads_is_not_read_from(void **state)
{
	struct daemon daemon;
	struct wire_answer answer;
	char value[2048 + 8] = "/big", message[64], *bulk;
	size_t one = wire_build(message, XS_READ, 3, "/big", 5), len = one * 1000, pushed;
	long before, after;
	int fd, bystander;

	daemon_start(&daemon, NULL);
	bulk = malloc(len);
	for (size_t at = 0; at < len; at += one)
		memcpy(bulk + at, message, one);
	bystander = wire_connect(&daemon);
	memset(value + 5, 'x', 2000);
	wire_ask(bystander, XS_WRITE, value, 2005, &answer);
	assert_string_equal(answer.payload, "OK");
	fd = wire_connect(&daemon);
	before = daemon_rss(&daemon);
	pushed = push_until_stuck(&daemon, fd, bulk, len);
	after = daemon_rss(&daemon);
	print_message("pushed %zu requests; memory %ld -> %ld KiB\n", pushed / one, before, after);
	assert_true(after - before < 4096);
	wire_alive(&daemon, bystander);
	/* Once it reads, it gets every answer to what went through whole. */
	for (size_t i = 0; i < pushed / one; i++) {
		assert_int_equal(wire_answer(fd, &answer), 1);
		assert_int_equal(answer.header.len, 2000);
	}
	close(fd);
	close(bystander);
	free(bulk);
	daemon_stop(&daemon);
}

static void a_watcher_that_never_reads_is_let_go_and_the_rest_is_served(void **state)
{
	struct daemon daemon;
	struct wire_answer answer;
	char token[3000], path[64];
	int watcher, writer;

	daemon_start(&daemon, NULL);
	watcher = wire_connect(&daemon);
	writer = wire_connect(&daemon);
	memset(token, 't', sizeof(token));
	memcpy(token, "/w", 3);
	token[sizeof(token) - 1] = '\0';
	wire_request(watcher, XS_WATCH, 1, token, sizeof(token));
	wire_alive(&daemon, writer);
	/* Far more than the limit on what may wait for one connection, each event another path. */
	for (int i = 0; i < 8000; i++) {
		int len = snprintf(path, sizeof(path), "/w/%d", i) + 1;

		wire_ask(writer, XS_WRITE, path, (size_t)len, &answer);
		assert_string_equal(answer.payload, "OK");
	}
	assert_true(daemon_rss(&daemon) < 512 * 1024);
	wire_alive(&daemon, writer);
	while (recv(watcher, token, sizeof(token), 0) > 0) /* what the kernel holds, then the end */
		;
	close(watcher);
	close(writer);
	daemon_stop(&daemon);
}

static void hundreds_of_connections_come_and_go(void **state)
{
	enum { CROWD = 600 };
	struct daemon daemon;
	int fds[CROWD];

	daemon_start(&daemon, NULL);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < CROWD; i++)
			fds[i] = wire_connect(&daemon);
		wire_alive(&daemon, fds[CROWD / 2]);
		for (int i = 0; i < CROWD; i += 7)
			wire_alive(&daemon, fds[i]);
		for (int i = 0; i < CROWD; i++)
			close(fds[i]);
	}
	wire_alive(&daemon, -1);
	daemon_stop(&daemon);
}

/* Sets the soft limit of open descriptors, returns what it was. */
static rlim_t limit_descriptors(const struct daemon *daemon, rlim_t soft)
{
	struct rlimit limit;
	rlim_t before;

	assert_int_equal(prlimit(daemon->pid, RLIMIT_NOFILE, NULL, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = soft;
	assert_int_equal(prlimit(daemon->pid, RLIMIT_NOFILE, &limit, NULL), 0);
	return before;
}

/* Without descriptors newcomers are turned away, not left hanging, and nobody else suffers. */
static void when_descriptors_run_out_newcomers_are_turned_away(void **state)
{
	enum { CROWD = 60 };
	struct daemon daemon;
	struct wire_answer answer;
	rlim_t before;
	int fds[CROWD], bystander, served = 0;

	daemon_start(&daemon, NULL);
	bystander = wire_connect(&daemon);
	wire_alive(&daemon, bystander);
	before = limit_descriptors(&daemon, 40);
	for (int i = 0; i < CROWD; i++) {
		fds[i] = wire_connect(&daemon);
		wire_request(fds[i], XS_DIRECTORY, 1, "/", 2);
	}
	for (int i = 0; i < CROWD; i++)
		served += wire_answer(fds[i], &answer);
	assert_in_range(served, 10, 40);
	wire_ask(bystander, XS_DIRECTORY, "/", 2, &answer);
	limit_descriptors(&daemon, before);
	wire_alive(&daemon, bystander);
	for (int i = 0; i < CROWD; i++)
		close(fds[i]);
	close(bystander);
	daemon_stop(&daemon);
}

/* -- the beginning and the end ------------------------------------------------------------------ */

static int run(const char *const *argv, const char *dir, char *output, size_t size)
{
	int fds[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		unsetenv("XENSTORED_PATH");
		unsetenv("NOTIFY_SOCKET");
		setenv("XENSTORED_RUNDIR", dir, 1);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(fds[1]);
	while ((n = read(fds[0], output + used, size - 1 - used)) > 0)
		used += (size_t)n;
	output[used] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_live_server_is_not_pushed_aside(void **state)
{
	const char *argv[] = { daemon_program(), "-N", "--platform=none", NULL };
	struct daemon daemon;
	char output[4096];

	daemon_start(&daemon, NULL);
	assert_int_equal(run(argv, daemon.dir, output, sizeof(output)), 1);
	assert_non_null(strstr(output, "another server answers there"));
	wire_alive(&daemon, -1);
	daemon_stop(&daemon);
}

static void nor_is_the_holder_of_the_pid_file(void **state)
{
	struct daemon daemon;
	char output[4096];
	const char *argv[] = { daemon_program(), "-N", "--platform=none", "-F", daemon.pid_file, NULL };

	daemon_start(&daemon, NULL);
	assert_int_equal(run(argv, "/tmp", output, sizeof(output)), 1);
	assert_non_null(strstr(output, "another server holds it"));
	wire_alive(&daemon, -1);
	daemon_stop(&daemon);
}

static void a_dead_servers_socket_is_replaced(void **state)
{
	struct daemon daemon, next;
	char command[256];

	daemon_start(&daemon, NULL);
	assert_int_equal(kill(daemon.pid, SIGKILL), 0);
	assert_int_equal(waitpid(daemon.pid, NULL, 0), daemon.pid);
	assert_int_equal(access(daemon.socket, F_OK), 0);
	daemon_start(&next, NULL);
	daemon_stop(&next);
	/* In the folder that the dead one used. */
	{
		const char *argv[] = {
			daemon_program(), "--platform=none", "-P", "-F", daemon.pid_file, NULL
		};
		char output[64];
		struct daemon again = daemon;

		assert_int_equal(run(argv, daemon.dir, output, sizeof(output)), 0);
		again.pid = atoi(output);
		assert_true(again.pid > 0);
		wire_alive(&again, -1);
		assert_int_equal(kill(again.pid, SIGTERM), 0);
		while (kill(again.pid, 0) == 0)
			usleep(1000);
		assert_int_equal(access(daemon.socket, F_OK), -1);
		assert_int_equal(access(daemon.pid_file, F_OK), -1);
	}
	close(daemon.notify);
	snprintf(command, sizeof(command), "rm -r %s", daemon.dir);
	assert_int_equal(system(command), 0);
}

static void a_hangup_reopens_the_trace(void **state)
{
	struct daemon daemon;
	char moved[128];

	daemon_start(&daemon, NULL);
	wire_alive(&daemon, -1);
	snprintf(moved, sizeof(moved), "%s.1", daemon.trace);
	assert_int_equal(rename(daemon.trace, moved), 0);
	assert_int_equal(kill(daemon.pid, SIGHUP), 0);
	while (access(daemon.trace, F_OK))
		wire_alive(&daemon, -1);
	unlink(moved);
	daemon_stop(&daemon);
}

/* A client's bytes can neither end a line of the trace nor pretend to be its syntax. */
static void the_trace_escapes_what_clients_send(void **state)
{
	static const char payload[] = "/t\0a\nb\x1b[2J|c)\\\xff";
	struct daemon daemon;
	struct wire_answer answer;
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *file;
	int fd;

	daemon_start(&daemon, NULL);
	fd = wire_connect(&daemon);
	wire_ask(fd, XS_WRITE, payload, sizeof(payload) - 1, &answer);
	assert_string_equal(answer.payload, "OK");
	wire_alive(&daemon, fd); /* lines are written when the turn is over: so now */
	file = fopen(daemon.trace, "re");
	assert_non_null(file);
	while (getline(&line, &size, file) > 0)
		found |= strstr(line, " WRITE ") &&
			 strstr(line, "(/t|a\\x0ab\\x1b[2J\\x7cc\\x29\\x5c\\xff)\n");
	assert_true(found);
	free(line);
	fclose(file);
	close(fd);
	daemon_stop(&daemon);
}

static void a_full_disk_under_the_trace_stops_nothing(void **state)
{
	const char *arguments[] = { "-T", "/dev/full", NULL };
	struct daemon daemon;

	daemon_start(&daemon, arguments);
	for (int i = 0; i < 50; i++)
		wire_alive(&daemon, -1);
	daemon_stop(&daemon);
}

static void wrong_command_lines_say_what_is_accepted(void **state)
{
	static const struct {
		const char *argument, *more, *says;
	} wrong[] = {
		{ "--nonsense", NULL, "no such option" },
		{ "-z", NULL, "no such option" },
		{ "-E", NULL, "an argument is wanted" },
		{ "-E", "many", "a number from 0" },
		{ "-E", "-1", "a number from 0" },
		{ "-E", "4294967296", "a number from 0" },
		{ "-W", "12x", "a number from 0" },
		{ "-Q", "memory", "WHAT=N is wanted" },
		{ "-Q", "memory=", "WHAT=N is wanted" },
		{ "-Q", "sheep=5", "WHAT is one of" },
		{ "-q", "nodes=5", "memory=N is wanted" },
		{ "--platform=vm", NULL, "one of auto, required, none" },
		{ "serve", NULL, "only options are accepted" },
	};
	char output[8192];

	for (size_t i = 0; i < COUNT(wrong); i++) {
		const char *argv[] = { daemon_program(), wrong[i].argument, wrong[i].more, NULL };

		assert_int_equal(run(argv, "/nonexistent", output, sizeof(output)), 2);
		assert_non_null(strstr(output, wrong[i].says));
	}
}

static void help_and_version_are_answers(void **state)
{
	const char *help[] = { daemon_program(), "--help", NULL };
	const char *version[] = { daemon_program(), "--version", NULL };
	char output[8192];

	assert_int_equal(run(help, "/nonexistent", output, sizeof(output)), 0);
	assert_memory_equal(output, "usage: xenstored", 16);
	assert_int_equal(run(version, "/nonexistent", output, sizeof(output)), 0);
	assert_memory_equal(output, "xenstored ", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_length_no_message_has_closes_that_connection_alone),
		cmocka_unit_test(unknown_types_and_wild_ids_are_answered_and_the_connection_lives),
		cmocka_unit_test(any_payload_is_answered),
		cmocka_unit_test(messages_in_single_bytes_are_put_together),
		cmocka_unit_test(a_client_that_leaves_in_mid_message_takes_nothing_along),
		cmocka_unit_test(a_client_that_ends_its_side_gets_what_it_asked_for),
		cmocka_unit_test(a_flood_delays_others_by_a_turn_each_at_most),
		cmocka_unit_test(a_client_that_never_reads_is_not_read_from),
		cmocka_unit_test(a_watcher_that_never_reads_is_let_go_and_the_rest_is_served),
		cmocka_unit_test(hundreds_of_connections_come_and_go),
		cmocka_unit_test(when_descriptors_run_out_newcomers_are_turned_away),
		cmocka_unit_test(a_live_server_is_not_pushed_aside),
		cmocka_unit_test(nor_is_the_holder_of_the_pid_file),
		cmocka_unit_test(a_dead_servers_socket_is_replaced),
		cmocka_unit_test(a_hangup_reopens_the_trace),
		cmocka_unit_test(the_trace_escapes_what_clients_send),
		cmocka_unit_test(a_full_disk_under_the_trace_stops_nothing),
		cmocka_unit_test(wrong_command_lines_say_what_is_accepted),
		cmocka_unit_test(help_and_version_are_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
