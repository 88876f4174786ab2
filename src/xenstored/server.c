/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include <xenbus/wire.h>

#include "client.h"
#include "control.h"

enum {
	BUSY_ROUNDS = 16, /* the store's deferred work waits at most so long for a quiet moment */
};

void server_wait_for(struct server *server, struct xenbus_source *source, unsigned int events)
{
	int err = xenbus_source_modify(server->host, source, events);

	if (err)
		log_line(&server->log, LOG_ERR, "cannot wait for a client: %s", strerror(-err));
}

void server_stop(struct server *server, int status)
{
	server->stopping = true;
	server->status = status;
}

/* -- tracing ------------------------------------------------------------------------------------ */

static void trace(struct server *server, const struct trace_message *message, bool is_answer)
{
	if (trace_on(&server->trace))
		trace_message(&server->trace, message);
	if (taps_listen(&server->taps))
		taps_message(&server->taps, message, is_answer);
}

void server_trace_out(struct server *server, const struct conn *conn, const void *message, size_t len)
{
	struct trace_message out = { .who = conn->name, .domid = conn->domid, .out = true };
	struct xsd_sockmsg header;

	wire_header_get(message, &header);
	out.op = header.type;
	out.req_id = header.req_id;
	out.tx_id = header.tx_id;
	out.payload = (const uint8_t *)message + WIRE_HEADER_SIZE;
	out.len = len - WIRE_HEADER_SIZE;
	trace(server, &out, conn == server->asking && header.type != XS_WATCH_EVENT);
}

static void trace_in(struct server *server, const struct conn *conn, const struct store_input *in)
{
	const struct trace_message message = {
		.who = conn->name,
		.domid = conn->domid,
		.op = in->op,
		.req_id = in->req_id,
		.tx_id = in->tx_id,
		.payload = in->payload ? in->payload : "",
		.len = in->payload ? in->len : 0,
	};

	trace(server, &message, false);
}

/* -- effects ------------------------------------------------------------------------------------ */

static void carry_out(struct server *server, const struct store_effect *effect)
{
	const uint8_t *bytes = server->effects.bytes + effect->offset;
	struct conn *conn = idmap_get(&server->conns, effect->conn);

	switch (effect->type) {
	case STORE_OUT_REPLY:
	case STORE_OUT_EVENT:
		if (conn)
			conn_queue(conn, bytes, effect->len);
		break;
	case STORE_OUT_CLOSE:
		if (conn)
			conn_stop(conn, CONN_PROTOCOL);
		break;
	case STORE_OUT_MAP_RING:
		guests_map(&server->guests, effect);
		break;
	case STORE_OUT_UNMAP_RING:
		guests_unmap(&server->guests, effect);
		break;
	case STORE_OUT_LOG:
		log_line(&server->log, LOG_NOTICE, "%.*s", (int)effect->len, (const char *)bytes);
		break;
	}
}

/* Who was to get what was lost would wait for it for ever, or believe that nothing happened. */
static void out_of_memory(struct server *server)
{
	uint32_t id;

	log_line(&server->log, LOG_ERR, "out of memory: answers were lost");
	while ((id = store_next_bereft(server->store)) != STORE_CONN_NONE) {
		struct conn *conn = idmap_get(&server->conns, id);

		if (conn)
			conn_stop(conn, CONN_MEMORY);
	}
}

int server_apply(struct server *server, struct store_input *in)
{
	int err = store_apply(server->store, in, &server->effects);
	bool failed;

	if (server->dispatching)
		return err;
	server->dispatching = true;
	server->inputs++;
	/* The list may move and grow while it is worked off, hence a copy of each entry. */
	for (size_t i = 0; i < server->effects.count; i++) {
		struct store_effect effect = server->effects.list[i];

		carry_out(server, &effect);
	}
	server->carried += server->effects.count + server->effects.spared;
	server->dispatching = false;
	failed = server->effects.failed;
	store_effects_clear(&server->effects);
	if (failed)
		out_of_memory(server);
	return err;
}

void server_message(struct server *server, struct conn *conn, struct store_input *in)
{
	if (server_is_traced(server))
		trace_in(server, conn, in);
	server->asking = conn;
	server_apply(server, in);
	server->asking = NULL;
	if (conn->last)
		conn_stop(conn, CONN_CLOSED);
}

/* -- rounds ------------------------------------------------------------------------------------- */

uint64_t server_now(struct server *server)
{
	if (!server->clock_ns)
		server->clock_ns = xenbus_host_now(server->host);
	return server->clock_ns;
}

static uint64_t now_ns(const struct server *server)
{
	return xenbus_host_now(server->host);
}

/* Milliseconds to @deadline, rounded up; at most a minute. */
static int until(const struct server *server, uint64_t deadline)
{
	const uint64_t now = now_ns(server);

	if (deadline <= now)
		return 0;
	return deadline - now > 60000000000u ? 60000 : (int)((deadline - now + 999999) / 1000000);
}

static struct precedence_view precedence_view(const struct server *server)
{
	return (struct precedence_view){ .contention = store_contention(server->store),
					 .now_ns = now_ns(server),
					 .longest = server->fairness.now.longest };
}

/* Milliseconds that the next wait may last; -1: for ever. */
static int patience(const struct server *server)
{
	uint64_t deadline = store_deadline(server->store);

	if (!list_empty(&server->ready) || !list_empty(&server->dirty) || deadline == 0)
		return 0;
	if (!list_empty(&server->held)) {
		const struct precedence_view view = precedence_view(server);
		const uint64_t turn = precedence_deadline(&server->precedence, &view);

		if (turn < deadline)
			deadline = turn;
	}
	return deadline == UINT64_MAX ? -1 : until(server, deadline);
}

