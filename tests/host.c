/* SPDX-License-Identifier: MIT */
/* The host of this operating system: what <xenbus/host.h> promises. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <xenbus/host.h>
#include <xenbus/host_ops.h>

#define MSEC 1000000ull

static struct xenbus_host *new_host(void)
{
	struct xenbus_host *host = NULL;

	assert_int_equal(xenbus_host_new(&host), 0);
	return host;
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* -- timers -- */

struct clocked {
	struct xenbus_timer timer;
	struct xenbus_host *host;
	uint64_t asked, *last;
	int fired;
};

static void clocked_fire(struct xenbus_timer *timer)
{
	struct clocked *c = (struct clocked *)timer;

	assert_int_equal(timer->deadline_ns, 0);
	assert_true(xenbus_host_now(c->host) >= c->asked);
	assert_true(c->asked >= *c->last);
	*c->last = c->asked;
	c->fired++;
}

/* Set, moved and cancelled at random: each fires once, in the order of the deadlines, never early. */
static void timers_fire_in_order_and_never_early(void **state)
{
	enum { N = 500 };
	struct xenbus_host *host = new_host();
	static struct clocked timers[N];
	uint64_t start = xenbus_host_now(host), last = 0;
	int cancelled = 0, fired = 0;

	srand(7);
	memset(timers, 0, sizeof(timers));
	for (int i = 0; i < 3 * N; i++) {
		struct clocked *c = &timers[i < N ? i : rand() % N];

		c->timer.fire = clocked_fire;
		c->host = host;
		c->last = &last;
		c->asked = start + (uint64_t)(rand() % 20) * MSEC + (uint64_t)(rand() % 1000);
		xenbus_timer_set(host, &c->timer, c->asked);
	}
	for (int i = 0; i < N; i += 3) {
		xenbus_timer_cancel(host, &timers[i].timer);
		xenbus_timer_cancel(host, &timers[i].timer);
		cancelled++;
	}
	while (fired < N - cancelled)
		fired += xenbus_host_dispatch(host, -1);
	for (int i = 0; i < N; i++)
		assert_int_equal(timers[i].fired, i % 3 ? 1 : 0);
	assert_int_equal(xenbus_host_dispatch(host, 0), 0);
	xenbus_host_free(host);
}

static void rearm_in_the_past(struct xenbus_timer *timer)
{
	struct clocked *c = (struct clocked *)timer;

	c->fired++;
	xenbus_timer_set(c->host, timer, 1);
}

static void a_timer_that_rearms_in_the_past_does_not_hold_the_loop(void **state)
{
	struct clocked c = { .timer.fire = rearm_in_the_past, .host = new_host() };

	xenbus_timer_set(c.host, &c.timer, 0);
	assert_int_equal(xenbus_host_dispatch(c.host, -1), 1);
	assert_int_equal(xenbus_host_dispatch(c.host, -1), 1);
	assert_int_equal(c.fired, 2);
	xenbus_timer_cancel(c.host, &c.timer);
	xenbus_host_free(c.host);
}

/* -- sources -- */

struct heard {
	struct xenbus_source source, *removes;
	struct xenbus_host *host;
	unsigned int events;
	int times;
};

static void heard_ready(struct xenbus_source *source, unsigned int events)
{
	struct heard *h = (struct heard *)source;

	h->events = events;
	h->times++;
	if (h->removes)
		xenbus_source_remove(h->host, h->removes);
}

