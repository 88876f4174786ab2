/* SPDX-License-Identifier: MIT */
#include "limit.h"
#include <stddef.h>
#include "conn.h"
#include "effects.h"
#include "tx.h"

#define FIELD(member) offsetof(struct store_quota, member)

static const struct {
	const char *name, *description;
	size_t field;
	int error;
} kinds[STORE_QUOTA_KINDS] = {
	[STORE_QUOTA_NODES] = { "nodes", "Nodes a domain owns", FIELD(nodes), ENOSPC },
	[STORE_QUOTA_WATCHES] = { "watches", "Watches a domain has set", FIELD(watches), E2BIG },
	[STORE_QUOTA_TRANSACTIONS] = { "transactions", "Transactions a domain has open", FIELD(transactions),
				       ENOSPC },
	[STORE_QUOTA_NODE_SIZE] = { "node-size", "Bytes of a node", FIELD(node_size), ENOSPC },
	[STORE_QUOTA_PERMS] = { "permissions", "Permission entries of a node", FIELD(perms), ENOSPC },
	[STORE_QUOTA_PATH] = { "path-max", "Bytes of a path", FIELD(path_max), EINVAL },
	[STORE_QUOTA_TX_NODES] = { "transaction-nodes", "Nodes a transaction looks at",
				   FIELD(transaction_nodes), ENOSPC },
	[STORE_QUOTA_OUTSTANDING] = { "outstanding", "Requests of a domain not answered", FIELD(outstanding),
				      0 },
	[STORE_QUOTA_MEMORY] = { "memory", "Bytes a domain makes the store hold", FIELD(memory_hard),
				 ENOMEM },
	[STORE_QUOTA_MEMORY_SOFT] = { "soft-memory", "Bytes a domain is warned about", FIELD(memory_soft),
				      0 },
};

void store_quota_defaults(struct store_quota *quota)
{
	*quota = (struct store_quota){
		.nodes = 1000,
		.watches = 128,
		.transactions = 10,
		.node_size = 2048,
		.perms = 5,
		.path_max = 2048,
		.transaction_nodes = 1024,
		.outstanding = 20,
		.memory_hard = 2560 * 1024,
		.memory_soft = 2048 * 1024,
		.versions = 256ull << 20,
	};
}

const char *store_quota_name(enum store_quota_kind kind)
{
	return kinds[kind].name;
}

const char *limit_short_name(enum store_quota_kind kind)
{
	return kinds[kind].name + (kind == STORE_QUOTA_MEMORY_SOFT ? sizeof("soft-") - 1 : 0);
}

const char *limit_description(enum store_quota_kind kind)
{
	return kinds[kind].description;
}

int limit_error(enum store_quota_kind kind)
{
	return kinds[kind].error;
}

int limit_kind(const char *name, size_t len)
{
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++)
		if (strlen(kinds[kind].name) == len && !memcmp(kinds[kind].name, name, len))
			return kind;
	return -ENOENT;
}

uint32_t limit_default(const struct store *s, enum store_quota_kind kind)
{
	uint32_t value;

	memcpy(&value, (const char *)&s->config.quota + kinds[kind].field, sizeof(value));
	return value;
}

void limit_set_default(struct store *s, enum store_quota_kind kind, uint32_t value)
{
	memcpy((char *)&s->config.quota + kinds[kind].field, &value, sizeof(value));
}

const struct store_quota *store_limits(const struct store *store)
{
	return &store->config.quota;
}

uint32_t store_domain_limit(const struct store *s, uint32_t domid, enum store_quota_kind kind)
{
	const struct domain *d = domain_lookup(s, domid);

	return d ? limit_of(s, d, kind) : limit_default(s, kind);
}

bool limit_is_passed(const struct store *s, const struct domain *d, enum store_quota_kind kind,
		     uint64_t figure)
{
	const uint32_t limit = limit_of(s, d, kind);

	return limit && figure > limit;
}

int limit_set_own(struct store *s, struct domain *d, enum store_quota_kind kind, uint32_t value)
{
	if (!d->own)
		d->own = mem_zalloc(&s->mem, sizeof(*d->own));
	if (!d->own)
		return -ENOMEM;
	d->own->set |= 1u << kind;
	d->own->value[kind] = value;
	return 0;
}

void limits_free(struct store *s, struct domain *d)
{
	mem_free(&s->mem, d->own, sizeof(*d->own));
	d->own = NULL;
}

