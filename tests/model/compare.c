/* SPDX-License-Identifier: MIT */
/* What the store did against what the model expected. */
#include "private.h"

static const char *type_name(enum store_effect_type type)
{
	static const char *const names[] = {
		[STORE_OUT_REPLY] = "reply",  [STORE_OUT_EVENT] = "event",	[STORE_OUT_CLOSE] = "close",
		[STORE_OUT_MAP_RING] = "map", [STORE_OUT_UNMAP_RING] = "unmap", [STORE_OUT_LOG] = "log"
	};

	return names[type];
}

/* "event to 3: 15 /a|t|" into @out. */
static void describe(const struct expected *e, char *out, size_t size)
{
	size_t at = (size_t)snprintf(out, size, "%s to %u", type_name(e->type), e->conn);

	if (e->type == STORE_OUT_MAP_RING || e->type == STORE_OUT_UNMAP_RING) {
		snprintf(out + at, size - at, ", domain %u, port %u", e->domid, e->port);
		return;
	}
	at += (size_t)snprintf(out + at, size - at, ": op %u req %u tx %u len %zu ", e->op, e->req_id,
			       e->tx_id, e->len);
	for (size_t i = 0; i < e->len && at + 5 < size; i++) {
		const uint8_t c = e->payload[i];

		if (c >= ' ' && c <= '~')
			out[at++] = (char)c;
		else if (!c)
			out[at++] = '|';
		else
			at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
	}
	out[at] = '\0';
}

static struct expected as_expected(const struct store_effects *fx, const struct store_effect *fe)
{
	struct expected e = { .type = fe->type, .conn = fe->conn };
	struct xsd_sockmsg h;

	if (fe->type == STORE_OUT_MAP_RING || fe->type == STORE_OUT_UNMAP_RING)
		e.domid = fe->domid;
	if (fe->type == STORE_OUT_MAP_RING)
		e.port = fe->port;
	if (fe->type != STORE_OUT_REPLY && fe->type != STORE_OUT_EVENT)
		return e;
	wire_header_get(fx->bytes + fe->offset, &h);
	e.op = h.type;
	e.req_id = h.req_id;
	e.tx_id = h.tx_id;
	e.payload = fx->bytes + fe->offset + WIRE_HEADER_SIZE;
	e.len = h.len;
	return e;
}

/* Is @is the listing from its offset on, as much as fits, behind a generation that tells this state from others? */
static bool is_part(struct model *m, const struct expected *is, const struct expected *wanted)
{
	const char *text = (const char *)is->payload;
	const size_t gen = strnlen(text, is->len) + 1;
	size_t fits = 0;

	if (gen > is->len || gen > WIRE_NUMBER_MAX + 1 || is->len > WIRE_PAYLOAD_MAX)
		return false;
	while (fits < wanted->len) {
		const size_t name = strlen((const char *)wanted->payload + fits) + 1;

		if (gen + fits + name + 1 > WIRE_PAYLOAD_MAX)
			break;
		fits += name;
	}
	if (is->len != gen + fits + (fits == wanted->len) || memcmp(text + gen, wanted->payload, fits) ||
	    (fits == wanted->len && text[gen + fits]))
		return false;
	if (wanted->in_tx)
		return true;
	for (size_t i = 0; i < m->generation_count; i++) {
		const struct generation *g = &m->generations[i];

		if (!strcmp(g->path, wanted->path) && (g->state == wanted->part_of) != !strcmp(g->text, text))
			return false;
	}
	m->generations = model_grow(m->generations, m->generation_count, sizeof(*m->generations));
	m->generations[m->generation_count] =
		(struct generation){ .path = model_copy(wanted->path, strlen(wanted->path)),
				     .state = wanted->part_of };
	strcpy(m->generations[m->generation_count++].text, text);
	return true;
}

