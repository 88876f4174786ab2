/* SPDX-License-Identifier: MIT */
#include "conn.h"
#include "domain.h"
#include "limit.h"
#include "tx.h"
#include "watch.h"

#define QUEUED_MIN 16u

struct conn *conn_find(const struct store *s, uint32_t id)
{
	struct conn *conn = s->conn_buckets ? s->conns[id & (s->conn_buckets - 1)] : NULL;

	while (conn && conn->id != id)
		conn = conn->chain;
	return conn;
}

static int grow_table(struct store *s)
{
	const uint32_t room = s->conn_buckets ? s->conn_buckets * 2 : 16;
	struct conn **table;

	if (s->conn_count < s->conn_buckets)
		return 0;
	table = mem_zalloc(&s->mem, room * sizeof(*table));
	if (!table)
		return s->conn_buckets ? 0 : -ENOMEM; /* longer chains do no harm */
	for (uint32_t i = 0; i < s->conn_buckets; i++) {
		for (struct conn *conn = s->conns[i], *next; conn; conn = next) {
			next = conn->chain;
			conn->chain = table[conn->id & (room - 1)];
			table[conn->id & (room - 1)] = conn;
		}
	}
	mem_free(&s->mem, s->conns, s->conn_buckets * sizeof(*table));
	s->conns = table;
	s->conn_buckets = room;
	return 0;
}

