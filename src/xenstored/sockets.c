/* SPDX-License-Identifier: MIT */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "server.h"

enum {
	BACKLOG = 512,
	ACCEPTS_A_TURN = 64,
};

struct client {
	struct conn conn;
	struct source source;
	struct list all;
	int fd;
	uint32_t events; /* what epoll waits for */
};

static struct client *client_of(struct conn *conn)
{
	return list_entry(conn, struct client, conn);
}

/* -- one client --------------------------------------------------------------------------------- */

static int client_fill(struct conn *conn, void *buf, size_t size)
{
	ssize_t n = recv(client_of(conn)->fd, buf, size, MSG_DONTWAIT);

	if (n > 0)
		return (int)n;
	if (n == 0)
		return -EPIPE;
	return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
}

static int client_drain(struct conn *conn, const void *buf, size_t len)
{
	ssize_t n = send(client_of(conn)->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
}

/* Over and drained: the end. Otherwise wait for requests unless paused, and for room if there is output. */
static void client_settle(struct conn *conn)
{
	struct client *client = client_of(conn);
	uint32_t events = 0;

	if (conn->over && outbox_used(&conn->out) == 0) {
		conn_kill(conn);
		return;
	}
	if (!conn->over && !conn_paused(conn))
		events |= EPOLLIN;
	if (outbox_used(&conn->out))
		events |= EPOLLOUT;
	if (events == client->events)
		return;
	client->events = events;
	server_rewatch(conn->server, client->fd, events, &client->source);
}

static void client_stopped(struct conn *conn, enum conn_fault fault)
{
	struct store_input in = { .type = STORE_IN_DISCONNECT, .conn = conn->id };
	struct server *server = conn->server;

	if (fault == CONN_PROTOCOL)
		log_line(&server->log, LOG_NOTICE, "%s: closed: a message too long", conn->name);
	else if (fault == CONN_MEMORY)
		log_line(&server->log, LOG_WARNING,
			 "%s: closed: it takes no events, or memory is short: %zu bytes wait", conn->name,
			 outbox_used(&conn->out));
	else
		log_line(&server->log, LOG_DEBUG, "%s: closed", conn->name);
	idmap_del(&server->conns, conn->id);
	conn->id = STORE_CONN_NONE;
	server_apply(server, &in);
	if (fault == CONN_GONE || fault == CONN_MEMORY)
		conn_drop_buffers(conn);
	if (list_empty(&conn->dirty))
		list_add_tail(&server->dirty, &conn->dirty);
}

static void client_free(struct conn *conn)
{
	struct client *client = client_of(conn);

	list_del(&client->all);
	close(client->fd);
	free(client);
}

static const struct conn_ops client_ops = {
	.fill = client_fill,
	.drain = client_drain,
	.settle = client_settle,
	.stopped = client_stopped,
	.free = client_free,
};

/* A peer that hung up takes nothing more; what it had sent before is still worked off, if we may read. */
static void client_event(struct source *source, uint32_t events)
{
	struct client *client = list_entry(source, struct client, source);
	struct conn *conn = &client->conn;

	if (conn->dead)
		return;
	if (events & (EPOLLHUP | EPOLLERR) && (conn->over || conn_paused(conn))) {
		conn_stop(conn, CONN_GONE);
		conn_kill(conn);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		conn->readable = true;
	conn_ready(conn);
}

static int client_start(struct server *server, struct client *client)
{
	struct store_input in = { .type = STORE_IN_CONNECT };
	int err = server_apply(server, &in);

	if (err)
		return err;
	client->conn.id = in.conn;
	err = idmap_put(&server->conns, in.conn, &client->conn);
	if (!err)
		err = server_watch(server, client->fd, client->events, &client->source);
	if (err) {
		idmap_del(&server->conns, in.conn);
		in.type = STORE_IN_DISCONNECT;
		server_apply(server, &in);
	}
	return err;
}

/* Takes over @fd, closes it on error. */
static int client_new(struct sockets *sockets, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	int err = -ENOMEM;

	if (!client)
		goto close;
	client->fd = fd;
	client->events = EPOLLIN;
	client->source.ready = client_event;
	conn_init(&client->conn, sockets->server, &client_ops);
	snprintf(client->conn.name, sizeof(client->conn.name), "s%d", fd);
	err = client_start(sockets->server, client);
	if (err)
		goto free_client;
	list_add_tail(&sockets->clients, &client->all);
	log_line(&sockets->server->log, LOG_DEBUG, "%s: connected", client->conn.name);
	return 0;

free_client:
	free(client);
close:
	close(fd);
	return err;
}

/* -- the listening socket ----------------------------------------------------------------------- */

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Out of descriptors: the one in reserve takes the client off the queue, or epoll would report it for ever. */
static void turn_away(struct sockets *sockets)
{
	int fd;

	if (!sockets->full)
		log_line(&sockets->server->log, LOG_WARNING,
			 "out of descriptors: clients are turned away until others leave");
	sockets->full = true;
	if (sockets->spare < 0)
		return;
	close(sockets->spare);
	fd = accept4(sockets->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	sockets->spare = open_spare();
}

static void listener_event(struct source *source, uint32_t events)
{
	struct sockets *sockets = list_entry(source, struct sockets, source);

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(sockets->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		int err;

		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			turn_away(sockets);
			return;
		}
		if (fd < 0)
			return;
		sockets->full = false;
		err = client_new(sockets, fd);
		if (err)
			log_line(&sockets->server->log, LOG_WARNING, "a client was turned away: %s",
				 strerror(-err));
	}
}

void sockets_init(struct sockets *sockets)
{
	*sockets = (struct sockets){ .fd = -1, .spare = -1 };
	list_init(&sockets->clients);
}

/* libxenstore's rules for the place. */
static int choose_path(struct sockaddr_un *address)
{
	const char *path = getenv("XENSTORED_PATH"), *dir = getenv("XENSTORED_RUNDIR");
	size_t size = sizeof(address->sun_path);
	int len;

	address->sun_family = AF_UNIX;
	if (path && *path)
		len = snprintf(address->sun_path, size, "%s", path);
	else
		len = snprintf(address->sun_path, size, "%s/socket", dir && *dir ? dir : "/run/xenstored");
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static void make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return;
	*slash = '\0';
	if (mkdir(folder, 0755)) {
		/* It is there already, or bind() will say what is wrong. */
	}
}

/* Nobody behind it: a socket left by a server that did not end cleanly. */
static int remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	if (err == 0 || err == EAGAIN)
		return -EADDRINUSE;
	if (err == ECONNREFUSED && unlink(address->sun_path) && errno != ENOENT)
		return -errno;
	return 0;
}

static int bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0177);
	int err = bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;

	umask(before);
	return err;
}

