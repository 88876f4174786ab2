/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_EVENT_QUEUE_H
#define CLIENT_EVENT_QUEUE_H
/*
 * Watch events between the parser and the callbacks: a fixed arena, so a server that floods costs no
 * memory, in order of arrival, an event equal to a queued one merged into it (XSA-349).
 *
 *     bytes[] = { watch, next, len, path NUL } { ... } ...     bucket[hash] -> newest of its chain
 *
 * Filled while replies are read, emptied before more is read: when it is full, empty it and go on.
 */
#include <stddef.h>
#include <stdint.h>

#define EVENT_QUEUE_BYTES 16384u
#define EVENT_QUEUE_BUCKETS 64u

struct event_queue {
	uint32_t used, taken;		      /* bytes of the arena */
	uint32_t bucket[EVENT_QUEUE_BUCKETS]; /* offset + 1 of the newest entry, 0: none */
	_Alignas(8) uint8_t bytes[EVENT_QUEUE_BYTES];
};

/* @path has @len bytes. Returns 0; 1 merged; -ENOSPC full: take everything, then put again (an empty
 * queue has room for any event that fits into a message). */
int event_queue_put(struct event_queue *queue, uint32_t watch, const char *path, size_t len);
/* The oldest event: returns its path (NUL-terminated, valid until the next put) and *@watch; NULL: empty.
 * Once taking has begun, everything must be taken before the next put. */
const char *event_queue_take(struct event_queue *queue, uint32_t *watch);
void event_queue_clear(struct event_queue *queue);

#endif
