/* SPDX-License-Identifier: MIT */
/*
 * Counts everything by walking to it, then compares with what the store believes. What hangs where it
 * should not is found on the way; what nothing leads to is found by the sums.
 */
#include "request.h"
#include "watch.h"

struct census {
	const struct store *s;
	const char *wrong;   /* the first thing that is */
	uint32_t *perm_refs; /* by list */
	uint64_t *memory;    /* by domid, of living domains */
	uint32_t *refs;	     /* the same: references to the instance */
	uint64_t nodes, indexed, versions, version_bytes, blobs, wnodes, watches, txs, urgent, conns, domains;
};

static void claim(struct census *c, bool right, const char *wrong)
{
	if (!right && !c->wrong)
		c->wrong = wrong;
}

static void pays(struct census *c, const struct domain *who, uint64_t bytes)
{
	if (who->alive)
		c->memory[who->domid] += bytes;
}

static void refers(struct census *c, const struct domain *who)
{
	if (who && who->alive)
		c->refs[who->domid]++;
}

static void count_charge(struct census *c, const struct charge *charge)
{
	if (!charge->who)
		return;
	pays(c, charge->who, charge->bytes);
	refers(c, charge->who);
}

static void count_perms(struct census *c, uint32_t perms)
{
	if (perms)
		c->perm_refs[perms]++;
}

static void count_version(struct census *c, const struct node *n, uint32_t node, const struct version *v,
			  uint64_t newer)
{
	c->versions++;
	c->version_bytes += v->bytes;
	c->blobs += v->value != 0;
	count_perms(c, v->perms);
	claim(c, v->node == node, "version of another node");
	claim(c, v->until < newer, "versions out of order");
	claim(c, v->until > n->birth, "version older than its node");
	claim(c, !list_empty(&v->payer->by_start) && v->payer->start < v->until, "version nobody can see");
	claim(c, !(v->changed & CHANGED_DEAD) || (n->flags & NODE_DEAD), "death of a living node");
	pays(c, v->payer->conn->domain, v->bytes);
}

/* What waits in the queue of the free has no parent, no version, and no more than its next. */
static void count_versions(struct census *c, const struct node *n, uint32_t node)
{
	uint64_t newer = UINT64_MAX;

	for (uint32_t at = n->versions; at; at = version_at(c->s, at)->older) {
		count_version(c, n, node, version_at(c->s, at), newer);
		newer = version_at(c->s, at)->until;
	}
	claim(c,
	      !(n->flags & NODE_DEAD) || !n->parent ||
		      (n->versions && (version_at(c->s, n->versions)->changed & CHANGED_DEAD)),
	      "dead node without its death");
}

static bool is_in_index(const struct store *s, uint32_t node)
{
	const struct node *n = node_at(s, node);
	uint32_t at = *index_bucket(&s->node_index, node_hash(s, n));

	while (at && at != node)
		at = node_at(s, at)->chain;
	return at == node;
}

static void count_node(struct census *c, uint32_t node)
{
	const struct store *s = c->s;
	const struct node *n = node_at(s, node);

	c->nodes++;
	c->blobs += (n->name != 0) + (n->value != 0);
	count_perms(c, n->perms);
	if (!(n->flags & NODE_DISOWNED))
		pays(c, perms_owner(s, n->perms), node_bytes(n));
	claim(c, !(n->flags & (NODE_MARKED | NODE_BENEATH | NODE_KEPT)), "mark left behind");
	claim(c, !n->first || node_at(s, node_at(s, n->first)->prev)->next == 0,
	      "last child is not the last");
	claim(c, !n->next || !n->parent || node_at(s, n->next)->prev == node, "siblings disagree");
	c->indexed += n->parent != 0;
	claim(c, !n->parent || is_in_index(s, node), "node not in the index");
	count_versions(c, n, node);
}

static void count_subtree(struct census *c, uint32_t top)
{
	const struct store *s = c->s;
	uint32_t at = top;

	while (at) {
		const struct node *n = node_at(s, at);

		count_node(c, at);
		if (n->first) {
			claim(c, node_at(s, n->first)->parent == at, "child of another parent");
			at = n->first;
			continue;
		}
		while (at != top && !node_at(s, at)->next)
			at = node_at(s, at)->parent;
		at = at == top ? 0 : node_at(s, at)->next;
	}
}

static void count_nodes(struct census *c)
{
	const struct store *s = c->s;

	count_subtree(c, s->root);
	for (uint32_t top = s->free_queue; top; top = node_at(s, top)->next)
		count_subtree(c, top);
	claim(c, c->nodes == s->nodes.live, "nodes that nothing leads to");
	claim(c, c->indexed == s->node_index.items, "index holds other nodes");
	claim(c, c->versions == s->versions.live, "versions that nothing leads to");
	claim(c, c->version_bytes == s->version_bytes, "bytes of versions");
}

static void count_tx(struct census *c, const struct conn *conn, const struct tx *tx)
{
	uint32_t fresh = 0;

	c->txs++;
	c->urgent += tx->urgent;
	claim(c, tx->conn == conn, "transaction of another connection");
	count_charge(c, &tx->charge);
	list_for_each (pos, &tx->nodes) {
		const struct txnode *t = list_entry(pos, struct txnode, by_access);

		c->blobs += (t->name != 0) + (t->value != 0);
		count_perms(c, t->perms);
		fresh += t->fresh;
	}
	claim(c, fresh == tx->created_nodes, "nodes created in a transaction");
}

