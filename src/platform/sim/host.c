/* SPDX-License-Identifier: MIT */
/*
 * xenbus_host_* of a process: what is armed, and what it is ready for. When it runs is schedule.c's.
 *
 *      source->impl    link, link, what is asked for        work->impl, io->impl    link, link
 *      timer->impl     ../host/timers.h's                   io->impl[2]             bytes moved so far
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "faults.h"
#include "streams.h"

#define WALLCLOCK_START (1767225600ull * SIM_SEC) /* the year 2026 begins */

/* -- sources -- */

static unsigned int asked(const struct xenbus_source *source)
{
	return (unsigned int)(uintptr_t)source->impl[2];
}

unsigned int sim_source_events(const struct sim_process *process, const struct xenbus_source *source)
{
	return sim_token_events(sim_token_of(process, source->fd)) & (asked(source) | XENBUS_SOURCE_HANGUP);
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

static void host_source_remove(struct xenbus_host *host, struct xenbus_source *source)
{
	sim_unlink(source->impl);
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
		if (fd > SIM_TOKEN_BASE)
			sim_violation(process->sim, process, "waits for a descriptor that is not its own");
		return fd > SIM_TOKEN_BASE || fcntl(fd, F_GETFD) < 0 ? -EBADF : -EPERM;
	}
	if (find_source(process, fd))
		return -EEXIST;
	source->fd = fd;
	source->impl[2] = (void *)(uintptr_t)events;
	sim_link(&process->sources, source->impl);
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
	sim_link(&sim_of_host(host)->works, work->impl);
}

static void host_work_cancel(struct xenbus_host *host, struct xenbus_work *work)
{
	sim_unlink(work->impl);
}

void sim_run_work(struct sim_process *process, struct xenbus_work *work)
{
	sim_unlink(work->impl);
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

/* -- files -- */

static int file_submit(struct sim_process *process, struct xenbus_file_io *io)
{
	io->impl[2] = NULL;
	sim_link(&process->files, io->impl);
	return 0;
}

static int host_file_submit(struct xenbus_host *host, struct xenbus_file_io *io)
{
	struct sim_process *process = sim_of_host(host);

	return SEAM(process, SIM_FILE_SUBMIT, file_submit(process, io));
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
