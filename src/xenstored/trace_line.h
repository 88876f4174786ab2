/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_TRACE_LINE_H
#define XENSTORED_TRACE_LINE_H
/*
 * A message as a line of text, for the trace file and for those who read along:
 *
 *      20260304 10:11:12.131415 IN  d5 READ 17/0 (name|)
 *      20260304 10:11:12.131502 OUT d5 READ 17/0 (web)
 *
 * time (UTC), direction, who (dN a domain's ring, sN a socket), operation, request/transaction, payload. Payload bytes
 * are a guest's: NUL is shown as |, other controls, what is not ASCII, and '|', '\', '(' , ')' as \xHH.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenbus/wire.h>

#define TRACE_LINE_MAX (128u + 4u * WIRE_PAYLOAD_MAX) /* bytes, the newline included: each byte escaped */
#define TRACE_STAMP_MAX 40u

struct trace_message {
	const char *who;
	uint32_t domid;
	bool out; /* a reply or an event */
	uint32_t op, req_id, tx_id;
	const void *payload;
	size_t len; /* what is over WIRE_PAYLOAD_MAX is not shown */
};

/* "20260304 10:11:12.131415 ", without a NUL behind it. Returns its length. */
size_t trace_stamp(char *line, uint64_t wallclock_ns);
/* The whole line into @line of TRACE_LINE_MAX bytes. Returns its length, newline included, no NUL. */
size_t trace_line(char *line, uint64_t wallclock_ns, const struct trace_message *message);

#endif
