/* SPDX-License-Identifier: MIT */
/*
 * xenbus_host_* of a process: what is armed, and what it is ready for. When it runs is schedule.c's.
 *
 *      source->impl    link, link, what is asked for        work->impl, io->impl    link, link
 *      timer->impl     ../host/timers.h's                   io->impl[2]             bytes moved so far
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "sim_impl.h"

#define WALLCLOCK_START (1767225600ull * SIM_SEC) /* the year 2026 begins */
#define TOKEN_BASE 0x40000000			  /* no descriptor of the operating system's is as large */
#define POSITION_CURRENT UINT64_MAX

/* -- tokens -- */

int sim_token_add(struct sim_process *process, struct sim_token *token, enum sim_token_kind kind)
{
	int64_t number = numbers_add(&process->sim->tokens, token);

	if (number < 0)
		return (int)number;
	*token = (struct sim_token){ .kind = kind, .fd = TOKEN_BASE + (int)number, .process = process };
	return 0;
}

void sim_token_del(struct sim_token *token)
{
	numbers_del(&token->process->sim->tokens, (uint32_t)(token->fd - TOKEN_BASE));
}

struct sim_token *sim_token_of(struct sim_process *process, int fd)
{
	struct sim_token *token =
		fd > TOKEN_BASE ? numbers_get(&process->sim->tokens, (uint32_t)(fd - TOKEN_BASE)) : NULL;

	return token && token->process == process ? token : NULL;
}

/* A dead process's handles are ready, so that what waits for them finds out. */
unsigned int sim_token_events(const struct sim_token *token)
{
	switch (token->kind) {
	case SIM_TOKEN_STREAM:
		return sim_end_events(list_entry(token, struct sim_end, token));
	case SIM_TOKEN_WORLD:
		return token->process->dead ? XENBUS_SOURCE_READ | XENBUS_SOURCE_HANGUP : 0;
	default:
		return token->process->dead ||
				       !list_empty(&list_entry(token, struct sim_evtchn, token)->ready)
			       ? XENBUS_SOURCE_READ
			       : 0;
	}
}

/* -- sources -- */

static unsigned int asked(const struct xenbus_source *source)
{
	return (unsigned int)(uintptr_t)source->impl[2];
}

unsigned int sim_source_events(const struct sim_process *process, const struct xenbus_source *source)
{
	const struct sim_token *token =
		numbers_get(&process->sim->tokens, (uint32_t)(source->fd - TOKEN_BASE));

	return sim_token_events(token) & (asked(source) | XENBUS_SOURCE_HANGUP);
}

static struct xenbus_source *find_source(struct sim_process *process, int fd)
{
	list_for_each (link, &process->sources) {
		struct xenbus_source *source = list_entry(link, struct xenbus_source, impl);

		if (source->fd == fd)
			return source;
	}
	return NULL;
}

static void unlink_impl(void **impl)
{
	list_del((struct list *)impl);
	impl[0] = impl[1] = NULL;
}

static void host_source_remove(struct xenbus_host *host, struct xenbus_source *source)
{
	unlink_impl(source->impl);
	source->fd = -1;
}

void sim_token_forget(struct sim_token *token)
{
	struct xenbus_source *source = find_source(token->process, token->fd);

	if (!source)
		return;
	sim_violation(token->process->sim, token->process, "closes what it waits for");
	host_source_remove(&token->process->host, source);
}

static int source_add(struct sim_process *process, struct xenbus_source *source, int fd, unsigned int events)
{
	if (!sim_token_of(process, fd)) {
		if (fd > TOKEN_BASE)
			sim_violation(process->sim, process, "waits for a descriptor that is not its own");
		return fd > TOKEN_BASE || fcntl(fd, F_GETFD) < 0 ? -EBADF : -EPERM;
	}
	if (find_source(process, fd))
		return -EEXIST;
	source->fd = fd;
	source->impl[2] = (void *)(uintptr_t)events;
	list_add_tail(&process->sources, (struct list *)source->impl);
	return 0;
}

static int host_source_add(struct xenbus_host *host, struct xenbus_source *source, int fd,
			   unsigned int events)
{
	struct sim_process *process = sim_of_host(host);

	return SEAM(process, SIM_SOURCE_ADD, source_add(process, source, fd, events));
}

static int host_source_modify(struct xenbus_host *host, struct xenbus_source *source, unsigned int events)
{
	source->impl[2] = (void *)(uintptr_t)events;
	return 0;
}

/* -- time, timers, random bytes -- */

static uint64_t host_now(struct xenbus_host *host)
{
	struct sim_process *process = sim_of_host(host);

	return process->dead ? process->dead_now : process->sim->now;
}

static uint64_t host_wallclock(struct xenbus_host *host)
{
	return WALLCLOCK_START + host_now(host);
}

static int host_random(struct xenbus_host *host, void *buf, size_t len)
{
	struct sim_process *process = sim_of_host(host);
	uint8_t *bytes = buf;

	for (size_t at = 0; at < len; at += 8) {
		uint64_t word = sim_random_next(&process->random);

		memcpy(bytes + at, &word, len - at < 8 ? len - at : 8);
	}
	return 0;
}

static void host_timer_cancel(struct xenbus_host *host, struct xenbus_timer *timer)
{
	timers_del(&sim_of_host(host)->timers, timer);
}

