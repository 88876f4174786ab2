/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_HOST_TRANSFER_H
#define PLATFORM_HOST_TRANSFER_H
/* What every host does with a transfer, whenever it does it. */
#include <sys/types.h>

#include <xenbus/host.h>

#define POSITION_CURRENT UINT64_MAX

/* Moves some of @io's bytes from @at (< io->len) on. The number, 0 at the end of the file, or -1 and errno. */
ssize_t file_transfer(const struct xenbus_file_io *io, size_t at);

#endif
