/* SPDX-License-Identifier: MIT */
#include "domain.h"
#include "conn.h"
#include "effects.h"
#include "limit.h"
#include "node.h"
#include "request.h"
#include "tx.h"
#include "watch.h"

void charge_take(struct store *s, struct charge *charge, struct domain *who, uint64_t bytes)
{
	if (!charge->who) {
		charge->who = who;
		domain_ref(who);
	}
	assert(charge->who == who);
	charge->bytes += bytes;
	domain_hold(s, who, bytes);
}

void charge_release(struct store *s, struct charge *charge)
{
	struct domain *who = charge->who;

	if (!who)
		return;
	domain_let_go(who, charge->bytes);
	*charge = (struct charge){ 0 };
	domain_unref(s, who);
}

struct domain *domain_lookup(const struct store *s, uint32_t domid)
{
	if (domid >= WIRE_DOMID_FIRST_RESERVED || !s->domains[domid / DOMID_PAGE])
		return NULL;
	return s->domains[domid / DOMID_PAGE][domid % DOMID_PAGE];
}

struct domain *domain_at_or_after(const struct store *s, uint32_t domid)
{
	while (domid < WIRE_DOMID_FIRST_RESERVED) {
		struct domain **page = s->domains[domid / DOMID_PAGE];

		if (!page) {
			domid = (domid / DOMID_PAGE + 1) * DOMID_PAGE;
			continue;
		}
		if (page[domid % DOMID_PAGE])
			return page[domid % DOMID_PAGE];
		domid++;
	}
	return NULL;
}

int domain_create(struct store *s, uint32_t domid, struct domain **out)
{
	struct domain ***page = &s->domains[domid / DOMID_PAGE];
	struct domain *domain;

	if (!*page)
		*page = mem_zalloc(&s->mem, DOMID_PAGE * sizeof(**page));
	if (!*page)
		return -ENOMEM;
	domain = mem_zalloc(&s->mem, sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	domain->domid = domid;
	domain->instance = ++s->instances;
	domain->refs = 1;
	domain->alive = true;
	domain->features = WIRE_FEATURES_ALL;
	list_init(&domain->conns);
	list_init(&domain->grown);
	(*page)[domid % DOMID_PAGE] = domain;
	s->domain_count++;
	*out = domain;
	return 0;
}

bool domain_exists(const struct store *s, uint32_t domid)
{
	if (domid >= WIRE_DOMID_FIRST_RESERVED)
		return false;
	return domain_lookup(s, domid) ||
	       (s->config.domain_exists && s->config.domain_exists(s->config.ctx, domid));
}

int domain_mention(struct store *s, uint32_t domid, struct domain **out)
{
	*out = domain_lookup(s, domid);
	if (*out)
		return 0;
	return domain_exists(s, domid) ? domain_create(s, domid, out) : -ENOENT;
}

void domain_ref(struct domain *domain)
{
	domain->refs++;
}

void domain_unref(struct store *s, struct domain *domain)
{
	assert(domain->refs);
	if (--domain->refs)
		return;
	assert(!domain->alive && !domain->nodes && !domain->memory);
	s->domain_zombies--;
	limits_free(s, domain);
	mem_free(&s->mem, domain->causes, STORE_CAUSES * sizeof(*domain->causes));
	list_del(&domain->grown);
	mem_free(&s->mem, domain, sizeof(*domain));
}

/* The root cannot go: dom0 has it again, alone. */
static void lose_root(struct store *s, struct store_effects *out)
{
	const uint32_t old = perms_ref(s, node_at(s, s->root)->perms);

	s->stamp++;
	node_set_perms(s, s->root, perms_ref(s, s->dom0_only));
	watch_fire(s, out, "/", 1, s->root, 0, old);
	perms_unref(s, old);
}

/* Removes the node if it is still part of the tree; in any case the domain pays for it no more. */
static void lose_node(struct store *s, uint32_t node, struct store_effects *out)
{
	char path[WIRE_ABS_PATH_MAX];

	if (node == s->root) {
		lose_root(s, out);
		return;
	}
	if (node_is_current(s, node)) {
		s->stamp++;
		watch_fire_removed(s, out, path, node_path(s, node, path), node, node_at(s, node)->parent);
		node_remove(s, node);
	}
	node_disown(s, node);
}

/* Versions of its nodes may have to be remembered. Without memory for that, the snapshots that would need
 * it are given up: a death cannot be refused. */
static void make_removable(struct store *s)
{
	while (version_reserve(s, 2))
		tx_doom(s, list_first(&s->txs, struct tx, by_start),
			objection_to_all(STORE_CONFLICT_MEMORY, NULL));
}

static void lose_nodes(struct store *s, struct domain *domain, struct store_effects *out)
{
	while (domain->owned) {
		make_removable(s);
		lose_node(s, domain->owned, out);
	}
	assert(!domain->nodes);
}

static void forget_targets(struct store *s, const struct domain *domain)
{
	for (struct domain *d = domain_at_or_after(s, 0); d; d = domain_at_or_after(s, d->domid + 1))
		if (d->target == domain)
			d->target = NULL;
}

void domain_die(struct store *s, struct domain *domain, struct store_effects *out)
{
	const bool introduced = domain->introduced;
	const uint32_t domid = domain->domid;
	const uint32_t ring = domain->ring ? domain->ring->id : STORE_CONN_NONE;
	const struct introduction intro = domain->intro;

	s->author = (struct author){ domid, STORE_CONN_NONE };
	assert(domain->alive && !domain_is_privileged(domain));
	domain->alive = false;
	domain->introduced = false;
	s->domains[domid / DOMID_PAGE][domid % DOMID_PAGE] = NULL;
	s->domain_count--;
	s->domain_zombies++;
	while (!list_empty(&domain->conns))
		conn_free(s, list_first(&domain->conns, struct conn, on_domain));
	if (ring)
		effect_add(out, &(struct store_effect){
					.type = STORE_OUT_UNMAP_RING, .domid = domid, .conn = ring });
	domain->target = NULL;
	lose_nodes(s, domain, out);
	forget_targets(s, domain); /* its stub could read what went, and hears of it */
	limit_bury(s, domain);
	domain_unref(s, domain);
	if (introduced)
		watch_fire_special(s, out, SPECIAL_RELEASE, domid);
	if (intro.pending)
		reply_error_to(s, out, intro.conn, intro.req_id, intro.tx_id, -ENOENT);
}

void domains_done(struct store *s)
{
	for (uint32_t page = 0; page < DOMID_PAGES; page++) {
		for (uint32_t i = 0; s->domains[page] && i < DOMID_PAGE; i++) {
			struct domain *d = s->domains[page][i];

			if (!d)
				continue;
			d->alive = false;
			s->domain_zombies++;
			domain_unref(s, d);
		}
		mem_free(&s->mem, s->domains[page], DOMID_PAGE * sizeof(struct domain *));
		s->domains[page] = NULL;
	}
	assert(!s->domain_zombies);
}

int64_t store_next_domain(const struct store *s, int64_t after)
{
	const struct domain *d = domain_at_or_after(s, (uint32_t)(after + 1));

	return d ? (int64_t)d->domid : -1;
}
