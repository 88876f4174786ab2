/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_SEGMENT_H
#define PLATFORM_LOCAL_BROKER_SEGMENT_H
/* The memory of one share, and what is to happen when a share or a mapping of it ends. */
#include "broker.h"

struct broker_channel;

struct broker_segment {
	uint32_t refs;
	int fd;
	int read_fd;   /* the same opened for reading; -1: not needed yet */
	bool writable; /* by the peer */
	uint8_t *view; /* NULL, or mapped by the broker: read-only segments with a byte to clear */
	struct account *payer;
	uint32_t pages;
	uint32_t mapped[]; /* pages: how often */
};

struct broker_notify {
	struct broker_segment *segment; /* NULL: no byte */
	uint64_t at;			/* of the byte in it */
	struct broker_channel *channel; /* NULL: no event */
	int side;			/* to be made pending */
};

/* Zeroed pages, not sealed for good. 0; -ENOSPC; -ENOMEM. */
int segment_new(struct account *payer, uint32_t pages, bool writable, struct broker_segment **out);
void segment_get(struct broker_segment *segment);
void segment_put(struct broker_segment *segment);
/* Maps it for the broker, which must come before sealing a read-only one. 0; -ENOMEM. */
int segment_view(struct broker_segment *segment);
/* Seals for good. 0; -EPERM: the granter sealed it in another way. */
int segment_seal(struct broker_segment *segment);
/* The descriptor a peer gets, borrowed; -ENOSPC. */
int segment_descriptor(struct broker_segment *segment, bool write);

/* Clears the byte, then raises the event, once. */
void notify_fire(struct broker_notify *notify);
/* Forgets it. */
void notify_drop(struct broker_notify *notify);
/* What @r asks for on page @page of @segment. 0; -EINVAL: the port is none of @c's, or has no peer side. */
int notify_set(struct broker_notify *notify, struct broker_connection *c, const struct local_request *r,
	       struct broker_segment *segment, uint32_t page);

#endif
