/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "event_queue.h"

struct queued_event {
	uint32_t watch;
	uint32_t next; /* offset + 1 of the next older one in the bucket */
	uint32_t len;  /* of path, without its NUL */
	char path[];
};

static struct queued_event *event_at(struct event_queue *queue, uint32_t offset)
{
	return (struct queued_event *)(queue->bytes + offset);
}

/* Rounded up so that entries stay aligned. */
static uint32_t event_size(size_t path_len)
{
	return (uint32_t)((sizeof(struct queued_event) + path_len + 1 + 7) & ~(size_t)7);
}

/* Whoever makes names collide only lengthens chains that the arena bounds. */
static uint32_t event_bucket(uint32_t watch, const char *path, size_t len)
{
	uint32_t hash = watch * 2654435761u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)path[i]) * 16777619u;
	return (hash >> 16 ^ hash) % EVENT_QUEUE_BUCKETS;
}

int event_queue_put(struct event_queue *queue, uint32_t watch, const char *path, size_t len)
{
	uint32_t *bucket = &queue->bucket[event_bucket(watch, path, len)];
	struct queued_event *event;

	assert(!queue->taken);
	for (uint32_t at = *bucket; at; at = event->next) {
		event = event_at(queue, at - 1);
		if (event->watch == watch && event->len == len && !memcmp(event->path, path, len))
			return 1;
	}
	if (event_size(len) > EVENT_QUEUE_BYTES - queue->used)
		return -ENOSPC;
	event = event_at(queue, queue->used);
	*event = (struct queued_event){ .watch = watch, .next = *bucket, .len = (uint32_t)len };
	memcpy(event->path, path, len);
	event->path[len] = '\0';
	*bucket = queue->used + 1;
	queue->used += event_size(len);
	return 0;
}

const char *event_queue_take(struct event_queue *queue, uint32_t *watch)
{
	struct queued_event *event;

	if (queue->taken == queue->used) {
		event_queue_clear(queue);
		return NULL;
	}
	event = event_at(queue, queue->taken);
	queue->taken += event_size(event->len);
	*watch = event->watch;
	return event->path;
}

void event_queue_clear(struct event_queue *queue)
{
	queue->used = queue->taken = 0;
	memset(queue->bucket, 0, sizeof(queue->bucket));
}
