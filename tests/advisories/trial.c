/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void verdict(struct trial *t, enum verdict verdict, const char *format, va_list args)
{
	t->verdict = verdict;
	vsnprintf(t->how, sizeof(t->how), format, args);
	longjmp(t->end, 1);
}

void trial_fails(struct trial *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	verdict(t, FAILS, format, args);
	abort();
}

void trial_unseen(struct trial *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	verdict(t, UNSEEN, format, args);
	abort();
}

static const char *op_text(uint32_t op)
{
	static const char *const names[] = {
		"CONTROL",
		"DIRECTORY",
		"READ",
		"GET_PERMS",
		"WATCH",
		"UNWATCH",
		"TRANSACTION_START",
		"TRANSACTION_END",
		"INTRODUCE",
		"RELEASE",
		"GET_DOMAIN_PATH",
		"WRITE",
		"MKDIR",
		"RM",
		"SET_PERMS",
		"WATCH_EVENT",
		"ERROR",
		"IS_DOMAIN_INTRODUCED",
		"RESUME",
		"SET_TARGET",
		"RESTRICT",
		"RESET_WATCHES",
		"DIRECTORY_PART",
	};

	return op < sizeof(names) / sizeof(names[0]) ? names[op] : "it";
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A server that has just closed all its connections may take a moment to be gone. */
static bool has_ended(struct trial *t)
{
	const struct timespec moment = { .tv_nsec = 10000000 };

	for (int i = 0; i < 200 && !peer_has_ended(t->peer); i++)
		nanosleep(&moment, NULL);
	return peer_has_ended(t->peer);
}

static void lost(struct trial *t, uint32_t op, int err)
{
	if (peer_has_ended(t->peer) || (err == -EPIPE && has_ended(t)))
		trial_fails(t, "the server ended at %s", op_text(op));
	if (err == -EPIPE)
		trial_fails(t, "%s: it hung up", op_text(op));
	if (err == -ETIME)
		trial_fails(t, "%s: no answer", op_text(op));
	if (err == -EPROTO)
		trial_fails(t, "%s: a message has more than 4096 bytes", op_text(op));
	trial_fails(t, "%s: %s", op_text(op), strerror(-err));
}

const char *ask_bytes(struct trial *t, struct peer_conn *conn, uint32_t tx, uint32_t op, const void *payload,
		      size_t len)
{
	const int err = peer_ask(conn, op, tx, payload, len, &t->reply);

	if (err)
		lost(t, op, err);
	return t->reply.payload;
}

struct text {
	char bytes[PEER_PAYLOAD_MAX + 1];
	size_t len;
};

static struct text text_of(const char *format, va_list args)
{
	struct text text;
	const int len = vsnprintf(text.bytes, sizeof(text.bytes), format, args);

	text.len = (size_t)len < sizeof(text.bytes) ? (size_t)len : sizeof(text.bytes) - 1;
	for (size_t i = 0; i < text.len; i++)
		if (text.bytes[i] == '|')
			text.bytes[i] = '\0';
	return text;
}

#define TEXT(text)                    \
	struct text text;             \
	va_list args;                 \
                                      \
	va_start(args, format);       \
	text = text_of(format, args); \
	va_end(args)

const char *ask(struct trial *t, struct peer_conn *conn, uint32_t op, const char *format, ...)
{
	TEXT(text);
	return ask_bytes(t, conn, 0, op, text.bytes, text.len);
}

const char *ask_in(struct trial *t, struct peer_conn *conn, uint32_t tx, uint32_t op, const char *format, ...)
{
	TEXT(text);
	return ask_bytes(t, conn, tx, op, text.bytes, text.len);
}

bool was_refused(const struct trial *t)
{
	return t->reply.header.type == XS_ERROR;
}

static void expect_ok(struct trial *t, struct peer_conn *conn, uint32_t tx, uint32_t op,
		      const struct text *text)
{
	const char *reply = ask_bytes(t, conn, tx, op, text->bytes, text->len);

	must(t, !was_refused(t), "%s %.60s: %s", op_text(op), text->bytes, reply);
}

void ok(struct trial *t, struct peer_conn *conn, uint32_t op, const char *format, ...)
{
	TEXT(text);
	expect_ok(t, conn, 0, op, &text);
}

void ok_in(struct trial *t, struct peer_conn *conn, uint32_t tx, uint32_t op, const char *format, ...)
{
	TEXT(text);
	expect_ok(t, conn, tx, op, &text);
}

void refused(struct trial *t, struct peer_conn *conn, uint32_t op, const char *error, const char *format, ...)
{
	const char *reply;

	TEXT(text);
	reply = ask_bytes(t, conn, 0, op, text.bytes, text.len);
	must(t, was_refused(t), "%s %.60s is granted", op_text(op), text.bytes);
	must(t, !error || !strcmp(reply, error), "%s %.60s: %s, not %s", op_text(op), text.bytes, reply,
	     error);
}

uint32_t start(struct trial *t, struct peer_conn *conn)
{
	const char *id = ask(t, conn, XS_TRANSACTION_START, "|");

	must(t, !was_refused(t), "TRANSACTION_START: %s", id);
	return (uint32_t)strtoul(id, NULL, 10);
}

/* -- domains ------------------------------------------------------------------------------------ */

void create(struct trial *t, uint32_t domid)
{
	const int err = peer_domain_create(t->peer, domid);

	must(t, !err, "domain %u cannot be made: %s", domid, strerror(-err));
}

struct peer_conn *guest(struct trial *t, uint32_t domid)
{
	struct peer_conn *conn;
	int err;

	create(t, domid);
	err = peer_guest(t->peer, domid, &conn);
	must(t, !err, "domain %u has no ring: %s", domid, strerror(-err));
	ok(t, t->dom0, XS_INTRODUCE, "%u|1|1|", domid);
	ok(t, t->dom0, XS_MKDIR, "/local/domain/%u|", domid);
	ok(t, t->dom0, XS_SET_PERMS, "/local/domain/%u|n%u|", domid, domid);
	ok(t, conn, XS_GET_PERMS, "/local/domain/%u|", domid);
	return conn;
}

struct peer_conn *socket_of(struct trial *t)
{
	struct peer_conn *conn;
	const int err = peer_connect(t->peer, &conn);

	must(t, !err, "a client is not let in: %s", strerror(-err));
	return conn;
}

bool is_introduced(struct trial *t, uint32_t domid)
{
	return ask(t, t->dom0, XS_IS_DOMAIN_INTRODUCED, "%u|", domid)[0] == 'T';
}

/* Some never notice, and the suite is to end. */
enum { PATIENCE_OF_PEERS_MS = 6000 };

static void await_end(struct trial *t, uint32_t domid)
{
	const long limit = now_ms() + (t->kind == PEER_OURS ? PEER_PATIENCE_MS : PATIENCE_OF_PEERS_MS);

	while (is_introduced(t, domid))
		must(t, now_ms() < limit, "the end of domain %u is not noticed", domid);
}

void die(struct trial *t, uint32_t domid)
{
	peer_domain_destroy(t->peer, domid);
	peer_virq(t->peer);
	await_end(t, domid);
}

void die_both(struct trial *t, uint32_t a, uint32_t b)
{
	peer_domain_destroy(t->peer, a);
	peer_domain_destroy(t->peer, b);
	peer_virq(t->peer);
	await_end(t, a);
	await_end(t, b);
}

/* -- what cases have in common ------------------------------------------------------------------ */

uint32_t fill(struct trial *t, struct peer_conn *conn, const char *path, uint32_t most)
{
	uint32_t made = 0;

	/* A hundred a directory, for some servers bound a directory's size. */
	while (made < most) {
		ask(t, conn, XS_WRITE, "%s/d%u/n%u|x", path, made / 100, made % 100);
		if (was_refused(t))
			break;
		made++;
	}
	return made;
}

uint32_t events(struct trial *t, struct peer_conn *conn, const char *path)
{
	struct peer_message event;
	uint32_t count = 0;
	int err;

	while ((err = peer_event(conn, &event)) == 0)
		count += !strncmp(event.payload, path, strlen(path));
	if (err != -EAGAIN)
		lost(t, XS_WATCH_EVENT, err);
	return count;
}

void others_are_served(struct trial *t)
{
	if (!t->neighbour)
		t->neighbour = guest(t, NEIGHBOUR);
	ok(t, t->neighbour, XS_WRITE, "served|yes");
	ok(t, t->dom0, XS_READ, "/local/domain/%u/served|", NEIGHBOUR);
	ok(t, t->dom0, XS_RM, "/local/domain/%u/served|", NEIGHBOUR);
}

size_t stuff(struct trial *t, struct peer_conn *conn, const void *bytes, size_t len)
{
	struct xenstore_domain_interface *page = peer_ring(conn);
	const uint32_t prod = page->req_prod, cons = *(volatile XENSTORE_RING_IDX *)&page->req_cons;
	const size_t room = XENSTORE_RING_SIZE - (prod - cons);

	if (len > room)
		len = room;
	atomic_thread_fence(memory_order_acquire);
	for (size_t i = 0; i < len; i++)
		page->req[MASK_XENSTORE_IDX(prod + (uint32_t)i)] = ((const char *)bytes)[i];
	atomic_thread_fence(memory_order_release);
	*(volatile XENSTORE_RING_IDX *)&page->req_prod = prod + (uint32_t)len;
	return len;
}

bool stuff_message(struct trial *t, struct peer_conn *conn, uint32_t op, uint32_t req_id, const void *payload,
		   size_t len)
{
	const struct xsd_sockmsg header = { .type = op, .req_id = req_id, .len = (uint32_t)len };
	struct xenstore_domain_interface *page = peer_ring(conn);
	char message[XENSTORE_RING_SIZE];

	if (XENSTORE_RING_SIZE - (page->req_prod - *(volatile XENSTORE_RING_IDX *)&page->req_cons) <
	    sizeof(header) + len)
		return false;
	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), payload, len);
	stuff(t, conn, message, sizeof(header) + len);
	return true;
}

