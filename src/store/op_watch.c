/* SPDX-License-Identifier: MIT */
/* WATCH, UNWATCH, RESET_WATCHES. */
#include "quota.h"
#include "request.h"
#include "watch.h"

static int take_path(struct request *rq, const char *text, size_t len, struct watch_spec *spec)
{
	char home[WIRE_HOME_MAX];
	int kind;

	if (len && text[0] == '@') { /* any text is a name for an event that may never come */
		rq->path = text;
		rq->path_len = len;
		kind = len > WIRE_REL_PATH_MAX ? -EINVAL : 0;
	} else {
		kind = request_path(rq, text, len);
	}
	spec->path = rq->path;
	spec->path_len = rq->path_len;
	if (!kind && text[0] != '/' && text[0] != '@')
		spec->home_len = (uint16_t)(wire_home(rq->dom->domid, home) + 1);
	return kind;
}

static int take_depth(const struct watch_spec *spec, const char *text, size_t len, uint16_t *depth)
{
	const uint64_t max = spec->path[0] == '@' ? 1 : WIRE_DEPTH_ALL - 1;
	uint64_t number;

	if (wire_number(text, len, max, &number))
		return -EINVAL;
	*depth = (uint16_t)number;
	return 0;
}

/* "path|token|" or "path|token|depth|" */
static int take_spec(struct request *rq, bool with_depth, struct watch_spec *spec)
{
	const size_t count = wire_count_strings(rq->in->payload, rq->in->len);
	const char *strings[3];
	size_t lens[3];
	int err;

	*spec = (struct watch_spec){ .depth = WIRE_DEPTH_ALL };
	if (count != 2 && !(with_depth && count == 3))
		return -EINVAL;
	if (wire_split(rq->in->payload, rq->in->len, count, strings, lens))
		return -EINVAL;
	err = take_path(rq, strings[0], lens[0], spec);
	if (err)
		return err;
	spec->token = strings[1];
	spec->token_len = lens[1];
	return count == 3 ? take_depth(spec, strings[2], lens[2], &spec->depth) : 0;
}

int op_watch(struct request *rq)
{
	struct watch_spec spec;
	struct watch *w;
	int err = take_spec(rq, request_features(rq) & WIRE_FEATURE_WATCH_DEPTH, &spec);

	if (err)
		return err;
	if (watch_find(rq->s, rq->conn, &spec))
		return -EEXIST;
	err = quota_check(rq, STORE_QUOTA_WATCHES, (uint64_t)rq->dom->watches + 1);
	if (!err)
		err = quota_check_memory(rq, rq->dom, watch_cost(&spec));
	if (!err)
		err = watch_new(rq->s, rq->conn, &spec, &w);
	if (err)
		return err;
	reply_ok(rq);
	watch_fire_first(rq->s, rq->out, w);
	return 0;
}

int op_unwatch(struct request *rq)
{
	struct watch_spec spec;
	struct watch *w;
	const int err = take_spec(rq, false, &spec);

	if (err)
		return err;
	w = watch_find(rq->s, rq->conn, &spec);
	if (!w)
		return -ENOENT;
	watch_free(rq->s, w);
	return reply_ok(rq);
}

int op_reset_watches(struct request *rq)
{
	conn_drop_claims(rq->s, rq->conn);
	return reply_ok(rq);
}
