/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H
/*
 * A store and its clients, for tests of one line a request. '|' stands for NUL in payloads.
 *
 *     struct world *w = world_new();
 *     uint32_t tool = world_connect(w);            a socket client of dom0
 *     uint32_t guest = world_introduce(w, 5);      domain 5 and its ring
 *     says(w, tool, "WRITE /a|v", "OK|");          request and reply; an error is its name
 *     uint32_t tx = world_begin(w, guest);
 *     says_in(w, guest, tx, "READ x|", "ENOENT|");
 *     hears(w, tool, "/a|token| /b|token|");       the events since last asked, "" for none
 *     world_end(w);                                checks, dumps, loads, compares, frees
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <xenbus/store.h>
#include <xenbus/wire.h>

#define WORLD_CONNS 4096
#define WORLD_TEXT 65536

struct world {
	struct store *store;
	struct store_effects fx;
	struct store_config config;
	bool exists[65536]; /* domids in the hypervisor */
	int map_error;	    /* what mapping a ring ends with */
	bool hold_output;   /* clients read nothing: DRAINED is not sent */
	char reply[WORLD_TEXT];
	size_t reply_len; /* raw bytes, before '|' took NUL's place */
	char order
		[WORLD_TEXT]; /* the last input's effects: "r1" reply to 1, "e1" event, "c1" close, "m5" map, "u5" unmap */
	char *events[WORLD_CONNS]; /* heard and not yet asked for */
	char log[WORLD_TEXT];
};

struct world *world_new(void);
struct world *world_new_with(const struct store_quota *quota);
void world_end(struct world *w);
/* The same without the final checks. */
void world_free(struct world *w);

uint32_t world_connect(struct world *w);
void world_disconnect(struct world *w, uint32_t conn);
/* Makes the domain exist, introduces it; returns its connection. */
uint32_t world_introduce(struct world *w, uint32_t domid);
void world_kill(struct world *w, uint32_t domid);
/* Any input; handles the effects. Returns store_apply()'s result. */
int world_apply(struct world *w, struct store_input *in);
/* Until no work is deferred. */
void world_settle(struct world *w);

/* "OP payload": the reply, or the error's name. Valid until the next request. */
const char *world_ask(struct world *w, uint32_t conn, uint32_t tx, const char *request);
const char *world_ask_raw(struct world *w, uint32_t conn, uint32_t tx, uint32_t op, const void *payload,
			  size_t len);
uint32_t world_begin(struct world *w, uint32_t conn);
/* Takes what @conn heard. free() it. */
char *world_heard(struct world *w, uint32_t conn);

#define says_in(w, conn, tx, request, answer) \
	assert_string_equal(world_ask((w), (conn), (tx), (request)), (answer))
#define says(w, conn, request, answer) says_in(w, conn, 0, request, answer)
#define hears(w, conn, wanted)                           \
	do {                                             \
		char *heard_ = world_heard((w), (conn)); \
		assert_string_equal(heard_, (wanted));   \
		free(heard_);                            \
	} while (0)

#endif