void long_path(char *buf, const char *prefix, size_t len)
{
	size_t at = strlen(prefix);

	memcpy(buf, prefix, at);
	for (size_t name = 0; at < len; at++, name++)
		buf[at] = name % 101 == 100 && at + 1 < len ? '/' : 'n';
	buf[len] = '\0';
}

/* -- a trial ------------------------------------------------------------------------------------ */

/* The store walks all its structures and compares its counts with what is there. */
static void is_sound(struct trial *t)
{
	const char *said = ask(t, t->dom0, XS_CONTROL, "check|");

	must(t, !strcmp(said, "OK"), "CONTROL check: %s", said);
}

static void run_case(struct trial *t, trial_case *run)
{
	t->dom0 = socket_of(t);
	t->who = t->ring ? guest(t, WHO) : socket_of(t);
	run(t);
	ok(t, t->dom0, XS_DIRECTORY, "/|");
	if (t->kind == PEER_OURS)
		is_sound(t);
}

/* The end of what the server said, for who looks into it. */
static void show_output(struct trial *t)
{
	char text[65536];
	const size_t len = peer_output(t->peer, text, sizeof(text)), tail = len < 2000 ? len : 2000;

	fprintf(stderr, "%s, %s: %s\n%s\n", peer_name(t->kind), t->ring ? "ring" : "socket", t->how,
		text + len - tail);
}

