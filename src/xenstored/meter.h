/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_METER_H
#define XENSTORED_METER_H
/*
 * What a connection cost the server, and how long its requests took.
 *
 *      heard of -- read -- worked off -- reply queued -- handed out
 *         |         '--------------- a turn: busy ----------'  |
 *         '---------------------- latency ---------------------'
 *
 * A request is heard of when its connection gets a turn due: by an event of the transport, or because its last turn
 * ended with more to do. What is read in one turn counts as heard of at once, and is one batch: so a clock is read once a
 * poll, and once a turn. A reply is handed out when its last byte is with the transport: with a client that does not
 * read, the latency is the client's, as its queue shows.
 */
#include <stddef.h>
#include <stdint.h>

/* [i]: replies after less than 2^i us, and not less than 2^(i-1); the last: all that took longer. 2^22 us: 4 s */
#define METER_LATENCIES 24u
#define METER_BATCHES 4u

/* What adds up. */
struct meter_sum {
	uint64_t busy_ns; /* in its turns */
	uint64_t latency[METER_LATENCIES];
};

struct meter_batch {
	uint64_t heard_ns;
	uint32_t replies; /* queued and not handed out */
};

/* Zero-initialise. */
struct meter {
	struct meter_sum sum;
	uint64_t heard_ns; /* of what the turn that is due will read */
	uint64_t read_ns;  /* when the requests being worked off were heard of */
	struct meter_batch
		batches[METER_BATCHES]; /* the first is the oldest; what has no place joins the last */
	uint32_t batch_count;
	uint32_t taken;	       /* replies: by the transport, and not said so yet */
	uint32_t most_replies; /* that were queued at a time */
	uint64_t most_bytes;   /* of replies and events, that were queued at a time */
};

/* Requests were read: they are what replies are to, from now on. */
static inline void meter_read(struct meter *m)
{
	m->read_ns = m->heard_ns;
}
/* A reply or event was queued: there are @replies and @bytes now, and @more replies than before, 0 or 1. */
void meter_queued(struct meter *m, uint32_t replies, size_t bytes, uint32_t more);
/* The transport took the oldest @replies that were left. */
static inline void meter_taken(struct meter *m, uint32_t replies)
{
	m->taken += replies;
}
/* What was taken is handed out, at @now_ns: the peer was told. */
void meter_handed_out(struct meter *m, uint64_t now_ns);
/* What was queued is not any more. */
static inline void meter_dropped(struct meter *m)
{
	m->batch_count = 0;
}
void meter_add(struct meter_sum *to, const struct meter_sum *from);

#endif
