/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenbus/wire.h>

static_assert(POOL_BUFFER >= 2 * WIRE_MESSAGE_MAX, "room for a message behind a partial one");

uint8_t *pool_get(struct pool *pool)
{
	return pool->count ? pool->free[--pool->count] : malloc(POOL_BUFFER);
}

void pool_put(struct pool *pool, uint8_t *buffer)
{
	if (pool->count < POOL_KEEP)
		pool->free[pool->count++] = buffer;
	else
		free(buffer);
}

void pool_free(struct pool *pool)
{
	while (pool->count)
		free(pool->free[--pool->count]);
}

uint8_t *inbox_room(struct inbox *in, struct pool *pool, size_t *room)
{
	if (!in->data) {
		in->data = pool_get(pool);
		in->start = in->end = 0;
		if (!in->data)
			return NULL;
	}
	if (in->start) {
		memmove(in->data, in->data + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
	}
	*room = POOL_BUFFER - in->end;
	return in->data + in->end;
}

void inbox_rest(struct inbox *in, struct pool *pool)
{
	if (in->start == in->end)
		inbox_clear(in, pool);
}

void inbox_clear(struct inbox *in, struct pool *pool)
{
	if (in->data)
		pool_put(pool, in->data);
	*in = (struct inbox){ 0 };
}

static void give_back(struct outbox *out, struct pool *pool)
{
	if (out->size == POOL_BUFFER)
		pool_put(pool, out->data);
	else
		free(out->data);
}

/* Moves what is used to a buffer of at least @need bytes in all. */
static int grow(struct outbox *out, struct pool *pool, size_t need)
{
	size_t size = POOL_BUFFER, used = outbox_used(out);
	uint8_t *data;

	while (size < need)
		size *= 2;
	data = size == POOL_BUFFER ? pool_get(pool) : malloc(size);
	if (!data)
		return -ENOMEM;
	if (out->data) {
		memcpy(data, out->data + out->start, used);
		give_back(out, pool);
	}
	out->data = data;
	out->size = size;
	out->start = 0;
	out->end = used;
	return 0;
}

/* Sliding pays for itself only when at least half of the buffer is free again. */
static int make_room(struct outbox *out, struct pool *pool, size_t len)
{
	size_t used = outbox_used(out);

	if (out->data && out->size - out->end >= len)
		return 0;
	if (!out->data || used + len > out->size / 2)
		return grow(out, pool, out->data ? out->size + len : len);
	memmove(out->data, out->data + out->start, used);
	out->start = 0;
	out->end = used;
	return 0;
}

static bool is_reply(const uint8_t *message)
{
	struct xsd_sockmsg header;

	wire_header_get(message, &header);
	return header.type != XS_WATCH_EVENT;
}

int outbox_add(struct outbox *out, struct pool *pool, const void *message, size_t len)
{
	int err = make_room(out, pool, len);

	if (err)
		return err;
	assert(len >= WIRE_HEADER_SIZE);
	memcpy(out->data + out->end, message, len);
	out->end += len;
	out->replies += is_reply(message);
	return 0;
}

static void look_at_first(struct outbox *out)
{
	struct xsd_sockmsg header;

	wire_header_get(out->data + out->start, &header);
	out->left = WIRE_HEADER_SIZE + header.len;
	out->left_reply = header.type != XS_WATCH_EVENT;
}

void outbox_take(struct outbox *out, struct pool *pool, size_t len)
{
	assert(len <= outbox_used(out));
	while (len) {
		size_t part;

		if (out->left == 0)
			look_at_first(out);
		part = len < out->left ? len : out->left;
		out->start += part;
		out->left -= part;
		len -= part;
		if (out->left == 0)
			out->replies -= out->left_reply;
	}
	if (out->start == out->end)
		outbox_clear(out, pool);
}

void outbox_clear(struct outbox *out, struct pool *pool)
{
	if (out->data)
		give_back(out, pool);
	*out = (struct outbox){ 0 };
}
