/* SPDX-License-Identifier: MIT */
/* The model's connections and inputs. */
#include "private.h"

void *model_grow(void *array, size_t count, size_t size)
{
	void *grown = count & (count - 1) ? array : realloc(array, (count ? 2 * count : 1) * size);

	if (!grown)
		abort();
	return grown;
}

void *model_copy(const void *bytes, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		abort();
	memcpy(copy, len ? bytes : "", len);
	copy[len] = '\0';
	return copy;
}

static void make_special(struct model *m, int i, const char *name)
{
	struct model_tree tree;

	model_tree_init(&tree, &m->clock);
	m->specials[i] = tree.nodes[0];
	free(tree.nodes);
	free(m->specials[i]->path);
	m->specials[i]->path = model_copy(name, strlen(name));
}

struct model *model_new(const struct store_config *config)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->config = *config;
	model_tree_init(&m->now, &m->clock);
	model_mkdir(&m->now, "/tool/xenstored", NULL);
	make_special(m, 0, "@introduceDomain");
	make_special(m, 1, "@releaseDomain");
	m->domains = model_grow(NULL, 0, sizeof(*m->domains));
	m->domains[m->domain_count++] =
		(struct domain){ .introduced = true, .known = true, .target = MODEL_NOBODY };
	return m;
}

struct conn *model_conn(struct model *m, uint32_t id)
{
	for (size_t i = 0; i < m->conn_count; i++)
		if (m->conns[i].id == id)
			return &m->conns[i];
	return NULL;
}

struct domain *model_domain(struct model *m, uint32_t domid)
{
	for (size_t i = 0; i < m->domain_count; i++)
		if (m->domains[i].domid == domid)
			return &m->domains[i];
	return NULL;
}

struct domain *model_instance(struct model *m, uint64_t instance)
{
	for (size_t i = 0; i < m->domain_count; i++)
		if (m->domains[i].instance == instance)
			return &m->domains[i];
	return NULL;
}

struct domain *model_mention(struct model *m, uint32_t domid)
{
	struct domain *d = model_domain(m, domid);

	if (d || domid >= WIRE_DOMID_FIRST_RESERVED || !m->config.domain_exists(m->config.ctx, domid))
		return d;
	m->domains = model_grow(m->domains, m->domain_count, sizeof(*m->domains));
	d = &m->domains[m->domain_count++];
	*d = (struct domain){ .domid = domid, .instance = ++m->last_instance, .target = MODEL_NOBODY };
	return d;
}

/* Takes @n bytes off the front of what is queued. */
static void drain(struct conn *c, uint64_t n)
{
	size_t gone = 0;

	while (gone < c->queue_count && n >= c->queue[gone].left) {
		n -= c->queue[gone].left;
		free(c->queue[gone++].event);
	}
	c->queue_count -= gone;
	if (gone)
		memmove(c->queue, c->queue + gone, c->queue_count * sizeof(*c->queue));
	if (c->queue_count)
		c->queue[0].left -= n;
}

void model_reset_conn(struct model *m, struct conn *c, bool and_queue)
{
	model_drop_watches(m, c->id);
	for (size_t i = 0; i < c->tx_count; i++)
		model_tx_free(&c->txs[i]);
	free(c->txs);
	c->txs = NULL;
	c->tx_count = 0;
	if (and_queue)
		drain(c, UINT64_MAX);
}

void model_drop_conn(struct model *m, struct conn *c)
{
	model_reset_conn(m, c, true);
	free(c->queue);
	*c = m->conns[--m->conn_count];
}

static void forget_expected(struct model *m)
{
	for (size_t i = 0; i < m->expected_count; i++)
		free(m->expected[i].payload);
	free(m->expected);
	m->expected = NULL;
	m->expected_count = 0;
}

struct expected *model_expect(struct model *m, enum store_effect_type type, uint32_t conn)
{
	struct expected *e;

	m->expected = model_grow(m->expected, m->expected_count, sizeof(*m->expected));
	e = &m->expected[m->expected_count++];
	*e = (struct expected){ .type = type, .conn = conn };
	return e;
}

static void enqueue(struct conn *c, size_t len, uint8_t *event)
{
	c->queue = model_grow(c->queue, c->queue_count, sizeof(*c->queue));
	c->queue[c->queue_count++] = (struct queued){ WIRE_HEADER_SIZE + len, WIRE_HEADER_SIZE + len, event };
}

