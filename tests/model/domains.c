/* SPDX-License-Identifier: MIT */
/* Domains come, go and act for each other. */
#include "private.h"

/* The payload is @count numbers, each at most its @max. */
static int numbers(struct request *r, size_t count, const uint64_t *max, uint64_t *out)
{
	const char *text[3];
	size_t len[3];
	int err = wire_split(r->in->payload, r->in->len, count, text, len);

	for (size_t i = 0; !err && i < count; i++)
		err = wire_number(text[i], len[i], max[i], &out[i]);
	return err;
}

static int domid_arg(struct request *r, uint64_t *domid)
{
	const uint64_t max = UINT16_MAX;

	return numbers(r, 1, &max, domid);
}

static struct conn *ring_of(struct model *m, uint32_t domid)
{
	for (size_t i = 0; i < m->conn_count; i++)
		if (m->conns[i].ring && m->conns[i].domid == domid)
			return &m->conns[i];
	return NULL;
}

static void unmap(struct model *m, struct domain *d)
{
	struct conn *c = ring_of(m, d->domid);

	if (c || d->waits)
		model_expect(m, STORE_OUT_UNMAP_RING, c ? c->id : 0)->domid = d->domid;
	if (c)
		model_drop_conn(m, c);
}

int model_op_introduce(struct request *r)
{
	struct wire_strings s = { r->in->payload, r->in->len };
	const char *text[3];
	size_t len[3];
	uint64_t domid, gfn, port;
	struct domain *d;
	struct expected *e;
	bool negative;

	for (int i = 0; i < 3; i++) { /* more may follow: "<domid>|<gfn>|<evtchn>|?" */
		text[i] = wire_next_string(&s, &len[i]);
		if (!text[i])
			return -EINVAL;
	}
	negative = text[1][0] == '-'; /* old toolstacks print it signed */
	if (wire_number(text[1] + negative, len[1] - negative, UINT64_MAX, &gfn))
		return -EINVAL;
	if (wire_number(text[0], len[0], WIRE_DOMID_FIRST_RESERVED - 1, &domid) ||
	    wire_number(text[2], len[2], INT32_MAX, &port) || !port)
		return -EINVAL;
	d = model_mention(r->m, (uint32_t)domid);
	if (!d)
		return -ENOENT;
	if (d->waits)
		return -EBUSY;
	unmap(r->m, d);
	d->waits = true;
	d->asker = r->in->conn;
	d->req_id = r->in->req_id;
	d->tx_id = r->in->tx_id;
	e = model_expect(r->m, STORE_OUT_MAP_RING, 0);
	e->domid = d->domid;
	e->port = (uint32_t)port;
	return 0;
}

static void answer_asker(struct model *m, const struct domain *d, int err)
{
	const char *text = err ? wire_error_name(err) : "OK";

	model_reply(m, d->asker, err ? XS_ERROR : XS_INTRODUCE, d->req_id, d->tx_id, text, strlen(text) + 1);
}

int model_mapped(struct model *m, const struct store_input *in)
{
	struct domain *d = model_domain(m, in->domid);

	if (!d || !d->waits)
		return -ENOENT;
	d->waits = false;
	if (!in->error) {
		m->conns = model_grow(m->conns, m->conn_count, sizeof(*m->conns));
		m->conns[m->conn_count++] = (struct conn){
			.id = d->ring, .ring = true, .domid = d->domid, .instance = d->instance
		};
		d->introduced = true;
		if (!d->known)
			model_fire_special(m, "@introduceDomain", d->domid);
		d->known = true;
	}
	answer_asker(m, d, in->error);
	return 0;
}

/* One of those that are beneath another: the store may come to it first, and tell of it, or not. */
static void maybe_fire(struct model *m, const struct model_tree *before, uint64_t instance)
{
	m->optional = true;
	for (size_t i = 1; i < before->count; i++)
		if (before->nodes[i]->perms[0].instance == instance)
			model_fire(m, before, &m->now, before->nodes[i]->path, true);
	m->optional = false;
}

