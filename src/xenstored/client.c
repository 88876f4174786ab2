/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "server.h"

static struct client *client_of(struct conn *conn)
{
	return list_entry(conn, struct client, conn);
}

static int client_fill(struct conn *conn, void *buf, size_t size)
{
	ssize_t n = xenbus_stream_recv(conn->server->host, client_of(conn)->fd, buf, size);

	if (n > 0)
		return (int)n;
	if (n == 0)
		return -EPIPE;
	return n == -EAGAIN ? 0 : -ECONNRESET;
}

static int client_drain(struct conn *conn, const void *buf, size_t len)
{
	ssize_t n = xenbus_stream_send(conn->server->host, client_of(conn)->fd, buf, len);

	if (n >= 0)
		return (int)n;
	return n == -EAGAIN ? 0 : -ECONNRESET;
}

static void become_tap(struct client *client)
{
	xenbus_source_remove(client->conn.server->host, &client->source);
	tap_start(client->tap, client->fd);
	client->tap = NULL;
	client->fd = -1;
}

/* Over and drained: the end. Otherwise wait for requests unless paused, and for room if there is output. */
static void client_settle(struct conn *conn)
{
	struct client *client = client_of(conn);
	unsigned int events = 0;

	if (conn->over && outbox_used(&conn->out) == 0) {
		if (client->tap)
			become_tap(client);
		conn_kill(conn);
		return;
	}
	if (!conn->over && !conn_paused(conn))
		events |= XENBUS_SOURCE_READ;
	if (outbox_used(&conn->out))
		events |= XENBUS_SOURCE_WRITE;
	if (events == client->events)
		return;
	client->events = events;
	server_wait_for(conn->server, &client->source, events);
}

static void say_why(const struct conn *conn, enum conn_fault fault)
{
	const struct log *log = &conn->server->log;

	if (fault == CONN_PROTOCOL)
		log_line(log, LOG_NOTICE, "%s: closed: a message too long", conn->name);
	else if (fault == CONN_MEMORY)
		log_line(log, LOG_WARNING,
			 "%s: closed: it takes no events, or memory is short: %zu bytes wait", conn->name,
			 outbox_used(&conn->out));
	else
		log_line(log, LOG_DEBUG, "%s: closed", conn->name);
}

static void client_stopped(struct conn *conn, enum conn_fault fault)
{
	struct store_input in = { .type = STORE_IN_DISCONNECT, .conn = conn->id };
	struct client *client = client_of(conn);
	struct server *server = conn->server;

	say_why(conn, fault);
	if (client->tap && fault != CONN_CLOSED) {
		tap_free(client->tap);
		client->tap = NULL;
	}
	idmap_del(&server->conns, conn->id);
	conn->id = STORE_CONN_NONE;
	server_apply(server, &in);
	if (client->tap)
		tap_listen(client->tap);
	if (fault == CONN_GONE || fault == CONN_MEMORY)
		conn_drop_buffers(conn);
	if (list_empty(&conn->dirty))
		list_add_tail(&server->dirty, &conn->dirty);
}

static void client_free(struct conn *conn)
{
	struct client *client = client_of(conn);

	list_del(&client->all);
	tap_free(client->tap);
	xenbus_source_remove(conn->server->host, &client->source);
	if (client->fd >= 0)
		xenbus_stream_close(conn->server->host, client->fd);
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
static void client_event(struct xenbus_source *source, unsigned int events)
{
	struct client *client = list_entry(source, struct client, source);
	struct conn *conn = &client->conn;

	if (conn->dead)
		return;
	if (events & XENBUS_SOURCE_HANGUP && (conn->over || conn_paused(conn))) {
		conn_stop(conn, CONN_GONE);
		conn_kill(conn);
		return;
	}
	if (events & (XENBUS_SOURCE_READ | XENBUS_SOURCE_HANGUP))
		conn->readable = true;
	conn_heard(conn);
}

pid_t client_pid(const struct conn *conn)
{
	return conn->ops == &client_ops ? list_entry(conn, const struct client, conn)->pid : 0;
}

int client_tap(struct conn *conn, struct tap *tap)
{
	if (conn->ops != &client_ops)
		return -ENOSYS;
	client_of(conn)->tap = tap;
	conn->last = true;
	return 0;
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
		err = xenbus_source_add(server->host, &client->source, client->fd, client->events);
	if (err) {
		idmap_del(&server->conns, in.conn);
		in.type = STORE_IN_DISCONNECT;
		server_apply(server, &in);
	}
	return err;
}

int client_new(struct sockets *sockets, int fd, pid_t pid)
{
	struct client *client = calloc(1, sizeof(*client));
	int err = -ENOMEM;

	if (!client)
		goto close;
	client->fd = fd;
	client->pid = pid;
	client->events = XENBUS_SOURCE_READ;
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
	xenbus_stream_close(sockets->server->host, fd);
	return err;
}
