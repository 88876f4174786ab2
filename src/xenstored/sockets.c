/* SPDX-License-Identifier: MIT */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "client.h"
#include "server.h"

enum {
	BACKLOG = 512,
	ACCEPTS_A_TURN = 64,
};

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Out of descriptors: the one in reserve takes the client off the queue, or we would hear of it for ever. */
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

/* 0: not known, or not of our namespace. */
static pid_t pid_of(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ? 0 : peer.pid;
}

static void listener_event(struct xenbus_source *source, unsigned int events)
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
		err = client_new(sockets, fd, pid_of(fd));
		if (err)
			log_line(&sockets->server->log, LOG_WARNING, "a client was turned away: %s",
				 strerror(-err));
	}
}

void sockets_init(struct sockets *sockets, struct server *server)
{
	*sockets = (struct sockets){ .server = server, .fd = -1, .spare = -1 };
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
	return xenbus_source_add(sockets->server->host, &sockets->source, sockets->fd, XENBUS_SOURCE_READ);
}

int sockets_listen(struct sockets *sockets)
{
	const struct log *log = &sockets->server->log;
	int err = choose_path(&sockets->address);

	if (!err) {
		make_folder(sockets->address.sun_path);
		sockets->spare = open_spare();
		err = start_listening(sockets);
	}
	if (err == -EADDRINUSE)
		log_line(log, LOG_ERR, "%s: another server answers there", sockets->address.sun_path);
	else if (err)
		log_line(log, LOG_ERR, "%s: cannot listen: %s", sockets->address.sun_path, strerror(-err));
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
		xenbus_source_remove(sockets->server->host, &sockets->source);
		close(sockets->fd);
	}
	if (sockets->spare >= 0)
		close(sockets->spare);
	sockets->fd = sockets->spare = -1;
}
