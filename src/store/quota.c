/* SPDX-License-Identifier: MIT */
#include "quota.h"
#include <stddef.h>
#include "effects.h"
#include "node.h"
#include "request.h"
#include "tx.h"

#define FIELD(member) offsetof(struct store_quota, member)

static const struct {
	const char *name, *description;
	size_t field;
	int error;
} kinds[QUOTA_KINDS] = {
	[QUOTA_NODES] = { "nodes", "Nodes per domain", FIELD(nodes), ENOSPC },
	[QUOTA_WATCHES] = { "watches", "Watches per domain", FIELD(watches), E2BIG },
	[QUOTA_TRANSACTIONS] = { "transactions", "Transactions per domain", FIELD(transactions), ENOSPC },
	[QUOTA_NODE_SIZE] = { "node-size", "Max. size of a node", FIELD(node_size), ENOSPC },
	[QUOTA_PERMS] = { "permissions", "Max. number of permissions per node", FIELD(perms), ENOSPC },
	[QUOTA_PATH] = { "path-max", "Max. length of a node path", FIELD(path_max), EINVAL },
	[QUOTA_TX_NODES] = { "transaction-nodes", "Max. number of accessed nodes per transaction",
			     FIELD(transaction_nodes), ENOSPC },
	[QUOTA_MEMORY] = { "memory", "Total Xenstore memory per domain (error level)", FIELD(memory_hard),
			   ENOMEM },
	[QUOTA_MEMORY_SOFT] = { "memory", "Total Xenstore memory per domain (warning level)",
				FIELD(memory_soft), 0 },
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

const char *quota_name(enum quota_kind kind)
{
	return kinds[kind].name;
}

const char *quota_description(enum quota_kind kind)
{
	return kinds[kind].description;
}

uint32_t quota_value(const struct store_quota *quota, enum quota_kind kind)
{
	uint32_t value;

	memcpy(&value, (const char *)quota + kinds[kind].field, sizeof(value));
	return value;
}

const struct store_quota *store_limits(const struct store *store)
{
	return &store->config.quota;
}

uint32_t *quota_field(struct store_quota *quota, const char *name, size_t len, bool soft)
{
	if (!soft && len == 11 && !memcmp(name, "outstanding", 11))
		return &quota->outstanding;
	for (int i = 0; i < QUOTA_KINDS; i++)
		if (soft == (i == QUOTA_MEMORY_SOFT) && strlen(kinds[i].name) == len &&
		    !memcmp(kinds[i].name, name, len))
			return (uint32_t *)(void *)((char *)quota + kinds[i].field);
	return NULL;
}

static void tell_once(struct request *rq, enum quota_kind kind, struct domain *who, const char *what)
{
	char path[256];

	if (who->told & 1u << kind)
		return;
	who->told |= 1u << kind;
	effect_log(rq->out, "domain %u: quota %s (%u) %s: %s %s", who->domid, kinds[kind].name,
		   quota_value(&rq->s->config.quota, kind), what, wire_op_name(rq->in->op),
		   effect_escape(path, sizeof(path), rq->path, rq->path_len));
}

static int refuse(struct request *rq, enum quota_kind kind, struct domain *who)
{
	tell_once(rq, kind, who, "refused");
	return -kinds[kind].error;
}

static bool is_over(const struct request *rq, enum quota_kind kind, uint64_t figure)
{
	const uint32_t limit = quota_value(&rq->s->config.quota, kind);

	return !domain_is_privileged(rq->dom) && limit && figure > limit;
}

int quota_check(struct request *rq, enum quota_kind kind, uint64_t figure)
{
	return is_over(rq, kind, figure) ? refuse(rq, kind, rq->dom) : 0;
}

int quota_check_memory(struct request *rq, struct domain *who, uint64_t bytes)
{
	if (is_over(rq, QUOTA_MEMORY, who->memory + bytes))
		reclaim_all(rq->s);
	if (is_over(rq, QUOTA_MEMORY, who->memory + bytes))
		return refuse(rq, QUOTA_MEMORY, who);
	if (is_over(rq, QUOTA_MEMORY_SOFT, who->memory + bytes))
		tell_once(rq, QUOTA_MEMORY_SOFT, who, "(soft) passed");
	return 0;
}

/* Nodes of @who that @tx would remove. They are looked for among all that @who owns: that is what its
 * quota bounds, while a removed subtree may hold anybody's. */
static uint32_t removed_nodes(struct store *s, const struct tx *tx, const struct domain *who, uint64_t *bytes)
{
	uint32_t count = 0;

	*bytes = 0;
	for (uint32_t node = who->owned; node; node = node_at(s, node)->owned_next) {
		uint32_t at = node;

		while (at && !(node_at(s, at)->flags & (NODE_MARKED | NODE_DEAD)))
			at = node_at(s, at)->parent;
		if (at && (node_at(s, at)->flags & NODE_MARKED)) {
			count++;
			*bytes += node_bytes(node_at(s, node));
		}
	}
	return count;
}

static void mark_removed(struct store *s, const struct tx *tx, bool mark)
{
	list_for_each (pos, &tx->nodes) {
		const struct txnode *t = list_entry(pos, struct txnode, by_access);

		if (!t->removed || !t->base)
			continue;
		if (mark)
			node_at(s, t->base)->flags |= NODE_MARKED;
		else
			node_at(s, t->base)->flags &= 0x7f & ~NODE_MARKED;
	}
}

/* Is @who, with @nodes and @bytes more, within the limits, @tx's removals set off? */
static bool fits(struct store *s, const struct tx *tx, const struct domain *who, uint64_t nodes,
		 uint64_t bytes)
{
	const struct store_quota *q = &s->config.quota;
	uint64_t freed_bytes = 0;
	uint32_t freed = 0;

	nodes += who->nodes;
	bytes += who->memory;
	if ((!q->nodes || nodes <= q->nodes) && (!q->memory_hard || bytes <= q->memory_hard))
		return true;
	if (tx) {
		mark_removed(s, tx, true);
		freed = removed_nodes(s, tx, who, &freed_bytes);
		mark_removed(s, tx, false);
	}
	return (!q->nodes || nodes - freed <= q->nodes) &&
	       (!q->memory_hard || bytes - freed_bytes <= q->memory_hard);
}

int quota_check_nodes(struct request *rq, struct domain *owner, uint32_t nodes, uint64_t bytes)
{
	const uint64_t more = (uint64_t)nodes + (rq->tx ? rq->tx->created_nodes : 0);

	if (domain_is_privileged(rq->dom) || fits(rq->s, NULL, owner, more, bytes))
		return quota_check_memory(rq, owner, bytes);
	reclaim_all(rq->s);
	if (fits(rq->s, rq->tx, owner, more, bytes))
		return 0;
	return refuse(rq, is_over(rq, QUOTA_NODES, owner->nodes + more) ? QUOTA_NODES : QUOTA_MEMORY, owner);
}

/* Adds up in each owner's pending_ fields what the transaction would make it hold; takes it away again. */
static void add_up(struct store *s, const struct tx *tx, int sign)
{
	list_for_each (pos, &tx->nodes) {
		const struct txnode *t = list_entry(pos, struct txnode, by_access);
		struct domain *owner;

		if (!t->exists || (!t->fresh && !t->has_value && !t->perms))
			continue;
		owner = perms_owner(s, t->perms ? t->perms : node_at(s, t->base)->perms);
		if (t->fresh) {
			owner->pending_nodes += (uint32_t)sign;
			owner->pending_bytes +=
				sign * (int64_t)(sizeof(struct node) + blob_size(t->name_len) +
						 blob_size(t->value_len));
		} else if (t->has_value) {
			owner->pending_bytes += sign * ((int64_t)blob_size(t->value_len) -
							(int64_t)blob_size(node_at(s, t->base)->value_len));
		}
	}
}

static bool owners_fit(struct store *s, const struct tx *tx)
{
	list_for_each (pos, &tx->nodes) {
		const struct txnode *t = list_entry(pos, struct txnode, by_access);
		const struct domain *owner;
		int64_t bytes;

		if (!t->exists || (!t->fresh && !t->has_value))
			continue;
		owner = perms_owner(s, t->perms ? t->perms : node_at(s, t->base)->perms);
		bytes = owner->pending_bytes;
		if (owner == tx->charge.who) /* what the overlay takes ends with it */
			bytes -= (int64_t)tx->charge.bytes;
		if (!fits(s, tx, owner, owner->pending_nodes, bytes > 0 ? (uint64_t)bytes : 0))
			return false;
	}
	return true;
}

bool quota_allows_commit(struct store *s, struct tx *tx)
{
	bool fit;

	if (domain_is_privileged(tx->conn->domain))
		return true;
	add_up(s, tx, 1);
	fit = owners_fit(s, tx);
	if (!fit) {
		reclaim_all(s);
		fit = owners_fit(s, tx);
	}
	add_up(s, tx, -1);
	return fit;
}
