/* SPDX-License-Identifier: MIT */
/* Written by hand: with a reader, or a file, each message passes here twice. */
#include "trace_line.h"

#include <string.h>
#include <time.h>

static char *put_string(char *to, const char *string)
{
	size_t len = strlen(string);

	memcpy(to, string, len);
	return to + len;
}

static char *put_number(char *to, uint64_t number)
{
	return to + wire_put_number(to, number);
}

/* The last @digits of @number. */
static char *put_digits(char *to, unsigned int number, int digits)
{
	for (int i = digits; i-- > 0; number /= 10)
		to[i] = (char)('0' + number % 10);
	return to + digits;
}

static char *put_time(char *to, const struct tm *tm, unsigned int us)
{
	to = put_digits(to, (unsigned int)tm->tm_hour, 2);
	*to++ = ':';
	to = put_digits(to, (unsigned int)tm->tm_min, 2);
	*to++ = ':';
	to = put_digits(to, (unsigned int)tm->tm_sec, 2);
	*to++ = '.';
	return put_digits(to, us, 6);
}

size_t trace_stamp(char *line, uint64_t wallclock_ns)
{
	const uint64_t us = wallclock_ns / 1000;
	const time_t seconds = (time_t)(us / 1000000);
	char *to = line;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	to = put_digits(to, (unsigned int)tm.tm_year + 1900, 4);
	to = put_digits(to, (unsigned int)tm.tm_mon + 1, 2);
	to = put_digits(to, (unsigned int)tm.tm_mday, 2);
	*to++ = ' ';
	to = put_time(to, &tm, (unsigned int)(us % 1000000));
	*to++ = ' ';
	return (size_t)(to - line);
}

static bool is_plain(uint8_t c)
{
	return c >= ' ' && c < 0x7f && c != '|' && c != '\\' && c != '(' && c != ')';
}

static char *put_escaped(char *to, const uint8_t *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		const uint8_t c = bytes[i];

		if (is_plain(c)) {
			*to++ = (char)c;
		} else if (c == '\0') {
			*to++ = '|';
		} else {
			*to++ = '\\';
			*to++ = 'x';
			*to++ = hex[c >> 4];
			*to++ = hex[c & 15];
		}
	}
	return to;
}

size_t trace_line(char *line, uint64_t wallclock_ns, const struct trace_message *message)
{
	const char *name = wire_op_name(message->op);
	size_t len = message->len < WIRE_PAYLOAD_MAX ? message->len : WIRE_PAYLOAD_MAX;
	char *to = line + trace_stamp(line, wallclock_ns);

	to = put_string(to, message->out ? "OUT " : "IN  ");
	to = put_string(to, message->who);
	*to++ = ' ';
	to = name ? put_string(to, name) : put_number(to, message->op);
	*to++ = ' ';
	to = put_number(to, message->req_id);
	*to++ = '/';
	to = put_number(to, message->tx_id);
	to = put_string(to, " (");
	to = put_escaped(to, message->payload, len);
	to = put_string(to, ")\n");
	return (size_t)(to - line);
}
