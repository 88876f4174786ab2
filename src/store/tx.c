/* SPDX-License-Identifier: MIT */
#include "tx.h"
#include "effects.h"
#include "limit.h"
#include "node.h"

static void remember_newest(struct store *s)
{
	s->newest = list_empty(&s->txs) ? 0 : list_last(&s->txs, struct tx, by_start)->start;
	if (!s->newest)
		authors_forget(s);
}

struct tx *tx_find(const struct conn *conn, uint32_t id)
{
	list_for_each (pos, &conn->txs)
		if (list_entry(pos, struct tx, on_conn)->id == id)
			return list_entry(pos, struct tx, on_conn);
	return NULL;
}

static struct tx *tx_alloc(struct store *s, struct conn *conn)
{
	struct tx *tx = mem_zalloc(&s->mem, sizeof(*tx));

	if (!tx)
		return NULL;
	tx->conn = conn;
	list_init(&tx->nodes);
	list_init(&tx->created);
	list_init(&tx->charged);
	tx->table = mem_zalloc(&s->mem, TX_BUCKETS_MIN * sizeof(*tx->table));
	if (!tx->table)
		goto free_tx;
	tx->buckets = TX_BUCKETS_MIN;
	tx->root = txnode_new(s, tx, "", 0);
	if (!tx->root)
		goto free_table;
	return tx;

free_table:
	mem_free(&s->mem, tx->table, TX_BUCKETS_MIN * sizeof(*tx->table));
free_tx:
	mem_free(&s->mem, tx, sizeof(*tx));
	return NULL;
}

int tx_new_with_id(struct store *s, struct conn *conn, uint32_t id, struct tx **out)
{
	struct tx *tx = tx_alloc(s, conn);

	if (!tx)
		return -ENOMEM;
	charge_take(s, &tx->charge, conn->domain, sizeof(*tx) + TX_BUCKETS_MIN * sizeof(*tx->table));
	tx->root->base = s->root;
	tx->root->exists = true;
	tx->id = id;
	tx->start = s->stamp;
	list_add_tail(&s->txs, &tx->by_start);
	list_add_tail(&conn->txs, &tx->on_conn);
	conn->domain->transactions++;
	s->tx_count++;
	remember_newest(s);
	*out = tx;
	return 0;
}

int tx_new(struct store *s, struct conn *conn, struct tx **out)
{
	uint32_t id = conn->last_tx;
	int err;

	do
		id++;
	while (!id || tx_find(conn, id));
	err = tx_new_with_id(s, conn, id, out);
	if (err)
		return err;
	conn->last_tx = id;
	(*out)->urgent = domain_is_privileged(conn->domain) && conn->lost >= LOST_MANY;
	s->urgent += (*out)->urgent;
	s->urgent_ever += (*out)->urgent;
	return 0;
}

void tx_give_up_snapshot(struct store *s, struct tx *tx)
{
	struct list *next = tx->by_start.next;

	if (list_empty(&tx->by_start))
		return;
	list_del(&tx->by_start);
	remember_newest(s);
	version_pass_on(s, tx, next == &s->txs ? NULL : list_entry(next, struct tx, by_start));
	assert(list_empty(&tx->charged));
}

static void calm_down(struct store *s, struct tx *tx)
{
	s->urgent -= tx->urgent;
	tx->urgent = false;
}

void tx_free(struct store *s, struct tx *tx)
{
	tx_give_up_snapshot(s, tx);
	list_for_each_safe (pos, tmp, &tx->nodes)
		txnode_free(s, tx, list_entry(pos, struct txnode, by_access));
	assert(!tx->created_nodes);
	mem_free(&s->mem, tx->table, tx->buckets * sizeof(*tx->table));
	list_del(&tx->on_conn);
	tx->conn->domain->transactions--;
	s->tx_count--;
	calm_down(s, tx);
	charge_release(s, &tx->charge);
	mem_free(&s->mem, tx, sizeof(*tx));
}

void tx_doom(struct store *s, struct tx *tx, struct objection why)
{
	if (tx->doomed)
		return;
	tx_give_up_snapshot(s, tx);
	calm_down(s, tx); /* nobody need wait for what is lost */
	tx->doomed = true;
	tx->doom = why;
	tx->start = STAMP_NOW;
	s->stats.dooms++;
}

static bool is_over(const struct store *s, const struct domain *who)
{
	return limit_is_passed(s, who, STORE_QUOTA_MEMORY, who->memory);
}

/* And why. Of the store's own limit nobody in particular is the cause. */
static struct tx *next_to_doom(const struct store *s, struct objection *why)
{
	const bool global = s->config.quota.versions && s->version_bytes > s->config.quota.versions;

	list_for_each (pos, &s->txs) {
		struct tx *tx = list_entry(pos, struct tx, by_start);

		if (list_empty(&tx->charged) || !(global || is_over(s, tx->conn->domain)))
			continue;
		*why = objection_to_all(STORE_CONFLICT_KEPT_LONG, global ? "versions" : "memory");
		if (!global)
			why->who.domid = tx->conn->domain->domid;
		return tx;
	}
	return NULL;
}

/* Once a domain, like a refusal: a guest can have one doomed with every few requests. Those after it are counted. */
static void tell_doom(struct store *s, const struct tx *tx, struct store_effects *out)
{
	struct domain *who = tx->conn->domain;

	if (who->doom_told)
		return;
	who->doom_told = true;
	effect_log(out,
		   "domain %u: transaction %u is kept open too long: %llu bytes of old versions; its end "
		   "will fail with EAGAIN",
		   who->domid, tx->id, (unsigned long long)s->version_bytes);
}

void tx_enforce_limits(struct store *s, struct store_effects *out)
{
	struct objection why;
	struct tx *tx;

	s->overdrawn = false;
	while ((tx = next_to_doom(s, &why)) != NULL) {
		tell_doom(s, tx, out);
		tx_doom(s, tx, why);
	}
}
