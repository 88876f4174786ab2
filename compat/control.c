/* SPDX-License-Identifier: MIT */
/*
 * A module's socket: RUN_DIR/modules/DOMID.NAME. One line asks, lines answer, then the connection ends.
 *
 *     info   name NAME, domid N, pid P, device NODENAME STATE for each       at once
 *     exit   "unloading" at once, and 0 when the module has been unloaded; or an errno at once
 *
 * Whoever may open the socket may unload the module: the folder is its owner's alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "process.h"

#define REQUEST_MAX 64
#define CLIENTS_MAX 32u

struct client {
	struct list link; /* process.clients */
	struct xenbus_source source;
	int fd;
	bool waits; /* for the end: told when the process closes its sockets */
};

int control_folder(void)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/modules", process_run_dir());
	mkdir(process_run_dir(), 0700);
	mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void client_end(struct client *c)
{
	if (c->source.fd >= 0)
		xenbus_source_remove(process.host, &c->source);
	close(c->fd);
	list_del(&c->link);
	free(c);
}

static void answer_device(void *ctx, const char *nodename, unsigned int state)
{
	dprintf(*(int *)ctx, "device %s %s\n", nodename, xenbus_strstate((enum xenbus_state)state));
}

static void answer_info(int fd)
{
	dprintf(fd, "name %s\ndomid %u\npid %d\n", process.name, process.domid, (int)getpid());
	linux_each_device(answer_device, &fd);
}

/* As in Linux: what began has to have an end; what did neither needs none. */
static bool is_removable(void)
{
	return process.is_live && (process.module.exit || !process.module.init);
}

static void client_ready(struct xenbus_source *source, unsigned int events)
{
	struct client *c = list_entry(source, struct client, source);
	char request[REQUEST_MAX];
	ssize_t n = recv(c->fd, request, sizeof(request) - 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	request[n > 0 ? n : 0] = '\0';
	request[strcspn(request, "\n")] = '\0';
	if (!strcmp(request, "info")) {
		answer_info(c->fd);
	} else if (!strcmp(request, "exit") && !is_removable()) {
		dprintf(c->fd, "%d\n", EBUSY);
	} else if (!strcmp(request, "exit")) {
		dprintf(c->fd, "unloading\n");
		c->waits = true;
		xenbus_source_remove(process.host, &c->source);
		process_stop(0);
		return;
	}
	client_end(c);
}

static void client_new(struct xenbus_source *source, unsigned int events)
{
	int fd = accept4(process.control_fd, NULL, NULL, SOCK_CLOEXEC);
	unsigned int count = 0;
	struct client *c;

	if (fd < 0)
		return;
	list_for_each (link, &process.clients)
		count++;
	c = count < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->source = (struct xenbus_source){ .ready = client_ready, .fd = -1 };
	list_add(&process.clients, &c->link);
	if (xenbus_source_add(process.host, &c->source, fd, XENBUS_SOURCE_READ))
		client_end(c);
}

/* The folder's descriptor stands for its path, which may be longer than an address has room for. */
static void address_of(struct sockaddr_un *address, const char *name)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", process.control_dir,
		 name);
}

/* Does anybody listen, and be it one that never accepts? A socket that a dead module left may go. */
static bool is_alive(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive = fd >= 0 &&
		     (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return alive;
}

static int listen_at(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) || listen(fd, SOMAXCONN)) {
		int err = -errno;

		close(fd);
		return err == -EADDRINUSE ? -EEXIST : err;
	}
	return fd;
}

int control_open(void)
{
	struct sockaddr_un address;
	char name[sizeof(process.control_name)];
	int fd;

	process.control_dir = control_folder();
	if (process.control_dir < 0)
		return process.control_dir;
	snprintf(name, sizeof(name), "%u.%s", process.domid, process.name);
	address_of(&address, name);
	fd = listen_at(&address);
	if (fd == -EEXIST && !is_alive(&address)) {
		unlink(address.sun_path);
		fd = listen_at(&address);
	}
	if (fd < 0)
		return fd;
	snprintf(address.sun_path, sizeof(address.sun_path), "died.%s", name); /* supervise.c left it */
	unlinkat(process.control_dir, address.sun_path, 0);
	process.control_fd = fd;
	strcpy(process.control_name, name);
	process.control_source = (struct xenbus_source){ .ready = client_new, .fd = -1 };
	return xenbus_source_add(process.host, &process.control_source, fd, XENBUS_SOURCE_READ);
}

/* The descriptor is closed by the process's end, which is what is waited for. */
static void tell_end(struct client *c)
{
	dprintf(c->fd, "0\n");
	list_del(&c->link);
	free(c);
}

/* Who waits for the end learns of it from the number, and from the connection's end that the process is done. */
void control_close(void)
{
	if (*process.control_name)
		unlinkat(process.control_dir, process.control_name, 0);
	*process.control_name = '\0';
	while (!list_empty(&process.clients)) {
		struct client *c = list_first(&process.clients, struct client, link);

		if (c->waits)
			tell_end(c);
		else
			client_end(c);
	}
	if (process.control_source.fd >= 0)
		xenbus_source_remove(process.host, &process.control_source);
	if (process.control_fd >= 0)
		close(process.control_fd);
	process.control_fd = -1;
}
