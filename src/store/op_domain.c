/* SPDX-License-Identifier: MIT */
/* INTRODUCE, RELEASE, GET_DOMAIN_PATH, IS_DOMAIN_INTRODUCED, RESUME, SET_TARGET, and what is heard of
 * domains from outside. */
#include "request.h"
#include "watch.h"

static int take_only_domid(const struct request *rq, uint32_t *domid)
{
	const char *text;
	size_t len;

	if (request_one_string(rq, &text, &len))
		return -EINVAL;
	return request_domid(text, len, domid);
}

struct introduce_args {
	uint32_t domid, port;
	uint64_t gfn;
};

/* A gfn may be negative: old toolstacks print it signed. It is not used, grant 1 is the ring. */
static int take_gfn(const char *text, size_t len, uint64_t *gfn)
{
	const bool negative = len && text[0] == '-';

	if (wire_number(text + negative, len - negative, UINT64_MAX, gfn))
		return -EINVAL;
	if (negative)
		*gfn = 0 - *gfn;
	return 0;
}

static int take_introduce_args(const struct request *rq, struct introduce_args *args)
{
	struct wire_strings payload = { rq->in->payload, rq->in->len };
	const char *strings[3];
	size_t lens[3];
	uint64_t port;

	for (int i = 0; i < 3; i++) {
		strings[i] = wire_next_string(&payload, &lens[i]);
		if (!strings[i])
			return -EINVAL;
	}
	if (request_domid(strings[0], lens[0], &args->domid) || take_gfn(strings[1], lens[1], &args->gfn) ||
	    wire_number(strings[2], lens[2], INT32_MAX, &port) || !port)
		return -EINVAL;
	args->port = (uint32_t)port;
	return args->domid < WIRE_DOMID_FIRST_RESERVED ? 0 : -EINVAL;
}

static void unmap_ring(struct store *s, struct domain *domain, struct store_effects *out)
{
	const struct store_effect effect = { .type = STORE_OUT_UNMAP_RING,
					     .domid = domain->domid,
					     .conn = domain->ring->id };

	effect_add(out, &effect);
	conn_free(s, domain->ring);
}

/* A repeated INTRODUCE starts the connection anew. The reply waits for the mapping. */
int op_introduce(struct request *rq)
{
	struct introduce_args args;
	struct domain *domain;
	struct conn *ring;
	int err = take_introduce_args(rq, &args);

	if (!err)
		err = domain_mention(rq->s, args.domid, &domain);
	if (!err && domain->intro.pending)
		err = -EBUSY;
	if (!err)
		err = conn_new(rq->s, domain, true, &ring);
	if (err)
		return err;
	if (domain->ring)
		unmap_ring(rq->s, domain, rq->out);
	domain->ring = ring;
	domain->gfn = args.gfn;
	domain->port = args.port;
	domain->intro = (struct introduction){
		.conn = rq->in->conn, .req_id = rq->in->req_id, .tx_id = rq->in->tx_id, .pending = true
	};
	effect_add(rq->out, &(struct store_effect){ .type = STORE_OUT_MAP_RING,
						    .domid = args.domid,
						    .conn = ring->id,
						    .gfn = args.gfn,
						    .port = args.port,
						    .features = domain->features });
	return REPLY_LATER;
}

int domain_mapped(struct store *s, struct domain *domain, int error, struct store_effects *out)
{
	const struct introduction intro = domain->intro;
	const struct xsd_sockmsg h = { XS_INTRODUCE, intro.req_id, intro.tx_id, 0 };

	if (!intro.pending)
		return -ENOENT;
	domain->intro = (struct introduction){ 0 };
	if (error) {
		conn_free(s, domain->ring);
		reply_error_to(s, out, intro.conn, intro.req_id, intro.tx_id, error);
		return 0;
	}
	if (!domain->introduced) {
		domain->introduced = true;
		watch_fire_special(s, out, SPECIAL_INTRODUCE, domain->domid);
	}
	reply_to(s, out, intro.conn, &h, "OK", 3);
	return 0;
}

void domain_shutdown(struct store *s, struct domain *domain, struct store_effects *out)
{
	if (!domain->introduced || domain->shutdown)
		return;
	domain->shutdown = true;
	watch_fire_special(s, out, SPECIAL_RELEASE, domain->domid);
}

static struct domain *introduced(const struct request *rq, uint32_t domid)
{
	struct domain *domain = domain_lookup(rq->s, domid);

	return domain && domain->introduced ? domain : NULL;
}

int op_release(struct request *rq)
{
	struct domain *domain;
	uint32_t domid;

	if (take_only_domid(rq, &domid) || !domid)
		return -EINVAL;
	domain = introduced(rq, domid);
	if (!domain)
		return -ENOENT;
	domain_die(rq->s, domain, rq->out);
	return reply_ok(rq);
}

int op_get_domain_path(struct request *rq)
{
	char path[WIRE_HOME_MAX + 1];
	const char *text;
	uint64_t domid;
	size_t len;

	if (request_one_string(rq, &text, &len) || wire_number(text, len, UINT32_MAX, &domid))
		return -EINVAL;
	path[wire_home((uint32_t)domid, path)] = '\0';
	return reply_string(rq, path);
}

int op_is_domain_introduced(struct request *rq)
{
	uint32_t domid;

	if (take_only_domid(rq, &domid))
		return -EINVAL;
	return reply_string(rq, domid == WIRE_DOMID_SELF || introduced(rq, domid) ? "T" : "F");
}

int op_resume(struct request *rq)
{
	struct domain *domain;
	uint32_t domid;

	if (take_only_domid(rq, &domid) || !domid)
		return -EINVAL;
	domain = introduced(rq, domid);
	if (!domain)
		return -ENOENT;
	if (domain_is_privileged(domain))
		return -EINVAL;
	domain->shutdown = false;
	return reply_ok(rq);
}

int op_set_target(struct request *rq)
{
	struct domain *domain, *target;
	uint32_t domid, tdomid;
	const char *strings[2];
	size_t lens[2];

	if (wire_split(rq->in->payload, rq->in->len, 2, strings, lens) ||
	    request_domid(strings[0], lens[0], &domid) || request_domid(strings[1], lens[1], &tdomid))
		return -EINVAL;
	domain = introduced(rq, domid);
	target = introduced(rq, tdomid);
	if (!domain || !target)
		return -ENOENT;
	domain->target = target;
	return reply_ok(rq);
}
