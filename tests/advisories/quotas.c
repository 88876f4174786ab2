/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cases.h"

enum { NODES = 1000, MOST = 3000 };

/* How many nodes it may make still; as before when it returns. Nobody counts dom0's. */
static uint32_t room(struct trial *t, struct peer_conn *conn)
{
	uint32_t made;

	if (!t->ring)
		return 0;
	made = fill(t, conn, "room", MOST);

	must(t, made < MOST, "nothing bounds a guest's nodes");
	if (made)
		ok(t, conn, XS_RM, "room|");
	return made;
}

static void is_absent(struct trial *t, const char *path)
{
	ask(t, t->who, XS_READ, "%s|", path);
	must(t, was_refused(t), "%s stays of what was refused or removed", path);
}

/* Leaves it room for exactly one node, and the means to have it back: removing "one". */
static void fill_but_one(struct trial *t)
{
	ok(t, t->who, XS_WRITE, "one|v");
	must(t, fill(t, t->who, "full", MOST) < MOST, "nothing bounds a guest's nodes");
	for (uint32_t i = 0; i < 3; i++) /* fill() may end for want of two */
		ask(t, t->who, XS_WRITE, "rest%u|v", i);
	ok(t, t->who, XS_RM, "one|");
}

static void has_room_for_one(struct trial *t)
{
	ask(t, t->who, XS_WRITE, "one|v");
	must(t, !was_refused(t), "what was refused is counted");
	ask(t, t->who, XS_WRITE, "two|v");
	must(t, was_refused(t), "what was refused gave room");
	ok(t, t->who, XS_RM, "one|");
}

/* -- 115: exact after a refusal ----------------------------------------------------------------- */

void xsa_115_quota(struct trial *t)
{
	fill_but_one(t);
	for (uint32_t i = 0; i < 20; i++) {
		ask(t, t->who, XS_WRITE, "x/y/z|v");
		must(t, was_refused(t), "three nodes are made where one is left");
	}
	is_absent(t, "x");
	is_absent(t, "x/y");
	has_room_for_one(t);
	/* Below a node that is over its quota, removing still goes. */
	ok(t, t->who, XS_RM, "full|");
	ok(t, t->who, XS_WRITE, "fat/kid|v");
	{
		char value[3000] = "/local/domain/7/fat";

		ask_bytes(t, t->dom0, 0, XS_WRITE, value, sizeof(value));
	}
	ask(t, t->who, XS_RM, "fat/kid|");
	must(t, !was_refused(t), "nothing can be removed below a node over its quota: %s", t->reply.payload);
	is_absent(t, "fat/kid");
}

/* -- 272 ---------------------------------------------------------------------------------------- */

void xsa_272(struct trial *t)
{
	const uint32_t made = fill(t, t->who, "n", MOST), directories = 1 + (made + 99) / 100;
	uint32_t a, b;

	must(t, made < MOST, "nothing bounds a guest's nodes");
	must(t, made + directories <= NODES, "a guest has more than 1000 nodes");
	if (t->kind == PEER_OURS)
		must(t, made + directories + 1 == NODES, "a guest has less than 1000 nodes");
	/* Nor by transactions, each of which would fit alone. */
	ok(t, t->who, XS_RM, "n/d0/n0|");
	a = start(t, t->who);
	b = start(t, t->who);
	ask_in(t, t->who, a, XS_WRITE, "a|v");
	ask_in(t, t->who, b, XS_WRITE, "b|v");
	ask_in(t, t->who, a, XS_TRANSACTION_END, "T|");
	ask_in(t, t->who, b, XS_TRANSACTION_END, "T|");
	ask(t, t->who, XS_WRITE, "c|v");
	ask(t, t->who, XS_READ, "a|");
	a = !was_refused(t);
	ask(t, t->who, XS_READ, "b|");
	b = !was_refused(t);
	ask(t, t->who, XS_READ, "c|");
	must(t, a + b + !was_refused(t) <= 1, "transactions pass the quota together");
}

/* -- 326: a transaction is bounded -------------------------------------------------------------- */

enum { TX_NODES = 1024, MEMORY = 2560 * 1024, TRANSACTIONS = 10 };

