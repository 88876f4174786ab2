/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "virtual_host.h"

#define SOURCES_MAX 256

/* What lies in impl: the first word is not NULL while it is linked. */
struct armed {
	struct list link;
	uintptr_t events; /* sources: asked for */
};
#define ARMED(object) ((struct armed *)(object)->impl)

static struct virtual_host *to_virtual(struct xenbus_host *host)
{
	return (struct virtual_host *)host;
}

static void disarm(void *impl)
{
	struct armed *armed = impl;

	list_del(&armed->link);
	memset(armed, 0, sizeof(struct list));
}

static void vh_free(struct xenbus_host *host)
{
}

static int vh_fd(struct xenbus_host *host)
{
	return -ENOSYS;
}

static uint64_t vh_now(struct xenbus_host *host)
{
	return to_virtual(host)->now_ns;
}

static int vh_random(struct xenbus_host *host, void *buf, size_t len)
{
	memset(buf, 0xff, len); /* the generations' worst start: they wrap at once */
	return 0;
}

static void vh_timer_set(struct xenbus_host *host, struct xenbus_timer *timer, uint64_t deadline_ns)
{
	if (timer->deadline_ns)
		disarm(timer->impl);
	timer->deadline_ns = deadline_ns;
	list_add_tail(&to_virtual(host)->timers, &ARMED(timer)->link);
}

static void vh_timer_cancel(struct xenbus_host *host, struct xenbus_timer *timer)
{
	disarm(timer->impl);
	timer->deadline_ns = 0;
}

static int vh_source_add(struct xenbus_host *host, struct xenbus_source *source, int fd, unsigned int events)
{
	struct virtual_host *vh = to_virtual(host);

	if (vh->fail_source_add && !--vh->fail_source_add)
		return -ENOMEM;
	source->fd = fd;
	ARMED(source)->events = events;
	list_add_tail(&vh->sources, &ARMED(source)->link);
	return 0;
}

static int vh_source_modify(struct xenbus_host *host, struct xenbus_source *source, unsigned int events)
{
	ARMED(source)->events = events;
	return 0;
}

static void vh_source_remove(struct xenbus_host *host, struct xenbus_source *source)
{
	disarm(source->impl);
	source->fd = -1;
}

static void vh_work_post(struct xenbus_host *host, struct xenbus_work *work)
{
	list_add_tail(&to_virtual(host)->works, &ARMED(work)->link);
}

static void vh_work_cancel(struct xenbus_host *host, struct xenbus_work *work)
{
	disarm(work->impl);
}

static int vh_file_submit(struct xenbus_host *host, struct xenbus_file_io *io)
{
	return -ENOSYS;
}

