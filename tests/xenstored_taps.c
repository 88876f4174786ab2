/* SPDX-License-Identifier: MIT */
/* Reading along with the daemon: what readers are told, and what they cannot do to it. Time stands still. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "failing_alloc.h"
#include "server_world.h"

#define T "19700101 00:00:01.000000 "
#define ARGS(words) (words), sizeof(words)

/* What @fd may read now, as text; "" nothing. */
static const char *text_of(struct world *w, int fd)
{
	static char text[65536];
	size_t used = 0;
	ssize_t n;

	world_settle(w);
	while ((n = recv(fd, text + used, sizeof(text) - 1 - used, MSG_DONTWAIT)) > 0)
		used += (size_t)n;
	assert_true(used < sizeof(text) - 1);
	text[used] = '\0';
	return text;
}

/* Whoever asks with these words becomes a reader. */
static int reader(struct world *w, const char *args, size_t len)
{
	int fd = socket_connect(w);
	struct answer answer;

	socket_ask(w, fd, XS_CONTROL, 0, args, len, &answer);
	assert_string_equal(answer.payload, "OK");
	return fd;
}

static void expect_refusal(struct world *w, const char *args, size_t len, const char *error)
{
	int fd = socket_connect(w);
	struct answer answer;

	socket_ask(w, fd, XS_CONTROL, 0, args, len, &answer);
	assert_int_equal(answer.header.type, XS_ERROR);
	assert_string_equal(answer.payload, error);
	/* It goes on to be a client. */
	socket_ask(w, fd, XS_READ, 0, "/tool/xenstored", 16, &answer);
	assert_int_equal(answer.header.type, XS_READ);
	close(fd);
	world_settle(w);
}

static void a_reader_gets_each_message_as_a_line(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	int fd;

	guest_add(w, 3);
	fd = reader(w, ARGS("trace"));
	guest_ask(w, 3, XS_WRITE, "data\0web", 8, &answer);
	guest_ask(w, 3, XS_READ, "nothing", 8, &answer);
	assert_string_equal(text_of(w, fd),
			    T "IN  d3 WRITE 77/0 (data|web)\n" T "OUT d3 WRITE 77/0 (OK|)\n" T
			      "IN  d3 READ 77/0 (nothing|)\n" T "OUT d3 ERROR 77/0 (ENOENT|)\n");
	w->host.now_ns += 3600000000000 + 1500;
	guest_ask(w, 3, XS_READ, "data", 5, &answer);
	assert_string_equal(text_of(w, fd), "19700101 01:00:01.000001 IN  d3 READ 77/0 (data|)\n"
					    "19700101 01:00:01.000001 OUT d3 READ 77/0 (web)\n");
	close(fd);
	world_settle(w);
	world_end(w);
}

static void bytes_of_guests_are_escaped(void **state)
{
	static const char payload[] = "data\0\033[2J\r\n\xc3\xa9\177|\\()";
	struct world *w = world_begin();
	struct answer answer;
	int fd;

	guest_add(w, 3);
	fd = reader(w, ARGS("trace"));
	guest_ask(w, 3, XS_WRITE, payload, sizeof(payload) - 1, &answer);
	assert_string_equal(
		text_of(w, fd),
		T "IN  d3 WRITE 77/0 (data|\\x1b[2J\\x0d\\x0a\\xc3\\xa9\\x7f\\x7c\\x5c\\x28\\x29)\n" T
		  "OUT d3 WRITE 77/0 (OK|)\n");
	close(fd);
	world_settle(w);
	world_end(w);
}

