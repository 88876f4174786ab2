/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cases.h"

/* -- 115: what only the toolstack may ----------------------------------------------------------- */

enum { SET_FEATURE = 24, GET_QUOTA, SET_QUOTA }; /* younger than Debian's header */

void xsa_115_privilege(struct trial *t)
{
	create(t, 20);
	for (uint32_t domid = 0; domid <= 20; domid += domid ? 13 : WHO) {
		ask(t, t->who, XS_IS_DOMAIN_INTRODUCED, "%u|", domid);
		must(t, was_refused(t), "a guest may ask which domains there are");
	}
	ask(t, t->who, XS_INTRODUCE, "20|1|1|");
	must(t, was_refused(t), "a guest may introduce");
	ask(t, t->who, XS_RELEASE, "%u|", WHO);
	must(t, was_refused(t), "a guest may release");
	ask(t, t->who, XS_RESUME, "%u|", WHO);
	must(t, was_refused(t), "a guest may resume");
	ask(t, t->who, XS_SET_TARGET, "%u|0|", WHO);
	must(t, was_refused(t), "a guest may choose a target");
	for (uint32_t op = SET_FEATURE; op <= SET_QUOTA; op++) {
		ask(t, t->who, op, op == GET_QUOTA ? "0|nodes|" : "20|nodes|1|");
		must(t, was_refused(t), "a guest may see or set features and quotas");
	}
	ask(t, t->who, XS_CONTROL, "help|"); /* oxenstored says OK and does nothing */
	must(t, was_refused(t) || (t->kind == PEER_OX && t->reply.header.len <= 3),
	     "a guest may control the server");
}

/* -- 206: a guest in a loop, and dom0's commit -------------------------------------------------- */

enum { ATTEMPTS = 200, ROUNDS_BETWEEN = 4 };

/* The guest takes its answers and writes again, as often as there is room. */
static void hammer(struct trial *t)
{
	struct peer_message reply;

	while (!peer_receive(t->who, &reply, 0))
		continue;
	while (stuff_message(t, t->who, XS_WRITE, 1, "hot\0x", 5))
		continue;
	peer_kick(t->who);
}

/* Long enough for a guest that is given its turns: the server comes by several times. */
static void let_it_write(struct trial *t)
{
	for (int i = 0; i < ROUNDS_BETWEEN; i++) {
		hammer(t);
		ok(t, t->dom0, XS_READ, "/|");
	}
}

static bool commit_once(struct trial *t)
{
	const uint32_t tx = start(t, t->dom0);

	let_it_write(t);
	ok_in(t, t->dom0, tx, XS_READ, "/local/domain/%u/hot|", WHO);
	let_it_write(t);
	ok_in(t, t->dom0, tx, XS_WRITE, "/local/domain/%u/hot|dom0", WHO);
	let_it_write(t);
	return strcmp(ask_in(t, t->dom0, tx, XS_TRANSACTION_END, "T|"), "EAGAIN") != 0;
}

void xsa_206(struct trial *t)
{
	ok(t, t->who, XS_WRITE, "hot|x");
	for (int commits = 0; commits < 3; commits++) {
		int attempts = 0;

		while (!commit_once(t))
			must(t, ++attempts < ATTEMPTS, "a guest that writes keeps dom0 from committing");
	}
}

/* -- 233: a domain and its stub domain ---------------------------------------------------------- */

static void expect_owner(struct trial *t, const char *path, uint32_t domid)
{
	char want[16];
	const char *perms = ask(t, t->dom0, XS_GET_PERMS, "%s|", path);

	must(t, !was_refused(t), "GET_PERMS %s: %s", path, perms);
	snprintf(want, sizeof(want), "n%u", domid);
	must(t, !strcmp(perms, want), "%s is %s, not %s", path, perms, want);
}

static void both_go(struct trial *t, uint32_t domid, uint32_t stub)
{
	struct peer_conn *conn;

	guest(t, domid);
	conn = guest(t, stub);
	ok(t, t->dom0, XS_SET_TARGET, "%u|%u|", stub, domid);
	ok(t, conn, XS_WRITE, "/local/domain/%u/of-stub|v", domid);
	ok(t, t->dom0, XS_WATCH, "@releaseDomain|%u|", domid);
	events(t, t->dom0, "");
	die_both(t, domid, stub);
	must(t, events(t, t->dom0, "@releaseDomain") >= 1, "nobody is told");
	refused(t, t->dom0, XS_READ, "ENOENT", "/local/domain/%u/of-stub|", domid);
	ok(t, t->dom0, XS_UNWATCH, "@releaseDomain|%u|", domid);
}