static void count_conn(struct census *c, const struct conn *conn)
{
	uint32_t watches = 0;

	c->conns++;
	refers(c, conn->domain);
	claim(c, conn->domain->alive, "connection of a dead domain");
	pays(c, conn->domain, conn->sent - conn->drained + conn_queue_bytes(conn->queued_room));
	claim(c, !conn->replies || conn->sent != conn->drained, "replies that are not queued");
	list_for_each (pos, &conn->watches) {
		const struct watch *w = list_entry(pos, struct watch, on_conn);

		watches++;
		claim(c, w->conn == conn, "watch of another connection");
		count_charge(c, &w->charge);
	}
	claim(c, watches == conn->watch_count, "watches of a connection");
	c->watches += watches;
	list_for_each (pos, &conn->txs)
		count_tx(c, conn, list_entry(pos, struct tx, on_conn));
}

static void count_wnodes(struct census *c, uint32_t top)
{
	const struct store *s = c->s;
	uint32_t at = top;

	while (at) {
		const struct wnode *w = wnode_at(s, at);
		uint32_t watches = 0;

		c->wnodes++;
		c->blobs += w->name != 0;
		count_charge(c, &w->charge);
		list_for_each (pos, &w->watches)
			watches += list_entry(pos, struct watch, on_wnode)->wnode == at;
		claim(c, watches == w->count, "watches of a path");
		claim(c, at == top || w->first || w->count, "watched path without watches");
		if (w->first) {
			at = w->first;
			continue;
		}
		while (at != top && !wnode_at(s, at)->next)
			at = wnode_at(s, at)->parent;
		at = at == top ? 0 : wnode_at(s, at)->next;
	}
}

static void check_owned(struct census *c, const struct domain *d)
{
	uint32_t nodes = 0;

	for (uint32_t node = d->owned; node; node = node_at(c->s, node)->owned_next) {
		nodes++;
		claim(c, perms_owner(c->s, node_at(c->s, node)->perms) == d, "node of another owner");
		claim(c, !(node_at(c->s, node)->flags & NODE_DISOWNED), "disowned node in a list");
	}
	claim(c, nodes == d->nodes, "nodes of a domain");
}

static void count_claims(struct census *c, const struct domain *d)
{
	uint32_t watches = 0, txs = 0, replies = 0;

	list_for_each (pos, &d->conns) {
		const struct conn *conn = list_entry(pos, struct conn, on_domain);

		count_conn(c, conn);
		watches += conn->watch_count;
		replies += conn->replies;
		list_for_each (t, &conn->txs)
			txs++;
	}
	claim(c, watches == d->watches, "watches of a domain");
	claim(c, replies == d->outstanding, "replies a domain has not taken");
	claim(c, txs == d->transactions, "transactions of a domain");
}

static void count_lists(struct census *c)
{
	const struct store *s = c->s;

	count_perms(c, s->dom0_only);
	for (int i = 0; i < SPECIAL_COUNT; i++)
		count_perms(c, s->special[i]);
	for (uint32_t perms = 1; perms < s->perms.fresh; perms++) {
		const struct perm_list *list = perms_at(s, perms);

		if (!c->perm_refs[perms])
			continue;
		if (list->entries[0].who)
			pays(c, list->entries[0].who, perms_bytes(list));
		claim(c, list->refs == c->perm_refs[perms], "references to a permission list");
		for (uint32_t i = 0; i < list->count; i++)
			refers(c, list->entries[i].who);
	}
}

static void check_domains(struct census *c)
{
	const struct store *s = c->s;

	for (const struct domain *d = domain_at_or_after(s, 0); d; d = domain_at_or_after(s, d->domid + 1)) {
		c->domains++;
		claim(c, d->refs == c->refs[d->domid] + 1, "references to a domain");
		claim(c, d->memory == c->memory[d->domid], "memory of a domain");
		claim(c, !d->pending_nodes && !d->pending_bytes, "scratch of a commit left behind");
		check_owned(c, d);
	}
	claim(c, c->domains == s->domain_count, "number of domains");
}

static void check_snapshots(struct census *c)
{
	uint64_t last = 0;

	list_for_each (pos, &c->s->txs) {
		const struct tx *tx = list_entry(pos, struct tx, by_start);

		claim(c, tx->start >= last && !tx->doomed, "snapshots out of order");
		last = tx->start;
	}
	claim(c, c->s->newest == last, "the newest snapshot");
}

static void count_all(struct census *c)
{
	const struct store *s = c->s;

	count_nodes(c);
	count_wnodes(c, s->watch_root);
	count_wnodes(c, s->watch_special);
	for (const struct domain *d = domain_at_or_after(s, 0); d; d = domain_at_or_after(s, d->domid + 1))
		count_claims(c, d);
	count_lists(c);
	check_domains(c);
	check_snapshots(c);
	claim(c, c->wnodes == s->wnodes.live, "watched paths that nothing leads to");
	claim(c, c->watches == s->watch_count, "number of watches");
	claim(c, c->txs == s->tx_count, "number of transactions");
	claim(c, c->urgent == s->urgent, "number of urgent transactions");
	claim(c, c->conns == s->conn_count, "number of connections");
	claim(c, c->blobs == s->blobs.live, "names and values that nothing leads to");
}

const char *store_check(const struct store *s)
{
	struct census c = { .s = s };

	c.perm_refs = calloc(s->perms.fresh, sizeof(*c.perm_refs));
	c.memory = calloc(WIRE_DOMID_FIRST_RESERVED, sizeof(*c.memory));
	c.refs = calloc(WIRE_DOMID_FIRST_RESERVED, sizeof(*c.refs));
	if (c.perm_refs && c.memory && c.refs)
		count_all(&c);
	else
		c.wrong = "no memory to check with";
	free(c.perm_refs);
	free(c.memory);
	free(c.refs);
	return c.wrong;
}
