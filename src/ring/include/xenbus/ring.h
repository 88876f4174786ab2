/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_RING_H
#define XENBUS_RING_H
/*
 * Rings in memory that a distrusted peer can write: streams of bytes (XenStore, console) and slots of
 * requests and responses (every split driver). The layouts are Xen's, <xen/io/xs_wire.h> and
 * <xen/io/ring.h>: a peer built on those headers may sit on the other side.
 *
 * Nothing here allocates, blocks or notifies. The peer may write anything at any time, so each shared
 * index is loaded once, checked, and only then used; data is copied out once and never looked at again
 * in shared memory. What is found broken is reported as -EPROTO and left as it was.
 * One thread a side; the two sides may be different threads, processes or domains.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* -- streams of bytes ---------------------------------------------------------------------------
 *
 *   data[size]   cons:u32   prod:u32     free-running byte counts, modulo 2^32
 *   used = prod - cons, in 0..size       byte number x lives at data[x % size]
 */
struct byte_ring {
	uint8_t *data;		/* @size bytes, shared; borrowed, never freed here */
	_Atomic uint32_t *cons; /* bytes consumed; written by the reading side only */
	_Atomic uint32_t *prod; /* bytes produced; written by the writing side only */
	uint32_t size;		/* bytes, a power of two */
};

/* Copies as much of @src (@len bytes) as fits and publishes it.
 * Returns the bytes taken, 0..len (0: full, try again after an event), or
 *   -EPROTO   prod - cons > size: the peer broke the ring; nothing was written. */
int byte_ring_put(struct byte_ring *ring, const void *src, size_t len);

/* Copies out at most @len bytes to @dst and frees their room.
 * Returns the bytes copied, 0..len (0: empty, or @len is 0), or -EPROTO as above; nothing was read. */
int byte_ring_get(struct byte_ring *ring, void *dst, size_t len);

/* Bytes that a get, or a put, would find at this moment: 0..size, or -EPROTO. */
int byte_ring_used(const struct byte_ring *ring);
int byte_ring_space(const struct byte_ring *ring);

/* -- the XenStore ring page ---------------------------------------------------------------------
 *
 *      0     1024    2048                                       2080        4096
 *      | req | rsp   | 4 indices | features connection error port | unused    |
 *        |     '-- server writes, guest reads
 *        '-------- guest writes, server reads
 */
#define STORE_PAGE_RING_BYTES 1024u
struct store_page {
	struct byte_ring req;		   /* guest to server */
	struct byte_ring rsp;		   /* server to guest */
	_Atomic uint32_t *server_features; /* STORE_PAGE_FEATURE_*; written by the server */
	_Atomic uint32_t *connection;	   /* STORE_PAGE_CONNECTED or _RECONNECT; guest sets, server clears */
	_Atomic uint32_t *error;	   /* STORE_PAGE_ERROR_*; written by the server */
	_Atomic uint32_t *evtchn_port;	   /* dom0less: the guest's port, told before it is connected */
};
#define STORE_PAGE_FEATURE_RECONNECT 1u
#define STORE_PAGE_FEATURE_ERROR 2u
#define STORE_PAGE_FEATURE_WATCH_DEPTH 4u
#define STORE_PAGE_FEATURE_DOMID_ANY 8u
#define STORE_PAGE_CONNECTED 0u
#define STORE_PAGE_RECONNECT 1u
#define STORE_PAGE_ERROR_NONE 0u
#define STORE_PAGE_ERROR_COMM 1u    /* the server could not map or notify */
#define STORE_PAGE_ERROR_RINGIDX 2u /* an index was out of bounds */
#define STORE_PAGE_ERROR_PROTO 3u   /* a message was malformed */

/* Points @view into @page (4096 bytes, aligned to 4, borrowed). Reads and writes nothing there. */
void store_page_attach(struct store_page *view, void *page);

/* Server, before it tells the guest that it is connected: both rings become empty. Not for use while
 * the other side produces or consumes. */
void store_page_reset(struct store_page *view);

/* -- requests and responses ---------------------------------------------------------------------
 *
 *   shared:  req_prod req_event rsp_prod rsp_event  pad to 64 | slot 0 | slot 1 | ... | slot n-1
 *
 *            rsp_cons         rsp_prod        req_cons         req_prod      free-running, modulo 2^32
 *   ------------|----------------|---------------|----------------|-----------------> entry numbers
 *      slots    |   responses    |  the back     |    requests    |   slots
 *      free     | to be taken    |  works on it  |  to be taken   |   free
 *               '------------ at most n entries ------------------'   entry x in slot x % n
 *
 * n is the largest power of two that fits. A response takes the slot of the oldest request taken, not
 * necessarily of its own; responses may come in any order of requests. Nothing is visible to the other
 * side until push(), which says whether it asked to be notified (req_event, rsp_event).
 *
 * The loop of either side, without a lost wake-up and with few notifications:
 *
 *	do {
 *		while ((got = ring_back_take(back, &req, sizeof(req))) > 0)
 *			work(&req);
 *	} while (got == 0 && (got = ring_back_wait(back)) > 0);
 *	if (got < 0)
 *		disconnect();
 *	else if (ring_back_push(back))
 *		notify();
 */