static void nodes_of_a_transaction(struct trial *t)
{
	const uint32_t tx = start(t, t->who);
	uint32_t i;

	for (i = 0; i < 2 * TX_NODES; i++) {
		ask_in(t, t->who, tx, XS_READ, "n%u|", i);
		if (strcmp(t->reply.payload, "ENOENT"))
			break;
	}
	must(t, i <= TX_NODES, "a transaction touches any number of nodes");
	ask_in(t, t->who, tx, XS_TRANSACTION_END, "F|");
}

static void memory_of_transactions(struct trial *t)
{
	char payload[2000];
	uint64_t bytes = 0;
	uint32_t count = 0, tx = 0;

	for (;;) {
		const char *id = ask(t, t->who, XS_TRANSACTION_START, "|");

		if (was_refused(t) || ++count > 2 * TRANSACTIONS)
			break;
		tx = 0;
		for (const char *digit = id; *digit >= '0' && *digit <= '9'; digit++)
			tx = tx * 10 + (uint32_t)(*digit - '0');
		for (uint32_t i = 0; i < 200; i++) {
			memset(payload, 'v', sizeof(payload));
			memcpy(payload, "b000", 5);
			payload[1] = (char)('0' + i / 100);
			payload[2] = (char)('0' + i / 10 % 10);
			payload[3] = (char)('0' + i % 10);
			ask_bytes(t, t->who, tx, XS_WRITE, payload, sizeof(payload));
			bytes += was_refused(t) ? 0 : sizeof(payload) - 5;
		}
	}
	must(t, count <= 2 * TRANSACTIONS, "a guest has any number of transactions");
	must(t, bytes <= MEMORY, "transactions hold more than 2.5 MB");
}

void xsa_326_transaction(struct trial *t)
{
	nodes_of_a_transaction(t);
	memory_of_transactions(t);
}

/* -- 414, 415: creation that fails half way ----------------------------------------------------- */

void xsa_414(struct trial *t)
{
	static const char *const paths[] = { "x/y", "x/y/z", "x/y/z/u/v/w", "x/y" };

	fill_but_one(t);
	for (uint32_t i = 0; i < 40; i++) {
		const char *path = paths[i % 4];
		uint32_t tx;

		ask(t, t->who, i % 2 ? XS_WRITE : XS_MKDIR, i % 2 ? "%s|v" : "%s|", path);
		must(t, was_refused(t), "more nodes are made than there is room for");
		tx = start(t, t->who);
		ask_in(t, t->who, tx, XS_WRITE, "%s|v", path);
		ask_in(t, t->who, tx, XS_READ, "x|");
		must(t, was_refused(t) || t->kind != PEER_OURS, "half of a refused creation is there");
		ask_in(t, t->who, tx, XS_TRANSACTION_END, i % 3 ? "F|" : "T|");
	}
	is_absent(t, "x");
	is_absent(t, "x/y");
	has_room_for_one(t);
	others_are_served(t);
}

void xsa_415(struct trial *t)
{
	uint32_t tx;

	fill_but_one(t);
	tx = start(t, t->who);
	ask_in(t, t->who, tx, XS_WRITE, "x/y/z|v");
	ask_in(t, t->who, tx, XS_WRITE, "x/y/z/more|v");
	ask_in(t, t->who, tx, XS_WRITE, "u/v|v");
	ask_in(t, t->who, tx, XS_TRANSACTION_END, "T|");
	is_absent(t, "x/y/z/more");
	is_absent(t, "x/y/z");
	is_absent(t, "x/y");
	is_absent(t, "x");
	is_absent(t, "u/v");
	is_absent(t, "u");
	has_room_for_one(t);
}

/* -- 421: made and removed in one transaction --------------------------------------------------- */

static void made_and_removed(struct trial *t)
{
	const uint32_t tx = start(t, t->who);
	bool committed;

	ok_in(t, t->who, tx, XS_WRITE, "gone/deep|v");
	ok_in(t, t->who, tx, XS_WRITE, "kept/a|v");
	ok_in(t, t->who, tx, XS_RM, "gone|");
	ok_in(t, t->who, tx, XS_WRITE, "kept/b|v");
	ask_in(t, t->who, tx, XS_TRANSACTION_END, "T|");
	committed = !was_refused(t);
	must(t, committed || t->kind != PEER_OURS, "END: %s", t->reply.payload);
	is_absent(t, "gone");
	is_absent(t, "gone/deep");
	ask(t, t->who, XS_READ, "kept/a|");
	must(t, was_refused(t) != committed, "half of a transaction is done");
	ask(t, t->who, XS_READ, "kept/b|");
	must(t, was_refused(t) != committed, "half of a transaction is done");
	ask(t, t->who, XS_RM, "kept|");
}

