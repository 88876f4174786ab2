/* SPDX-License-Identifier: MIT */
#include "play.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"

#define NAMES 32
#define BARRIER 0xc0000000u /* among the ids of requests */
#define RESET_PATIENCE_MS 5000

struct named_conn {
	char name[8];
	struct peer_conn *conn;
};

struct named_tx {
	char name[8];
	uint32_t id;
};

struct world {
	struct peer *peer;
	struct named_conn conns[NAMES];
	size_t conn_count;
	struct named_tx txs[NAMES];
	size_t tx_count;
	struct peer_conn *observer; /* of @releaseDomain, where the case needs one */
	struct answer answer;
	bool silent; /* it does not answer any more */
};

static struct named_conn *find_conn(struct world *world, const char *name)
{
	for (size_t i = 0; i < world->conn_count; i++) {
		if (strcmp(world->conns[i].name, name) == 0)
			return &world->conns[i];
	}
	if (world->conn_count == NAMES)
		return NULL;
	strcpy(world->conns[world->conn_count].name, name);
	return &world->conns[world->conn_count++];
}

static bool is_socket(const char *name)
{
	return *name == '0' && !isdigit((unsigned char)name[1]);
}

/* A guest's was made by create; a socket's is made when it is first used. */
static struct peer_conn *conn_of(struct world *world, const char *name)
{
	struct named_conn *named = find_conn(world, name);

	if (named && !named->conn && is_socket(name) && peer_connect(world->peer, &named->conn))
		named->conn = NULL;
	return named ? named->conn : NULL;
}

static uint32_t tx_of(const struct world *world, const char *name)
{
	if (*name == '#')
		return (uint32_t)strtoul(name + 1, NULL, 10);
	for (size_t i = world->tx_count; i-- > 0;) {
		if (strcmp(world->txs[i].name, name) == 0)
			return world->txs[i].id;
	}
	return 0;
}

static void bind_tx(struct world *world, const char *name, const char *number)
{
	if (world->tx_count == NAMES)
		return;
	strcpy(world->txs[world->tx_count].name, name);
	world->txs[world->tx_count++].id = (uint32_t)strtoul(number, NULL, 10);
}

static void fail(struct world *world, int err)
{
	answer_add(&world->answer, "%s",
		   err == -EPIPE   ? "closed"
		   : err == -ETIME ? "silent"
				   : strerror(-err));
	world->silent = err == -ETIME;
}

/* -- requests */

struct payload {
	size_t len;
	char bytes[24000];
};

/* A '$' is the number of the repetition. */
static void add_arg(struct payload *payload, const struct bytes *arg, bool is_repeated, uint32_t i)
{
	for (size_t k = 0; k < arg->len && payload->len < sizeof(payload->bytes) - 16; k++) {
		if (is_repeated && arg->at[k] == '$')
			payload->len += (size_t)sprintf(payload->bytes + payload->len, "%u", i);
		else
			payload->bytes[payload->len++] = arg->at[k];
	}
}

/* Strings with their NULs; but a value has none, and a raw payload is what it is. */
static void build(const struct line *line, uint32_t i, struct payload *payload)
{
	payload->len = 0;
	for (size_t k = 0; k < line->arg_count; k++) {
		bool is_value = line->raw || (line->op == XS_WRITE && k > 0);

		add_arg(payload, &line->args[k], line->times > 1, i);
		if (!is_value)
			payload->bytes[payload->len++] = '\0';
	}
}

static int ask(struct world *world, struct peer_conn *conn, const struct line *line,
	       const struct payload *payload)
{
	struct peer_message reply;
	int err = peer_ask(conn, line->op, tx_of(world, line->tx), payload->bytes, payload->len, &reply);

	if (err)
		return err;
	answer_reply(&world->answer, line->op, &reply);
	if (*line->binds && reply.header.type == line->op)
		bind_tx(world, line->binds, reply.payload);
	return 0;
}

/* All that comes, in the order in which it does, up to the reply to another request. */
static int ask_in_order(struct world *world, struct peer_conn *conn, const struct line *line,
			const struct payload *payload)
{
	struct peer_message message;
	int err =
		peer_send(conn, line->op, BARRIER - 1, tx_of(world, line->tx), payload->bytes, payload->len);

	if (!err)
		err = peer_send(conn, XS_GET_DOMAIN_PATH, BARRIER, 0, "0", 2);
	while (!err && !(err = peer_receive(conn, &message, PEER_PATIENCE_MS))) {
		if (message.header.type == XS_WATCH_EVENT) {
			answer_add(&world->answer, "(");
			answer_event(&world->answer, &message);
			answer_add(&world->answer, ") ");
		} else if (message.header.req_id == BARRIER) {
			break;
		} else {
			answer_reply(&world->answer, line->op, &message);
			answer_add(&world->answer, " ");
		}
	}
	if (world->answer.len && !err)
		world->answer.text[--world->answer.len] = '\0';
	return err;
}

