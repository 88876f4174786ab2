/* SPDX-License-Identifier: MIT */
/* The store's life, and the way of every input to what handles it. */
#include "limit.h"
#include "quota.h"
#include "request.h"
#include "watch.h"

#define SLICE 512u /* nodes of deferred work that an input does besides its own */

static int make_root(struct store *s)
{
	const struct perm_entry dom0 = { .who = s->dom0 };
	uint32_t perms;

	if (perms_get(s, &dom0, 1, &perms))
		return -ENOMEM;
	for (int i = 0; i < SPECIAL_COUNT; i++)
		s->special[i] = perms_ref(s, perms);
	s->dom0_only = perms_ref(s, perms);
	s->root = node_new(s, 0, 0, 0, 0, perms);
	if (!s->root) {
		perms_unref(s, perms);
		return -ENOMEM;
	}
	node_own(s, s->root);
	return 0;
}

static int make_child(struct store *s, uint32_t parent, const char *name, uint32_t *out)
{
	const uint32_t len = (uint32_t)strlen(name), perms = node_at(s, s->root)->perms;
	uint32_t blob;

	if (blob_new(&s->blobs, name, len, &blob))
		return -ENOMEM;
	*out = node_new(s, blob, len, 0, 0, perms);
	if (!*out) {
		blob_free(&s->blobs, blob, len);
		return -ENOMEM;
	}
	perms_ref(s, perms);
	node_attach(s, parent, *out);
	return 0;
}

static int populate(struct store *s)
{
	uint32_t tool, xenstored;

	s->stamp = 1;
	if (domain_create(s, 0, &s->dom0))
		return -ENOMEM;
	s->dom0->introduced = true;
	if (make_root(s))
		return -ENOMEM;
	return make_child(s, s->root, "tool", &tool) ?: make_child(s, tool, "xenstored", &xenstored);
}

