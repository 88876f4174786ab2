/* SPDX-License-Identifier: MIT */
#ifndef ADVISORIES_TRIAL_H
#define ADVISORIES_TRIAL_H
/*
 * One advisory tried on one server, fresh for it:
 *
 *     t->dom0   a socket: the toolstack, and who looks whether the server still serves
 *     t->who    who does what the advisory is about: domain 7 on its ring, or another socket
 *
 * A case says what it asks, and what must hold. It ends by returning (it holds) or by one of the calls that do not
 * return; connections and domains go with the server.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../peers/peer.h"

enum { WHO = 7, NEIGHBOUR = 9 }; /* domains */

enum verdict { HOLDS, FAILS, UNSEEN, NOT_TRIED };

struct trial {
	enum peer_kind kind;
	bool ring; /* is t->who a guest? */
	struct peer *peer;
	struct peer_conn *dom0, *who;
	struct peer_conn *neighbour; /* once others_are_served() has been asked */
	struct peer_message reply;   /* to what was asked last */
	enum verdict verdict;
	char how[160];
	jmp_buf end;
};

typedef void trial_case(struct trial *t);

/* Runs @run on a server of its own; the verdict is in @t. */
void trial_run(struct trial *t, enum peer_kind kind, bool ring, trial_case *run);

/* It does not hold. Not to return: what is said must be the same in each run. */
void trial_fails(struct trial *t, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
/* This server gives no way to see it. */
void trial_unseen(struct trial *t, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
#define must(t, condition, ...)                        \
	do {                                           \
		if (!(condition))                      \
			trial_fails((t), __VA_ARGS__); \
	} while (0)

/* Asks; '|' in the text stands for a NUL. Returns the reply's payload as a string, for an error its name. A server that
 * ends, hangs or hangs up fails the trial. */
const char *ask(struct trial *t, struct peer_conn *conn, uint32_t op, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
const char *ask_in(struct trial *t, struct peer_conn *conn, uint32_t tx, uint32_t op, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
const char *ask_bytes(struct trial *t, struct peer_conn *conn, uint32_t tx, uint32_t op, const void *payload,
		      size_t len);
/* The same, and anything but success, or but an error (of this name, if not NULL), fails the trial. */
void ok(struct trial *t, struct peer_conn *conn, uint32_t op, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void ok_in(struct trial *t, struct peer_conn *conn, uint32_t tx, uint32_t op, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void refused(struct trial *t, struct peer_conn *conn, uint32_t op, const char *error, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* Was the last reply an error? */
bool was_refused(const struct trial *t);
uint32_t start(struct trial *t, struct peer_conn *conn);

/* A domain with a ring, introduced, and a home that it owns. */
struct peer_conn *guest(struct trial *t, uint32_t domid);
/* A domain that exists and was not introduced. */
void create(struct trial *t, uint32_t domid);
/* These domains end, at once and with one VIRQ; returns when the server knows. */
void die(struct trial *t, uint32_t domid);
void die_both(struct trial *t, uint32_t a, uint32_t b);
/* Does the server say that it is introduced? */
bool is_introduced(struct trial *t, uint32_t domid);
struct peer_conn *socket_of(struct trial *t);

/* Makes nodes beneath @path until one is refused or @most are made; how many. */
uint32_t fill(struct trial *t, struct peer_conn *conn, const char *path, uint32_t most);
/* Events that wait: how many; of them, those whose path begins with @path. */
uint32_t events(struct trial *t, struct peer_conn *conn, const char *path);
/* Dom0 and a neighbour on a ring are served. */
void others_are_served(struct trial *t);
/* As many bytes as the guest's request ring has room for, without waiting and without a kick: those written. */
size_t stuff(struct trial *t, struct peer_conn *conn, const void *bytes, size_t len);
/* The same of one whole message, all of it or nothing. */
bool stuff_message(struct trial *t, struct peer_conn *conn, uint32_t op, uint32_t req_id, const void *payload,
		   size_t len);
/* A path of @len bytes beginning with @prefix: names of at most 100 letters. */
void long_path(char *buf, const char *prefix, size_t len);

#endif