static int vh_stream_connect(struct xenbus_host *host, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static ssize_t vh_stream_send(struct xenbus_host *host, int fd, const void *data, size_t len)
{
	ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return sent < 0 ? -errno : sent;
}

static ssize_t vh_stream_recv(struct xenbus_host *host, int fd, void *buf, size_t size)
{
	ssize_t got = recv(fd, buf, size, MSG_DONTWAIT);

	return got < 0 ? -errno : got;
}

/* A source of it that is still added would hear of whatever gets the number next. */
static void vh_stream_close(struct xenbus_host *host, int fd)
{
	list_for_each (link, &to_virtual(host)->sources)
		assert_int_not_equal(list_entry(link, struct xenbus_source, impl)->fd, fd);
	assert_int_equal(close(fd), 0);
}

/* What is posted meanwhile waits for the next turn. */
static int run_works(struct virtual_host *vh)
{
	struct list now;
	int ran = 0;

	list_init(&now);
	list_splice_tail(&now, &vh->works);
	while (!list_empty(&now)) {
		struct xenbus_work *work = list_first(&now, struct xenbus_work, impl);

		disarm(work->impl);
		work->run(work);
		ran++;
	}
	return ran;
}

static struct xenbus_timer *first_timer(struct virtual_host *vh)
{
	struct xenbus_timer *first = NULL;

	list_for_each (link, &vh->timers) {
		struct xenbus_timer *timer = list_entry(link, struct xenbus_timer, impl);

		if (!first || timer->deadline_ns < first->deadline_ns)
			first = timer;
	}
	return first;
}

static int run_timer(struct virtual_host *vh, bool wait)
{
	struct xenbus_timer *timer = first_timer(vh);

	if (!timer || (!wait && timer->deadline_ns > vh->now_ns))
		return 0;
	if (timer->deadline_ns > vh->now_ns)
		vh->now_ns = timer->deadline_ns;
	vh_timer_cancel(&vh->base, timer);
	timer->fire(timer);
	return 1;
}

/* Runs the callback of one ready source: the next call looks again at what is there then. */
static int run_source(struct virtual_host *vh)
{
	struct xenbus_source *source[SOURCES_MAX];
	struct pollfd fds[SOURCES_MAX];
	nfds_t count = 0;

	list_for_each (link, &vh->sources) {
		assert_true(count < SOURCES_MAX);
		source[count] = list_entry(link, struct xenbus_source, impl);
		fds[count].fd = source[count]->fd;
		fds[count].events = 0;
		if (ARMED(source[count])->events & XENBUS_SOURCE_READ)
			fds[count].events |= POLLIN;
		if (ARMED(source[count])->events & XENBUS_SOURCE_WRITE)
			fds[count].events |= POLLOUT;
		count++;
	}
	if (poll(fds, count, 0) <= 0)
		return 0;
	for (nfds_t i = 0; i < count; i++) {
		unsigned int events = 0;

		if (fds[i].revents & POLLIN)
			events |= XENBUS_SOURCE_READ;
		if (fds[i].revents & POLLOUT)
			events |= XENBUS_SOURCE_WRITE;
		if (fds[i].revents & (POLLHUP | POLLERR))
			events |= XENBUS_SOURCE_HANGUP;
		if (!events)
			continue;
		source[i]->ready(source[i], events);
		return 1;
	}
	return 0;
}

/* One step of whatever can happen now. */
static int step(struct virtual_host *vh)
{
	int ran = run_works(vh);

	if (!ran)
		ran = run_timer(vh, false);
	if (!ran)
		ran = run_source(vh);
	if (!ran && vh->idle && vh->idle(vh->ctx))
		ran = 1;
	return ran;
}

static int vh_dispatch(struct xenbus_host *host, int timeout_ms)
{
	struct virtual_host *vh = to_virtual(host);
	int ran = step(vh);

	if (!ran && timeout_ms)
		ran = run_timer(vh, true);
	return ran || !timeout_ms ? ran : -EDEADLK;
}

static const struct xenbus_host_ops virtual_ops = {
	.free = vh_free,
	.fd = vh_fd,
	.dispatch = vh_dispatch,
	.now = vh_now,
	.wallclock = vh_now,
	.random = vh_random,
	.timer_set = vh_timer_set,
	.timer_cancel = vh_timer_cancel,
	.source_add = vh_source_add,
	.source_modify = vh_source_modify,
	.source_remove = vh_source_remove,
	.work_post = vh_work_post,
	.work_cancel = vh_work_cancel,
	.file_submit = vh_file_submit,
	.stream_connect = vh_stream_connect,
	.stream_send = vh_stream_send,
	.stream_recv = vh_stream_recv,
	.stream_close = vh_stream_close,
};

void virtual_host_init(struct virtual_host *host)
{
	memset(host, 0, sizeof(*host));
	host->base.ops = &virtual_ops;
	host->now_ns = 1000000000;
	list_init(&host->sources);
	list_init(&host->timers);
	list_init(&host->works);
}

void virtual_host_deinit(struct virtual_host *host)
{
	assert_true(list_empty(&host->sources));
	assert_true(list_empty(&host->timers));
	assert_true(list_empty(&host->works));
}

void virtual_host_settle(struct virtual_host *host)
{
	while (step(host))
		;
}
