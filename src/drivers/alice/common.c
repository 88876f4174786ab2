/* SPDX-License-Identifier: MIT */
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xenbus/host.h>
#include <xenbus/xenbus.h>
#include "files.h"

bool alice_has_positions(int fd)
{
	return lseek(fd, 0, SEEK_CUR) >= 0;
}

int alice_read(struct xenbus_device *dev, const char *key, unsigned int absent, unsigned int *out)
{
	unsigned int value;
	int err = xenbus_scanf(dev->bus, XBT_NIL, dev->otherend, key, "%u", &value);

	if (err < 0 && err != -ENOENT && err != -EACCES && err != -ERANGE)
		return err;
	*out = err > 0 ? value : absent;
	return 0;
}

const char *alice_hex(char *buf, const uint8_t *digest)
{
	for (int i = 0; i < 32; i++)
		snprintf(buf + 2 * i, 3, "%02x", digest[i]);
	return buf;
}

/* Without its loop the owner cannot be freed: a thread may still write to its buffers. */
void alice_files_drain(struct alice_files *files)
{
	while (files->busy) {
		int err = xenbus_host_dispatch(files->host, -1);

		if (err < 0 && err != -EINTR)
			abort();
	}
}

int alice_file_error(int64_t err)
{
	return err == -EAGAIN || err == -EINPROGRESS || err == -ENODATA ? -EIO : (int)err;
}
