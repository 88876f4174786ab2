/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "out_queue.h"

#define OUT_FIRST 4096u
#define OUT_KEEP 65536u /* bytes kept while there is nothing to send */

static int out_queue_grow(struct out_queue *out, size_t len)
{
	size_t size = out->size ? out->size : OUT_FIRST;
	uint8_t *data;

	while (size - out->tail < len)
		size *= 2;
	data = realloc(out->data, size);
	if (!data)
		return -1;
	out->data = data;
	out->size = size;
	return 0;
}

uint8_t *out_queue_append(struct out_queue *out, size_t len)
{
	uint8_t *at;

	/* Moving is paid for by the bytes sent since the last move. */
	if (out->head && out->size - out->tail < len && out->head >= out_queue_bytes(out)) {
		memmove(out->data, out->data + out->head, out_queue_bytes(out));
		out->tail -= out->head;
		out->head = 0;
	}
	if (out->size - out->tail < len && out_queue_grow(out, len))
		return NULL;
	at = out->data + out->tail;
	out->tail += len;
	return at;
}

void out_queue_consume(struct out_queue *out, size_t len)
{
	assert(len <= out_queue_bytes(out));
	out->head += len;
	if (out->head != out->tail)
		return;
	out->head = out->tail = 0;
	if (out->size > OUT_KEEP)
		out_queue_reset(out);
}

void out_queue_reset(struct out_queue *out)
{
	free(out->data);
	*out = (struct out_queue){ 0 };
}
