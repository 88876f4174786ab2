/* SPDX-License-Identifier: MIT */
#ifndef ALICE_STREAM_FRONT_H
#define ALICE_STREAM_FRONT_H
/*
 * The sending end of the conversation in protocol.h, over memory that the caller shares: no store, no
 * event channel, no loop. What the backend writes is hostile: everything it answers is checked against
 * what was asked.
 *
 *      NEW --hello()--> GREETING --hi--> STREAMING --end()--> ENDING --response--> DONE
 *                                 '----> GREETED (no data pages: hello is all)
 *      any --status of a response--> FAILED         any --breach of the protocol--> -EPROTO
 *
 *      page:  free --next(), commit()--> in flight --response--> free
 */
#include <stdbool.h>
#include <nettle/sha2.h>
#include "protocol.h"

enum stream_front_phase {
	STREAM_FRONT_NEW,
	STREAM_FRONT_GREETING,
	STREAM_FRONT_GREETED,
	STREAM_FRONT_STREAMING,
	STREAM_FRONT_ENDING,
	STREAM_FRONT_DONE,
	STREAM_FRONT_FAILED,
};

struct stream_front {
	struct ring_front ring;
	enum stream_front_phase phase;
	uint8_t *pages;	     /* page_count data pages, consecutive; borrowed */
	uint32_t page_count; /* 0: no stream */
	uint32_t next_page;  /* the next to be filled: pages are used in turn */
	bool want_digest;
	uint8_t asked[ALICE_MAX_IDS]; /* enum alice_op in flight under an id; 0: none */
	uint32_t rsp_version, hi_value;
	uint64_t sent;	   /* bytes in requests */
	uint64_t answered; /* responses */
	uint64_t requests; /* put so far */
	uint64_t stored;   /* DONE: what the backend says it has, bytes */
	bool has_digest;   /* DONE: both digests are there */
	uint8_t sent_digest[ALICE_DIGEST_BYTES], stored_digest[ALICE_DIGEST_BYTES];
	struct sha256_ctx sha;
	const char *breach; /* after -EPROTO: what was wrong, static */
};

/* Makes the ring in @ring_page (4096 bytes, zeroed, shared) and takes @page_count (0..256) data pages
 * at @pages. */
void stream_front_init(struct stream_front *sf, void *ring_page, void *pages, uint32_t page_count,
		       bool want_digest);

/* NEW: puts the HELLO; push() publishes it. */
void stream_front_hello(struct stream_front *sf);

/* STREAMING: the next data page, ALICE_PAGE_BYTES long, to be filled; NULL: all are in flight. */
uint8_t *stream_front_next(struct stream_front *sf);
/* The first @len (1..4096) bytes of that page become a request. */
void stream_front_commit(struct stream_front *sf, uint32_t len);
/* STREAMING: there is no more to send. A slot for it is always free. */
void stream_front_end(struct stream_front *sf);

/* Publishes what was put. True: notify the backend. */
bool stream_front_push(struct stream_front *sf);
/* Takes all responses that are there, and moves the phase. Their number, or -EPROTO (see breach). */
int stream_front_receive(struct stream_front *sf);
/* Before sleeping: asks to be woken when about half of what is in flight is answered. > 0: responses are
 * there already; 0: sleep; -EPROTO. */
int stream_front_wait(struct stream_front *sf);

#endif
