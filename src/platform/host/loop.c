/* SPDX-License-Identifier: MIT */
/*
 * The host of this operating system. One epoll holds the sources, a timerfd for the earliest timer, and
 * the eventfd @kick, written by the worker thread and, for a loop that is not ours, by posted work.
 *
 * A loop of the caller's polls xenbus_host_fd(); from the first time it asked for it (@foreign) the
 * descriptors are kept true between dispatches too. Otherwise that work is saved: dispatch looks itself.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "streams.h"

#define NSEC_PER_SEC 1000000000ull

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t loop_now(struct xenbus_host *host)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t loop_wallclock(struct xenbus_host *host)
{
	return clock_ns(CLOCK_REALTIME);
}

static int loop_random(struct xenbus_host *host, void *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = getrandom((char *)buf + at, len - at, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* -- timers -- */

static void program_timerfd(struct loop *loop)
{
	uint64_t deadline = loop->timers.first ? loop->timers.first->deadline_ns : 0;
	struct itimerspec when = { .it_value = { (time_t)(deadline / NSEC_PER_SEC),
						 (long)(deadline % NSEC_PER_SEC) } };
	int err;

	if (deadline == loop->programmed)
		return;
	err = timerfd_settime(loop->timerfd, TFD_TIMER_ABSTIME, &when, NULL);
	assert(!err);
	loop->programmed = deadline;
}

static void loop_timer_cancel(struct xenbus_host *host, struct xenbus_timer *timer)
{
	timers_del(&loop_of(host)->timers, timer);
}

static void loop_timer_set(struct xenbus_host *host, struct xenbus_timer *timer, uint64_t deadline_ns)
{
	struct loop *loop = loop_of(host);

	if (timer->deadline_ns)
		timers_del(&loop->timers, timer);
	timer->deadline_ns = deadline_ns;
	timers_add(&loop->timers, timer);
	if (loop->foreign && !loop->dispatching)
		program_timerfd(loop);
}

/* No more than are armed now: one that re-arms itself in the past must not hold the loop. */
static int run_timers(struct loop *loop)
{
	size_t most = loop->timers.count;
	uint64_t now = most ? clock_ns(CLOCK_MONOTONIC) : 0;
	int ran = 0;

	while (most-- && loop->timers.first && loop->timers.first->deadline_ns <= now) {
		struct xenbus_timer *timer = loop->timers.first;

		timers_del(&loop->timers, timer);
		timer->fire(timer);
		ran++;
	}
	return ran;
}

/* -- work and files -- */

static void loop_work_post(struct xenbus_host *host, struct xenbus_work *work)
{
	struct loop *loop = loop_of(host);

	if (loop->foreign && !loop->dispatching && list_empty(&loop->posted))
		eventfd_write(loop->kick, 1);
	list_add_tail(&loop->posted, (struct list *)work->impl);
}

static void loop_work_cancel(struct xenbus_host *host, struct xenbus_work *work)
{
	list_del((struct list *)work->impl);
	work->impl[0] = work->impl[1] = NULL;
}

static int run_work(struct xenbus_host *host, struct list *work)
{
	int ran = 0;

	while (!list_empty(work)) {
		struct xenbus_work *first = list_first(work, struct xenbus_work, impl);

		loop_work_cancel(host, first);
		first->run(first);
		ran++;
	}
	return ran;
}

static int loop_file_submit(struct xenbus_host *host, struct xenbus_file_io *io)
{
	return worker_submit(&loop_of(host)->worker, io);
}

static int run_files(struct loop *loop)
{
	struct list done;
	eventfd_t count;
	int ran = 0;

	list_init(&done);
	eventfd_read(loop->kick, &count);
	worker_take(&loop->worker, &done);
	while (!list_empty(&done)) {
		struct xenbus_file_io *io = list_first(&done, struct xenbus_file_io, impl);

		list_del((struct list *)io->impl);
		io->done(io);
		ran++;
	}
	return ran;
}

/* -- the turn -- */