static int start_listening(struct sockets *sockets)
{
	struct stat st;
	int err = remove_stale(&sockets->address);

	if (err)
		return err;
	sockets->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sockets->fd < 0)
		return -errno;
	err = bind_private(sockets->fd, &sockets->address);
	if (err)
		return err;
	if (stat(sockets->address.sun_path, &st) == 0) {
		sockets->dev = st.st_dev;
		sockets->ino = st.st_ino;
	}
	if (listen(sockets->fd, BACKLOG))
		return -errno;
	sockets->source.ready = listener_event;
	return server_watch(sockets->server, sockets->fd, EPOLLIN, &sockets->source);
}

int sockets_listen(struct sockets *sockets, struct server *server)
{
	int err;

	sockets->server = server;
	err = choose_path(&sockets->address);
	if (!err) {
		make_folder(sockets->address.sun_path);
		sockets->spare = open_spare();
		err = start_listening(sockets);
	}
	if (err == -EADDRINUSE)
		log_line(&server->log, LOG_ERR, "%s: another server answers there",
			 sockets->address.sun_path);
	else if (err)
		log_line(&server->log, LOG_ERR, "%s: cannot listen: %s", sockets->address.sun_path,
			 strerror(-err));
	return err;
}

static void remove_own_socket(struct sockets *sockets)
{
	struct stat st;

	if (sockets->ino && stat(sockets->address.sun_path, &st) == 0 && st.st_dev == sockets->dev &&
	    st.st_ino == sockets->ino)
		unlink(sockets->address.sun_path);
}

void sockets_close(struct sockets *sockets)
{
	list_for_each_safe (pos, next, &sockets->clients)
		conn_kill(&list_entry(pos, struct client, all)->conn);
	if (sockets->fd >= 0) {
		remove_own_socket(sockets);
		close(sockets->fd);
	}
	if (sockets->spare >= 0)
		close(sockets->spare);
	sockets->fd = sockets->spare = -1;
}
