/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_STORE_H
#define TESTS_FAKE_STORE_H
/*
 * A store server for the client's tests, driven by the test's own thread through virtual_host.idle. Left alone
 * it answers READ with the path, TRANSACTION_START with 7, WATCH with OK and then one event, everything else
 * with OK; or it does what the test says: dies, dribbles, lies.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xenbus/wire.h>

#define FAKE_BUFFER (1u << 22)

struct fake_store {
	char dir[32], path[48];
	int listener, conn; /* -1: none */
	uint8_t in[WIRE_MESSAGE_MAX];
	size_t in_used;
	uint8_t *out;
	size_t out_head, out_tail;
	size_t chunk; /* bytes sent in one step; 0: all */
	int messages; /* received, over all connections */
	int die_at;   /* closes instead of answering the nth message; 0: never */
	int reads;    /* recv() calls that brought something */
	int accepted; /* connections */
	/* Called for each message instead of the answer above. */
	void (*handle)(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload);
	void *ctx;
	char token[64]; /* of the last WATCH */
	char watched[WIRE_PAYLOAD_MAX];
};

void fake_store_init(struct fake_store *store);
void fake_store_deinit(struct fake_store *store);
/* For virtual_host.idle. */
bool fake_store_step(void *store);
void fake_store_hangup(struct fake_store *store);
/* Stops and starts listening. */
void fake_store_down(struct fake_store *store);
void fake_store_up(struct fake_store *store);

/* @payload's bytes behind a header with @len (which may lie: @size bytes are sent). */
void fake_store_send(struct fake_store *store, uint32_t type, uint32_t req_id, uint32_t tx_id, uint32_t len,
		     const void *payload, size_t size);
void fake_store_reply(struct fake_store *store, const struct xsd_sockmsg *header, const void *payload,
		      size_t len);
void fake_store_error(struct fake_store *store, const struct xsd_sockmsg *header, const char *name);
void fake_store_event(struct fake_store *store, const char *path, const char *token);
/* What it does when left alone. */
void fake_store_answer(struct fake_store *store, const struct xsd_sockmsg *header, const char *payload);

#endif
