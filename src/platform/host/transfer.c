/* SPDX-License-Identifier: MIT */
#include "transfer.h"

#include <errno.h>
#include <unistd.h>

ssize_t file_transfer(const struct xenbus_file_io *io, size_t at)
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
