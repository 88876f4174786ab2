/* SPDX-License-Identifier: MIT */
/* A request: what is asked of everyone before it is served. */
#include "private.h"

static int op_reset(struct request *r)
{
	r->tx = NULL;
	model_reset_conn(r->m, r->conn, false);
	model_answer(r, "OK", 3);
	return 0;
}

/* What it says is not looked at; what it changes is not asked of it here. */
static int op_control(struct request *r)
{
	model_answer(r, "", 0);
	r->m->expected[r->m->expected_count - 1].any = true;
	return 0;
}

static const struct {
	int (*serve)(struct request *r);
	bool privileged, no_tx; /* no_tx: the transaction's id is not looked at */
} ops[] = {
	[XS_CONTROL] = { op_control, true, false },
	[XS_DIRECTORY] = { model_op_list, false, false },
	[XS_READ] = { model_op_read, false, false },
	[XS_GET_PERMS] = { model_op_get_perms, false, false },
	[XS_WATCH] = { model_op_watch, false, true },
	[XS_UNWATCH] = { model_op_unwatch, false, true },
	[XS_TRANSACTION_START] = { model_op_tx_start, false, false },
	[XS_TRANSACTION_END] = { model_op_tx_end, false, false },
	[XS_INTRODUCE] = { model_op_introduce, true, false },
	[XS_RELEASE] = { model_op_release, true, false },
	[XS_GET_DOMAIN_PATH] = { model_op_domain_path, false, false },
	[XS_WRITE] = { model_op_write, false, false },
	[XS_MKDIR] = { model_op_write, false, false },
	[XS_RM] = { model_op_remove, false, false },
	[XS_SET_PERMS] = { model_op_set_perms, false, false },
	[XS_IS_DOMAIN_INTRODUCED] = { model_op_is_introduced, true, false },
	[XS_RESUME] = { model_op_resume, true, false },
	[XS_SET_TARGET] = { model_op_set_target, true, false },
	[XS_RESET_WATCHES] = { op_reset, false, false },
	[XS_DIRECTORY_PART] = { model_op_part, false, false },
};

void model_answer(struct request *r, const void *payload, size_t len)
{
	model_reply(r->m, r->in->conn, r->in->op, r->in->req_id, r->in->tx_id, payload, len);
}

int model_take_path(struct request *r, bool special)
{
	struct wire_strings s = { r->in->payload, r->in->len };
	char buf[WIRE_ABS_PATH_MAX];
	const uint32_t limit = r->m->config.quota.path_max;
	const char *text, *path;
	size_t len;
	int kind;

	text = wire_next_string(&s, &len);
	if (!text)
		return -EINVAL;
	kind = wire_path_canonical(text, len, r->conn->domid, buf, &path, &len);
	if (kind < 0 || (kind == WIRE_PATH_SPECIAL && !special))
		return -EINVAL;
	if (r->conn->instance && limit && len - wire_home_prefix(path, len) > limit)
		return -EINVAL;
	r->path = model_copy(path, len);
	r->rest = s.at;
	r->rest_len = s.left;
	return 0;
}

static int serve(struct request *r)
{
	const struct store_input *in = r->in;

	if (in->op >= sizeof(ops) / sizeof(ops[0]) || !ops[in->op].serve)
		return -ENOSYS;
	if (ops[in->op].privileged && r->conn->instance)
		return -EACCES;
	if (in->tx_id && !ops[in->op].no_tx) {
		r->tx = model_tx(r->conn, in->tx_id);
		if (!r->tx)
			return -ENOENT;
		r->tree = &r->tx->tree;
	}
	return ops[in->op].serve(r);
}

void model_message(struct model *m, struct conn *c, const struct store_input *in)
{
	struct request r = { .m = m, .conn = c, .tree = &m->now, .in = in };
	const uint32_t id = c->id;
	int err;

	if (in->len > WIRE_PAYLOAD_MAX) {
		model_expect(m, STORE_OUT_CLOSE, id);
		model_reset_conn(m, c, false);
		c->broken = true;
		if (!c->ring)
			model_drop_conn(m, c);
		return;
	}
	err = serve(&r);
	if (err) {
		const char *name = wire_error_name(err);

		model_reply(m, id, XS_ERROR, in->req_id, in->tx_id, name, strlen(name) + 1);
		m->expected[m->expected_count - 1].any_error = r.any_error;
	}
	free(r.path);
}
