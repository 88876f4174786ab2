/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_OUT_QUEUE_H
#define CLIENT_OUT_QUEUE_H
/*
 * Bytes on their way to the server: appended by submits, sent from the front, in one piece so that all
 * requests of a loop turn go out with one call.
 *
 *     data[0 .. head) sent   [head .. tail) to send   [tail .. size) free
 */
#include <stddef.h>
#include <stdint.h>

struct out_queue {
	uint8_t *data;
	size_t head, tail, size;
};

/* Room for @len bytes at the end, to be filled by the caller; NULL: no memory, nothing changed. */
uint8_t *out_queue_append(struct out_queue *out, size_t len);
/* The first @len bytes are sent. Memory of a burst is given back once all are. */
void out_queue_consume(struct out_queue *out, size_t len);
/* Empties it and frees its memory. */
void out_queue_reset(struct out_queue *out);

static inline size_t out_queue_bytes(const struct out_queue *out)
{
	return out->tail - out->head;
}

#endif