static void a_reader_is_no_client_any_more(void **state)
{
	struct world *w = world_begin();
	char both[2 * WIRE_HEADER_SIZE + 6 + 2], reply[WIRE_HEADER_SIZE + 3];
	struct store_stats before, after;
	int fd = socket_connect(w);

	store_stats(w->server.store, &before);
	wire_header_put(both, XS_CONTROL, 5, 0, 6);
	memcpy(both + WIRE_HEADER_SIZE, "trace", 6);
	wire_header_put(both + WIRE_HEADER_SIZE + 6, XS_DIRECTORY, 6, 0, 2);
	memcpy(both + 2 * WIRE_HEADER_SIZE + 6, "/", 2);
	assert_int_equal(write(fd, both, sizeof(both)), sizeof(both));
	world_settle(w);
	store_stats(w->server.store, &after);
	assert_int_equal(after.connections, before.connections - 1);
	assert_int_equal(read(fd, reply, sizeof(reply)), sizeof(reply));
	assert_string_equal(reply + WIRE_HEADER_SIZE, "OK");
	assert_string_equal(text_of(w, fd), "");
	assert_int_equal(write(fd, both, sizeof(both)), sizeof(both)); /* nor later */
	assert_string_equal(text_of(w, fd), "");
	close(fd);
	world_settle(w);
	assert_int_equal(w->server.taps.count, 0);
	world_end(w);
}

/* -- filters ------------------------------------------------------------------------------------ */

static void a_domain_is_its_ring_and_domain_0_the_sockets_too(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	int three, zero, client;

	guest_add(w, 3);
	guest_add(w, 4);
	client = socket_connect(w);
	three = reader(w, ARGS("trace\0domain\0003"));
	zero = reader(w, ARGS("trace\0domain\0000"));
	text_of(w, three);
	guest_ask(w, 4, XS_READ, "a", 2, &answer);
	guest_ask(w, 3, XS_READ, "b", 2, &answer);
	guest_ask(w, 0, XS_READ, "/c", 3, &answer);
	socket_ask(w, client, XS_READ, 0, "/d", 3, &answer);
	assert_string_equal(text_of(w, three), T "IN  d3 READ 77/0 (b|)\n" T "OUT d3 ERROR 77/0 (ENOENT|)\n");
	assert_non_null(strstr(text_of(w, zero), "IN  d0 READ 77/0 (/c|)\n" T "OUT d0 ERROR"));
	guest_ask(w, 3, XS_READ, "b", 2, &answer);
	socket_ask(w, client, XS_READ, 0, "/d", 3, &answer);
	assert_non_null(strstr(text_of(w, zero), " READ 78/0 (/d|)\n"));
	close(client);
	close(three);
	close(zero);
	world_settle(w);
	world_end(w);
}

static void a_path_is_what_is_there_and_beneath_with_its_answers_and_events(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	int fd;

	guest_add(w, 3);
	fd = reader(w, ARGS("trace\0path\0/local/domain/3/dev"));
	guest_ask(w, 3, XS_WRITE, "device\0x", 8, &answer);	  /* no boundary */
	guest_ask(w, 3, XS_READ, "/local/domain/3", 16, &answer); /* above */
	guest_ask(w, 3, XS_READ, "de v", 5, &answer);		  /* no path */
	guest_ask(w, 3, XS_READ, "dev/", 5, &answer);
	guest_ask(w, 3, XS_TRANSACTION_START, "", 1, &answer); /* none */
	assert_string_equal(text_of(w, fd), "");
	guest_ask(w, 3, XS_WATCH, "dev\0token", 10, &answer);
	guest_get(w, 3, &answer); /* the event, or the reply */
	assert_string_equal(text_of(w, fd),
			    T "IN  d3 WATCH 77/0 (dev|token|)\n" T "OUT d3 WATCH 77/0 (OK|)\n" T
			      "OUT d3 WATCH_EVENT 0/0 (dev|token|)\n");
	guest_put(w, 0, XS_WRITE, 9, "/local/domain/3/dev/a/b\0x", 25);
	fake_xen_kick(&w->xen, 0);
	assert_string_equal(text_of(w, fd),
			    T "IN  d0 WRITE 9/0 (/local/domain/3/dev/a/b|x)\n" T
			      "OUT d3 WATCH_EVENT 0/0 (dev/a/b|token|)\n" T "OUT d0 WRITE 9/0 (OK|)\n");
	close(fd);
	world_settle(w);
	world_end(w);
}

