/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "address.h"
#include "protocol.h"

int local_address(struct local_address *address, const char *rundir)
{
	size_t room = sizeof(address->un.sun_path);

	*address = (struct local_address){ .un.sun_family = AF_UNIX, .dir = -1 };
	if ((size_t)snprintf(address->un.sun_path, room, "%s/%s", rundir, LOCAL_SOCKET) < room)
		return 0;
	address->dir = open(rundir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (address->dir < 0)
		return -errno;
	snprintf(address->un.sun_path, room, "/proc/self/fd/%d/%s", address->dir, LOCAL_SOCKET);
	return 0;
}

void local_address_release(struct local_address *address)
{
	if (address->dir >= 0)
		close(address->dir);
	address->dir = -1;
}
