/* SPDX-License-Identifier: MIT */
/* Dispatch to the host, and the loop that is the same on all of them. */
#include <assert.h>
#include <errno.h>

#include <xenbus/host_ops.h>

void xenbus_host_free(struct xenbus_host *host)
{
	if (host)
		host->ops->free(host);
}

int xenbus_host_fd(struct xenbus_host *host)
{
	return host->ops->fd(host);
}

int xenbus_host_dispatch(struct xenbus_host *host, int timeout_ms)
{
	return host->ops->dispatch(host, timeout_ms);
}

int xenbus_host_run(struct xenbus_host *host)
{
	int err = 0;

	/* Stopped and continued (^Z, fg; a debugger), a wait ends with EINTR without any handler: no reason to end. */
	while (!host->stopped && (err >= 0 || err == -EINTR))
		err = host->ops->dispatch(host, -1);
	if (!host->stopped)
		return err;
	host->stopped = false;
	return host->stop_code;
}

void xenbus_host_stop(struct xenbus_host *host, int code)
{
	assert(code >= 0);
	host->stopped = true;
	host->stop_code = code;
}

uint64_t xenbus_host_now(struct xenbus_host *host)
{
	return host->ops->now(host);
}

uint64_t xenbus_host_wallclock(struct xenbus_host *host)
{
	return host->ops->wallclock(host);
}

int xenbus_host_random(struct xenbus_host *host, void *buf, size_t len)
{
	return host->ops->random(host, buf, len);
}

void xenbus_timer_set(struct xenbus_host *host, struct xenbus_timer *timer, uint64_t deadline_ns)
{
	assert(timer->fire);
	host->ops->timer_set(host, timer, deadline_ns ? deadline_ns : 1); /* 0 says: not armed */
}

void xenbus_timer_cancel(struct xenbus_host *host, struct xenbus_timer *timer)
{
	if (timer->deadline_ns)
		host->ops->timer_cancel(host, timer);
}

/* A zeroed source has descriptor 0, so "added" is told by what the host left in impl[0]. */
static bool added(const struct xenbus_source *source)
{
	return source->impl[0];
}

int xenbus_source_add(struct xenbus_host *host, struct xenbus_source *source, int fd, unsigned int events)
{
	assert(source->ready);
	if (added(source))
		return -EEXIST;
	return host->ops->source_add(host, source, fd, events & (XENBUS_SOURCE_READ | XENBUS_SOURCE_WRITE));
}

int xenbus_source_modify(struct xenbus_host *host, struct xenbus_source *source, unsigned int events)
{
	assert(added(source));
	return host->ops->source_modify(host, source, events & (XENBUS_SOURCE_READ | XENBUS_SOURCE_WRITE));
}

void xenbus_source_remove(struct xenbus_host *host, struct xenbus_source *source)
{
	if (added(source))
		host->ops->source_remove(host, source);
}

void xenbus_work_post(struct xenbus_host *host, struct xenbus_work *work)
{
	assert(work->run);
	if (!work->impl[0])
		host->ops->work_post(host, work);
}

void xenbus_work_cancel(struct xenbus_host *host, struct xenbus_work *work)
{
	if (work->impl[0])
		host->ops->work_cancel(host, work);
}

int xenbus_file_submit(struct xenbus_host *host, struct xenbus_file_io *io)
{
	assert(io->done);
	return host->ops->file_submit(host, io);
}

int xenbus_stream_connect(struct xenbus_host *host, const char *path)
{
	return host->ops->stream_connect(host, path);
}

ssize_t xenbus_stream_send(struct xenbus_host *host, int fd, const void *data, size_t len)
{
	return host->ops->stream_send(host, fd, data, len);
}

ssize_t xenbus_stream_recv(struct xenbus_host *host, int fd, void *buf, size_t size)
{
	return host->ops->stream_recv(host, fd, buf, size);
}

void xenbus_stream_close(struct xenbus_host *host, int fd)
{
	host->ops->stream_close(host, fd);
}
