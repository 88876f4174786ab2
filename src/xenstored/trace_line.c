/* SPDX-License-Identifier: MIT */
#include "trace_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

size_t trace_stamp(char *line, uint64_t wallclock_ns)
{
	const uint64_t us = wallclock_ns / 1000;
	const time_t seconds = (time_t)(us / 1000000);
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(line, TRACE_STAMP_MAX, "%Y%m%d %H:%M:%S", &tm);
	return len + (size_t)sprintf(line + len, ".%06u ", (unsigned int)(us % 1000000));
}

static size_t escape(char *out, const uint8_t *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = bytes[i];

		if (c == '\0') {
			out[used++] = '|';
		} else if (c >= ' ' && c < 0x7f && !strchr("|\\()", c)) {
			out[used++] = (char)c;
		} else {
			out[used++] = '\\';
			out[used++] = 'x';
			out[used++] = hex[c >> 4];
			out[used++] = hex[c & 15];
		}
	}
	return used;
}

size_t trace_line(char *line, uint64_t wallclock_ns, const struct trace_message *message)
{
	const char *name = wire_op_name(message->op);
	size_t used = trace_stamp(line, wallclock_ns);
	size_t len = message->len < WIRE_PAYLOAD_MAX ? message->len : WIRE_PAYLOAD_MAX;
	char number[16];

	snprintf(number, sizeof(number), "%u", message->op);
	used += (size_t)sprintf(line + used, "%-3s %s %s %u/%u (", message->out ? "OUT" : "IN", message->who,
				name ? name : number, message->req_id, message->tx_id);
	used += escape(line + used, message->payload, len);
	line[used++] = ')';
	line[used++] = '\n';
	return used;
}
