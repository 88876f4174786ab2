/* SPDX-License-Identifier: MIT */
/* File transfers: of real files, at virtual moments. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "../host/transfer.h"
#include "sim_impl.h"

void sim_finish_file(struct sim_process *process, struct xenbus_file_io *io, int64_t result)
{
	sim_unlink(io->impl);
	io->result = result;
	io->done(io);
}

/* Only what has a position of its own, such as a pipe, may have to wait. */
bool sim_file_ready(const struct xenbus_file_io *io)
{
	struct pollfd p = { .fd = io->fd, .events = io->op == XENBUS_FILE_READ ? POLLIN : POLLOUT };

	return io->fd < 0 || io->op == XENBUS_FILE_FLUSH || io->offset != POSITION_CURRENT ||
	       poll(&p, 1, 0) != 0;
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
		n = file_transfer(io, at);
		if (n > 0)
			at += (size_t)n;
		else if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
	}
	io->impl[2] = (void *)(uintptr_t)at;
	*result = at || n >= 0 ? (int64_t)at : -errno;
	return n <= 0 || at == io->len;
}