/* Nodes that it owned go with what is beneath them; "/" alone becomes domain 0's. */
static void remove_owned(struct model *m, uint64_t instance)
{
	const struct model_perm dom0 = { 0 };
	struct model_tree before;

	model_tree_copy(&before, &m->now);
	for (size_t i = 0; i < before.count; i++) {
		const struct model_node *node = before.nodes[i];

		if (node->perms[0].instance != instance || !model_find(&m->now, node->path))
			continue;
		if (i)
			model_remove(&m->now, node->path);
		else
			model_set_perms(&m->now, node->path, &dom0, 1);
		model_fire(m, &before, &m->now, node->path, i != 0);
	}
	maybe_fire(m, &before, instance);
	model_tree_free(&before);
}

static void end_instance(struct model *m, struct domain *d)
{
	const uint64_t instance = d->instance;
	const uint32_t domid = d->domid;
	const bool known = d->known, waits = d->waits;
	const struct domain asked = *d;

	unmap(m, d);
	remove_owned(m, instance);
	for (size_t i = 0; i < m->domain_count; i++)
		if (m->domains[i].target == instance)
			m->domains[i].target = MODEL_NOBODY;
	*d = m->domains[--m->domain_count];
	if (known)
		model_fire_special(m, "@releaseDomain", domid);
	if (waits)
		answer_asker(m, &asked, -ENOENT);
}

int model_dead(struct model *m, uint32_t domid)
{
	struct domain *d = model_domain(m, domid);

	if (!d || !domid)
		return -ENOENT;
	end_instance(m, d);
	return 0;
}

int model_shutdown(struct model *m, uint32_t domid)
{
	struct domain *d = model_domain(m, domid);

	if (!d || !domid)
		return -ENOENT;
	if (d->introduced && !d->shutdown) {
		d->shutdown = true;
		model_fire_special(m, "@releaseDomain", domid);
	}
	return 0;
}

int model_op_release(struct request *r)
{
	uint64_t domid;
	struct domain *d;

	if (domid_arg(r, &domid) || !domid)
		return -EINVAL;
	d = model_domain(r->m, (uint32_t)domid);
	if (!d || !d->introduced)
		return -ENOENT;
	end_instance(r->m, d);
	model_answer(r, "OK", 3);
	return 0;
}

int model_op_is_introduced(struct request *r)
{
	const struct domain *d;
	uint64_t domid;

	if (domid_arg(r, &domid))
		return -EINVAL;
	d = model_domain(r->m, (uint32_t)domid);
	model_answer(r, domid == WIRE_DOMID_SELF || (d && d->introduced) ? "T" : "F", 2);
	return 0;
}

int model_op_resume(struct request *r)
{
	struct domain *d;
	uint64_t domid;

	if (domid_arg(r, &domid) || !domid)
		return -EINVAL;
	d = model_domain(r->m, (uint32_t)domid);
	if (!d || !d->introduced)
		return -ENOENT;
	d->shutdown = false;
	model_answer(r, "OK", 3);
	return 0;
}

int model_op_set_target(struct request *r)
{
	const uint64_t max[2] = { UINT16_MAX, UINT16_MAX };
	struct domain *d, *target;
	uint64_t domids[2];

	if (numbers(r, 2, max, domids))
		return -EINVAL;
	d = model_domain(r->m, (uint32_t)domids[0]);
	target = model_domain(r->m, (uint32_t)domids[1]);
	if (!d || !target || !d->introduced || !target->introduced)
		return -ENOENT;
	d->target = target->instance;
	model_answer(r, "OK", 3);
	return 0;
}

int model_op_domain_path(struct request *r)
{
	uint64_t domid;
	char home[WIRE_HOME_MAX + 1];
	const uint64_t max = UINT32_MAX;
	int err = numbers(r, 1, &max, &domid);
	size_t len;

	if (err)
		return err;
	len = wire_home((uint32_t)domid, home);
	home[len] = '\0';
	model_answer(r, home, len + 1);
	return 0;
}
