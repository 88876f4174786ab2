/* SPDX-License-Identifier: MIT */
/* The contract of hosts: <xenbus/host.h>: timers, work, waiting, files. Streams are in streams.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ends.h"

#define MSEC 1000000ull

static struct xenbus_host *new_host(struct fixture *fx)
{
	return fixture_host(fx, fixture_open(fx, 0));
}

/* -- timers --------------------------------------------------------------------------------------------- */

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
	enum { N = 300 };
	struct xenbus_host *host = new_host(*state);
	static struct clocked timers[N];
	uint64_t begin = xenbus_host_now(host), last = 0;
	int left = N;

	srand(7);
	memset(timers, 0, sizeof(timers));
	for (int i = 0; i < 3 * N; i++) {
		struct clocked *c = &timers[i < N ? i : rand() % N];

		c->timer.fire = clocked_fire;
		c->host = host;
		c->last = &last;
		c->asked = begin + (uint64_t)(rand() % 20) * MSEC + (uint64_t)(rand() % 1000);
		xenbus_timer_set(host, &c->timer, c->asked);
	}
	for (int i = 0; i < N; i += 3, left--) {
		xenbus_timer_cancel(host, &timers[i].timer);
		xenbus_timer_cancel(host, &timers[i].timer);
	}
	while (left > 0)
		left -= xenbus_host_dispatch(host, -1);
	for (int i = 0; i < N; i++)
		assert_int_equal(timers[i].fired, i % 3 ? 1 : 0);
	assert_int_equal(xenbus_host_dispatch(host, 0), 0);
}

struct ring {
	struct xenbus_timer timer;
	struct xenbus_host *host;
	struct ring *cancels;
	int fired;
};

static void ring_again(struct xenbus_timer *timer)
{
	struct ring *r = (struct ring *)timer;

	r->fired++;
	if (r->cancels)
		xenbus_timer_cancel(r->host, &r->cancels->timer);
	xenbus_timer_set(r->host, timer, 1);
}

/* One that is due for ever does not hold the loop: each turn it fires once. */
static void a_timer_may_be_set_for_the_past_from_its_own_callback(void **state)
{
	struct ring r = { .timer.fire = ring_again, .host = new_host(*state) };

	xenbus_timer_set(r.host, &r.timer, 0);
	assert_int_equal(r.fired, 0); /* not from within the call */
	for (int i = 1; i < 4; i++) {
		assert_int_equal(xenbus_host_dispatch(r.host, -1), 1);
		assert_int_equal(r.fired, i);
	}
	xenbus_timer_cancel(r.host, &r.timer);
	assert_int_equal(xenbus_host_dispatch(r.host, 0), 0);
}

static void a_timer_cancelled_by_another_does_not_fire(void **state)
{
	struct ring a = { .timer.fire = ring_again, .host = new_host(*state) };
	struct ring b = a;

	a.cancels = &b;
	b.cancels = &a;
	xenbus_timer_set(a.host, &a.timer, 1);
	xenbus_timer_set(b.host, &b.timer, 1);
	while (a.fired + b.fired < 5)
		assert_true(xenbus_host_dispatch(a.host, -1) > 0);
	assert_true(!a.fired || !b.fired);
	xenbus_timer_cancel(a.host, &a.timer);
	xenbus_timer_cancel(b.host, &b.timer);
}

static void a_wait_ends_at_its_timeout(void **state)
{
	struct xenbus_host *host = new_host(*state);
	uint64_t begin = xenbus_host_now(host), last = 0;
	struct clocked c = { .timer.fire = clocked_fire, .host = host, .last = &last };

	assert_int_equal(xenbus_host_dispatch(host, 0), 0);
	c.asked = begin + 3600 * 1000 * MSEC;
	xenbus_timer_set(host, &c.timer, c.asked);
	assert_int_equal(xenbus_host_dispatch(host, 20), 0);
	assert_true(xenbus_host_now(host) >= begin + 20 * MSEC);
	assert_int_equal(c.fired, 0);
	c.asked = begin + 30 * MSEC;
	xenbus_timer_set(host, &c.timer, c.asked);
	assert_int_equal(xenbus_host_dispatch(host, -1), 1);
	assert_int_equal(c.fired, 1);
}

