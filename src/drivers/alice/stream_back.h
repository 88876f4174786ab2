/* SPDX-License-Identifier: MIT */
#ifndef ALICE_STREAM_BACK_H
#define ALICE_STREAM_BACK_H
/*
 * The receiving end of the conversation in protocol.h, over memory that another domain shares: no store,
 * no event channel, no loop. The frontend is hostile: each request is copied out of the ring once, then
 * checked; data is copied out of its page once, and only the copy is hashed and stored.
 *
 *      NEW --HELLO--> STREAMING --END--> FINISHING --sink is done--> DONE
 *                '--> GREETED (no data pages)
 */
#include <stdbool.h>
#include <nettle/sha2.h>
#include "protocol.h"

enum stream_back_phase {
	STREAM_BACK_NEW,
	STREAM_BACK_GREETED,
	STREAM_BACK_STREAMING,
	STREAM_BACK_FINISHING,
	STREAM_BACK_DONE,
};

/* Where the bytes go. */
struct stream_sink {
	/* Room for ALICE_PAGE_BYTES; NULL: not now, call stream_back_process() again later. */
	uint8_t *(*reserve)(void *ctx);
	/* The first @len bytes of that room are the stream's next. */
	void (*commit)(void *ctx, uint32_t len);
	/* No more will come. 0: all is stored; -EINPROGRESS: process() shall be called again later;
	 * else it failed. */
	int (*finish)(void *ctx);
	/* 0, or why bytes were lost so far: -errno. */
	int (*error)(void *ctx);
	void *ctx;
};

struct stream_back {
	struct ring_back ring;
	enum stream_back_phase phase;
	const uint8_t *pages; /* page_count data pages, mapped read-only; borrowed */
	uint32_t page_count;  /* 0: no stream */
	struct stream_sink sink;
	bool want_digest;
	uint16_t end_id;    /* FINISHING: END's id */
	uint64_t end_bytes; /* FINISHING on: what the frontend says it sent */
	uint32_t hello_value, hello_version;
	uint64_t received;		    /* bytes */
	uint64_t requests;		    /* taken */
	int error;			    /* DONE: 0, or why the stream could not be stored, -errno */
	uint8_t digest[ALICE_DIGEST_BYTES]; /* DONE, where wanted */
	uint64_t ids_busy[ALICE_MAX_IDS / 64], pages_busy[ALICE_MAX_PAGES / 64]; /* taken, not yet pushed */
	struct sha256_ctx sha;
	const char *breach; /* after -EPROTO: what was wrong, static */
};

/* Attaches to the ring that the frontend made in @ring_page, with @page_count (0..256) data pages at
 * @pages. @sink is copied; unused where there are no pages. */
void stream_back_init(struct stream_back *sb, void *ring_page, const void *pages, uint32_t page_count,
		      const struct stream_sink *sink);

/* Copies and checks a refs page. The number of data pages, 1..@max, and their references in
 * @refs[ALICE_MAX_PAGES]; or -EPROTO. */
int stream_back_read_refs(const void *refs_page, uint32_t max, uint32_t *refs);

/* Takes, checks, stores and answers at most @limit (<= 64) requests; call push() before the next call.
 * Their number: 0, the ring is empty; or
 *   -EAGAIN   the sink has to catch up: call again when it has (what came before was answered)
 *   -EPROTO   the frontend broke the protocol: stop (see breach) */
int stream_back_process(struct stream_back *sb, unsigned int limit);
/* Publishes what was answered. True: notify the frontend. */
bool stream_back_push(struct stream_back *sb);
/* Before sleeping: asks to be woken by the next request. > 0: some are there; 0: sleep; -EPROTO. */
int stream_back_wait(struct stream_back *sb);

#endif
