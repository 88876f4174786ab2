/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void answer_add(struct answer *answer, const char *format, ...)
{
	size_t left = sizeof(answer->text) - answer->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(answer->text + answer->len, left, format, args);
	va_end(args);
	if (len > 0)
		answer->len += (size_t)len < left ? (size_t)len : left - 1;
}

static void add_byte(struct answer *answer, unsigned char c)
{
	if (c == '\0')
		answer_add(answer, "|");
	else if (c == '\n')
		answer_add(answer, "\\n");
	else if (c == '"' || c == '\\')
		answer_add(answer, "\\%c", c);
	else if (isprint(c))
		answer_add(answer, "%c", c);
	else
		answer_add(answer, "\\x%02x", c);
}

static void add_bytes(struct answer *answer, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add_byte(answer, (unsigned char)bytes[i]);
}

void answer_reply(struct answer *answer, uint32_t op, const struct peer_message *reply)
{
	const struct xsd_sockmsg *header = &reply->header;

	if (header->type == XS_ERROR) {
		add_bytes(answer, reply->payload, header->len ? header->len - 1 : 0);
		if (header->len == 0 || reply->payload[header->len - 1])
			answer_add(answer, " unterminated");
		return;
	}
	if (header->type != op)
		answer_add(answer, "type %u ", header->type);
	if (header->len == 3 && memcmp(reply->payload, "OK", 3) == 0) {
		answer_add(answer, "OK");
		return;
	}
	answer_add(answer, "\"");
	add_bytes(answer, reply->payload, header->len);
	answer_add(answer, "\"");
}

void answer_event(struct answer *answer, const struct peer_message *event)
{
	const char *path = event->payload;
	size_t len = strnlen(path, event->header.len);

	add_bytes(answer, path, len);
	answer_add(answer, " ");
	if (len + 2 >= event->header.len)
		answer_add(answer, "\"\"");
	else
		add_bytes(answer, path + len + 1, event->header.len - len - 2);
}

void answer_short(const char *text, char *out, size_t size)
{
	size_t len = 0;

	*out = '\0';
	while (*text && len + 16 < size) {
		size_t run = strspn(text, (const char[]){ *text, '\0' });

		if (run >= 20) {
			len += (size_t)sprintf(out + len, "{%c*%zu}", *text, run);
			text += run;
		} else {
			out[len++] = *text++;
			out[len] = '\0';
		}
	}
	if (*text && size > 4)
		strcpy(out + len, "...");
}
