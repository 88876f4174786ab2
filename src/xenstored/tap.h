/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_TAP_H
#define XENSTORED_TAP_H
/*
 * Reading along: programs of dom0 that get messages as lines, while they happen (CONTROL "trace").
 *
 *      message --filter--> line --> ring of TAP_BUFFER bytes --> stream, when it takes some
 *                                    '-- full: lost and counted, until half of it is free again
 *
 * A tap is a client that has left the store: its stream carries lines of trace_line.h from then on, and
 *
 *      20260304 10:11:12.131415 LOST 1234
 *
 * where so many messages are missing. A reader that is slow or gone costs what the ring holds and nothing else; with
 * no reader a message costs one look at the count.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/list.h>
#include <xenbus/host.h>
#include <xenbus/wire.h>

#include "log.h"
#include "trace_line.h"

#define TAPS_MAX 8u
#define TAP_BUFFER (256u * 1024) /* bytes */

struct taps {
	struct xenbus_host *host;
	const struct log *log;
	struct list all; /* struct tap that listen */
	unsigned int count, listening;
	char line[TRACE_LINE_MAX]; /* the one under way */
};

struct tap_filter {
	bool by_domain;
	uint32_t domid; /* of the connection; sockets are domain 0's */
	const char
		*path; /* borrowed; NULL: any. What names it, or what lies beneath, and the answers to that */
	size_t path_len;
};

struct tap;

/* "domain" N, "path" P, each at most once, in any order. 0 or -EINVAL. */
int tap_filter_parse(struct wire_strings args, struct tap_filter *out);

void taps_init(struct taps *taps, struct xenbus_host *host, const struct log *log);
/* Ends all that listen. */
void taps_close(struct taps *taps);
/* A tap for @who, which does not listen yet. -EBUSY there are TAPS_MAX; -ENOMEM. */
int tap_new(struct taps *taps, const char *who, const struct tap_filter *filter, struct tap **out);
/* Messages are kept for it from now on. */
void tap_listen(struct tap *tap);
/* It is read on the stream @fd, taken over. From now on it frees itself, when its reader is gone. */
void tap_start(struct tap *tap, int fd);
/* Frees one that was not started. NULL is allowed. */
void tap_free(struct tap *tap);

static inline bool taps_listen(const struct taps *taps)
{
	return taps->listening != 0;
}
/* One message; @is_answer: to the last one before that was not an answer or event. */
void taps_message(struct taps *taps, const struct trace_message *message, bool is_answer);
/* Offers each what it has not taken yet, once. */
void taps_flush(struct taps *taps);

#endif