/* How Debian's end is no question of ours, and oxenstored takes its time with SIGTERM. */
static void end_of_peer(struct trial *t)
{
	if (peer_has_ended(t->peer) && t->verdict == HOLDS) {
		t->verdict = FAILS;
		snprintf(t->how, sizeof(t->how), "the server ended");
	}
	if (!peer_has_ended(t->peer))
		kill(peer_pid(t->peer), SIGKILL);
}

void trial_run(struct trial *t, enum peer_kind kind, bool ring, trial_case *run)
{
	int err;

	t->kind = kind;
	t->ring = ring;
	t->verdict = HOLDS;
	t->how[0] = '\0';
	t->neighbour = NULL;
	err = peer_start(kind, NULL, &t->peer);
	if (err) {
		t->verdict = FAILS;
		snprintf(t->how, sizeof(t->how), "it does not start: %s", strerror(-err));
		return;
	}
	if (!setjmp(t->end))
		run_case(t, run);
	if (t->verdict == FAILS)
		show_output(t);
	if (t->kind != PEER_OURS)
		end_of_peer(t);
	if (peer_stop(t->peer) && t->verdict == HOLDS && t->kind == PEER_OURS) {
		t->verdict = FAILS;
		snprintf(t->how, sizeof(t->how), "it ended badly");
	}
}
