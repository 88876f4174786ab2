/* SPDX-License-Identifier: MIT */
/* No advisories: what today's servers were seen to do wrong. */
#include <stdlib.h>
#include <string.h>

#include <xenbus/store.h>
#include <xenbus/wire.h>

#include "cases.h"

/* An entry for everybody. The guest may then read, and the server is there. */
void defect_domid_any(struct trial *t)
{
	ok(t, t->dom0, XS_WRITE, "/any|v");
	ask(t, t->dom0, XS_SET_PERMS, "/any|n0|r32757|");
	if (was_refused(t))
		trial_unseen(t, "DOMID_ANY is refused: %s", t->reply.payload);
	ok(t, t->dom0, XS_READ, "/any|");
	if (t->ring && t->kind == PEER_OURS) /* 4.17 knows no DOMID_ANY: nobody */
		ok(t, t->who, XS_READ, "/any|");
}

/* -- a watch with a depth in a dump ------------------------------------------------------------- */

static bool exists(void *ctx, uint32_t domid)
{
	return true;
}

static void apply_message(struct store *store, uint32_t conn, uint32_t op, const char *payload, size_t len,
			  struct store_effects *out)
{
	struct store_input in = { .type = STORE_IN_MESSAGE, .conn = conn, .op = op, .payload = payload };

	in.len = (uint32_t)len;
	store_apply(store, &in, out);
}

static uint32_t events_of(struct store *store, uint32_t conn, const char *payload, size_t len)
{
	struct store_effects out = { 0 };
	uint32_t count = 0;

	apply_message(store, conn, XS_WRITE, payload, len, &out);
	for (size_t i = 0; i < out.count; i++)
		count += out.list[i].type == STORE_OUT_EVENT;
	store_effects_free(&out);
	return count;
}

static bool dump_and_load(struct store *from, struct store *to)
{
	const char *why;
	uint8_t *data;
	size_t len;
	int err = store_dump(from, &data, &len);

	if (err)
		return false;
	err = store_load(to, data, len, &why);
	free(data);
	return !err && !store_check(to);
}

/* What live update hands over, without the update: the dump of one store, loaded by another. */
void defect_depth_dump(struct trial *t)
{
	struct store_config config = { .domain_exists = exists };
	struct store_input in = { .type = STORE_IN_CONNECT };
	struct store_effects out = { 0 };
	struct store *before, *after;
	bool loaded, hears, too_deep;

	if (t->kind != PEER_OURS)
		trial_unseen(t, "4.17 has no watches with a depth");
	store_quota_defaults(&config.quota);
	must(t, !store_new(&config, &before) && !store_new(&config, &after), "no store can be made");
	store_apply(before, &in, &out);
	apply_message(before, in.conn, XS_WATCH,
		      "/w\0token\0"
		      "1",
		      11, &out);
	store_effects_free(&out);
	loaded = dump_and_load(before, after);
	hears = loaded && events_of(after, in.conn, "/w/a\0v", 6) == 1;
	too_deep = loaded && events_of(after, in.conn, "/w/a/b\0v", 8) != 0;
	store_free(before);
	store_free(after);
	must(t, loaded, "a watch with a depth loses the store");
	must(t, hears && !too_deep, "a watch loses its depth");
}

/* -- a payload of no bytes ---------------------------------------------------------------------- */

enum { PATIENCE_MS = 1500 };

/* Answered at once, not when the next message comes, with whatever. */
void defect_empty_payload(struct trial *t)
{
	static const uint32_t ops[] = { XS_READ,      XS_WRITE, XS_DIRECTORY, XS_TRANSACTION_START,
					XS_SET_PERMS, XS_WATCH };
	const int patience = t->kind == PEER_OURS ? PEER_PATIENCE_MS : PATIENCE_MS;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct peer_message reply;
		int err;

		must(t, !peer_send(t->who, ops[i], 1, 0, "", 0), "it hung up");
		err = peer_receive(t->who, &reply, patience);
		if (err)
			ok(t, t->dom0, XS_READ, "/|"); /* has it ended? */
		must(t, !err, "it is not answered");
	}
}

/* -- the root goes ------------------------------------------------------------------------------ */

void defect_remove_root(struct trial *t)
{
	const uint32_t tx = start(t, t->dom0);

	ok(t, t->dom0, XS_WRITE, "/kept/deep|v");
	ask_in(t, t->dom0, tx, XS_RM, "/|");
	ask_in(t, t->dom0, tx, XS_TRANSACTION_END, "T|");
	ask(t, t->dom0, XS_RM, "/|");
	ask(t, t->dom0, XS_READ, "/kept/deep|");
	must(t, !was_refused(t), "RM / removes everything");
}
