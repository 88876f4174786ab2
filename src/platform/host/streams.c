/* SPDX-License-Identifier: MIT */
#include "streams.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A unix socket connects at once, unless the server's backlog is full (C xenstored's holds one): then it
 * waits for a place, but not so long that a server which hangs would hang its clients. */
#define CONNECT_WAIT_US 500000

static int open_patient(void)
{
	const struct timeval patience = { .tv_usec = CONNECT_WAIT_US };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

int streams_connect(struct xenbus_host *host, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = open_patient();
	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err == -EINTR ? -EAGAIN : err;
	}
	return fd;
}

ssize_t streams_send(struct xenbus_host *host, int fd, const void *data, size_t len)
{
	ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		return sent;
	return errno == EINTR ? -EAGAIN : -errno;
}

ssize_t streams_recv(struct xenbus_host *host, int fd, void *buf, size_t size)
{
	ssize_t got = recv(fd, buf, size, MSG_DONTWAIT);

	if (got >= 0)
		return got;
	return errno == EINTR ? -EAGAIN : -errno;
}

void streams_close(struct xenbus_host *host, int fd)
{
	assert(fd >= 0);
	close(fd);
}