void limit_unset_own(struct store *s, struct domain *d, enum store_quota_kind kind)
{
	if (!d->own)
		return;
	d->own->set &= ~(1u << kind);
	if (!d->own->set)
		limits_free(s, d);
}

static uint64_t largest_tx(const struct domain *d)
{
	uint64_t most = 0;

	list_for_each (pos, &d->conns) {
		const struct conn *conn = list_entry(pos, struct conn, on_domain);

		list_for_each (t, &conn->txs) {
			const struct tx *tx = list_entry(t, struct tx, on_conn);

			most = tx->touched > most ? tx->touched : most;
		}
	}
	return most;
}

uint64_t limit_now(const struct domain *d, enum store_quota_kind kind)
{
	switch (kind) {
	case STORE_QUOTA_NODES:
		return d->nodes;
	case STORE_QUOTA_WATCHES:
		return d->watches;
	case STORE_QUOTA_TRANSACTIONS:
		return d->transactions;
	case STORE_QUOTA_TX_NODES:
		return largest_tx(d);
	case STORE_QUOTA_OUTSTANDING:
		return d->outstanding;
	case STORE_QUOTA_MEMORY:
	case STORE_QUOTA_MEMORY_SOFT:
		return d->memory;
	default:
		return 0;
	}
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The warning is about the same bytes. */
static uint64_t most_of(const struct domain *d, enum store_quota_kind kind)
{
	return d->use[kind == STORE_QUOTA_MEMORY_SOFT ? STORE_QUOTA_MEMORY : kind].max;
}

void limit_note_memory(struct store *s)
{
	while (!list_empty(&s->grown)) {
		struct domain *d = list_first(&s->grown, struct domain, grown);

		list_del(&d->grown);
		domain_reached(d, STORE_QUOTA_MEMORY, d->memory);
	}
}

void limit_bury(struct store *s, const struct domain *d)
{
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++)
		s->past_max[kind] = larger(s->past_max[kind], most_of(d, (enum store_quota_kind)kind));
}

uint64_t store_quota_max(const struct store *s, enum store_quota_kind kind)
{
	uint64_t most = s->past_max[kind];

	for (const struct domain *d = domain_at_or_after(s, 1); d; d = domain_at_or_after(s, d->domid + 1))
		most = larger(most, most_of(d, kind));
	return most;
}

void limit_reset_max(struct store *s)
{
	memset(s->past_max, 0, sizeof(s->past_max));
	for (struct domain *d = domain_at_or_after(s, 0); d; d = domain_at_or_after(s, d->domid + 1))
		for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++)
			d->use[kind].max = limit_now(d, (enum store_quota_kind)kind);
}

static void fill_use(const struct store *s, const struct domain *d, struct store_quota_use *use,
		     enum store_quota_kind kind)
{
	*use = (struct store_quota_use){
		.limit = limit_of(s, d, kind),
		.own = d->own && (d->own->set & 1u << kind),
		.now = limit_now(d, kind),
		.refused = d->use[kind].refused,
	};
	use->max = larger(most_of(d, kind), use->now);
}

int store_domain_stats(const struct store *s, uint32_t domid, struct store_domain_stats *out)
{
	const struct domain *d = domain_lookup(s, domid);
	struct store_traffic traffic;

	if (!d)
		return -ENOENT;
	domain_traffic(d, &traffic);
	*out = (struct store_domain_stats){
		.domid = domid,
		.introduced = d->introduced,
		.features = d->features,
		.nodes = d->nodes,
		.watches = d->watches,
		.transactions = d->transactions,
		.perm_entries = d->perm_entries,
		.memory = d->memory,
		.requests = store_traffic_requests(&traffic),
		.events = traffic.events,
		.conflicts = traffic.conflicts,
	};
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++)
		fill_use(s, d, &out->quota[kind], (enum store_quota_kind)kind);
	return 0;
}

void limit_tell(struct store *s, struct store_effects *out, struct domain *d, enum store_quota_kind kind,
		const char *what, uint32_t op, const char *path, size_t len)
{
	const uint32_t limit = limit_of(s, d, kind);
	const char *name = wire_op_name(op);
	struct usage *use = &d->use[kind];
	const bool known = use->refused++ && (!use->told || use->told == limit);
	char escaped[256];

	use->told = limit;
	if (known)
		return;
	effect_log(out, "domain %u: quota %s (%u) %s: %s%s%s", d->domid, kinds[kind].name, limit, what,
		   name ? name : "?", len ? " " : "", effect_escape(escaped, sizeof(escaped), path, len));
}
