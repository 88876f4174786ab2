/* SPDX-License-Identifier: MIT */
/* What was counted, for who wants to know. */
#include <xenbus/store_stats.h>
#include "conn.h"
#include "domain.h"
#include "node.h"

_Static_assert(WIRE_OP_COUNT < STORE_OPS && WIRE_ERROR_COUNT <= STORE_ERRORS, "each kind has its row");

void store_traffic_add(struct store_traffic *to, const struct store_traffic *from)
{
	for (size_t i = 0; i < STORE_OPS; i++)
		to->requests[i] += from->requests[i];
	for (size_t i = 0; i < STORE_ERRORS; i++)
		to->errors[i] += from->errors[i];
	to->events += from->events;
	to->events_merged += from->events_merged;
	to->events_dropped += from->events_dropped;
	to->committed += from->committed;
	to->conflicts += from->conflicts;
	to->blamed += from->blamed;
}

uint64_t store_traffic_requests(const struct store_traffic *traffic)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < STORE_OPS; i++)
		sum += traffic->requests[i];
	return sum;
}

void domain_traffic(const struct domain *domain, struct store_traffic *out)
{
	*out = domain->past;
	list_for_each (pos, &domain->conns)
		store_traffic_add(out, &list_entry(pos, struct conn, on_domain)->traffic);
}

int store_domain_traffic(const struct store *s, uint32_t domid, struct store_traffic *out)
{
	const struct domain *domain = domain_lookup(s, domid);

	if (!domain)
		return -ENOENT;
	domain_traffic(domain, out);
	return 0;
}

uint64_t store_domain_instance(const struct store *s, uint32_t domid)
{
	const struct domain *domain = domain_lookup(s, domid);

	return domain ? domain->instance : 0;
}

size_t store_domain_causes(const struct store *s, uint32_t domid, struct store_cause out[STORE_CAUSES])
{
	const struct domain *domain = domain_lookup(s, domid);
	size_t count = 0;

	for (size_t i = 0; domain && domain->causes && i < STORE_CAUSES; i++) {
		size_t at = count;

		if (!domain->causes[i].count)
			continue;
		for (; at && out[at - 1].at < domain->causes[i].at; at--)
			out[at] = out[at - 1];
		out[at] = domain->causes[i];
		count++;
	}
	return count;
}

static uint32_t count(const struct list *list)
{
	uint32_t n = 0;

	list_for_each (pos, list)
		n++;
	return n;
}

int store_conn_stats(const struct store *s, uint32_t id, struct store_conn_stats *out)
{
	const struct conn *conn = conn_find(s, id);

	if (!conn)
		return -ENOENT;
	*out = (struct store_conn_stats){
		.conn = id,
		.domid = conn->domain->domid,
		.ring = conn->ring,
		.watches = conn->watch_count,
		.transactions = count(&conn->txs),
		.queued = conn->sent - conn->drained,
		.traffic = conn->traffic,
	};
	if (conn->cause)
		out->cause = *conn->cause;
	return 0;
}

uint32_t store_next_conn(const struct store *s, uint32_t after)
{
	uint32_t next = STORE_CONN_NONE;

	for (uint32_t i = 0; i < s->conn_buckets; i++)
		for (const struct conn *conn = s->conns[i]; conn; conn = conn->chain)
			if (conn->id > after && (next == STORE_CONN_NONE || conn->id < next))
				next = conn->id;
	return next;
}

void store_stats(const struct store *s, struct store_stats *out)
{
	*out = s->stats;
	out->nodes = s->nodes.live;
	out->watches = s->watch_count;
	out->transactions = s->tx_count;
	out->connections = s->conn_count;
	out->domains = s->domain_count;
	out->version_bytes = s->version_bytes;
	out->bytes = s->mem.bytes;
	for (uint32_t node = s->free_queue; node; node = node_at(s, node)->next)
		out->deferred_nodes++;
}