static void host_timer_set(struct xenbus_host *host, struct xenbus_timer *timer, uint64_t deadline_ns)
{
	if (timer->deadline_ns)
		host_timer_cancel(host, timer);
	timer->deadline_ns = deadline_ns;
	timers_add(&sim_of_host(host)->timers, timer);
}

/* -- work -- */

static void host_work_post(struct xenbus_host *host, struct xenbus_work *work)
{
	list_add_tail(&sim_of_host(host)->works, (struct list *)work->impl);
}

static void host_work_cancel(struct xenbus_host *host, struct xenbus_work *work)
{
	unlink_impl(work->impl);
}

void sim_run_work(struct sim_process *process, struct xenbus_work *work)
{
	unlink_impl(work->impl);
	work->run(work);
}

void sim_run_source(struct sim_process *process, struct xenbus_source *source)
{
	source->ready(source, sim_source_events(process, source));
}

void sim_run_timer(struct sim_process *process, struct xenbus_timer *timer)
{
	timers_del(&process->timers, timer);
	timer->fire(timer);
}

/* -- files: real ones, at virtual moments -- */

static int file_submit(struct sim_process *process, struct xenbus_file_io *io)
{
	io->impl[2] = NULL;
	list_add_tail(&process->files, (struct list *)io->impl);
	return 0;
}

static int host_file_submit(struct xenbus_host *host, struct xenbus_file_io *io)
{
	struct sim_process *process = sim_of_host(host);

	return SEAM(process, SIM_FILE_SUBMIT, file_submit(process, io));
}

void sim_finish_file(struct sim_process *process, struct xenbus_file_io *io, int64_t result)
{
	unlink_impl(io->impl);
	io->result = result;
	io->done(io);
}

/* Only what has a position of its own, such as a pipe, may have to wait. */
bool sim_file_ready(const struct xenbus_file_io *io)
{
	struct pollfd p = { .fd = io->fd, .events = io->op == XENBUS_FILE_READ ? POLLIN : POLLOUT };

	return io->fd < 0 || io->op == XENBUS_FILE_FLUSH || io->offset != POSITION_CURRENT || poll(&p, 1, 0) != 0;
}

static ssize_t transfer(const struct xenbus_file_io *io, size_t at)
{
	char *data = (char *)io->data + at;
	size_t len = io->len - at;

	if (io->offset == POSITION_CURRENT)
		return io->op == XENBUS_FILE_READ ? read(io->fd, data, len) : write(io->fd, data, len);
	if (io->offset > INT64_MAX - io->len)
		return errno = EFBIG, -1;
	return io->op == XENBUS_FILE_READ ? pread(io->fd, data, len, (off_t)(io->offset + at))
					  : pwrite(io->fd, data, len, (off_t)(io->offset + at));
}

/* As the worker thread of the real host: all of it, or up to the end; what was moved before an error counts. */
bool sim_file_perform(struct xenbus_file_io *io, int64_t *result)
{
	size_t at = (size_t)(uintptr_t)io->impl[2];
	ssize_t n = 1;

	if (io->op == XENBUS_FILE_FLUSH) {
		*result = fsync(io->fd) ? -errno : 0;
		return true;
	}
	while (at < io->len && n && sim_file_ready(io)) {
		n = transfer(io, at);
		if (n > 0)
			at += (size_t)n;
		else if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
	}
	io->impl[2] = (void *)(uintptr_t)at;
	*result = at || n >= 0 ? (int64_t)at : -errno;
	return n <= 0 || at == io->len;
}

/* -- streams -- */

static int host_stream_connect(struct xenbus_host *host, const char *path)
{
	struct sim_process *process = sim_of_host(host);

	return SEAM(process, SIM_STREAM_CONNECT, sim_stream_connect(process, path));
}

static ssize_t host_stream_send(struct xenbus_host *host, int fd, const void *data, size_t len)
{
	struct sim_process *process = sim_of_host(host);

	return SEAM(process, SIM_STREAM_SEND, (int)sim_stream_send(process, fd, data, len));
}

static ssize_t host_stream_recv(struct xenbus_host *host, int fd, void *buf, size_t size)
{
	struct sim_process *process = sim_of_host(host);

	return SEAM(process, SIM_STREAM_RECV, (int)sim_stream_recv(process, fd, buf, size));
}

static void host_stream_close(struct xenbus_host *host, int fd)
{
	struct sim_process *process = sim_of_host(host);

	sim_call_begin(process, SIM_STREAM_CLOSE);
	sim_stream_close(process, fd);
	sim_call_end(process);
}

/* -- the table -- */

static void host_free(struct xenbus_host *host)
{
}

static int host_fd(struct xenbus_host *host)
{
	return -ENOSYS;
}

const struct xenbus_host_ops sim_host_ops = {
	.free = host_free,
	.fd = host_fd,
	.dispatch = sim_dispatch,
	.now = host_now,
	.wallclock = host_wallclock,
	.random = host_random,
	.timer_set = host_timer_set,
	.timer_cancel = host_timer_cancel,
	.source_add = host_source_add,
	.source_modify = host_source_modify,
	.source_remove = host_source_remove,
	.work_post = host_work_post,
	.work_cancel = host_work_cancel,
	.file_submit = host_file_submit,
	.stream_connect = host_stream_connect,
	.stream_send = host_stream_send,
	.stream_recv = host_stream_recv,
	.stream_close = host_stream_close,
};
