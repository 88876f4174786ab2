/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_CLIENT_RUN_H
#define TESTS_FUZZ_CLIENT_RUN_H
/*
 * The parts of the client's target: a program that uses a session (fuzz_client.c), the transport under it
 * (client_wire.c), and a server that answers what it likes (client_server.c) and knows what may come of that:
 *
 *     request "0000002a..." --> sent{req_id, mark 2a} --> reply "0000002a..." --> the request of mark 2a, or nobody
 *     WATCH "/w1" TOKEN     --> token{1, TOKEN}       --> event "/w1/TOKEN/CONNECTION/SERIAL", each once, in order
 *
 * What no server may send (an id that is not out, another type, a length over the protocol's) spoils the
 * connection: what is behind it says so, may reach nobody, and the session must hang up.
 */
#include "fuzz.h"
#include <xenbus/client.h>
#include <xenbus/wire.h>

#include "session.h"
#include "virtual_host.h"

#define REQUESTS 6
#define WATCHES 3
#define SEEN 16
#define SENT_MAX 512
#define TOKENS 64
#define SPOILT UINT32_MAX /* the mark of what may not arrive */

struct run;

struct wire {
	struct transport base; /* first */
	struct run *run;
	bool open, ended;
	uint8_t in[1 << 16]; /* sent by the server, not received yet */
	size_t in_len;
	uint8_t head[WIRE_HEADER_SIZE + 64]; /* what the session is sending: its header and first bytes */
	size_t head_len, message_left;
};

struct one_request {
	struct xenstore_request req;
	struct run *run;
	uint32_t mark; /* in its payload: which of all */
	bool busy;
};

struct one_watch {
	struct xenstore_watch watch;
	struct run *run;
	uint32_t index;
	char path[4]; /* "/w" and the index */
	bool set;
};

/* A request that the server has got. */
struct sent {
	struct xsd_sockmsg header;
	uint32_t mark, connection;
	bool answered;
};

struct token {
	char text[12];
	uint32_t watch, connection, sent, fired;
	bool removed;
};

struct run {
	struct choices *choices;
	struct virtual_host host;
	struct wire *wire;   /* NULL: freed */
	struct xenstore *xs; /* NULL: closed */
	struct one_request requests[REQUESTS];
	struct one_watch watches[WATCHES];
	struct sent sent[SENT_MAX]; /* the latest; by count */
	uint32_t sent_count;
	struct token tokens[TOKENS];
	uint32_t token_count;
	uint32_t marks, connection;
	bool garbled; /* from here on nobody knows what the session reads */
	bool spoilt;  /* what no server may send is on its way */
	int depth;
};

extern const struct transport_ops fuzz_wire_ops;

/* --- client_server.c --- */
/* A whole request has come: @head holds its header and @len bytes of the payload. */
void server_hears(struct run *r, const uint8_t *head, size_t len);
void server_answers(struct run *r);
/* @count bytes that mean nothing. */
void server_babbles(struct run *r, size_t count);
/* Many events at once, or one message longer than short ones are. */
void server_floods(struct run *r);
/* Each registered name's own. Returns NULL for a text that no WATCH has said. */
struct token *server_token(struct run *r, const char *text, size_t len);
/* @path was told to the watch of @index: was that right? */
void server_judges_event(struct run *r, uint32_t index, const char *path);

#endif