/* The stub domain outlives its domain, and then a new one has that number. */
static void the_stub_stays(struct trial *t)
{
	struct peer_conn *stub = guest(t, 31);

	guest(t, 30);
	ok(t, t->dom0, XS_SET_TARGET, "31|30|");
	die(t, 30);
	ok(t, stub, XS_WRITE, "alone|v");
	expect_owner(t, "/local/domain/31/alone", 31);
	guest(t, 30);
	ask(t, stub, XS_WRITE, "/local/domain/30/not-mine|v");
	must(t, was_refused(t), "a stub domain may act for the next domain of that number");
	die(t, 31);
	ok(t, t->dom0, XS_WRITE, "/local/domain/30/still|v");
}

void xsa_233(struct trial *t)
{
	both_go(t, 20, 21);
	both_go(t, 23, 22);
	the_stub_stays(t);
	others_are_served(t);
}

/* -- 322, 417: numbers that come again ---------------------------------------------------------- */

void xsa_322(struct trial *t)
{
	struct peer_conn *conn;

	guest(t, 5);
	ok(t, t->dom0, XS_WRITE, "/for-5|secret");
	ok(t, t->dom0, XS_SET_PERMS, "/for-5|n0|b5|");
	ok(t, t->dom0, XS_SET_PERMS, "@releaseDomain|n0|r5|");
	ok(t, t->dom0, XS_SET_PERMS, "@introduceDomain|n0|r5|");
	die(t, 5);
	conn = guest(t, 5);
	ask(t, conn, XS_READ, "/for-5|");
	must(t, was_refused(t), "a new domain reads what was for one before");
	ask(t, conn, XS_WRITE, "/for-5|v");
	must(t, was_refused(t), "a new domain writes what was for one before");
	ok(t, conn, XS_WATCH, "@releaseDomain|out|");
	ok(t, conn, XS_WATCH, "@introduceDomain|in|");
	ok(t, conn, XS_WATCH, "/for-5|node|");
	events(t, conn, "");
	guest(t, 20);
	die(t, 20);
	ok(t, t->dom0, XS_WRITE, "/for-5|again");
	must(t, events(t, conn, "@") == 0, "a new domain hears of domains as one before did");
	must(t, events(t, conn, "") == 0, "a new domain hears of nodes as one before did");
}

void xsa_417(struct trial *t)
{
	struct peer_conn *conn;

	ok(t, t->dom0, XS_WRITE, "/for-77|secret");
	ask(t, t->dom0, XS_SET_PERMS, "/for-77|n0|b77|");
	ok(t, t->who, XS_WRITE, "for-77|secret");
	ask(t, t->who, XS_SET_PERMS, "for-77|n%u|r77|", WHO);
	conn = guest(t, 77);
	ask(t, conn, XS_READ, "/for-77|");
	must(t, was_refused(t), "dom0's entry for nobody serves a later domain");
	ask(t, conn, XS_WRITE, "/for-77|v");
	must(t, was_refused(t), "dom0's entry for nobody serves a later domain");
	ask(t, conn, XS_READ, "/local/domain/%u/for-77|", WHO);
	must(t, was_refused(t), "a guest's entry for nobody serves a later domain");
}

/* -- 352, 353 ----------------------------------------------------------------------------------- */

void xsa_352(struct trial *t)
{
	guest(t, 20);
	ok(t, t->who, XS_WRITE, "mine|v");
	ok(t, t->who, XS_SET_PERMS, "mine|n%u|r20|", WHO);
	ask(t, t->who, XS_SET_PERMS, "mine|n20|");
	must(t, was_refused(t), "a guest gives its node to another");
	ask(t, t->who, XS_SET_PERMS, "mine|n0|b%u|", WHO);
	must(t, was_refused(t), "a guest gives its node to dom0");
	ask(t, t->who, XS_SET_PERMS, "mine|b20|n%u|", WHO);
	must(t, was_refused(t), "a guest gives its node to another");
	ok(t, t->who, XS_SET_PERMS, "mine|n%u|", WHO);
	expect_owner(t, "/local/domain/7/mine", WHO);
	ok(t, t->dom0, XS_WRITE, "/shared|v");
	ok(t, t->dom0, XS_SET_PERMS, "/shared|n0|b%u|", WHO);
	ok(t, t->who, XS_WRITE, "/shared|w");
	ask(t, t->who, XS_SET_PERMS, "/shared|n%u|", WHO);
	must(t, was_refused(t), "who may write may change the owner");
	ask(t, t->who, XS_SET_PERMS, "/shared|b0|");
	must(t, was_refused(t), "who may write may change the permissions");
	ok(t, t->dom0, XS_SET_PERMS, "/local/domain/%u/mine|n20|", WHO);
	expect_owner(t, "/local/domain/7/mine", 20);
}