/* -- work ------------------------------------------------------------------------------------------------- */

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

static void run_jobs(struct xenbus_host *host, int count)
{
	while (count > 0)
		count -= xenbus_host_dispatch(host, -1);
	assert_int_equal(count, 0);
}

static void work_runs_once_in_the_order_of_posting(void **state)
{
	struct xenbus_host *host = new_host(*state);
	int clock = 0;
	struct job a = { .work.run = job_run, .host = host, .clock = &clock };
	struct job b = a, c = a;

	b.cancels = &c;
	xenbus_work_post(host, &b.work);
	xenbus_work_post(host, &a.work);
	xenbus_work_post(host, &b.work);
	xenbus_work_post(host, &c.work);
	assert_int_equal(clock, 0);
	run_jobs(host, 2);
	assert_true(b.order == 1 && a.order == 2 && c.runs == 0);
	assert_int_equal(xenbus_host_dispatch(host, 0), 0);
}

/* What a callback posts waits for the next turn, though it be itself. */
static void work_that_posts_itself_does_not_hold_the_loop(void **state)
{
	struct xenbus_host *host = new_host(*state);
	int clock = 0;
	struct job a = { .work.run = job_run, .host = host, .clock = &clock };

	a.posts = &a;
	xenbus_work_post(host, &a.work);
	for (int i = 1; i < 4; i++) {
		assert_int_equal(xenbus_host_dispatch(host, -1), 1);
		assert_int_equal(a.runs, i);
	}
	xenbus_work_cancel(host, &a.work);
	xenbus_work_cancel(host, &a.work);
	assert_int_equal(xenbus_host_dispatch(host, 0), 0);
}

static void stop_seven(struct xenbus_work *work)
{
	xenbus_host_stop(((struct job *)work)->host, 7);
}

static void run_returns_what_stop_was_given(void **state)
{
	struct job j = { .work.run = stop_seven, .host = new_host(*state) };

	for (int i = 0; i < 2; i++) {
		xenbus_work_post(j.host, &j.work);
		assert_int_equal(xenbus_host_run(j.host), 7);
	}
}

/* -- sources: the handles of event channels, in domain 0 ------------------------------------------------------------------ */

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

static void hear(struct heard *h, struct fixture *fx, struct end *e)
{
	*h = (struct heard){ .source.ready = heard_ready, .host = fixture_host(fx, e->platform) };
	assert_int_equal(
		xenbus_source_add(h->host, &h->source, xen_platform_evtchn_fd(e->xce), XENBUS_SOURCE_READ),
		0);
}

static void an_event_is_heard_until_it_is_taken(void **state)
{
	struct fixture *fx = *state;
	struct end front = end_open(fx, 0), back = end_open(fx, 1);
	struct heard h;

	ends_bind(&front, &back);
	hear(&h, fx, &front);
	assert_int_equal(xenbus_host_dispatch(h.host, 0), 0);
	assert_int_equal(xen_platform_evtchn_notify(back.xce, back.port), 0);
	for (int i = 1; i < 3; i++) { /* level triggered */
		assert_int_equal(xenbus_host_dispatch(h.host, -1), 1);
		assert_true(h.times == i && h.events == XENBUS_SOURCE_READ);
	}
	assert_int_equal(xen_platform_evtchn_pending(front.xce), front.port);
	assert_int_equal(xen_platform_evtchn_notify(back.xce, back.port), 0);
	assert_int_equal(xenbus_host_dispatch(h.host, 0), 0); /* masked */
	assert_int_equal(xen_platform_evtchn_unmask(front.xce, front.port), 0);
	assert_int_equal(xenbus_host_dispatch(h.host, -1), 1);
	assert_int_equal(xen_platform_evtchn_pending(front.xce), front.port);
	xenbus_source_remove(h.host, &h.source);
	end_close(&front);
	end_close(&back);
}

