/* SPDX-License-Identifier: MIT */
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"
#include "guest.h"
#include "server.h"
#include "stats_json.h"

#define TAIL 32u /* bytes: what closes a list */

/* -- gathering ---------------------------------------------------------------------------------- */

static struct conn *conn_of(const struct server *server, uint32_t id)
{
	return id == STORE_CONN_NONE ? NULL : idmap_get(&server->conns, id);
}

static const char *name_of(const struct server *server, uint32_t id)
{
	const struct conn *conn = conn_of(server, id);

	return conn ? conn->name : NULL;
}

static uint64_t count_requests(const struct inbox *in)
{
	struct xsd_sockmsg header;
	uint64_t count = 0;
	uint32_t at = in->start;

	for (; in->end - at >= WIRE_HEADER_SIZE; at += WIRE_HEADER_SIZE + header.len, count++) {
		wire_header_get(in->data + at, &header);
		if (header.len > WIRE_PAYLOAD_MAX || in->end - at < WIRE_HEADER_SIZE + header.len)
			break;
	}
	return count;
}

static void look_at_queue(const struct conn *conn, struct stats_queue *q)
{
	const int unread = conn->ops->unread ? conn->ops->unread(conn) : 0;

	*q = (struct stats_queue){
		.requests = count_requests(&conn->in),
		.unread = unread > 0 ? (uint64_t)unread : 0,
		.replies = conn->out.replies,
		.bytes = outbox_used(&conn->out),
		.most_replies = conn->meter.most_replies,
		.most_bytes = conn->meter.most_bytes,
		.paused = conn_paused(conn),
	};
}

/* What the process calls itself now; the bytes are its own. NULL: it is gone, or not to be looked at. */
static const char *command_of(pid_t pid, char *buf, size_t size)
{
	char path[32];
	ssize_t len = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = pid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		len = read(fd, buf, size - 1);
		close(fd);
	}
	if (len <= 0)
		return NULL;
	buf[buf[len - 1] == '\n' ? len - 1 : len] = '\0';
	return buf;
}

