/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_QUEUE_H
#define XENSTORED_QUEUE_H
/*
 * Bytes on their way in and out of a connection. A connection that is at rest holds no memory here:
 * buffers are lent by a pool while there is something in them.
 *
 *      pool    [16 KiB] [16 KiB] ...        the last one given back goes out first: it is still in the cache
 *      inbox   |done| whole messages |part|      read into, then worked off in place
 *      outbox  |gone| reply | event | reply |    whole messages; the first may be partly gone
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_BUFFER 16384u /* bytes; more than three of the largest message */
#define POOL_KEEP 16u	   /* buffers kept for the next who asks */

struct pool {
	uint8_t *free[POOL_KEEP];
	uint32_t count;
};
/* A buffer of POOL_BUFFER bytes, or NULL: out of memory. */
uint8_t *pool_get(struct pool *pool);
void pool_put(struct pool *pool, uint8_t *buffer);
void pool_free(struct pool *pool);

struct inbox {
	uint8_t *data; /* NULL when empty */
	uint32_t start, end;
};
/* Makes room behind what is unread: at least one largest message in all. Returns where to, and *@room in
 * bytes (> 0); NULL: out of memory. */
uint8_t *inbox_room(struct inbox *in, struct pool *pool, size_t *room);
/* Gives the buffer back if all of it was read. */
void inbox_rest(struct inbox *in, struct pool *pool);
void inbox_clear(struct inbox *in, struct pool *pool);

struct outbox {
	uint8_t *data; /* NULL when empty */
	size_t start, end, size;
	size_t left;	  /* bytes of the first message that are still here; 0: not looked at yet */
	bool left_reply;  /* and it is a reply, not an event */
	uint32_t replies; /* replies not wholly gone */
};
/* Appends one whole message. 0 or -ENOMEM (nothing changed). */
int outbox_add(struct outbox *out, struct pool *pool, const void *message, size_t len);
static inline size_t outbox_used(const struct outbox *out)
{
	return out->end - out->start;
}
/* Drops @len bytes (<= used) from the front: they are gone. */
void outbox_take(struct outbox *out, struct pool *pool, size_t len);
void outbox_clear(struct outbox *out, struct pool *pool);

#endif
