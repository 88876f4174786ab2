/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transfer.h"
#include "worker.h"

/* A descriptor in non-blocking mode may be given: this thread may wait for it. */
static int wait_ready(const struct xenbus_file_io *io)
{
	struct pollfd p = { .fd = io->fd, .events = io->op == XENBUS_FILE_READ ? POLLIN : POLLOUT };

	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

/* All of it, or up to the end of the file; what was moved before an error counts, the error is lost. */
static int64_t move_all(const struct xenbus_file_io *io)
{
	size_t at = 0;
	int err = 0;

	while (at < io->len && !err) {
		ssize_t n = file_transfer(io, at);

		if (n > 0)
			at += (size_t)n;
		else if (n == 0)
			break;
		else if (errno == EAGAIN)
			err = wait_ready(io);
		else if (errno != EINTR)
			err = -errno;
	}
	return at ? (int64_t)at : err;
}

static void perform(struct xenbus_file_io *io)
{
	if (io->op == XENBUS_FILE_FLUSH)
		io->result = fsync(io->fd) ? -errno : 0;
	else
		io->result = move_all(io);
}

static struct xenbus_file_io *take_todo(struct worker *worker)
{
	struct list *link = NULL;

	pthread_mutex_lock(&worker->lock);
	while (list_empty(&worker->todo) && !worker->stop)
		pthread_cond_wait(&worker->more, &worker->lock);
	if (!list_empty(&worker->todo)) {
		link = worker->todo.next;
		list_del(link);
	}
	pthread_mutex_unlock(&worker->lock);
	return link ? list_entry(link, struct xenbus_file_io, impl) : NULL;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct xenbus_file_io *io;

	while ((io = take_todo(worker))) {
		perform(io);
		pthread_mutex_lock(&worker->lock);
		list_add_tail(&worker->done, (struct list *)io->impl);
		pthread_mutex_unlock(&worker->lock);
		eventfd_write(worker->kick, 1);
	}
	return NULL;
}

void worker_init(struct worker *worker, int kick)
{
	*worker = (struct worker){ .kick = kick };
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->more, NULL);
	list_init(&worker->todo);
	list_init(&worker->done);
}

void worker_deinit(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	assert(list_empty(&worker->todo));
	worker->stop = true;
	pthread_cond_signal(&worker->more);
	pthread_mutex_unlock(&worker->lock);
	if (worker->started)
		pthread_join(worker->thread, NULL);
	assert(list_empty(&worker->done));
	pthread_cond_destroy(&worker->more);
	pthread_mutex_destroy(&worker->lock);
}

/* Signals are the loop's: the thread takes none. */
static int start(struct worker *worker)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	worker->started = !err;
	return -err;
}

int worker_submit(struct worker *worker, struct xenbus_file_io *io)
{
	int err = worker->started ? 0 : start(worker);

	if (err)
		return err;
	pthread_mutex_lock(&worker->lock);
	list_add_tail(&worker->todo, (struct list *)io->impl);
	pthread_cond_signal(&worker->more);
	pthread_mutex_unlock(&worker->lock);
	return 0;
}

void worker_take(struct worker *worker, struct list *done)
{
	pthread_mutex_lock(&worker->lock);
	list_splice_tail(done, &worker->done);
	pthread_mutex_unlock(&worker->lock);
}