/* A connection that the shell does not know is on its way: it is not shown. */
static bool put_conn(const struct server *server, uint32_t id, struct json *j)
{
	const struct conn *conn = conn_of(server, id);
	struct stats_conn c = { 0 };
	char command[32];

	if (!conn || store_conn_stats(server->store, id, &c.store))
		return false;
	look_at_queue(conn, &c.queue);
	c.meter = conn->meter.sum;
	c.passed = conn->patience.passed;
	c.name = conn->name;
	c.pid = client_pid(conn);
	c.command = command_of(c.pid, command, sizeof(command));
	c.cause_name = name_of(server, c.store.cause.conn);
	stats_json_conn(j, &c);
	return true;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void add_conn(struct stats_domain *d, const struct conn *conn)
{
	struct stats_queue *sum = &d->queue, q;

	look_at_queue(conn, &q);
	sum->requests += q.requests;
	sum->unread += q.unread;
	sum->replies += q.replies;
	sum->bytes += q.bytes;
	sum->most_replies = larger(sum->most_replies, q.most_replies);
	sum->most_bytes = larger(sum->most_bytes, q.most_bytes);
	sum->paused |= q.paused;
	d->passed = larger(d->passed, conn->patience.passed);
	d->connections++;
	meter_add(&d->meter, &conn->meter.sum);
}

static void add_conns(const struct server *server, struct stats_domain *d)
{
	list_for_each (pos, &server->guests.all) {
		const struct guest *guest = list_entry(pos, struct guest, all);

		if (guest->domid == d->store.domid)
			add_conn(d, &guest->conn);
	}
	if (d->store.domid)
		return;
	meter_add(&d->meter, &server->gone);
	list_for_each (pos, &server->sockets.clients)
		add_conn(d, &list_entry(pos, struct client, all)->conn);
}

static bool put_domain(const struct server *server, uint32_t domid, struct json *j)
{
	struct stats_domain d = { 0 };

	if (store_domain_stats(server->store, domid, &d.store) ||
	    store_domain_traffic(server->store, domid, &d.traffic))
		return false;
	d.instance = store_domain_instance(server->store, domid);
	add_conns(server, &d);
	stats_json_domain(j, &d);
	return true;
}

static bool put_conflicts(const struct server *server, uint32_t domid, struct json *j)
{
	struct store_cause causes[STORE_CAUSES];
	const size_t count = store_domain_causes(server->store, domid, causes);

	for (size_t i = 0; i < count; i++) {
		const struct stats_conflict c = { &causes[i], domid, name_of(server, causes[i].loser),
						  name_of(server, causes[i].conn) };

		stats_json_conflict(j, &c);
	}
	return count;
}

static uint64_t cpu_us(void)
{
	struct rusage use;

	if (getrusage(RUSAGE_SELF, &use))
		return 0;
	return (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static uint64_t busy_us(const struct server *server)
{
	uint64_t ns = server->gone.busy_ns;

	list_for_each (pos, &server->guests.all)
		ns += list_entry(pos, struct guest, all)->conn.meter.sum.busy_ns;
	list_for_each (pos, &server->sockets.clients)
		ns += list_entry(pos, struct client, all)->conn.meter.sum.busy_ns;
	return ns / 1000;
}

/* -- answering ---------------------------------------------------------------------------------- */

static int finish(const struct json *j)
{
	if (j->full)
		return -E2BIG;
	j->text[j->used] = '\0';
	return (int)j->used + 1;
}

static int stats_store(const struct server *server, struct json *j)
{
	struct stats_store s = {
		.version = XENBUS_VERSION,
		.pid = getpid(),
		.uptime_us = (xenbus_host_now(server->host) - server->opened_ns) / 1000,
		.cpu_us = cpu_us(),
		.busy_us = busy_us(server),
		.passed = server->fairness.most,
		.passed_guest = server->fairness.most_guest,
	};

	store_stats(server->store, &s.store);
	stats_json_store(j, &s);
	return finish(j);
}

static int64_t next_conn(const struct server *server, int64_t after)
{
	const uint32_t id = store_next_conn(server->store, after < 0 ? 0 : (uint32_t)after);

	return id == STORE_CONN_NONE ? -1 : (int64_t)id;
}

static int64_t next_domain(const struct server *server, int64_t after)
{
	return store_next_domain(server->store, after);
}

static const struct list_kind {
	const char *name;
	int64_t (*next)(const struct server *server, int64_t after); /* -1: no more */
	/* Appends all of one; false: there is nothing to be said. */
	bool (*put)(const struct server *server, uint32_t id, struct json *j);
} lists[] = {
	{ "domains", next_domain, put_domain },
	{ "connections", next_conn, put_conn },
	{ "conflicts", next_domain, put_conflicts },
};

/* As many as fit, from @from on. */
static int stats_list(const struct server *server, const struct list_kind *kind, uint32_t from,
		      struct json *j)
{
	int64_t id = kind->next(server, (int64_t)from - 1);

	j->size -= TAIL;
	json_open(j, NULL, '{');
	json_open(j, kind->name, '[');
	for (; id >= 0; id = kind->next(server, id)) {
		const struct json before = *j;

		if (!kind->put(server, (uint32_t)id, j) || !j->full)
			continue;
		if (before.follows) /* else not even one fits, which must not be said to be the end of a page */
			*j = before;
		break;
	}
	j->size += TAIL;
	json_close(j, ']');
	if (id < 0)
		json_null(j, "next");
	else
		json_number(j, "next", (uint64_t)id);
	json_close(j, '}');
	return finish(j);
}

static int stats_domain(const struct server *server, uint32_t domid, struct json *j)
{
	return put_domain(server, domid, j) ? finish(j) : -ENOENT;
}

int stats_command(struct server *server, struct wire_strings args, char *reply, size_t size)
{
	uint64_t number = 0;
	struct json j;
	size_t len;
	const char *what = wire_next_string(&args, &len), *text = wire_next_string(&args, &len);

	json_init(&j, reply, size - 1);
	if (!what)
		return stats_store(server, &j);
	if (text && wire_number(text, len, UINT32_MAX, &number))
		return -EINVAL;
	if (text && !strcmp(what, "domain"))
		return stats_domain(server, (uint32_t)number, &j);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (!strcmp(what, lists[i].name))
			return stats_list(server, &lists[i], (uint32_t)number, &j);
	return -EINVAL;
}