static void play_request(struct world *world, const struct line *line, uint32_t i)
{
	struct peer_conn *conn = conn_of(world, line->who);
	static struct payload payload;
	int err = -ENOTCONN;

	build(line, i, &payload);
	if (conn)
		err = line->in_order ? ask_in_order(world, conn, line, &payload)
				     : ask(world, conn, line, &payload);
	if (err)
		fail(world, err);
}

/* "OK*128", "OK*100, ENOSPC*28": what the repetitions answered, run by run. */
static void play_many(struct world *world, const struct line *line)
{
	static struct answer all, last;
	uint32_t run = 0;

	all.len = 0;
	for (uint32_t i = 1; i <= line->times && !world->silent; i++) {
		world->answer.len = 0;
		world->answer.text[0] = '\0';
		play_request(world, line, i);
		if (run && strcmp(last.text, world->answer.text) != 0) {
			answer_add(&all, "%s*%u, ", last.text, run);
			run = 0;
		}
		last = world->answer;
		run++;
	}
	answer_add(&all, "%s*%u", last.text, run);
	world->answer = all;
}

static void play_events(struct world *world, const struct line *line)
{
	struct peer_conn *conn = conn_of(world, line->who);
	struct peer_message event;
	int err = conn ? 0 : -ENOTCONN;

	while (!err && !(err = peer_event(conn, &event))) {
		if (world->answer.len)
			answer_add(&world->answer, ", ");
		answer_event(&world->answer, &event);
	}
	if (err != -EAGAIN)
		fail(world, err);
	else if (!world->answer.len)
		answer_add(&world->answer, "none");
}

/* -- domains */

static int create(struct world *world, const struct line *line)
{
	struct named_conn *named;
	char name[16];
	int err = peer_domain_create(world->peer, line->domid);

	snprintf(name, sizeof(name), "%u", line->domid);
	if (err || strlen(name) > 7)
		return err ? err : -EINVAL;
	named = find_conn(world, name);
	if (!named)
		return -ENOSPC;
	peer_conn_close(named->conn);
	named->conn = NULL;
	return peer_guest(world->peer, line->domid, &named->conn);
}

static int want_ok(struct world *world, uint32_t op, const char *payload, size_t len)
{
	struct peer_conn *conn = conn_of(world, "0");
	struct peer_message reply;
	int err = conn ? peer_ask(conn, op, 0, payload, len, &reply) : -ENOTCONN;

	return err ? err : reply.header.type == op ? 0 : -EBADMSG;
}

/* As a toolstack prepares one. */
static int domain(struct world *world, const struct line *line)
{
	char text[64];
	int err = create(world, line), len;

	len = sprintf(text, "%u%c1%c1%c", line->domid, 0, 0, 0);
	if (!err)
		err = want_ok(world, XS_INTRODUCE, text, (size_t)len);
	len = sprintf(text, "/local/domain/%u%c", line->domid, 0);
	if (!err)
		err = want_ok(world, XS_MKDIR, text, (size_t)len);
	len = sprintf(text, "/local/domain/%u%cn%u%c", line->domid, 0, line->domid, 0);
	return err ? err : want_ok(world, XS_SET_PERMS, text, (size_t)len);
}

/* It acts on what Xen says whenever it likes: it is through when it has told an observer. */
static int observe(struct world *world)
{
	static const char watch[] = "@releaseDomain\0observer";
	struct peer_message event, reply;
	int err = peer_connect(world->peer, &world->observer);

	if (!err)
		err = peer_ask(world->observer, XS_WATCH, 0, watch, sizeof(watch), &reply);
	while (!err)
		err = peer_event(world->observer, &event);
	return err == -EAGAIN ? 0 : err;
}

static int virq(struct world *world)
{
	struct peer_message event;
	int err = peer_virq(world->peer);

	return err ? err : peer_receive(world->observer, &event, PEER_PATIENCE_MS);
}

