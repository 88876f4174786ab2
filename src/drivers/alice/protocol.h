/* SPDX-License-Identifier: MIT */
#ifndef ALICE_PROTOCOL_H
#define ALICE_PROTOCOL_H
/*
 * The wire contract of the device class "alice_dev", version 1: all that the other end can see. Whoever
 * keeps to this page may write that end, in any language, without reading the rest.
 *
 *     frontend (sends)                                            backend (receives)
 *       | ring page      requests >  < responses                     |
 *       | data pages     bytes >         read-only to the backend     |  up to 256
 *       | refs page      grant references of the data pages >         |  read once, at connect
 *       | event channel  < both ways >                               |
 *
 * KEYS (the base keys state, backend, backend-id, ... are XenBus's own)
 *
 *     backend, before InitWait        feature-stream          "1": it takes a stream
 *                                     max-stream-pages        1..256; absent: 64
 *     frontend, before Initialised    ring-ref                grant reference of the ring page
 *                                     event-channel           port, offered to the backend
 *                                     stream-refs             grant reference of the refs page; only
 *                                                             where the backend has feature-stream
 *
 * A frontend that meets no feature-stream says hello and leaves it at that; so does a backend whose
 * frontend published no stream-refs. Numbers are decimal.
 *
 * STATES, frontend / backend:  1/1, 1/2 (backend's keys stand), 3/2 (frontend's keys stand), 3/4 (backend
 * has mapped all), 4/4. Either end closes by 5 and 6 at any time, the other follows to 6; 1 of the
 * frontend begins anew, with a new ring and a new port. Requests may be sent as soon as the backend is
 * Connected.
 *
 * LIVENESS  Two bytes in the padding of the ring's header are 1 while their owner lives and serves the
 * ring. Each side arms its own with its share or its mapping of the page, so that its end, a crash
 * included, makes the byte 0 and then raises the event channel. Who leaves in good order first sets his
 * leaving byte to 1; then the other end need only follow the states. Where it is 0, the process died; where
 * it is 1 and no state follows in two seconds, it died on its way out - or its alive byte is 1 again: a
 * backend may come back to a ring that it has not used, and all goes on. The backend's byte is 2 until it has
 * mapped the page: a Connected that the frontend sees meanwhile is of a ring that it has given up, and the
 * backend will move on. The backend's used byte is 1 from the first request it takes: a ring is used once, and who finds
 * it used waits for the next.
 *
 * CONVERSATION
 *
 *     HELLO    once, first.       value = ALICE_HELLO_VALUE, arg = version the frontend speaks;
 *                                 with ALICE_WANT_DIGEST: the answer to END shall carry a digest
 *     hi       its response       value = ALICE_HI_VALUE, total = version to be used, 0: none in common
 *     DATA     after hi           page = index of a data page, length = 1..4096 bytes from its start
 *     response to it              the bytes were copied out: the page may be filled again
 *     END      once, last         length = 0, arg = bytes sent in all DATA together
 *     response to it              total = bytes received, all handed to the backend's storage; digest of
 *                                 them where it was asked for (ALICE_HAS_DIGEST)
 *
 * Requests are handled in ring order, so the stream's order is the order of the DATA requests. A request
 * names its id, 0..ALICE_MAX_IDS - 1, which no other unanswered request may have; a data page may stand
 * in one unanswered request. Whatever is not used by an operation is 0. What breaks these rules is a
 * protocol error: whoever sees it stops and closes. A status other than ALICE_OK says that the backend's
 * storage failed: the stream is lost, though the connection is sound.
 *
 * RECONNECTION  A stream belongs to its connection. After a reconnection it starts again from its first
 * byte, and what the backend received before is void.
 *
 * All integers are little-endian, as on every machine Xen runs on.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <xenbus/ring.h>

#define ALICE_DEVICETYPE "alice_dev"
#define ALICE_VERSION 1u

#define ALICE_KEY_FEATURE_STREAM "feature-stream"
#define ALICE_KEY_MAX_PAGES "max-stream-pages"
#define ALICE_KEY_RING_REF "ring-ref"
#define ALICE_KEY_EVENT_CHANNEL "event-channel"
#define ALICE_KEY_STREAM_REFS "stream-refs"

#define ALICE_PAGE_BYTES 4096u
#define ALICE_MAX_PAGES 256u	/* data pages */
#define ALICE_DEFAULT_PAGES 64u /* where max-stream-pages is absent */
#define ALICE_MAX_IDS 512u
#define ALICE_DIGEST_BYTES 32u /* SHA-256 */