static int run_batch(struct loop *loop)
{
	int ran = 0;

	for (loop->batch_at = 0; loop->batch_at < loop->batch_len;) {
		struct epoll_event *ev = &loop->batch[loop->batch_at++];

		if (ev->data.ptr == &loop->timerfd)
			continue; /* stays readable until it is programmed anew; run_timers() looks at the clock */
		if (ev->data.ptr == &loop->kick)
			ran += run_files(loop);
		else if (ev->data.ptr)
			ran += loop_source_run(ev->data.ptr, ev->events);
	}
	return ran;
}

/* What a loop that is not ours polls must be readable exactly when there is something to do. */
static void settle(struct loop *loop)
{
	if (!loop->foreign)
		return;
	program_timerfd(loop);
	if (!list_empty(&loop->posted))
		eventfd_write(loop->kick, 1);
}

static int loop_dispatch(struct xenbus_host *host, int timeout_ms)
{
	struct loop *loop = loop_of(host);
	struct list work;
	int n, ran;

	assert(!loop->dispatching);
	if (!list_empty(&loop->posted))
		timeout_ms = 0;
	if (timeout_ms || loop->foreign)
		program_timerfd(loop);
	n = epoll_wait(loop->epoll, loop->batch, loop->batch_size, timeout_ms);
	if (n < 0)
		return -errno;
	loop->dispatching = true;
	loop->batch_len = n;
	list_init(&work);
	list_splice_tail(&work, &loop->posted);
	ran = run_batch(loop);
	loop->batch_at = loop->batch_len = 0;
	ran += run_timers(loop);
	ran += run_work(host, &work);
	loop->dispatching = false;
	settle(loop);
	return ran;
}

static int loop_fd(struct xenbus_host *host)
{
	struct loop *loop = loop_of(host);

	loop->foreign = true;
	settle(loop);
	return loop->epoll;
}

/* -- beginning and end -- */

static void close_all(struct loop *loop)
{
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->timerfd >= 0)
		close(loop->timerfd);
	if (loop->kick >= 0)
		close(loop->kick);
}

static void loop_free(struct xenbus_host *host)
{
	struct loop *loop = loop_of(host);

	assert(!loop->timers.first && list_empty(&loop->posted));
	worker_deinit(&loop->worker);
	close_all(loop);
	free(loop->batch);
	free(loop);
}

static const struct xenbus_host_ops loop_ops = {
	.free = loop_free,
	.fd = loop_fd,
	.dispatch = loop_dispatch,
	.now = loop_now,
	.wallclock = loop_wallclock,
	.random = loop_random,
	.timer_set = loop_timer_set,
	.timer_cancel = loop_timer_cancel,
	.source_add = loop_source_add,
	.source_modify = loop_source_modify,
	.source_remove = loop_source_remove,
	.work_post = loop_work_post,
	.work_cancel = loop_work_cancel,
	.file_submit = loop_file_submit,
	.stream_connect = streams_connect,
	.stream_send = streams_send,
	.stream_recv = streams_recv,
	.stream_close = streams_close,
};

static int open_all(struct loop *loop)
{
	struct epoll_event timer = { .events = EPOLLIN, .data.ptr = &loop->timerfd };
	struct epoll_event kick = { .events = EPOLLIN, .data.ptr = &loop->kick };

	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	loop->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll < 0 || loop->timerfd < 0 || loop->kick < 0)
		return -errno;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->timerfd, &timer) ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->kick, &kick))
		return -errno;
	return 0;
}

int xenbus_host_new(struct xenbus_host **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return -ENOMEM;
	loop->epoll = loop->timerfd = loop->kick = -1;
	err = loop_make_room(loop, BATCH_MIN);
	if (!err)
		err = open_all(loop);
	if (err) {
		close_all(loop);
		free(loop->batch);
		free(loop);
		return err;
	}
	loop->host.ops = &loop_ops;
	list_init(&loop->posted);
	worker_init(&loop->worker, loop->kick);
	*out = &loop->host;
	return 0;
}