static bool is_equal(struct model *m, const struct expected *is, const struct expected *wanted)
{
	if (is->type != wanted->type || is->conn != wanted->conn || is->domid != wanted->domid ||
	    is->port != wanted->port)
		return false;
	if (is->op != wanted->op || is->req_id != wanted->req_id || is->tx_id != wanted->tx_id)
		return wanted->any && is->op == XS_ERROR && is->req_id == wanted->req_id;
	if (wanted->any || wanted->any_error)
		return true;
	if (wanted->part_of)
		return is_part(m, is, wanted);
	return is->len == wanted->len && (!is->len || !memcmp(is->payload, wanted->payload, is->len));
}

/* The listing in parts was queued without knowing its length; what CONTROL said, too. */
static void adopt(struct model *m, const struct expected *is, const struct expected *wanted)
{
	struct conn *c = model_conn(m, wanted->conn);

	if (c && (wanted->any || wanted->any_error || wanted->part_of))
		for (size_t i = c->queue_count; i-- > 0;)
			if (!c->queue[i].event) {
				c->queue[i].len = c->queue[i].left = WIRE_HEADER_SIZE + is->len;
				return;
			}
}

/* It was not sent, and need not have been. */
static void unqueue(struct model *m, const struct expected *e)
{
	struct conn *c = model_conn(m, e->conn);

	for (size_t i = c->queue_count; i-- > 0;) {
		struct queued *q = &c->queue[i];

		if (!q->event || q->len != WIRE_HEADER_SIZE + e->len || memcmp(q->event, e->payload, e->len))
			continue;
		free(q->event);
		c->queue_count--;
		memmove(q, q + 1, (c->queue_count - i) * sizeof(*q));
		return;
	}
}

/* A domain's death removes what it owned in an order of the store's own: then @any_order. */
static const char *next_of(struct model *m, const struct store_effects *fx, bool *used, uint32_t conn,
			   bool any_order, struct expected *wanted)
{
	char is_text[4096] = "nothing";

	for (size_t i = 0; i < fx->count; i++) {
		struct expected is;

		if (used[i] || fx->list[i].type == STORE_OUT_LOG || fx->list[i].conn != conn)
			continue;
		is = as_expected(fx, &fx->list[i]);
		if (is_equal(m, &is, wanted)) {
			used[i] = true;
			adopt(m, &is, wanted);
			return NULL;
		}
		if (!strcmp(is_text, "nothing"))
			describe(&is, is_text, sizeof(is_text));
		if (!any_order)
			break;
	}
	if (wanted->optional) {
		unqueue(m, wanted);
		return NULL;
	}
	describe(wanted, m->why, sizeof(m->why) / 2);
	strcat(strcat(m->why, "\n  instead: "), is_text);
	memmove(m->why + 9, m->why, strlen(m->why) + 1);
	memcpy(m->why, "expected ", 9);
	return m->why;
}

/* The model knows no ids of rings before they are there; an unmap's is looked up, a map's is the store's. */
static void learn_conns(struct model *m, const struct store_effects *fx)
{
	for (size_t i = 0; i < m->expected_count; i++) {
		struct expected *e = &m->expected[i];

		if (e->type != STORE_OUT_MAP_RING && (e->type != STORE_OUT_UNMAP_RING || e->conn))
			continue;
		for (size_t j = 0; j < fx->count; j++)
			if (fx->list[j].type == e->type && fx->list[j].domid == e->domid)
				e->conn = fx->list[j].conn;
		if (e->type == STORE_OUT_MAP_RING)
			model_domain(m, e->domid)->ring = e->conn;
	}
}