/* What lies above is removed: the event is of the path, the request and its answer are not. */
static void an_event_is_judged_by_its_own_path(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	int fd;

	guest_add(w, 3);
	guest_ask(w, 3, XS_WRITE, "top/dev/x\0y", 11, &answer);
	guest_ask(w, 3, XS_WATCH, "top/dev\0token", 14, &answer);
	guest_get(w, 3, &answer);
	fd = reader(w, ARGS("trace\0path\0/local/domain/3/top/dev"));
	guest_put(w, 3, XS_RM, 7, "top", 4);
	fake_xen_kick(&w->xen, 3);
	assert_string_equal(text_of(w, fd), T "OUT d3 WATCH_EVENT 0/0 (top/dev|token|)\n");
	close(fd);
	world_settle(w);
	world_end(w);
}

static void the_root_is_every_path_and_special_ones_are_paths(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	int root, special;

	guest_add(w, 3);
	root = reader(w, ARGS("trace\0path\0/"));
	special = reader(w, ARGS("trace\0path\0@releaseDomain"));
	guest_ask(w, 0, XS_WATCH, "@releaseDomain\0t", 17, &answer);
	guest_get(w, 0, &answer);
	assert_string_equal(text_of(w, root), "");
	assert_non_null(strstr(text_of(w, special), "IN  d0 WATCH 77/0 (@releaseDomain|t|)\n"));
	guest_ask(w, 3, XS_READ, "x", 2, &answer);
	assert_string_equal(text_of(w, root), T "IN  d3 READ 77/0 (x|)\n" T "OUT d3 ERROR 77/0 (ENOENT|)\n");
	fake_xen_destroy(&w->xen, 3);
	assert_string_equal(text_of(w, special), T "OUT d0 WATCH_EVENT 0/0 (@releaseDomain|t|)\n");
	close(root);
	close(special);
	world_settle(w);
	world_end(w);
}

static void each_reader_has_its_own_filter(void **state)
{
	struct world *w = world_begin();
	struct answer answer;
	int both, other;

	guest_add(w, 3);
	guest_add(w, 4);
	both = reader(w, ARGS("trace\0path\0/local/domain\0domain\0003"));
	other = reader(w, ARGS("trace\0domain\0004\0path\0/local/domain/3"));
	guest_ask(w, 3, XS_READ, "/tool", 6, &answer);
	guest_ask(w, 4, XS_READ, "x", 2, &answer);
	assert_string_equal(text_of(w, both), "");
	assert_string_equal(text_of(w, other), "");
	guest_ask(w, 3, XS_READ, "x", 2, &answer);
	guest_ask(w, 4, XS_READ, "/local/domain/3/x", 18, &answer);
	assert_string_equal(text_of(w, both), T "IN  d3 READ 77/0 (x|)\n" T "OUT d3 ERROR 77/0 (ENOENT|)\n");
	assert_string_equal(text_of(w, other),
			    T "IN  d4 READ 77/0 (/local/domain/3/x|)\n" T "OUT d4 ERROR 77/0 (EACCES|)\n");
	close(both);
	close(other);
	world_settle(w);
	world_end(w);
}

/* -- who may ------------------------------------------------------------------------------------- */