static int features(struct world *world, const struct line *line)
{
	char name[16];
	struct peer_conn *conn;

	snprintf(name, sizeof(name), "%u", line->domid);
	conn = conn_of(world, name);
	if (!conn)
		return -ENOTCONN;
	answer_add(&world->answer, "%u", *(volatile uint32_t *)&peer_ring(conn)->server_features);
	return 0;
}

/* Until @field has become zero, or something else. */
static bool await_field(volatile uint32_t *field, bool zero)
{
	for (int i = 0; i < RESET_PATIENCE_MS; i++) {
		if ((*field == 0) == zero)
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return false;
}

static int on_ring(struct world *world, const struct line *line)
{
	struct xenstore_domain_interface *ring;
	struct peer_conn *conn;
	char name[16];
	bool done;

	snprintf(name, sizeof(name), "%u", line->domid);
	conn = conn_of(world, name);
	if (!conn)
		return -ENOTCONN;
	ring = peer_ring(conn);
	if (line->what == LINE_RECONNECT)
		*(volatile uint32_t *)&ring->connection = XENSTORE_RECONNECT;
	else
		*(volatile uint32_t *)&ring->req_prod = ring->req_cons + 5000;
	peer_kick(conn);
	done = line->what == LINE_RECONNECT ? await_field(&ring->connection, true)
					    : await_field(&ring->error, false);
	if (line->what == LINE_CORRUPT && done)
		answer_add(&world->answer, "error %u", *(volatile uint32_t *)&ring->error);
	else
		answer_add(&world->answer, done ? "OK" : "silent");
	return 0;
}

static int close_conn(struct world *world, const struct line *line)
{
	struct named_conn *named = find_conn(world, line->who);

	if (!named || !named->conn)
		return -ENOTCONN;
	peer_conn_close(named->conn);
	named->conn = NULL;
	return 0;
}

static int statement(struct world *world, const struct line *line)
{
	switch (line->what) {
	case LINE_CREATE:
		return create(world, line);
	case LINE_DOMAIN:
		return domain(world, line);
	case LINE_SHUTDOWN:
		return peer_domain_shutdown(world->peer, line->domid);
	case LINE_DESTROY:
		return peer_domain_destroy(world->peer, line->domid);
	case LINE_VIRQ:
		return virq(world);
	case LINE_CLOSE:
		return close_conn(world, line);
	case LINE_FEATURES:
		return features(world, line);
	default:
		return on_ring(world, line);
	}
}

static void play_line(struct world *world, const struct line *line)
{
	int err;

	world->answer.len = 0;
	world->answer.text[0] = '\0';
	if (line->what == LINE_REQUEST) {
		if (line->times > 1)
			play_many(world, line);
		else
			play_request(world, line, 1);
	} else if (line->what == LINE_EVENTS) {
		play_events(world, line);
	} else {
		err = statement(world, line);
		if (err)
			fail(world, err);
		else if (!world->answer.len)
			answer_add(&world->answer, "OK");
	}
}

static bool needs_observer(const struct test_case *test)
{
	for (size_t i = 0; i < test->count; i++) {
		if (test->lines[i].what == LINE_VIRQ)
			return true;
	}
	return false;
}

int play(const struct test_case *test, enum peer_kind kind, play_told told, void *context)
{
	struct world *world = calloc(1, sizeof(*world));
	int err;

	if (!world)
		abort();
	err = peer_start(kind, NULL, &world->peer);
	if (!err && needs_observer(test))
		err = observe(world);
	for (size_t i = 0; !err && i < test->count && !world->silent; i++) {
		if (test->lines[i].skip[kind])
			continue;
		play_line(world, &test->lines[i]);
		told(context, kind, &test->lines[i], world->answer.text);
	}
	if (err)
		fprintf(stderr, "%s: %s\n", peer_name(kind), strerror(-err));
	if (world->peer && peer_stop(world->peer))
		err = -EIO;
	free(world);
	return err ? 1 : 0;
}

/* The longest that "<any>" can be is tried first; patterns are short. */
bool play_matches(const char *expected, const char *got)
{
	for (; *expected; expected++, got++) {
		if (strncmp(expected, "<n>", 3) == 0) {
			size_t digits = strspn(got, "0123456789");

			return digits && play_matches(expected + 3, got + digits);
		}
		if (strncmp(expected, "<any>", 5) == 0) {
			for (size_t rest = strlen(got) + 1; rest-- > 0;) {
				if (play_matches(expected + 5, got + rest))
					return true;
			}
			return false;
		}
		if (*expected != *got)
			return false;
	}
	return *got == '\0';
}