const char *model_differs(struct model *m, const struct store_input *in, const struct store_effects *fx)
{
	bool *used = calloc(fx->count + 1, sizeof(*used));
	const bool any_order =
		in->type == STORE_IN_DOMAIN_DEAD || (in->type == STORE_IN_MESSAGE && in->op == XS_RELEASE);
	const char *wrong = NULL;

	if (!used)
		abort();
	learn_conns(m, fx);
	for (size_t i = 0; !wrong && i < m->expected_count; i++)
		wrong = next_of(m, fx, used, m->expected[i].conn, any_order, &m->expected[i]);
	for (size_t i = 0; !wrong && i < fx->count; i++) {
		struct expected is;

		if (used[i] || fx->list[i].type == STORE_OUT_LOG)
			continue;
		is = as_expected(fx, &fx->list[i]);
		memcpy(m->why, "unexpected ", 12);
		describe(&is, m->why + 11, sizeof(m->why) - 11);
		wrong = m->why;
	}
	free(used);
	return wrong;
}

/* Asks the store over @conn; the reply's header in *@h and its payload, in fx. */
static const uint8_t *ask(struct store *store, uint32_t conn, uint32_t op, const char *path,
			  struct store_effects *fx, struct xsd_sockmsg *h)
{
	struct store_input in = { .type = STORE_IN_MESSAGE,
				  .conn = conn,
				  .op = op,
				  .len = (uint32_t)strlen(path) + 1,
				  .payload = path };
	struct store_input drained = { .type = STORE_IN_DRAINED, .conn = conn, .bytes = UINT64_MAX };

	store_effects_clear(fx);
	if (store_apply(store, &in, fx) || fx->count != 1 || fx->list[0].type != STORE_OUT_REPLY)
		return NULL;
	wire_header_get(fx->bytes, h);
	store_apply(store, &drained, fx);
	return fx->bytes + WIRE_HEADER_SIZE;
}

static bool same(struct store *store, uint32_t conn, uint32_t op, const char *path, const void *wanted,
		 size_t len)
{
	struct store_effects fx = { 0 };
	struct xsd_sockmsg h;
	const uint8_t *is = ask(store, conn, op, path, &fx, &h);
	const bool yes =
		is && (len > WIRE_PAYLOAD_MAX ? h.type == XS_ERROR
					      : h.type == op && h.len == len && !memcmp(is, wanted, len));

	store_effects_free(&fx);
	return yes;
}

static bool same_node(struct model *m, struct store *store, uint32_t conn, const struct model_node *node)
{
	char *names, *perms;
	const size_t names_len = model_children(&m->now, node->path, &names);
	const size_t perms_len = model_perms_text(node, &perms);
	const bool yes = same(store, conn, XS_READ, node->path, node->value, node->value_len) &&
			 same(store, conn, XS_GET_PERMS, node->path, perms, perms_len) &&
			 same(store, conn, XS_DIRECTORY, node->path, names, names_len);

	free(names);
	free(perms);
	return yes;
}

static bool same_counts(struct model *m, const struct store *store, const struct domain *d)
{
	size_t watches = 0, txs = 0;
	struct store_domain_stats st;

	for (size_t i = 0; i < m->watch_count; i++)
		watches += model_conn(m, m->watches[i].conn)->instance == d->instance;
	for (size_t i = 0; i < m->conn_count; i++)
		txs += m->conns[i].instance == d->instance ? m->conns[i].tx_count : 0;
	if (store_domain_stats(store, d->domid, &st)) /* of one that was only named nobody has to know */
		return !d->introduced && !watches && !txs && !model_owned(&m->now, d->instance);
	return st.watches == watches && st.transactions == txs &&
	       (store_deadline(store) == 0 || st.nodes == model_owned(&m->now, d->instance));
}

const char *model_compare(struct model *m, struct store *store, uint32_t conn)
{
	for (size_t i = 0; i < m->now.count; i++)
		if (!same_node(m, store, conn, m->now.nodes[i])) {
			snprintf(m->why, sizeof(m->why), "another node %s", m->now.nodes[i]->path);
			return m->why;
		}
	for (size_t i = 0; i < m->domain_count; i++)
		if (!same_counts(m, store, &m->domains[i])) {
			snprintf(m->why, sizeof(m->why), "other counts of domain %u", m->domains[i].domid);
			return m->why;
		}
	return NULL;
}