#define ALICE_HELLO_VALUE 233u
#define ALICE_HI_VALUE 234u

enum alice_op { ALICE_OP_HELLO = 1, ALICE_OP_DATA = 2, ALICE_OP_END = 3 };

enum alice_status { ALICE_OK = 0, ALICE_ERROR_STORAGE = -1 };

#define ALICE_WANT_DIGEST 1u /* flag of HELLO */
#define ALICE_HAS_DIGEST 1u  /* flag of the response to END */

/* Byte offsets in the ring page, within the header's padding. */
#define ALICE_BACK_USED 59u
#define ALICE_FRONT_LEAVING 60u
#define ALICE_BACK_LEAVING 61u
#define ALICE_FRONT_ALIVE 62u
#define ALICE_BACK_ALIVE 63u
#define ALICE_NOT_MAPPED 2u

struct alice_request {
	uint16_t op;	 /* enum alice_op */
	uint16_t id;	 /* 0..ALICE_MAX_IDS - 1 */
	uint16_t page;	 /* DATA: index into the refs page */
	uint16_t flags;	 /* HELLO: ALICE_WANT_DIGEST */
	uint32_t length; /* DATA: bytes, 1..4096 */
	uint32_t value;	 /* HELLO: ALICE_HELLO_VALUE */
	uint64_t arg;	 /* HELLO: version; END: bytes */
};

struct alice_response {
	uint16_t op; /* of the request */
	uint16_t id;
	int16_t status; /* enum alice_status */
	uint16_t flags; /* END: ALICE_HAS_DIGEST */
	uint32_t value; /* HELLO: ALICE_HI_VALUE */
	uint32_t pad;	/* 0 */
	uint64_t total; /* HELLO: version; END: bytes */
	uint8_t digest[ALICE_DIGEST_BYTES];
};

union alice_slot {
	struct alice_request req;
	struct alice_response rsp;
};

/* The refs page; nothing but this in it, the rest is 0. */
struct alice_refs {
	uint32_t count;			/* data pages, 1..max-stream-pages */
	uint32_t page_bytes;		/* ALICE_PAGE_BYTES */
	uint32_t refs[ALICE_MAX_PAGES]; /* @count grant references, in the order of the page indices */
};

static_assert(sizeof(struct alice_request) == 24, "requests are 24 bytes");
static_assert(sizeof(struct alice_response) == 56, "responses are 56 bytes");
static_assert(offsetof(struct alice_request, arg) == 16, "no holes in requests");
static_assert(offsetof(struct alice_response, digest) == 24, "no holes in responses");
static_assert(sizeof(union alice_slot) == 56, "a slot holds either");
static_assert(sizeof(struct alice_refs) <= ALICE_PAGE_BYTES, "the references fit in one page");
static_assert(ALICE_BACK_USED > offsetof(struct ring_shared, pad) + 4 &&
		      ALICE_BACK_ALIVE < offsetof(struct ring_shared, slots),
	      "the liveness bytes are in the padding");
static_assert(ALICE_MAX_IDS >= ALICE_MAX_PAGES + 2, "a page and two more requests can be in flight");

/* Slots of the ring: 64, so at most 64 requests are in flight whatever the number of pages. */
#define ALICE_RING_SLOTS 64u

#endif