int store_new(const struct store_config *config, struct store **out)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->mem.bytes = sizeof(*s);
	list_init(&s->txs);
	list_init(&s->grown);
	list_init(&s->disown_queue);
	s->author = (struct author){ STORE_DOMID_NONE, STORE_CONN_NONE };
	if (nodes_init(s) || perms_init(s) || watches_init(s) || populate(s)) {
		store_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

/* The tree goes by the same road as any removed subtree. */
static void free_tree(struct store *s)
{
	if (s->root)
		node_discard(s, s->root);
	for (int i = 0; i < SPECIAL_COUNT; i++)
		perms_unref(s, s->special[i]);
	perms_unref(s, s->dom0_only);
}

void store_free(struct store *s)
{
	if (!s)
		return;
	conns_done(s);
	reclaim_all(s);
	free_tree(s);
	domains_done(s);
	authors_done(s);
	watches_done(s);
	perms_done(s);
	assert(!s->nodes.live && !s->versions.live && s->blobs.live == 0);
	index_done(&s->node_index);
	slab_done(&s->nodes);
	slab_done(&s->versions);
	blobs_done(&s->blobs);
	assert(s->mem.bytes == sizeof(*s));
	free(s);
}

#define PRIVILEGED 1u /* dom0 only: EACCES for others */
#define IN_TX 2u      /* runs inside the transaction that tx_id names */
#define ANY_TX 4u     /* tx_id is not looked at; with others it names a transaction, or 0 */

static const struct {
	request_op *run;
	unsigned flags;
} operations[WIRE_OP_COUNT] = {
	[XS_CONTROL] = { op_control, PRIVILEGED },
	[XS_DIRECTORY] = { op_directory, IN_TX },
	[XS_READ] = { op_read, IN_TX },
	[XS_GET_PERMS] = { op_get_perms, IN_TX },
	[XS_WATCH] = { op_watch, ANY_TX },
	[XS_UNWATCH] = { op_unwatch, ANY_TX },
	[XS_TRANSACTION_START] = { op_transaction_start, IN_TX },
	[XS_TRANSACTION_END] = { op_transaction_end, IN_TX },
	[XS_INTRODUCE] = { op_introduce, PRIVILEGED },
	[XS_RELEASE] = { op_release, PRIVILEGED },
	[XS_GET_DOMAIN_PATH] = { op_get_domain_path, 0 },
	[XS_WRITE] = { op_write, IN_TX },
	[XS_MKDIR] = { op_mkdir, IN_TX },
	[XS_RM] = { op_rm, IN_TX },
	[XS_SET_PERMS] = { op_set_perms, IN_TX },
	[XS_IS_DOMAIN_INTRODUCED] = { op_is_domain_introduced, PRIVILEGED },
	[XS_RESUME] = { op_resume, PRIVILEGED },
	[XS_SET_TARGET] = { op_set_target, PRIVILEGED },
	[XS_RESET_WATCHES] = { op_reset_watches, 0 },
	[XS_DIRECTORY_PART] = { op_directory_part, IN_TX },
	[WIRE_GET_FEATURE] = { op_get_feature, 0 },
	[WIRE_SET_FEATURE] = { op_set_feature, PRIVILEGED },
	[WIRE_GET_QUOTA] = { op_get_quota, PRIVILEGED },
	[WIRE_SET_QUOTA] = { op_set_quota, PRIVILEGED },
};

static int run(struct request *rq)
{
	const uint32_t op = rq->in->op;

	if (op >= WIRE_OP_COUNT || !operations[op].run)
		return -ENOSYS;
	if ((operations[op].flags & PRIVILEGED) && !domain_is_privileged(rq->dom))
		return -EACCES;
	if (rq->in->tx_id && !(operations[op].flags & ANY_TX)) {
		struct tx *tx = tx_find(rq->conn, rq->in->tx_id);

		if (!tx)
			return -ENOENT;
		rq->tx = operations[op].flags & IN_TX ? tx : NULL;
	}
	return operations[op].run(rq);
}

/* Longer than any message may be: there is no telling where the next begins. */
static void close_broken(struct store *s, struct conn *conn, struct store_effects *out)
{
	effect_add(out, &(struct store_effect){
				.type = STORE_OUT_CLOSE, .domid = conn->domain->domid, .conn = conn->id });
	if (!conn->ring) {
		conn_free(s, conn);
		return;
	}
	conn_drop_claims(s, conn);
	conn->broken = true;
}

/* It is not refused anything; the shell will not read its next request before it has taken a reply. */
static void tell_outstanding(const struct request *rq)
{
	const uint32_t limit = limit_of(rq->s, rq->dom, STORE_QUOTA_OUTSTANDING);

	if (limit && rq->dom->outstanding == limit && !domain_is_privileged(rq->dom))
		limit_tell(rq->s, rq->out, rq->dom, STORE_QUOTA_OUTSTANDING, "reached", rq->in->op, rq->path,
			   rq->path_len);
}

static int apply_message(struct store *s, const struct store_input *in, struct store_effects *out)
{
	struct conn *conn = conn_find(s, in->conn);
	struct domain *domain;
	struct request rq;
	int err;

	if (!conn || conn->broken)
		return -ENOENT;
	if (in->len > WIRE_PAYLOAD_MAX) {
		close_broken(s, conn, out);
		return 0;
	}
	rq.s = s;
	rq.out = out;
	rq.conn = conn;
	rq.dom = domain = conn->domain;
	rq.in = in;
	rq.tx = NULL;
	rq.path = "";
	rq.path_len = 0;
	rq.reached_kinds = 0;
	s->stats.requests[in->op < 32 ? in->op : 31]++;
	conn->traffic.requests[in->op < STORE_OPS ? in->op : STORE_OPS - 1]++;
	s->author = (struct author){ domain->domid, conn->id };
	err = run(&rq);
	if (err < 0)
		reply_error_to(s, out, conn->id, in->req_id, in->tx_id, err);
	else
		quota_note_reached(&rq);
	tell_outstanding(&rq);
	return 0;
}

static int apply_connect(struct store *s, struct store_input *in)
{
	struct domain *domain = domain_lookup(s, in->domid);
	struct conn *conn;
	int err = domain ? conn_new(s, domain, false, &conn) : -ENOENT;

	if (!err)
		in->conn = conn->id;
	return err;
}

static int apply_to_conn(struct store *s, const struct store_input *in, struct store_effects *out)
{
	struct conn *conn = conn_find(s, in->conn);

	if (!conn)
		return -ENOENT;
	switch (in->type) {
	case STORE_IN_DISCONNECT:
		conn_free(s, conn);
		break;
	case STORE_IN_RING_RESET:
		conn_reset(s, conn);
		break;
	default:
		conn_drained(s, conn, in->bytes, in->replies);
	}
	return 0;
}

static int apply_to_domain(struct store *s, const struct store_input *in, struct store_effects *out)
{
	struct domain *domain = domain_lookup(s, in->domid);

	if (!domain)
		return -ENOENT;
	if (in->type == STORE_IN_MAPPED)
		return domain_mapped(s, domain, in->error, out);
	if (domain_is_privileged(domain))
		return -ENOENT;
	if (in->type == STORE_IN_DOMAIN_DEAD)
		domain_die(s, domain, out);
	else
		domain_shutdown(s, domain, out);
	return 0;
}

static int dispatch(struct store *s, struct store_input *in, struct store_effects *out)
{
	switch (in->type) {
	case STORE_IN_MESSAGE:
		return apply_message(s, in, out);
	case STORE_IN_CONNECT:
		return apply_connect(s, in);
	case STORE_IN_DISCONNECT:
	case STORE_IN_RING_RESET:
	case STORE_IN_DRAINED:
		return apply_to_conn(s, in, out);
	case STORE_IN_MAPPED:
	case STORE_IN_DOMAIN_DEAD:
	case STORE_IN_DOMAIN_SHUTDOWN:
		return apply_to_domain(s, in, out);
	case STORE_IN_TICK:
		break;
	}
	return 0;
}

int store_apply(struct store *s, struct store_input *in, struct store_effects *out)
{
	const int err = dispatch(s, in, out);

	if (reclaim_is_due(s))
		reclaim_slice(s, in->type == STORE_IN_TICK ? SLICE * 8 : SLICE);
	if (s->overdrawn)
		tx_enforce_limits(s, out);
	limit_note_memory(s);
	return err;
}

uint64_t store_deadline(const struct store *s)
{
	return reclaim_is_due(s) ? 0 : UINT64_MAX;
}

bool store_is_contended(const struct store *s)
{
	return s->urgent != 0;
}

uint64_t store_contention(const struct store *s)
{
	return s->urgent ? s->urgent_ever : 0;
}