static void in_conflict(struct trial *t)
{
	uint32_t tx;

	ok(t, t->who, XS_WRITE, "read|v");
	tx = start(t, t->who);
	ok_in(t, t->who, tx, XS_WRITE, "first|v");
	ok_in(t, t->who, tx, XS_READ, "read|");
	ok(t, t->dom0, XS_WRITE, "/local/domain/%u/read|w", t->ring ? WHO : 0);
	ok_in(t, t->who, tx, XS_WRITE, "last|v");
	ask_in(t, t->who, tx, XS_TRANSACTION_END, "T|");
	must(t, was_refused(t), "a conflict is not seen");
	is_absent(t, "first");
	is_absent(t, "last");
	ok(t, t->who, XS_RM, "read|");
}

void xsa_421(struct trial *t)
{
	const uint32_t before = room(t, t->who);

	for (uint32_t i = 0; i < 10; i++) {
		made_and_removed(t);
		in_conflict(t);
	}
	must(t, room(t, t->who) == before, "the count is not what it was");
}

/* -- 440: counted and removed by another -------------------------------------------------------- */

void xsa_440(struct trial *t)
{
	const uint32_t before = room(t, t->who), home = t->ring ? WHO : 0;

	for (uint32_t round = 0; round < 6; round++) {
		uint32_t tx;

		for (uint32_t i = 0; i < 10; i++)
			ok(t, t->who, XS_WRITE, "n/%u|v", i);
		tx = start(t, t->who);
		for (uint32_t i = 0; i < 10; i++)
			ok_in(t, t->who, tx, XS_RM, "n/%u|", i);
		if (round % 2)
			ok_in(t, t->who, tx, XS_WRITE, "m/%u|v", round);
		ok(t, round % 3 ? t->dom0 : t->who, XS_RM, "/local/domain/%u/n|", home);
		if (round > 3) /* and all of it anew, by somebody else */
			ok(t, t->dom0, XS_WRITE, "/local/domain/%u/n/0|v", home);
		ask_in(t, t->who, tx, XS_TRANSACTION_END, "T|");
		must(t, was_refused(t) || t->kind != PEER_OURS, "what is gone is removed again");
		ask(t, t->who, XS_RM, "n|");
		ask(t, t->who, XS_RM, "m|");
	}
	must(t, room(t, t->who) == before, "the count is not what it was");
}

/* -- 483: the next domain of this number -------------------------------------------------------- */

struct figures {
	uint32_t nodes, watches, transactions;
};

/* As many of each as it may have. */
static struct figures use_all(struct trial *t, struct peer_conn *conn)
{
	struct figures f = { .nodes = fill(t, conn, "n", MOST) };

	for (; f.watches < MOST; f.watches++) {
		ask(t, conn, XS_WATCH, "w%u|token|", f.watches);
		if (was_refused(t))
			break;
	}
	for (; f.transactions < 100; f.transactions++) {
		ask(t, conn, XS_TRANSACTION_START, "|");
		if (was_refused(t))
			break;
	}
	events(t, conn, "");
	return f;
}

void xsa_483(struct trial *t)
{
	const struct figures first = use_all(t, t->who);

	must(t, first.nodes < MOST && first.watches < MOST && first.transactions < 100,
	     "a guest's nodes, watches or transactions have no bound");
	for (uint32_t life = 0; life < 3; life++) {
		struct peer_conn *conn;
		struct figures f;

		die(t, WHO);
		conn = guest(t, WHO);
		f = use_all(t, conn);
		must(t, f.nodes == first.nodes, "a new domain pays for the nodes of one before");
		must(t, f.watches == first.watches, "a new domain pays for the watches of one before");
		must(t, f.transactions == first.transactions,
		     "a new domain pays for the transactions of one before");
	}
}
