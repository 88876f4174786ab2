/* SPDX-License-Identifier: MIT */
#include "quota.h"
#include "conflict.h"
#include "limit.h"
#include "node.h"
#include "request.h"
#include "tx.h"

static int refuse(struct request *rq, enum store_quota_kind kind, struct domain *who)
{
	limit_tell(rq->s, rq->out, who, kind, "refused", rq->in->op, rq->path, rq->path_len);
	return -limit_error(kind);
}

/* Who is privileged is refused nothing, and held to nobody's limit. */
static bool is_over(const struct request *rq, const struct domain *who, enum store_quota_kind kind,
		    uint64_t figure)
{
	return !domain_is_privileged(rq->dom) && limit_is_passed(rq->s, who, kind, figure);
}

int quota_check(struct request *rq, enum store_quota_kind kind, uint64_t figure)
{
	if (is_over(rq, rq->dom, kind, figure))
		return refuse(rq, kind, rq->dom);
	rq->reached[kind] =
		rq->reached_kinds & 1u << kind && rq->reached[kind] > figure ? rq->reached[kind] : figure;
	rq->reached_kinds |= 1u << kind;
	return 0;
}

int quota_check_memory(struct request *rq, struct domain *who, uint64_t bytes)
{
	if (is_over(rq, who, STORE_QUOTA_MEMORY, who->memory + bytes))
		reclaim_all(rq->s);
	if (is_over(rq, who, STORE_QUOTA_MEMORY, who->memory + bytes))
		return refuse(rq, STORE_QUOTA_MEMORY, who);
	if (is_over(rq, who, STORE_QUOTA_MEMORY_SOFT, who->memory + bytes))
		limit_tell(rq->s, rq->out, who, STORE_QUOTA_MEMORY_SOFT, "passed", rq->in->op, rq->path,
			   rq->path_len);
	return 0;
}

int quota_tx_child(struct request *rq, struct txnode *parent, const char *name, size_t len,
		   struct txnode **out)
{
	int err = tx_child(rq->s, rq->tx, parent, name, len, out);

	if (err != -EDQUOT)
		return err;
	reclaim_all(rq->s);
	err = tx_child(rq->s, rq->tx, parent, name, len, out);
	return err == -EDQUOT ? refuse(rq, STORE_QUOTA_MEMORY, rq->dom) : err;
}

void quota_note_reached(struct request *rq)
{
	for (uint32_t left = rq->reached_kinds; left; left &= left - 1) {
		const int kind = __builtin_ctz(left);

		domain_reached(rq->dom, (enum store_quota_kind)kind, rq->reached[kind]);
	}
}

/* Is the node marked, or beneath one that is? Notes the answer in all that it climbed, so that a walk over many nodes
 * climbs each level once, however deep they lie. */
static bool is_beneath_marked(struct store *s, uint32_t node)
{
	uint32_t top = node;
	bool beneath;

	while (top && !(node_at(s, top)->flags & (NODE_MARKED | NODE_BENEATH | NODE_KEPT | NODE_DEAD)))
		top = node_at(s, top)->parent;
	beneath = top && (node_at(s, top)->flags & (NODE_MARKED | NODE_BENEATH));
	for (; node != top; node = node_at(s, node)->parent)
		node_at(s, node)->flags |= beneath ? NODE_BENEATH : NODE_KEPT;
	return beneath;
}

static void forget_climb(struct store *s, uint32_t node)
{
	for (; node && (node_at(s, node)->flags & (NODE_BENEATH | NODE_KEPT));
	     node = node_at(s, node)->parent)
		node_at(s, node)->flags &= 0x7f & ~(NODE_BENEATH | NODE_KEPT);
}

/* Nodes of @who that are marked or beneath one that is. They are looked for among all that @who owns: that is what its
 * quota bounds, while a removed subtree may hold anybody's. */
