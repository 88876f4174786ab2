/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cases.h"

/* -- 115: who hears of what ---------------------------------------------------------------------- */

static void events_need_a_readable_node(struct trial *t)
{
	ok(t, t->who, XS_WATCH, "/|all|");
	events(t, t->who, "");
	ok(t, t->dom0, XS_WRITE, "/secret/deep|v");
	ok(t, t->dom0, XS_RM, "/secret|");
	must(t, events(t, t->who, "") == 0, "a guest hears of what it may not read");
	ok(t, t->dom0, XS_MKDIR, "/open|");
	ok(t, t->dom0, XS_SET_PERMS, "/open|n0|r%u|", WHO);
	events(t, t->who, "");
	ok(t, t->dom0, XS_WRITE, "/open|v");
	must(t, events(t, t->who, "/open") == 1, "a guest does not hear of what it may read");
	ok(t, t->dom0, XS_SET_PERMS, "/open|n0|");
	events(t, t->who, "");
	ok(t, t->dom0, XS_WRITE, "/open|w");
	must(t, events(t, t->who, "") == 0, "a guest hears of what it may read no more");
}

static void special_events_need_permission(struct trial *t)
{
	ok(t, t->who, XS_WATCH, "@introduceDomain|in|");
	ok(t, t->who, XS_WATCH, "@releaseDomain|out|");
	events(t, t->who, "");
	guest(t, 20);
	die(t, 20);
	must(t, events(t, t->who, "@") == 0, "a guest hears of other domains");
	ask(t, t->who, XS_SET_PERMS, "@releaseDomain|n%u|", WHO);
	must(t, was_refused(t), "a guest may change who hears of domains");
	ok(t, t->dom0, XS_SET_PERMS, "@releaseDomain|n0|r%u|", WHO);
	guest(t, 21);
	die(t, 21);
	must(t, events(t, t->who, "@introduceDomain") == 0, "one permission serves for both special events");
}

/* Who watches a node learns that it is gone before what was above it is. */
static void removal_goes_leaf_first(struct trial *t)
{
	struct peer_message event;

	ok(t, t->dom0, XS_WRITE, "/w/a/b|v");
	ok(t, t->dom0, XS_WATCH, "/w/a|a|");
	ok(t, t->dom0, XS_WATCH, "/w/a/b|b|");
	events(t, t->dom0, "");
	ok(t, t->dom0, XS_RM, "/w/a|");
	must(t, !peer_event(t->dom0, &event) && !strcmp(event.payload, "/w/a/b"),
	     "a removal is not told leaf first");
}

void xsa_115_watches(struct trial *t)
{
	events_need_a_readable_node(t);
	special_events_need_permission(t);
	if (t->kind != PEER_OX) /* its order says nothing about how it removes */
		removal_goes_leaf_first(t);
}

/* -- 326: events that wait ---------------------------------------------------------------------- */

enum { MEMORY = 2560 * 1024, TOKEN = 3000, WATCHES = 100 };

/* What waits for who takes nothing: at most its memory quota. An event that waits already is not sent again. */
void xsa_326_events(struct trial *t)
{
	char token[TOKEN + 1];
	uint64_t waited = 0;
	struct peer_message event;
	uint32_t same = 0;

	memset(token, 't', TOKEN);
	token[TOKEN] = '\0';
	for (uint32_t i = 0; i < WATCHES; i++)
		ok(t, t->who, XS_WATCH, "w|%u%s|", i, token);
	events(t, t->who, "");
	for (uint32_t round = 0; round < 20; round++)
		ok(t, t->dom0, XS_WRITE, "/local/domain/%u/w/n%u|v", WHO, round);
	ok(t, t->dom0, XS_READ, "/|");
	others_are_served(t);
	while (!peer_event(t->who, &event))
		waited += sizeof(event.header) + event.header.len;
	/* Bounded by bytes here, by their number elsewhere: 6 MB were sent. */
	must(t, waited <= (t->kind == PEER_OURS ? MEMORY + 64 * 1024 : 4000000),
	     "events wait for who takes none, without end");

	ok(t, t->who, XS_WATCH, "same|same|");
	events(t, t->who, "");
	for (uint32_t i = 0; i < 500; i++)
		ok(t, t->dom0, XS_WRITE, "/local/domain/%u/same|v", WHO);
	same = events(t, t->who, "same");
	must(t, same >= 1 && same <= 100, "each write waits as an event of its own");
}

/* A client of dom0 that reads nothing: the server does not grow by what waits for it for ever. No advisory asks that of others. */
void xsa_326_reader(struct trial *t)
{
	char token[TOKEN + 1];
	long before, after;

	if (t->kind != PEER_OURS)
		return;
	memset(token, 't', TOKEN);
	token[TOKEN] = '\0';
	for (uint32_t i = 0; i < 20; i++)
		ok(t, t->who, XS_WATCH, "/w|%u%s|", i, token);
	events(t, t->who, "");
	before = peer_rss(t->peer);
	for (uint32_t i = 0; i < 1000; i++)
		ok(t, t->dom0, XS_WRITE, "/w/n%u|v", i);
	after = peer_rss(t->peer);
	must(t, after - before < 45 * 1024, "what waits for a client that reads nothing has no bound");
}

/* -- 330 ---------------------------------------------------------------------------------------- */

enum { ROUNDS_330 = 6000, WARM_330 = 1500, GROWTH_330_KIB = 2048 };

/* 4,500 times 3,000 bytes would be 13 MB. */
void xsa_330(struct trial *t)
{
	char token[TOKEN + 1];
	long warm = 0;

	memset(token, 't', TOKEN);
	token[TOKEN] = '\0';
	for (uint32_t i = 0; i < ROUNDS_330; i++) {
		ok(t, t->who, XS_WATCH, "w%u|%s|", i, token);
		ok(t, t->who, XS_RESET_WATCHES, "|");
		events(t, t->who, "");
		if (i == WARM_330)
			warm = peer_rss(t->peer);
	}
	must(t, peer_rss(t->peer) <= warm + GROWTH_330_KIB, "RESET_WATCHES does not free all");
	ok(t, t->dom0, XS_WRITE, "/local/domain/%u/w0|v", t->ring ? WHO : 0);
	must(t, events(t, t->who, "") == 0, "a watch that was reset fires");
}

/* -- 484 ---------------------------------------------------------------------------------------- */

void xsa_484(struct trial *t)
{
	for (uint32_t i = 0; i < 30; i++) {
		const uint32_t tx = start(t, t->who);

		ok_in(t, t->who, tx, XS_WRITE, "in|v");
		ok(t, t->who, XS_WATCH, "in|token|");
		ask_in(t, t->who, tx, XS_RESET_WATCHES, "|");
		must(t, !was_refused(t), "RESET_WATCHES with a transaction's id: %s", t->reply.payload);
		ask_in(t, t->who, tx, XS_TRANSACTION_END, "T|");
		must(t, was_refused(t), "a transaction outlives RESET_WATCHES");
	}
	ask(t, t->who, XS_READ, "in|");
	must(t, was_refused(t), "a transaction that was reset has written");
	events(t, t->who, "");
	others_are_served(t);
}