static void only_what_is_asked_for_is_heard(void **state)
{
	struct fixture *fx = *state;
	struct end front = end_open(fx, 0), back = end_open(fx, 1);
	struct heard h;

	ends_bind(&front, &back);
	hear(&h, fx, &front);
	assert_int_equal(xenbus_source_modify(h.host, &h.source, 0), 0);
	assert_int_equal(xen_platform_evtchn_notify(back.xce, back.port), 0);
	assert_int_equal(xenbus_host_dispatch(h.host, 0), 0);
	assert_int_equal(xenbus_source_modify(h.host, &h.source, XENBUS_SOURCE_READ), 0);
	assert_int_equal(xenbus_host_dispatch(h.host, -1), 1);
	xenbus_source_remove(h.host, &h.source);
	xenbus_source_remove(h.host, &h.source);
	assert_int_equal(h.source.fd, -1);
	assert_int_equal(xenbus_host_dispatch(h.host, 0), 0);
	hear(&h, fx, &front); /* again, and still pending */
	assert_int_equal(xenbus_host_dispatch(h.host, -1), 1);
	xenbus_source_remove(h.host, &h.source);
	end_close(&front);
	end_close(&back);
}

/* Both are ready; each removes the other. */
static void a_source_removed_by_a_callback_is_not_called(void **state)
{
	struct fixture *fx = *state;
	struct end front = end_open(fx, 0), back = end_open(fx, 1), second = { .platform = front.platform };
	struct heard a, b;

	second.domid = front.domid;
	assert_int_equal(xen_platform_evtchn_open(second.platform, &second.xce), 0);
	ends_bind(&back, &front);
	assert_int_equal(xen_platform_evtchn_notify(back.xce, back.port), 0);
	ends_bind(&back, &second);
	assert_int_equal(xen_platform_evtchn_notify(back.xce, back.port), 0);
	hear(&a, fx, &front);
	hear(&b, fx, &second);
	a.removes = &b.source;
	b.removes = &a.source;
	assert_int_equal(xenbus_host_dispatch(a.host, -1), 1);
	assert_int_equal(a.times + b.times, 1);
	assert_int_equal(xenbus_host_dispatch(a.host, -1), 1);
	assert_true(a.times + b.times == 2 && (a.times == 0 || b.times == 0));
	xenbus_source_remove(a.host, &a.source);
	xenbus_source_remove(b.host, &b.source);
	xen_platform_evtchn_close(second.xce);
	end_close(&front);
	end_close(&back);
}

static void what_cannot_be_waited_for_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct end e = end_open(fx, 0);
	struct heard h, other = { .source.ready = heard_ready };
	int file = memfd_create("file", MFD_CLOEXEC), fd = xen_platform_evtchn_fd(e.xce);

	hear(&h, fx, &e);
	assert_int_equal(xenbus_source_add(h.host, &h.source, fd, XENBUS_SOURCE_READ), -EEXIST);
	assert_int_equal(xenbus_source_add(h.host, &other.source, fd, XENBUS_SOURCE_READ), -EEXIST);
	assert_int_equal(xenbus_source_add(h.host, &other.source, file, XENBUS_SOURCE_READ), -EPERM);
	assert_int_equal(xenbus_source_add(h.host, &other.source, -1, XENBUS_SOURCE_READ), -EBADF);
	xenbus_source_remove(h.host, &other.source);
	xenbus_source_remove(h.host, &h.source);
	close(file);
	end_close(&e);
}

/* -- files ------------------------------------------------------------------------------------------------------ */

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
	assert_non_null(io.done); /* not from within the call */
	while (io.done)
		assert_true(xenbus_host_dispatch(host, -1) >= 0);
	return io.result;
}