struct ring_shared {
	_Atomic uint32_t req_prod;  /* requests published; written by the front */
	_Atomic uint32_t req_event; /* the back wants to hear of the request with this number - 1 */
	_Atomic uint32_t rsp_prod;  /* responses published; written by the back */
	_Atomic uint32_t rsp_event; /* the front wants to hear of the response with this number - 1 */
	uint8_t pad[48];
	uint8_t slots[];
};

struct ring_front {
	struct ring_shared *shared; /* borrowed */
	uint32_t size;		    /* slots, a power of two */
	uint32_t slot_bytes;	    /* of the larger of request and response */
	uint32_t req_prod;	    /* requests put; what is beyond req_pushed is ours alone */
	uint32_t req_pushed;	    /* requests published; our own copy: the peer can write the shared one */
	uint32_t rsp_cons;	    /* responses taken */
};

struct ring_back {
	struct ring_shared *shared; /* borrowed */
	uint32_t size;		    /* slots, a power of two */
	uint32_t slot_bytes;
	uint32_t rsp_prod;   /* responses put */
	uint32_t rsp_pushed; /* responses published */
	uint32_t req_cons;   /* requests taken */
};

/* Slots of @slot_bytes each in a ring of @bytes (all its pages): a power of two; 0: not even one. */
uint32_t ring_size(size_t bytes, size_t slot_bytes);

/* Front: makes an empty ring of the @bytes at @shared (one or more pages, consecutive, aligned to 8) and
 * attaches to it. @slot_bytes: sizeof of the larger of request and response, with the alignment of the
 * union of both. 0; -EINVAL not one slot fits. */
int ring_front_init(struct ring_front *front, void *shared, size_t bytes, size_t slot_bytes);
/* Front: attaches to a ring in use, where entry @at is the next both to be put and to be taken. */
int ring_front_attach(struct ring_front *front, void *shared, size_t bytes, size_t slot_bytes, uint32_t at);

/* Requests that can still be put: 0..size. Every request holds its slot until its response is taken. */
uint32_t ring_front_free(const struct ring_front *front);
/* Requests put whose responses have not been taken: 0..size. */
uint32_t ring_front_inflight(const struct ring_front *front);

/* Copies a request of @len (<= slot_bytes) into the next slot. 0; -ENOSPC the ring is full. */
int ring_front_put(struct ring_front *front, const void *req, size_t len);
/* Publishes what was put. True: the back asked to be notified of it. */
bool ring_front_push(struct ring_front *front);

/* Copies out the first @len (<= slot_bytes) bytes of the next response. Returns 1; 0 none is there; or
 *   -EPROTO   rsp_prod ran ahead of the requests pushed, or back behind what was taken. */
int ring_front_take(struct ring_front *front, void *rsp, size_t len);
/* Responses that can be taken at this moment: 0..size, or -EPROTO. */
int ring_front_ready(const struct ring_front *front);
/* Before sleeping: asks to be notified of the next response, then looks once more. Returns the responses
 * that can be taken, > 0: do not sleep; 0 sleep; -EPROTO. */
int ring_front_wait(struct ring_front *front);
/* The same, for the response that is @count (1..responses outstanding) further on: fewer wake-ups, where the
 * front has room to go on meanwhile. */
int ring_front_wait_for(struct ring_front *front, uint32_t count);

/* Back: attaches to a ring that the front made, with entry @at (0 in a fresh ring) the next to be taken
 * and answered. 0; -EINVAL not one slot fits. Reads and writes nothing there. */
int ring_back_attach(struct ring_back *back, void *shared, size_t bytes, size_t slot_bytes, uint32_t at);

/* Requests taken and not yet answered: 0..size. */
uint32_t ring_back_inflight(const struct ring_back *back);

/* Copies out the first @len (<= slot_bytes) bytes of the next request. Returns 1; 0 none is there; or
 *   -EPROTO   req_prod is more than a ring ahead of the responses, or back behind what was taken. */
int ring_back_take(struct ring_back *back, void *req, size_t len);
int ring_back_ready(const struct ring_back *back);
int ring_back_wait(struct ring_back *back);

/* Copies a response of @len (<= slot_bytes) into the slot of the oldest unanswered request. Answering
 * more than was taken is the caller's mistake (asserted). */
void ring_back_put(struct ring_back *back, const void *rsp, size_t len);
/* Publishes what was put. True: the front asked to be notified of it. */
bool ring_back_push(struct ring_back *back);

#pragma GCC visibility pop

#endif