void xsa_353(struct trial *t)
{
	ok(t, t->dom0, XS_WRITE, "/kept|v");
	ask(t, t->who, XS_SET_PERMS, "/|b%u|", WHO);
	must(t, was_refused(t), "a guest takes the root");
	ask(t, t->who, XS_DIRECTORY, "/|");
	must(t, was_refused(t), "a guest lists the root");
	ask(t, t->who, XS_DIRECTORY_PART, "/|0|");
	must(t, was_refused(t), "a guest lists the root in parts");
	ask(t, t->who, XS_GET_PERMS, "/|");
	must(t, was_refused(t), "a guest reads the root's permissions");
	ask(t, t->who, XS_READ, "/|");
	must(t, was_refused(t), "a guest reads the root");
	ask(t, t->who, XS_WRITE, "/|v");
	must(t, was_refused(t), "a guest writes the root");
	ask(t, t->who, XS_MKDIR, "/mine|");
	must(t, was_refused(t), "a guest makes a node beneath the root");
	ask(t, t->who, XS_RM, "/|");
	must(t, was_refused(t), "a guest removes the root");
	ok(t, t->dom0, XS_READ, "/kept|");
}

/* -- 419 ---------------------------------------------------------------------------------------- */

void xsa_419(struct trial *t)
{
	ok(t, t->dom0, XS_MKDIR, "/elsewhere|");
	ok(t, t->dom0, XS_SET_PERMS, "/elsewhere|n0|b%u|", WHO);
	ok(t, t->who, XS_WRITE, "/elsewhere/mine/deep|v");
	ok(t, t->dom0, XS_WRITE, "/elsewhere/mine/of-dom0|v");
	ok(t, t->dom0, XS_WRITE, "/elsewhere/other|v");
	ok(t, t->who, XS_WRITE, "own|v");
	die(t, WHO);
	ask(t, t->dom0, XS_READ, "/elsewhere/mine/deep|");
	must(t, was_refused(t), "a dead domain's node stays");
	ask(t, t->dom0, XS_READ, "/elsewhere/mine|");
	must(t, was_refused(t), "a dead domain's node stays");
	ask(t, t->dom0, XS_READ, "/local/domain/%u/own|", WHO);
	must(t, was_refused(t), "a dead domain's home stays");
	ok(t, t->dom0, XS_READ, "/elsewhere/other|");
}

/* -- 425 ---------------------------------------------------------------------------------------- */

enum { GUESTS = 16, REQUESTS = 40 /* more than are worked off in one go */ };

static void stop(struct trial *t)
{
	kill(peer_pid(t->peer), SIGSTOP);
	must(t, waitpid(peer_pid(t->peer), NULL, WUNTRACED) == peer_pid(t->peer), "the server does not stop");
}

static void send_releases(struct trial *t, uint32_t first, uint32_t odd)
{
	char domid[8];

	for (uint32_t i = odd; i < GUESTS; i += 2) {
		const int len = snprintf(domid, sizeof(domid), "%u", first + i) + 1;

		must(t, !peer_send(t->dom0, XS_RELEASE, i, 0, domid, (size_t)len), "RELEASE cannot be sent");
	}
}

static void send_requests(struct trial *t, struct peer_conn **conns)
{
	for (uint32_t i = 0; i < GUESTS; i++) {
		for (uint32_t n = 0; n < REQUESTS; n++)
			stuff_message(t, conns[i], XS_WRITE, n, "n\0v", 3);
		peer_kick(conns[i]);
	}
}

/* The server finds all of it at once: when a domain goes, what is left of its requests and its neighbours' waits its turn. */
static void release_every_second(struct trial *t, uint32_t first, uint32_t odd)
{
	struct peer_conn *conns[GUESTS];
	struct peer_message reply;

	for (uint32_t i = 0; i < GUESTS; i++)
		conns[i] = guest(t, first + i);
	stop(t);
	if (odd)
		send_requests(t, conns);
	send_releases(t, first, odd);
	if (!odd)
		send_requests(t, conns);
	kill(peer_pid(t->peer), SIGCONT);
	for (uint32_t i = odd; i < GUESTS; i += 2) {
		must(t, !peer_receive(t->dom0, &reply, PEER_PATIENCE_MS), "RELEASE is not answered");
		must(t, reply.header.type == XS_RELEASE, "RELEASE: %s", reply.payload);
	}
	for (uint32_t i = 1 - odd; i < GUESTS; i += 2)
		for (uint32_t n = 0; n < REQUESTS; n++)
			must(t, !peer_receive(conns[i], &reply, PEER_PATIENCE_MS) && reply.header.req_id == n,
			     "a neighbour of a released domain is not served");
}

void xsa_425(struct trial *t)
{
	release_every_second(t, 20, 0);
	release_every_second(t, 40, 1);
	others_are_served(t);
}
