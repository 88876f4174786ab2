/* SPDX-License-Identifier: MIT */
/* Clients of the unix socket. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "peer_impl.h"

static ssize_t moved(ssize_t n)
{
	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
}

static ssize_t socket_send(struct peer_conn *conn, const void *bytes, size_t len)
{
	return moved(send(conn->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static ssize_t socket_receive(struct peer_conn *conn, void *bytes, size_t len)
{
	return moved(recv(conn->fd, bytes, len, MSG_DONTWAIT));
}

static void socket_wait(struct peer_conn *conn, bool sending, int ms)
{
	struct pollfd wait = { .fd = conn->fd, .events = sending ? POLLOUT : POLLIN };

	poll(&wait, 1, ms);
}

static void socket_close(struct peer_conn *conn)
{
	close(conn->fd);
}

static const struct peer_conn_ops socket_ops = {
	.send = socket_send,
	.receive = socket_receive,
	.wait = socket_wait,
	.close = socket_close,
};

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int peer_connect(struct peer *peer, struct peer_conn **out)
{
	int fd = connect_to(peer->socket);

	if (fd < 0)
		return fd;
	*out = peer_conn_new(peer, &socket_ops);
	if (!*out) {
		close(fd);
		return -ENOMEM;
	}
	(*out)->fd = fd;
	return 0;
}