int conn_new_with_id(struct store *s, struct domain *domain, bool ring, uint32_t id, struct conn **out)
{
	struct conn *conn;
	struct conn **bucket;

	if (grow_table(s))
		return -ENOMEM;
	conn = mem_zalloc(&s->mem, sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	conn->id = id;
	conn->ring = ring;
	conn->domain = domain;
	list_init(&conn->watches);
	list_init(&conn->txs);
	list_add_tail(&domain->conns, &conn->on_domain);
	domain_ref(domain);
	bucket = &s->conns[id & (s->conn_buckets - 1)];
	conn->chain = *bucket;
	*bucket = conn;
	s->conn_count++;
	*out = conn;
	return 0;
}

int conn_new(struct store *s, struct domain *domain, bool ring, struct conn **out)
{
	do
		s->next_conn++;
	while (s->next_conn == STORE_CONN_NONE || conn_find(s, s->next_conn));
	return conn_new_with_id(s, domain, ring, s->next_conn, out);
}

void conn_drop_claims(struct store *s, struct conn *conn)
{
	list_for_each_safe (pos, tmp, &conn->watches)
		watch_free(s, list_entry(pos, struct watch, on_conn));
	list_for_each_safe (pos, tmp, &conn->txs)
		tx_free(s, list_entry(pos, struct tx, on_conn));
}

void conn_reset(struct store *s, struct conn *conn)
{
	conn_drop_claims(s, conn);
	conn->last_tx = 0;
	conn->broken = false;
	conn_drained(s, conn, conn->sent - conn->drained, conn->replies);
}

/* The smallest is part of the connection; a larger one is paid for. */
uint64_t conn_queue_bytes(uint32_t room)
{
	return room > QUEUED_MIN ? room * sizeof(struct queued_event) : 0;
}

/* Another table of queued events; the old one is freed. */
static void set_queued(struct store *s, struct conn *conn, struct queued_event *table, uint32_t room)
{
	mem_free(&s->mem, conn->queued, conn->queued_room * sizeof(*table));
	domain_let_go(conn->domain, conn_queue_bytes(conn->queued_room));
	conn->queued = table;
	conn->queued_room = room;
	domain_hold(s, conn->domain, conn_queue_bytes(room));
}

void conn_free(struct store *s, struct conn *conn)
{
	struct conn **link = &s->conns[conn->id & (s->conn_buckets - 1)];

	conn_reset(s, conn);
	store_traffic_add(&conn->domain->past, &conn->traffic);
	while (*link != conn)
		link = &(*link)->chain;
	*link = conn->chain;
	s->conn_count--;
	if (conn->domain->ring == conn)
		conn->domain->ring = NULL;
	list_del(&conn->on_domain);
	set_queued(s, conn, NULL, 0);
	domain_unref(s, conn->domain);
	mem_free(&s->mem, conn->cause, sizeof(*conn->cause));
	mem_free(&s->mem, conn, sizeof(*conn));
}

void conns_done(struct store *s)
{
	for (uint32_t i = 0; i < s->conn_buckets; i++)
		while (s->conns[i])
			conn_free(s, s->conns[i]);
	mem_free(&s->mem, s->conns, s->conn_buckets * sizeof(*s->conns));
	s->conns = NULL;
	s->conn_buckets = 0;
}

void conn_bereave(struct store *s, struct conn *conn)
{
	s->bereft_count += !conn->bereft;
	conn->bereft = true;
}

uint32_t store_next_bereft(struct store *s)
{
	for (uint32_t i = 0; s->bereft_count && i < s->conn_buckets; i++) {
		for (struct conn *conn = s->conns[i]; conn; conn = conn->chain) {
			if (!conn->bereft)
				continue;
			conn->bereft = false;
			s->bereft_count--;
			return conn->id;
		}
	}
	s->bereft_count = 0;
	return STORE_CONN_NONE;
}

void conn_sent(struct store *s, struct conn *conn, size_t bytes)
{
	conn->sent += bytes;
	domain_hold(s, conn->domain, bytes);
}

void conn_replied(struct store *s, struct conn *conn, size_t bytes)
{
	conn_sent(s, conn, bytes);
	conn->replies++;
	conn->domain->outstanding++;
	domain_reached(conn->domain, STORE_QUOTA_OUTSTANDING, conn->domain->outstanding);
}

void conn_drained(struct store *s, struct conn *conn, uint64_t bytes, uint32_t replies)
{
	if (bytes > conn->sent - conn->drained)
		bytes = conn->sent - conn->drained;
	conn->drained += bytes;
	domain_let_go(conn->domain, bytes);
	if (conn->drained == conn->sent || replies > conn->replies)
		replies = conn->replies;
	conn->replies -= replies;
	conn->domain->outstanding -= replies;
	if (conn->drained != conn->sent || !conn->queued_used)
		return;
	if (conn->queued_room > QUEUED_MIN) {
		set_queued(s, conn, NULL, 0);
	} else {
		memset(conn->queued, 0, conn->queued_room * sizeof(*conn->queued));
	}
	conn->queued_used = 0;
}

/* An event whose first byte was taken is on its way and can be merged with no more. */
static bool is_queued(const struct conn *conn, const struct queued_event *e)
{
	return e->at > conn->drained;
}

static struct queued_event *slot_of(struct queued_event *table, uint32_t room, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (room - 1);

	while (table[i].at && table[i].hash != hash)
		i = (i + 1) & (room - 1);
	return &table[i];
}

/* Makes a table with room for one more out of what is still queued. To find out that there is no room takes a look at all
 * of it, so that is not asked again before something was taken. */
static bool rebuild(struct store *s, struct conn *conn)
{
	struct queued_event *table;
	uint32_t room = QUEUED_MIN, queued = 0;

	if (conn->full_at == conn->drained + 1)
		return false;
	for (uint32_t i = 0; i < conn->queued_room; i++)
		queued += is_queued(conn, &conn->queued[i]);
	while (room < (queued + 1) * 2)
		room *= 2;
	if (room > conn->queued_room && limit_is_passed(s, conn->domain, STORE_QUOTA_MEMORY,
							conn->domain->memory + conn_queue_bytes(room) -
								conn_queue_bytes(conn->queued_room))) {
		conn->full_at = conn->drained + 1;
		return false;
	}
	table = mem_zalloc(&s->mem, room * sizeof(*table));
	if (!table)
		return false;
	conn->full_at = 0;
	for (uint32_t i = 0; i < conn->queued_room; i++)
		if (is_queued(conn, &conn->queued[i]))
			*slot_of(table, room, conn->queued[i].hash) = conn->queued[i];
	set_queued(s, conn, table, room);
	conn->queued_used = queued;
	return true;
}

bool conn_event_is_queued(const struct conn *conn, uint64_t hash)
{
	const struct queued_event *e =
		conn->queued_room ? slot_of(conn->queued, conn->queued_room, hash) : NULL;

	return e && e->at && is_queued(conn, e);
}

void conn_note_event(struct store *s, struct conn *conn, uint64_t hash)
{
	struct queued_event *e = conn->queued_room ? slot_of(conn->queued, conn->queued_room, hash) : NULL;

	if (e && e->at) {
		e->at = conn->sent + 1;
		return;
	}
	if (conn->queued_used + 1 > conn->queued_room / 4 * 3 && !rebuild(s, conn))
		return; /* one event too many is allowed, one too few is not */
	*slot_of(conn->queued, conn->queued_room, hash) = (struct queued_event){ hash, conn->sent + 1 };
	conn->queued_used++;
}