void model_reply(struct model *m, uint32_t conn, uint32_t op, uint32_t req_id, uint32_t tx_id,
		 const void *payload, size_t len)
{
	struct conn *c = model_conn(m, conn);
	struct expected *e;

	if (!c)
		return; /* gone while its INTRODUCE waited */
	e = model_expect(m, STORE_OUT_REPLY, conn);
	e->op = op;
	e->req_id = req_id;
	e->tx_id = tx_id;
	e->payload = model_copy(payload, len);
	e->len = len;
	enqueue(c, len, NULL);
}

/* Is the same event queued, and not a byte of it taken? */
static bool is_queued(const struct conn *c, const uint8_t *event, size_t len)
{
	for (size_t i = 0; i < c->queue_count; i++) {
		const struct queued *q = &c->queue[i];

		if (q->event && q->left == q->len && q->len == WIRE_HEADER_SIZE + len &&
		    !memcmp(q->event, event, len))
			return true;
	}
	return false;
}

void model_event(struct model *m, uint32_t conn, const char *path, const struct watch *w)
{
	const size_t path_len = strlen(path) + 1, len = path_len + w->token_len + 1;
	struct conn *c = model_conn(m, conn);
	struct expected *e;
	uint8_t *payload;

	if (len > WIRE_PAYLOAD_MAX)
		return;
	payload = malloc(len + 1);
	if (!payload)
		abort();
	memcpy(payload, path, path_len);
	memcpy(payload + path_len, w->token, w->token_len + 1);
	if (is_queued(c, payload, len)) {
		free(payload);
		return;
	}
	e = model_expect(m, STORE_OUT_EVENT, conn);
	e->op = XS_WATCH_EVENT;
	e->optional = m->optional;
	e->payload = payload;
	e->len = len;
	enqueue(c, len, model_copy(payload, len));
}

static void connect_client(struct model *m, const struct store_input *in)
{
	m->conns = model_grow(m->conns, m->conn_count, sizeof(*m->conns));
	m->conns[m->conn_count++] = (struct conn){ .id = in->conn };
}

/* Returns what store_apply() should have. */
static int apply_to_conn(struct model *m, const struct store_input *in)
{
	struct conn *c = model_conn(m, in->conn);

	if (!c)
		return -ENOENT;
	switch (in->type) {
	case STORE_IN_DISCONNECT:
		model_drop_conn(m, c);
		break;
	case STORE_IN_RING_RESET:
		model_reset_conn(m, c, true);
		c->broken = false;
		c->last_tx = 0;
		break;
	case STORE_IN_DRAINED:
		drain(c, in->bytes);
		break;
	default:
		if (c->broken)
			return -ENOENT;
		model_message(m, c, in);
	}
	return 0;
}

static int apply(struct model *m, const struct store_input *in)
{
	switch (in->type) {
	case STORE_IN_CONNECT:
		connect_client(m, in);
		return 0;
	case STORE_IN_MAPPED:
		return model_mapped(m, in);
	case STORE_IN_DOMAIN_DEAD:
		return model_dead(m, in->domid);
	case STORE_IN_DOMAIN_SHUTDOWN:
		return model_shutdown(m, in->domid);
	case STORE_IN_TICK:
		return 0;
	default:
		return apply_to_conn(m, in);
	}
}

const char *model_step(struct model *m, const struct store_input *in, int ret, const struct store_effects *fx)
{
	const struct domain *d = model_domain(m, in->domid);
	const bool only_named = (in->type == STORE_IN_DOMAIN_DEAD || in->type == STORE_IN_DOMAIN_SHUTDOWN) &&
				d && !d->introduced;
	int wanted;

	forget_expected(m);
	if (in->type == STORE_IN_CONNECT && model_conn(m, in->conn)) {
		snprintf(m->why, sizeof(m->why), "the new connection has the id %u of another", in->conn);
		return m->why;
	}
	wanted = apply(m, in);
	if (ret != wanted && !only_named) {
		snprintf(m->why, sizeof(m->why), "store_apply() returned %d instead of %d", ret, wanted);
		return m->why;
	}
	return model_differs(m, in, fx);
}

void model_free(struct model *m)
{
	while (m->conn_count)
		model_drop_conn(m, &m->conns[0]);
	forget_expected(m);
	model_tree_free(&m->now);
	for (size_t i = 0; i < m->generation_count; i++)
		free(m->generations[i].path);
	for (int i = 0; i < 2; i++) {
		struct model_tree tree = { .count = 1 };

		tree.nodes = model_copy(&m->specials[i], sizeof(m->specials[i]));
		model_tree_free(&tree);
	}
	free(m->generations);
	free(m->prefixes);
	free(m->watches);
	free(m->conns);
	free(m->domains);
	free(m->part_path);
	free(m);
}