/* To ask for the time costs more than a look: not while nobody contends. */
static bool must_wait(struct server *server, struct conn *conn)
{
	struct precedence_view view;

	if (!conn->guest)
		return false;
	if (!server->precedence.holding && !store_is_contended(server->store)) {
		conn->held_by = 0;
		return false;
	}
	view = precedence_view(server);
	return precedence_holds(&server->precedence, &conn->held_by, &view);
}

/* Of a connection that is dead by then, too: it is buried at the end of the round. */
static void measured_turn(struct server *server, struct conn *conn)
{
	const uint64_t begin = server_now(server);

	conn_turn(conn);
	server->clock_ns = xenbus_host_now(server->host);
	conn->meter.sum.busy_ns += server->clock_ns - begin;
	if (conn->meter.taken)
		meter_handed_out(&conn->meter, server->clock_ns);
}

static void turns(struct server *server)
{
	struct list round;

	fairness_round(&server->fairness);
	list_init(&round);
	list_splice_tail(&round, &server->held);
	list_splice_tail(&round, &server->ready);
	while (!list_empty(&round)) {
		struct conn *conn = list_first(&round, struct conn, ready);

		list_del(&conn->ready);
		if (must_wait(server, conn))
			list_add_tail(&server->held, &conn->ready);
		else
			measured_turn(server, conn);
	}
}

static void tick(struct server *server, bool idle)
{
	struct store_input in = { .type = STORE_IN_TICK };
	uint64_t deadline = store_deadline(server->store);

	if (deadline == UINT64_MAX || (!idle && ++server->busy_rounds < BUSY_ROUNDS))
		return;
	server->busy_rounds = 0;
	in.now_ns = now_ns(server);
	if (deadline <= in.now_ns)
		server_apply(server, &in);
}

/* Once each: what cannot be taken now waits for the transport, not for the next round. */
static void flush(struct server *server)
{
	struct list round;

	list_init(&round);
	list_splice_tail(&round, &server->dirty);
	while (!list_empty(&round)) {
		struct conn *conn = list_first(&round, struct conn, dirty);

		conn_flush(conn);
		if (!conn->dead)
			conn->ops->settle(conn);
		if (conn->meter.taken)
			meter_handed_out(&conn->meter, now_ns(server));
	}
}

static void bury(struct server *server)
{
	while (!list_empty(&server->dead)) {
		struct conn *conn = list_first(&server->dead, struct conn, ready);

		list_del(&conn->ready);
		if (conn->domid == 0)
			meter_add(&server->gone, &conn->meter.sum);
		conn->ops->free(conn);
	}
}

int server_serve(struct server *server)
{
	const bool idle = list_empty(&server->ready);

	turns(server);
	tick(server, idle);
	flush(server);
	trace_flush(&server->trace);
	if (taps_listen(&server->taps))
		taps_flush(&server->taps);
	bury(server);
	server->clock_ns = 0;
	return patience(server);
}

int server_run(struct server *server)
{
	int patience_ms = 0;

	while (!server->stopping) {
		int n = xenbus_host_dispatch(server->host, patience_ms);

		if (n < 0 && n != -EINTR) {
			log_line(&server->log, LOG_ERR, "cannot wait: %s", strerror(-n));
			return 1;
		}
		patience_ms = server_serve(server);
	}
	return server->status;
}

/* -- life --------------------------------------------------------------------------------------- */

static int make_store(struct server *server, const struct options *options)
{
	struct store_config config = {
		.quota = options->quota,
		.domain_exists = guests_domain_exists,
		.control = control_command,
		.ctx = server,
	};
	int err;

	err = xenbus_host_random(server->host, config.hash_seed, sizeof(config.hash_seed));
	if (!err)
		err = store_new(&config, &server->store);
	if (err)
		log_line(&server->log, LOG_ERR, "cannot make a store: %s", strerror(-err));
	return err;
}

static void start_trace(struct server *server, const char *path)
{
	int err = path ? trace_open(&server->trace, path) : 0;

	if (err)
		log_line(&server->log, LOG_WARNING, "trace file %s: %s; going on without", path,
			 strerror(-err));
}

int server_open(struct server *server, const struct options *options, const struct server_world *world)
{
	int err;

	server->host = world->host;
	server->opened_ns = xenbus_host_now(world->host);
	server->log.verbose = options->verbose;
	list_init(&server->ready);
	list_init(&server->held);
	list_init(&server->dirty);
	list_init(&server->dead);
	trace_init(&server->trace, &server->log, server->host);
	taps_init(&server->taps, server->host, &server->log);
	sockets_init(&server->sockets, server);
	guests_init(&server->guests, server);
	start_trace(server, options->trace_file);
	err = guests_open(&server->guests, world->platform);
	if (!err)
		err = make_store(server, options);
	if (!err && options->domain_init)
		err = guests_introduce_dom0(&server->guests);
	if (err)
		server_close(server);
	return err;
}

int server_listen(struct server *server)
{
	return sockets_listen(&server->sockets);
}

int server_accept(struct server *server, int fd)
{
	return client_new(&server->sockets, fd, 0);
}

void server_close(struct server *server)
{
	sockets_close(&server->sockets);
	guests_close(&server->guests);
	bury(server);
	taps_close(&server->taps);
	if (server->store)
		store_free(server->store);
	store_effects_free(&server->effects);
	idmap_free(&server->conns);
	pool_free(&server->pool);
	trace_free(&server->trace);
}