static void file_transfers_are_whole_or_end_at_the_end(void **state)
{
	struct xenbus_host *host = new_host(*state);
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
	assert_int_equal(do_io(host, XENBUS_FILE_READ, -1, buf, 1, UINT64_MAX), -EBADF);
	assert_int_equal(do_io(host, XENBUS_FILE_READ, fd, buf, 1, INT64_MAX), -EFBIG);
	close(fd);
}

/* A file that may not grow. */
static void what_was_moved_before_an_error_counts(void **state)
{
	struct xenbus_host *host = new_host(*state);
	int fd = memfd_create("file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	static char data[8192];

	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(do_io(host, XENBUS_FILE_WRITE, fd, data, 8192, 0), 4096);
	assert_int_equal(do_io(host, XENBUS_FILE_WRITE, fd, data, 4096, 4096), -EPERM);
	close(fd);
}

/* A pipe in non-blocking mode, filled in two parts, is read to the last byte asked for; the loop does not wait. */
static void a_pipe_is_read_until_full_or_its_end(void **state)
{
	struct xenbus_host *host = new_host(*state);
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
}

static void transfers_complete_in_order(void **state)
{
	enum { N = 50 };
	struct xenbus_host *host = new_host(*state);
	int fd = memfd_create("file", MFD_CLOEXEC), last;
	static struct xenbus_file_io io[N];
	static char byte = 1;

	for (int i = 0; i < N; i++) {
		io[i] = (struct xenbus_file_io){ .done = io_done, .op = XENBUS_FILE_WRITE, .fd = fd };
		io[i].data = &byte;
		io[i].len = 1;
		io[i].offset = (uint64_t)i;
		assert_int_equal(xenbus_file_submit(host, &io[i]), 0);
	}
	while (io[N - 1].done) {
		assert_true(xenbus_host_dispatch(host, -1) >= 0);
		for (last = 0; last < N && !io[last].done; last++)
			assert_int_equal(io[last].result, 1);
		for (; last < N; last++)
			assert_non_null(io[last].done);
	}
	assert_int_equal(lseek(fd, 0, SEEK_END), N);
	close(fd);
}

static void random_bytes_and_clocks_are_there(void **state)
{
	struct xenbus_host *host = new_host(*state), *other = new_host(*state);
	uint8_t a[33] = { 0 }, b[33] = { 0 }, c[33] = { 0 };
	uint64_t t = xenbus_host_now(host);

	assert_int_equal(xenbus_host_random(host, a, sizeof(a)), 0);
	assert_int_equal(xenbus_host_random(host, b, sizeof(b)), 0);
	assert_int_equal(xenbus_host_random(other, c, sizeof(c)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, c, sizeof(a));
	assert_true(xenbus_host_now(host) >= t);
	assert_true(xenbus_host_wallclock(host) > 1600000000ull * 1000 * MSEC);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(timers_fire_in_order_and_never_early),
		CONTRACT(a_timer_may_be_set_for_the_past_from_its_own_callback),
		CONTRACT(a_timer_cancelled_by_another_does_not_fire),
		CONTRACT(a_wait_ends_at_its_timeout),
		CONTRACT(work_runs_once_in_the_order_of_posting),
		CONTRACT(work_that_posts_itself_does_not_hold_the_loop),
		CONTRACT(run_returns_what_stop_was_given),
		CONTRACT(an_event_is_heard_until_it_is_taken),
		CONTRACT(only_what_is_asked_for_is_heard),
		CONTRACT(a_source_removed_by_a_callback_is_not_called),
		CONTRACT(what_cannot_be_waited_for_is_refused),
		CONTRACT(file_transfers_are_whole_or_end_at_the_end),
		CONTRACT(what_was_moved_before_an_error_counts),
		CONTRACT(a_pipe_is_read_until_full_or_its_end),
		CONTRACT(transfers_complete_in_order),
		CONTRACT(random_bytes_and_clocks_are_there),
	};

	return CONTRACT_MAIN(argc, argv, tests);
}