static void what_is_no_filter_is_refused(void **state)
{
	struct world *w = world_begin();

	expect_refusal(w, ARGS("trace\0domain"), "EINVAL");
	expect_refusal(w, ARGS("trace\0domain\0x"), "EINVAL");
	expect_refusal(w, ARGS("trace\0domain\00070000"), "EINVAL");
	expect_refusal(w, ARGS("trace\0domain\0001\0domain\0001"), "EINVAL");
	expect_refusal(w, ARGS("trace\0path\0relative"), "EINVAL");
	expect_refusal(w, ARGS("trace\0path\0/a/"), "EINVAL");
	expect_refusal(w, ARGS("trace\0path\0"), "EINVAL");
	expect_refusal(w, ARGS("trace\0path\0/a\0path\0/a"), "EINVAL");
	expect_refusal(w, ARGS("trace\0colour\0red"), "EINVAL");
	expect_refusal(w, ARGS("trace\0domain\0001\0path\0/a\0more"), "EINVAL");
	expect_refusal(w, "trace\0domain\0001", 14, "EINVAL"); /* not terminated */
	world_end(w);
}

static void only_so_many_read_at_once(void **state)
{
	struct world *w = world_begin();
	int fd[TAPS_MAX];

	for (unsigned int i = 0; i < TAPS_MAX; i++)
		fd[i] = reader(w, ARGS("trace"));
	expect_refusal(w, ARGS("trace"), "EBUSY");
	close(fd[0]);
	world_settle(w);
	fd[0] = reader(w, ARGS("trace"));
	for (unsigned int i = 0; i < TAPS_MAX; i++)
		close(fd[i]);
	world_settle(w);
	assert_int_equal(w->server.taps.count, 0);
	assert_int_equal(w->server.taps.listening, 0);
	world_end(w);
}

static void nobody_reads_by_a_ring(void **state)
{
	struct world *w = world_begin();
	struct answer answer;

	guest_add(w, 3);
	guest_ask(w, 3, XS_CONTROL, "trace", 6, &answer);
	assert_string_equal(answer.payload, "EACCES");
	guest_ask(w, 0, XS_CONTROL, "trace", 6, &answer);
	assert_string_equal(answer.payload, "ENOSYS");
	assert_int_equal(w->server.taps.count, 0);
	world_end(w);
}

static void without_memory_nobody_becomes_a_reader(void **state)
{
	struct world *w = world_begin();
	int fd = socket_connect(w);
	struct answer answer;

	alloc_fail(1, false);
	socket_ask(w, fd, XS_CONTROL, 0, "trace", 6, &answer);
	assert_true(alloc_failed());
	assert_string_equal(answer.payload, "ENOMEM");
	socket_ask(w, fd, XS_CONTROL, 0, "trace", 6, &answer);
	assert_string_equal(answer.payload, "OK");
	close(fd);
	world_settle(w);
	world_end(w);
}

/* -- readers that do not read -------------------------------------------------------------------- */

enum { MANY = 100000 };

/* A request of domain 3 and how many rounds it took until its reply was there. */
static int rounds_of_a_request(struct world *w, uint32_t id)
{
	struct store_page page = guest_page(w, 3);
	char reply[64];
	int rounds = 0;

	guest_put(w, 3, XS_READ, id, "nothing", 8);
	fake_xen_kick(&w->xen, 3);
	while (byte_ring_used(&page.rsp) == 0) {
		world_serve(w);
		assert_true(++rounds < 10);
	}
	assert_int_equal(byte_ring_get(&page.rsp, reply, sizeof(reply)), WIRE_HEADER_SIZE + sizeof("ENOENT"));
	return rounds;
}

struct tally {
	uint64_t lines, lost;
	unsigned int gaps;
	uint32_t next; /* 2 * request + (0: IN, 1: OUT) */
};

/* Nothing is missing between two lines but where a gap is told, and then so much as it says. */
static void count_line(struct tally *t, const char *line)
{
	uint64_t lost;
	uint32_t id;
	char way[4];

	if (sscanf(line, T "LOST %lu", &lost) == 1) {
		t->gaps++;
		t->lost += lost;
		t->next += (uint32_t)lost;
		return;
	}
	assert_int_equal(sscanf(line, T "%3s d3 %*s %u/0", way, &id), 2);
	assert_int_equal(2 * id + (strcmp(way, "OUT") == 0), t->next);
	t->lines++;
	t->next++;
}