static void sources_are_level_triggered_and_changeable(void **state)
{
	struct heard h = { .source.ready = heard_ready };
	struct xenbus_host *host = new_host();
	int p[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(xenbus_source_add(host, &h.source, p[0], XENBUS_SOURCE_READ), 0);
	assert_int_equal(xenbus_source_add(host, &h.source, p[0], XENBUS_SOURCE_READ), -EEXIST);
	assert_int_equal(xenbus_host_dispatch(host, 0), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(xenbus_host_dispatch(host, -1), 1);
	assert_int_equal(xenbus_host_dispatch(host, -1), 1);
	assert_int_equal(h.events, XENBUS_SOURCE_READ);

	assert_int_equal(xenbus_source_modify(host, &h.source, 0), 0);
	assert_int_equal(xenbus_host_dispatch(host, 0), 0);
	close(p[1]);
	assert_int_equal(xenbus_host_dispatch(host, -1), 1);
	assert_int_equal(h.events, XENBUS_SOURCE_HANGUP);

	xenbus_source_remove(host, &h.source);
	xenbus_source_remove(host, &h.source);
	assert_int_equal(h.source.fd, -1);
	assert_int_equal(xenbus_host_dispatch(host, 0), 0);
	close(p[0]);
	xenbus_host_free(host);
}

/* Who is left out of one turn is passed by all that is done in it. */
static void every_source_that_is_ready_has_its_call_in_one_turn(void **state)
{
	static struct heard h[500];
	struct xenbus_host *host = new_host();
	const int count = sizeof(h) / sizeof(h[0]);
	int fd = eventfd(1, 0);

	for (int i = 0; i < count; i++) {
		h[i] = (struct heard){ .source.ready = heard_ready };
		assert_int_equal(xenbus_source_add(host, &h[i].source, dup(fd), XENBUS_SOURCE_READ), 0);
	}
	assert_int_equal(xenbus_host_dispatch(host, -1), count);
	for (int i = 0; i < count; i++) {
		int copy = h[i].source.fd;

		assert_int_equal(h[i].times, 1);
		xenbus_source_remove(host, &h[i].source);
		close(copy);
	}
	close(fd);
	xenbus_host_free(host);
}

static void a_source_removed_in_the_same_turn_is_not_called(void **state)
{
	struct xenbus_host *host = new_host();
	struct heard a = { .source.ready = heard_ready, .host = host };
	struct heard b = a;
	int fd[2] = { eventfd(1, 0), eventfd(1, 0) };

	a.removes = &b.source;
	b.removes = &a.source;
	assert_int_equal(xenbus_source_add(host, &a.source, fd[0], XENBUS_SOURCE_READ), 0);
	assert_int_equal(xenbus_source_add(host, &b.source, fd[1], XENBUS_SOURCE_READ), 0);
	assert_int_equal(xenbus_host_dispatch(host, -1), 1);
	assert_int_equal(a.times + b.times, 1);
	xenbus_source_remove(host, &a.source);
	xenbus_source_remove(host, &b.source);
	close(fd[0]);
	close(fd[1]);
	xenbus_host_free(host);
}

static void a_regular_file_is_no_source(void **state)
{
	struct heard h = { .source.ready = heard_ready };
	struct xenbus_host *host = new_host();
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_int_equal(xenbus_source_add(host, &h.source, fd, XENBUS_SOURCE_READ), -EPERM);
	assert_int_equal(xenbus_source_add(host, &h.source, -1, XENBUS_SOURCE_READ), -EBADF);
	close(fd);
	xenbus_host_free(host);
}

/* -- work -- */

struct job {
	struct xenbus_work work;
	struct xenbus_host *host;
	struct job *posts, *cancels;
	int order, *clock, runs;
};

static void job_run(struct xenbus_work *work)
{
	struct job *j = (struct job *)work;

	j->order = ++*j->clock;
	j->runs++;
	if (j->posts)
		xenbus_work_post(j->host, &j->posts->work);
	if (j->cancels)
		xenbus_work_cancel(j->host, &j->cancels->work);
}

static void work_runs_once_in_order_in_the_next_turn(void **state)
{
	struct xenbus_host *host = new_host();
	int clock = 0;
	struct job a = { .work.run = job_run, .host = host, .clock = &clock };
	struct job b = a, c = a;

	a.posts = &a;
	b.cancels = &c;
	xenbus_work_post(host, &b.work);
	xenbus_work_post(host, &a.work);
	xenbus_work_post(host, &b.work);
	xenbus_work_post(host, &c.work);
	assert_int_equal(xenbus_host_dispatch(host, -1), 2);
	assert_int_equal(b.order, 1);
	assert_int_equal(a.order, 2);
	assert_int_equal(c.runs, 0);
	assert_int_equal(xenbus_host_dispatch(host, -1), 1);
	assert_int_equal(a.runs, 2);
	xenbus_work_cancel(host, &a.work);
	assert_int_equal(xenbus_host_dispatch(host, 0), 0);
	xenbus_host_free(host);
}

static void a_foreign_loop_sees_work_and_timers(void **state)
{
	struct xenbus_host *host = new_host();
	int fd = xenbus_host_fd(host), clock = 0;
	struct job a = { .work.run = job_run, .host = host, .clock = &clock };
	struct clocked c = { .timer.fire = rearm_in_the_past, .host = host };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_false(is_readable(fd));
	a.posts = &a;
	xenbus_work_post(host, &a.work);
	for (int i = 0; i < 3; i++) {
		assert_true(is_readable(fd));
		assert_int_equal(xenbus_host_dispatch(host, 0), 1);
	}
	xenbus_work_cancel(host, &a.work);
	xenbus_host_dispatch(host, 0);
	assert_false(is_readable(fd));

	xenbus_timer_set(host, &c.timer, xenbus_host_now(host) + MSEC);
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(xenbus_host_dispatch(host, 0), 1);
	assert_int_equal(poll(&p, 1, -1), 1);
	xenbus_timer_cancel(host, &c.timer);
	xenbus_host_dispatch(host, 0);
	assert_false(is_readable(fd));
	xenbus_host_free(host);
}

static void stop_seven(struct xenbus_work *work)
{
	xenbus_host_stop(((struct job *)work)->host, 7);
}

static void run_returns_what_stop_was_given(void **state)
{
	struct job j = { .work.run = stop_seven, .host = new_host() };

	for (int i = 0; i < 2; i++) {
		xenbus_work_post(j.host, &j.work);
		assert_int_equal(xenbus_host_run(j.host), 7);
	}
	xenbus_host_free(j.host);
}

/* A host whose waits are broken off, as by ^Z and fg, until it stops itself. */
struct interrupted {
	struct xenbus_host host;
	int dispatches, error;
};

static int interrupted_dispatch(struct xenbus_host *host, int timeout_ms)
{
	struct interrupted *i = (struct interrupted *)host;

	if (++i->dispatches == 3)
		xenbus_host_stop(host, 7);
	return i->error;
}

static void a_signal_does_not_end_run_and_an_error_does(void **state)
{
	const struct xenbus_host_ops ops = { .dispatch = interrupted_dispatch };
	struct interrupted i = { .host.ops = &ops, .error = -EINTR };

	assert_int_equal(xenbus_host_run(&i.host), 7);
	assert_int_equal(i.dispatches, 3);
	i = (struct interrupted){ .host.ops = &ops, .error = -EIO };
	assert_int_equal(xenbus_host_run(&i.host), -EIO);
	assert_int_equal(i.dispatches, 1);
}

/* -- files -- */

static void io_done(struct xenbus_file_io *io)
{
	io->done = NULL;
}

static int64_t do_io(struct xenbus_host *host, enum xenbus_file_op op, int fd, void *data, size_t len,
		     uint64_t offset)
{
	struct xenbus_file_io io = {
		.done = io_done, .op = op, .fd = fd, .data = data, .len = len, .offset = offset
	};

	assert_int_equal(xenbus_file_submit(host, &io), 0);
	while (io.done)
		assert_true(xenbus_host_dispatch(host, -1) >= 0);
	return io.result;
}

static void file_transfers_are_whole_or_end_at_the_end(void **state)
{
	struct xenbus_host *host = new_host();
	int fd = memfd_create("file", MFD_CLOEXEC);
	char buf[16] = "";

	assert_int_equal(do_io(host, XENBUS_FILE_WRITE, fd, (char[]){ "hello" }, 5, 3), 5);
	assert_int_equal(do_io(host, XENBUS_FILE_READ, fd, buf, sizeof(buf), 0), 8);
	assert_memory_equal(buf, "\0\0\0hello", 8);
	assert_int_equal(do_io(host, XENBUS_FILE_READ, fd, buf, 2, UINT64_MAX), 2);
	assert_int_equal(do_io(host, XENBUS_FILE_READ, fd, buf, sizeof(buf), UINT64_MAX), 6);
	assert_int_equal(do_io(host, XENBUS_FILE_READ, fd, buf, sizeof(buf), UINT64_MAX), 0);
	assert_int_equal(do_io(host, XENBUS_FILE_FLUSH, fd, NULL, 0, 0), 0);
	assert_int_equal(do_io(host, XENBUS_FILE_READ, -1, buf, 1, 0), -EBADF);
	assert_int_equal(do_io(host, XENBUS_FILE_READ, fd, buf, 1, INT64_MAX), -EFBIG);
	close(fd);
	xenbus_host_free(host);
}

/* A pipe in non-blocking mode, filled in two parts, is read to the last byte asked for. */
static void a_stream_is_read_until_full_or_its_end(void **state)
{
	struct xenbus_host *host = new_host();
	char buf[8] = "";
	int p[2];
	struct xenbus_file_io io = {
		.done = io_done, .op = XENBUS_FILE_READ, .data = buf, .len = 6, .offset = UINT64_MAX
	};

	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	io.fd = p[0];
	assert_int_equal(xenbus_file_submit(host, &io), 0);
	assert_int_equal(write(p[1], "abc", 3), 3);
	assert_int_equal(xenbus_host_dispatch(host, 20), 0);
	assert_int_equal(write(p[1], "defg", 4), 4);
	while (io.done)
		xenbus_host_dispatch(host, -1);
	assert_int_equal(io.result, 6);
	assert_string_equal(buf, "abcdef");
	close(p[1]);
	assert_int_equal(do_io(host, XENBUS_FILE_READ, p[0], buf, 6, UINT64_MAX), 1);
	close(p[0]);
	xenbus_host_free(host);
}

static void transfers_complete_in_order(void **state)
{
	enum { N = 200 };
	struct xenbus_host *host = new_host();
	int fd = memfd_create("file", MFD_CLOEXEC), foreign = xenbus_host_fd(host), last;
	static struct xenbus_file_io io[N];
	static char byte = 1;
	struct pollfd p = { .fd = foreign, .events = POLLIN };

	for (int i = 0; i < N; i++) {
		io[i] = (struct xenbus_file_io){ .done = io_done, .op = XENBUS_FILE_WRITE, .fd = fd };
		io[i].data = &byte;
		io[i].len = 1;
		io[i].offset = (uint64_t)i;
		assert_int_equal(xenbus_file_submit(host, &io[i]), 0);
	}
	while (io[N - 1].done) {
		assert_int_equal(poll(&p, 1, -1), 1);
		xenbus_host_dispatch(host, 0);
		for (last = 0; last < N && !io[last].done; last++)
			assert_int_equal(io[last].result, 1);
		for (; last < N; last++)
			assert_non_null(io[last].done);
	}
	assert_int_equal(lseek(fd, 0, SEEK_END), N);
	close(fd);
	xenbus_host_free(host);
}

static void random_bytes_and_clocks_are_there(void **state)
{
	struct xenbus_host *host = new_host();
	uint8_t a[32] = { 0 }, b[32] = { 0 };
	uint64_t t = xenbus_host_now(host);

	assert_int_equal(xenbus_host_random(host, a, sizeof(a)), 0);
	assert_int_equal(xenbus_host_random(host, b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_true(xenbus_host_now(host) >= t);
	assert_true(xenbus_host_wallclock(host) > 1600000000ull * 1000 * MSEC);
	xenbus_host_free(host);
	xenbus_host_free(NULL);
}

/* -- streams -- */

struct listener {
	struct sockaddr_un address;
	char dir[64];
	int fd;
};

static void listener_begin(struct listener *l, int backlog)
{
	memset(l, 0, sizeof(*l));
	strcpy(l->dir, "/tmp/xenbus-host-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	l->address.sun_family = AF_UNIX;
	snprintf(l->address.sun_path, sizeof(l->address.sun_path), "%s/socket", l->dir);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l->fd, (struct sockaddr *)&l->address, sizeof(l->address)), 0);
	assert_int_equal(listen(l->fd, backlog), 0);
}

static void listener_end(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	unlink(l->address.sun_path);
	assert_int_equal(rmdir(l->dir), 0);
}

static void a_stream_carries_bytes_and_never_blocks(void **state)
{
	static char data[4096], in[4096];
	struct xenbus_host *host = new_host();
	struct listener l;
	ssize_t sent = 0, got = 0, n;
	int fd, peer;

	listener_begin(&l, 4);
	fd = xenbus_stream_connect(host, l.address.sun_path);
	assert_true(fd >= 0);
	peer = accept(l.fd, NULL, NULL); /* blocking, for others: what the host does with it does not block */
	assert_true(peer >= 0);
	assert_int_equal(xenbus_stream_recv(host, fd, in, sizeof(in)), -EAGAIN);
	assert_int_equal(xenbus_stream_recv(host, peer, in, sizeof(in)), -EAGAIN);
	while ((n = xenbus_stream_send(host, peer, data, sizeof(data))) > 0)
		sent += n;
	assert_int_equal(n, -EAGAIN);
	while ((n = xenbus_stream_recv(host, fd, in, sizeof(in))) > 0)
		got += n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(got, sent);
	assert_int_equal(xenbus_stream_send(host, peer, "x", 1), 1);
	xenbus_stream_close(host, peer);
	assert_int_equal(xenbus_stream_recv(host, fd, in, sizeof(in)), 1);
	assert_int_equal(xenbus_stream_recv(host, fd, in, sizeof(in)), 0);
	assert_int_equal(xenbus_stream_send(host, fd, "x", 1), -EPIPE);
	xenbus_stream_close(host, fd);
	listener_end(&l);
	xenbus_host_free(host);
}

static void what_the_peer_left_unread_is_a_reset(void **state)
{
	struct xenbus_host *host = new_host();
	char in[4];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(xenbus_stream_send(host, pair[0], "x", 1), 1);
	xenbus_stream_close(host, pair[1]);
	assert_int_equal(xenbus_stream_recv(host, pair[0], in, sizeof(in)), -ECONNRESET);
	xenbus_stream_close(host, pair[0]);
	xenbus_host_free(host);
}

static void a_stream_to_nobody_says_why(void **state)
{
	struct xenbus_host *host = new_host();
	char long_path[200];
	struct listener l;
	int fd[2];

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(xenbus_stream_connect(host, long_path), -ENAMETOOLONG);
	listener_begin(&l, 0); /* a backlog of one */
	fd[0] = xenbus_stream_connect(host, l.address.sun_path);
	assert_true(fd[0] >= 0);
	fd[1] = xenbus_stream_connect(host, l.address.sun_path);
	assert_int_equal(fd[1], -EAGAIN);
	xenbus_stream_close(host, fd[0]);
	close(l.fd);
	l.fd = -1;
	assert_int_equal(xenbus_stream_connect(host, l.address.sun_path), -ECONNREFUSED);
	listener_end(&l);
	assert_int_equal(xenbus_stream_connect(host, l.address.sun_path), -ENOENT);
	xenbus_host_free(host);
}

static void hangup(struct xenbus_source *source, unsigned int events)
{
	struct heard *heard = (struct heard *)source;

	heard->events |= events;
	heard->times++;
	xenbus_source_remove(heard->host, source);
}

static void a_source_that_asks_for_nothing_hears_of_a_hangup(void **state)
{
	struct heard heard = { .source.ready = hangup, .host = new_host() };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(xenbus_source_add(heard.host, &heard.source, pair[0], 0), 0);
	assert_int_equal(xenbus_stream_send(heard.host, pair[1], "x", 1), 1);
	assert_int_equal(xenbus_host_dispatch(heard.host, 0), 0);
	xenbus_stream_close(heard.host, pair[1]);
	assert_int_equal(xenbus_host_dispatch(heard.host, -1), 1);
	assert_int_equal(heard.events, XENBUS_SOURCE_HANGUP);
	xenbus_stream_close(heard.host, pair[0]);
	xenbus_host_free(heard.host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_and_never_early),
		cmocka_unit_test(a_timer_that_rearms_in_the_past_does_not_hold_the_loop),
		cmocka_unit_test(sources_are_level_triggered_and_changeable),
		cmocka_unit_test(every_source_that_is_ready_has_its_call_in_one_turn),
		cmocka_unit_test(a_source_removed_in_the_same_turn_is_not_called),
		cmocka_unit_test(a_regular_file_is_no_source),
		cmocka_unit_test(work_runs_once_in_order_in_the_next_turn),
		cmocka_unit_test(a_foreign_loop_sees_work_and_timers),
		cmocka_unit_test(run_returns_what_stop_was_given),
		cmocka_unit_test(a_signal_does_not_end_run_and_an_error_does),
		cmocka_unit_test(file_transfers_are_whole_or_end_at_the_end),
		cmocka_unit_test(a_stream_is_read_until_full_or_its_end),
		cmocka_unit_test(transfers_complete_in_order),
		cmocka_unit_test(random_bytes_and_clocks_are_there),
		cmocka_unit_test(a_stream_carries_bytes_and_never_blocks),
		cmocka_unit_test(what_the_peer_left_unread_is_a_reset),
		cmocka_unit_test(a_stream_to_nobody_says_why),
		cmocka_unit_test(a_source_that_asks_for_nothing_hears_of_a_hangup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
