/* SPDX-License-Identifier: MIT */
#include "stats_json.h"

#include <string.h>

#include <xenbus/wire.h>

/* Kinds that did not occur are left out. */
static void put_requests(struct json *j, const uint64_t requests[STORE_OPS])
{
	json_open(j, "requests", '{');
	for (uint32_t op = 0; op < STORE_OPS; op++) {
		const char *name = wire_op_name(op);

		if (requests[op] && (name || op == STORE_OPS - 1))
			json_number(j, name ? name : "other", requests[op]);
	}
	json_close(j, '}');
}

static void put_errors(struct json *j, const struct store_traffic *t)
{
	json_open(j, "errors", '{');
	for (uint32_t row = 0; row < WIRE_ERROR_COUNT; row++)
		if (t->errors[row])
			json_number(j, wire_error_in_row(row), t->errors[row]);
	json_close(j, '}');
}

static void put_events(struct json *j, uint64_t sent, uint64_t merged, uint64_t dropped)
{
	json_open(j, "events", '{');
	json_number(j, "sent", sent);
	json_number(j, "merged", merged);
	json_number(j, "dropped", dropped);
	json_close(j, '}');
}

static void put_transactions(struct json *j, uint32_t open, const struct store_traffic *t)
{
	json_open(j, "transactions", '{');
	json_number(j, "open", open);
	json_number(j, "committed", t->committed);
	json_number(j, "conflicts", t->conflicts);
	json_number(j, "blamed", t->blamed);
	json_close(j, '}');
}

static void put_traffic(struct json *j, uint32_t open_transactions, const struct store_traffic *t)
{
	put_requests(j, t->requests);
	put_errors(j, t);
	put_events(j, t->events, t->events_merged, t->events_dropped);
	put_transactions(j, open_transactions, t);
}

static void put_queue(struct json *j, const struct stats_queue *q)
{
	json_open(j, "queue", '{');
	json_number(j, "requests", q->requests);
	json_number(j, "unread_bytes", q->unread);
	json_number(j, "replies", q->replies);
	json_number(j, "replies_max", q->most_replies);
	json_number(j, "bytes", q->bytes);
	json_number(j, "bytes_max", q->most_bytes);
	json_bool(j, "paused", q->paused);
	json_close(j, '}');
}

/* As far as there is something but 0. */
static void put_meter(struct json *j, const struct meter_sum *m)
{
	unsigned int rows = METER_LATENCIES;

	while (rows && !m->latency[rows - 1])
		rows--;
	json_number(j, "busy_us", m->busy_ns / 1000);
	json_open(j, "latency_us", '[');
	for (unsigned int row = 0; row < rows; row++)
		json_number(j, NULL, m->latency[row]);
	json_close(j, ']');
}

static void put_word(struct json *j, const char *key, const char *word)
{
	if (word)
		json_word(j, key, word);
	else
		json_null(j, key);
}

/* Whose connection: the domain, and its name as long as it is there. */
static void put_party(struct json *j, const char *key, uint32_t domid, const char *name)
{
	if (domid == STORE_DOMID_NONE) {
		json_null(j, key);
		return;
	}
	json_open(j, key, '{');
	json_number(j, "domain", domid);
	put_word(j, "connection", name);
	json_close(j, '}');
}

static void put_cause(struct json *j, const struct store_cause *c, const char *cause_name)
{
	json_word(j, "kind", store_conflict_name(c->kind));
	if (c->path_len)
		json_word(j, "path", c->path);
	else
		json_null(j, "path");
	json_bool(j, "path_cut", c->path_len >= STORE_PATH_SHOWN);
	put_word(j, "quota", c->quota);
	put_party(j, "caused_by", c->domid, cause_name);
	json_number(j, "count", c->count);
}

void stats_json_conflict(struct json *j, const struct stats_conflict *c)
{
	json_open(j, NULL, '{');
	put_party(j, "lost_by", c->loser, c->loser_name);
	put_cause(j, c->cause, c->cause_name);
	json_close(j, '}');
}

static void put_process(struct json *j, const struct stats_conn *c)
{
	if (c->pid)
		json_number(j, "pid", (uint64_t)c->pid);
	else
		json_null(j, "pid");
	put_word(j, "command", c->command);
}

void stats_json_conn(struct json *j, const struct stats_conn *c)
{
	json_open(j, NULL, '{');
	json_number(j, "id", c->store.conn);
	json_word(j, "connection", c->name);
	json_number(j, "domain", c->store.domid);
	json_bool(j, "ring", c->store.ring);
	put_process(j, c);
	put_traffic(j, c->store.transactions, &c->store.traffic);
	json_number(j, "watches", c->store.watches);
	put_queue(j, &c->queue);
	json_number(j, "passed", c->passed);
	put_meter(j, &c->meter);
	if (c->store.cause.count) {
		json_open(j, "last_conflict", '{');
		put_cause(j, &c->store.cause, c->cause_name);
		json_close(j, '}');
	} else {
		json_null(j, "last_conflict");
	}
	json_close(j, '}');
}

static void put_quotas(struct json *j, const struct store_domain_stats *d)
{
	json_open(j, "quota", '{');
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++) {
		const struct store_quota_use *use = &d->quota[kind];

		json_open(j, store_quota_name((enum store_quota_kind)kind), '{');
		json_number(j, "now", use->now);
		json_number(j, "max", use->max);
		json_number(j, "limit", use->limit);
		json_number(j, "refused", use->refused);
		json_close(j, '}');
	}
	json_close(j, '}');
}

void stats_json_domain(struct json *j, const struct stats_domain *d)
{
	json_open(j, NULL, '{');
	json_number(j, "domain", d->store.domid);
	json_number(j, "instance", d->instance);
	json_bool(j, "introduced", d->store.introduced);
	json_number(j, "connections", d->connections);
	put_traffic(j, d->store.transactions, &d->traffic);
	put_queue(j, &d->queue);
	json_number(j, "passed", d->passed);
	put_meter(j, &d->meter);
	put_quotas(j, &d->store);
	json_close(j, '}');
}

static void put_store_transactions(struct json *j, const struct store_stats *s)
{
	json_open(j, "transactions", '{');
	json_number(j, "open", s->transactions);
	json_number(j, "conflicts", s->conflicts);
	json_number(j, "doomed", s->dooms);
	json_close(j, '}');
}

void stats_json_store(struct json *j, const struct stats_store *s)
{
	json_open(j, NULL, '{');
	json_word(j, "version", s->version);
	json_number(j, "pid", (uint64_t)s->pid);
	json_number(j, "uptime_us", s->uptime_us);
	json_number(j, "cpu_us", s->cpu_us);
	json_number(j, "busy_us", s->busy_us);
	put_requests(j, s->store.requests);
	json_number(j, "errors", s->store.errors);
	put_events(j, s->store.events, s->store.events_merged, s->store.events_dropped);
	put_store_transactions(j, &s->store);
	json_number(j, "domains", s->store.domains);
	json_number(j, "connections", s->store.connections);
	json_number(j, "watches", s->store.watches);
	json_number(j, "nodes", s->store.nodes);
	json_number(j, "unreclaimed", s->store.deferred_nodes);
	json_number(j, "bytes", s->store.bytes);
	json_number(j, "version_bytes", s->store.version_bytes);
	json_number(j, "passed", s->passed);
	json_number(j, "passed_guest", s->passed_guest);
	json_close(j, '}');
}