static void count_lines(struct world *w, int fd, struct tally *t)
{
	static char text[65536 + 1];
	size_t used = 0;
	ssize_t n;

	for (;;) {
		char *line = text, *end;

		world_settle(w);
		n = recv(fd, text + used, sizeof(text) - 1 - used, MSG_DONTWAIT);
		if (n <= 0)
			break;
		used += (size_t)n;
		text[used] = '\0';
		for (; (end = strchr(line, '\n')); line = end + 1)
			count_line(t, line);
		used -= (size_t)(line - text);
		memmove(text, line, used);
	}
	assert_int_equal(used, 0);
}

static void who_does_not_read_costs_a_ring_and_nobody_waits(void **state)
{
	struct world *w = world_begin();
	struct tally tally = { .next = 0 };
	int fd, rounds;
	long live;

	guest_add(w, 3);
	world_settle(w);
	rounds = rounds_of_a_request(w, 7);
	world_settle(w);
	fd = reader(w, ARGS("trace"));
	live = failing_alloc.live;
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(rounds_of_a_request(w, i), rounds);
		assert_true(failing_alloc.live <= live);
	}
	count_lines(w, fd, &tally);
	assert_true(tally.lines >= 1000 && tally.gaps >= 1);
	assert_int_equal(tally.lines + tally.lost, 2 * MANY);
	/* And now it reads. */
	rounds_of_a_request(w, MANY);
	count_lines(w, fd, &tally);
	assert_int_equal(tally.lines + tally.lost, 2 * MANY + 2);
	close(fd);
	world_settle(w);
	world_end(w);
}

/* In dribs: gaps come when the ring was full, and each is followed by half a ring of lines. */
static void a_slow_reader_gets_few_gaps(void **state)
{
	struct world *w = world_begin();
	struct tally tally = { .next = 0 };
	static char text[4 * 1024 * 1024];
	size_t used = 0;
	int fd;

	guest_add(w, 3);
	fd = reader(w, ARGS("trace"));
	for (uint32_t i = 0; i < MANY; i++) {
		rounds_of_a_request(w, i);
		if (i % 8 == 0) {
			ssize_t n;

			world_settle(w);
			n = recv(fd, text + used, 256, MSG_DONTWAIT);

			used += n > 0 ? (size_t)n : 0;
			assert_true(used < sizeof(text) - 256);
		}
	}
	for (char *line = text, *end; (end = memchr(line, '\n', used - (size_t)(line - text)));
	     line = end + 1)
		count_line(&tally, line);
	assert_true(tally.gaps <= 1 + used / (TAP_BUFFER / 2));
	close(fd);
	world_settle(w);
	assert_int_equal(w->server.taps.count, 0);
	world_end(w);
}

/* Lines four times as long as their messages: the ring's end is not where a message would just fit. */
static void escaped_bytes_fit_or_are_lost(void **state)
{
	struct world *w = world_begin();
	char path[600], reply[64], line[TRACE_LINE_MAX + 1];
	uint64_t lines = 0, losses = 0, lost;
	FILE *in;
	int fd;

	guest_add(w, 3);
	memset(path, 1, sizeof(path));
	fd = reader(w, ARGS("trace"));
	for (size_t i = 0; i < 1000; i++) {
		struct store_page page = guest_page(w, 3);

		guest_put(w, 3, XS_READ, (uint32_t)i, path, i % sizeof(path));
		fake_xen_kick(&w->xen, 3);
		world_settle(w);
		assert_true(byte_ring_get(&page.rsp, reply, sizeof(reply)) > 0);
	}
	in = fdopen(fd, "r");
	assert_non_null(in);
	shutdown(fd, SHUT_WR);
	while (lines + losses < 2000) {
		world_settle(w);
		assert_non_null(fgets(line, sizeof(line), in));
		if (sscanf(line, T "LOST %lu", &lost) == 1) {
			losses += lost;
			continue;
		}
		assert_memory_equal(line, T, strlen(T));
		assert_string_equal(line + strlen(line) - 2, ")\n");
		lines++;
	}
	assert_int_equal(lines + losses, 2000);
	assert_true(losses > 0);
	fclose(in);
	world_settle(w);
	assert_int_equal(w->server.taps.count, 0);
	world_end(w);
}