static uint32_t removed_nodes(struct store *s, const struct domain *who, uint64_t *bytes)
{
	uint32_t count = 0;

	*bytes = 0;
	for (uint32_t node = who->owned; node; node = node_at(s, node)->owned_next) {
		if (!is_beneath_marked(s, node))
			continue;
		count++;
		*bytes += node_bytes(node_at(s, node));
	}
	for (uint32_t node = who->owned; node; node = node_at(s, node)->owned_next)
		forget_climb(s, node);
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

/* Who is over its limit already, for domain 0 may put it there, is refused only what makes it more. */
static bool grows_past(const struct store *s, const struct domain *who, enum store_quota_kind kind,
		       uint64_t now, uint64_t more, uint64_t freed)
{
	return more > freed && limit_is_passed(s, who, kind, now + more - freed);
}

/* May @who have @nodes and @bytes more, @tx's removals set off? */
static bool fits(struct store *s, const struct tx *tx, const struct domain *who, uint64_t nodes,
		 uint64_t bytes)
{
	uint64_t freed_bytes = 0;
	uint32_t freed = 0;

	if (!grows_past(s, who, STORE_QUOTA_NODES, who->nodes, nodes, 0) &&
	    !grows_past(s, who, STORE_QUOTA_MEMORY, who->memory, bytes, 0))
		return true;
	if (tx) {
		mark_removed(s, tx, true);
		freed = removed_nodes(s, who, &freed_bytes);
		mark_removed(s, tx, false);
	}
	return !grows_past(s, who, STORE_QUOTA_NODES, who->nodes, nodes, freed) &&
	       !grows_past(s, who, STORE_QUOTA_MEMORY, who->memory, bytes, freed_bytes);
}

/* Nodes that @tx made and that are @who's: not all of them, where their maker changed whom it is the stub of. */
static uint32_t created_nodes(const struct store *s, const struct tx *tx, const struct domain *who)
{
	uint32_t count = 0;

	list_for_each (pos, &tx->created)
		count += perms_owner(s, list_entry(pos, struct txnode, by_creation)->perms) == who;
	return count;
}

int quota_check_nodes(struct request *rq, struct domain *owner, uint32_t nodes, uint64_t bytes)
{
	uint64_t more = (uint64_t)nodes + (rq->tx ? rq->tx->created_nodes : 0);

	if (domain_is_privileged(rq->dom) || fits(rq->s, NULL, owner, more, bytes))
		return quota_check_memory(rq, owner, bytes);
	reclaim_all(rq->s);
	if (rq->tx)
		more = (uint64_t)nodes + created_nodes(rq->s, rq->tx, owner);
	if (fits(rq->s, rq->tx, owner, more, bytes))
		return 0;
	return refuse(rq,
		      is_over(rq, owner, STORE_QUOTA_NODES, owner->nodes + more) ? STORE_QUOTA_NODES
										 : STORE_QUOTA_MEMORY,
		      owner);
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
		owner->pending_fits = false;
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

/* Each is asked once: to look for what it would be rid of is a walk over all it owns. */
static bool owners_fit(struct store *s, const struct tx *tx, struct objection *why)
{
	list_for_each (pos, &tx->nodes) {
		const struct txnode *t = list_entry(pos, struct txnode, by_access);
		struct domain *owner;
		int64_t bytes;

		if (!t->exists || (!t->fresh && !t->has_value))
			continue;
		owner = perms_owner(s, t->perms ? t->perms : node_at(s, t->base)->perms);
		if (owner->pending_fits)
			continue;
		bytes = owner->pending_bytes;
		if (owner == tx->charge.who) /* what the overlay takes ends with it */
			bytes -= (int64_t)tx->charge.bytes;
		owner->pending_fits =
			fits(s, tx, owner, owner->pending_nodes, bytes > 0 ? (uint64_t)bytes : 0);
		if (owner->pending_fits)
			continue;
		*why = (struct objection){ STORE_CONFLICT_QUOTA,
					   t,
					   { owner->domid, STORE_CONN_NONE },
					   store_quota_name(fits(s, tx, owner, owner->pending_nodes, 0)
								    ? STORE_QUOTA_MEMORY
								    : STORE_QUOTA_NODES) };
		return false;
	}
	return true;
}

bool quota_allows_commit(struct store *s, struct tx *tx, struct objection *why)
{
	bool fit;

	if (domain_is_privileged(tx->conn->domain))
		return true;
	add_up(s, tx, 1);
	fit = owners_fit(s, tx, why);
	if (!fit) {
		reclaim_all(s);
		fit = owners_fit(s, tx, why);
	}
	add_up(s, tx, -1);
	return fit;
}