/* While it is full nothing happens for its sake; once it is read the loop is told. */
static void a_full_stream_is_waited_for(void **state)
{
	struct world *w = world_begin();
	static char text[65536];
	int fd;

	guest_add(w, 3);
	fd = reader(w, ARGS("trace"));
	for (uint32_t i = 0; i < 10000; i++)
		rounds_of_a_request(w, i);
	world_settle(w);
	assert_int_equal(server_serve(&w->server), -1);
	assert_int_equal(xenbus_host_dispatch(&w->host.base, 0), 0);
	while (recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(xenbus_host_dispatch(&w->host.base, 0), 1);
	assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), -1);
	server_serve(&w->server);
	assert_true(recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0);
	close(fd);
	world_settle(w);
	world_end(w);
}

static void a_reader_that_goes_is_forgotten_at_once(void **state)
{
	struct world *w = world_begin();
	long live;
	int fd;

	guest_add(w, 3);
	world_settle(w);
	rounds_of_a_request(w, 1);
	world_settle(w);
	live = failing_alloc.live;
	for (int requests = 0; requests < 3; requests++) {
		fd = reader(w, ARGS("trace"));
		for (int i = 0; i < requests * 5000; i++) /* the last one's stream and ring are full */
			rounds_of_a_request(w, 1);
		close(fd);
		world_settle(w);
		assert_int_equal(w->server.taps.count, 0);
	}
	/* One that does not even wait for its answer. */
	fd = socket_connect(w);
	guest_put(w, 3, XS_READ, 1, "x", 2);
	assert_int_equal(write(fd, "\0\0\0\0\0\0\0\0\0\0\0\0\006\0\0\0trace\0", 22), 22);
	close(fd);
	world_settle(w);
	assert_int_equal(w->server.taps.count, 0);
	assert_true(failing_alloc.live <= live + 1); /* a buffer of the pool */
	world_end(w);
}

static void the_servers_end_ends_the_stream(void **state)
{
	struct world *w = world_begin();
	int fd = reader(w, ARGS("trace"));
	char byte;

	world_end(w);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_gets_each_message_as_a_line),
		cmocka_unit_test(bytes_of_guests_are_escaped),
		cmocka_unit_test(a_reader_is_no_client_any_more),
		cmocka_unit_test(a_domain_is_its_ring_and_domain_0_the_sockets_too),
		cmocka_unit_test(a_path_is_what_is_there_and_beneath_with_its_answers_and_events),
		cmocka_unit_test(an_event_is_judged_by_its_own_path),
		cmocka_unit_test(the_root_is_every_path_and_special_ones_are_paths),
		cmocka_unit_test(each_reader_has_its_own_filter),
		cmocka_unit_test(what_is_no_filter_is_refused),
		cmocka_unit_test(only_so_many_read_at_once),
		cmocka_unit_test(nobody_reads_by_a_ring),
		cmocka_unit_test(without_memory_nobody_becomes_a_reader),
		cmocka_unit_test(who_does_not_read_costs_a_ring_and_nobody_waits),
		cmocka_unit_test(a_slow_reader_gets_few_gaps),
		cmocka_unit_test(escaped_bytes_fit_or_are_lost),
		cmocka_unit_test(a_full_stream_is_waited_for),
		cmocka_unit_test(a_reader_that_goes_is_forgotten_at_once),
		cmocka_unit_test(the_servers_end_ends_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
