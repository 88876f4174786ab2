/* SPDX-License-Identifier: MIT */
#include "store_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xenbus/wire.h>

#include "cli.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes that "a|\x1b" stands for, in place. Returns how many, or -EINVAL. */
static int unescape(char *text, size_t len)
{
	char *to = text;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '\\') {
			*to++ = text[i] == '|' ? '\0' : text[i];
			continue;
		}
		if (len - i < 4 || text[i + 1] != 'x')
			return -EINVAL;
		high = hex_digit(text[i + 2]);
		low = hex_digit(text[i + 3]);
		if (high < 0 || low < 0)
			return -EINVAL;
		*to++ = (char)(high << 4 | low);
		i += 3;
	}
	return (int)(to - text);
}

static int parse_who(struct store_line *line)
{
	if (*line->who == 'd')
		return sscanf(line->who + 1, "%" SCNu32, &line->domid) == 1 ? 0 : -EINVAL;
	line->domid = 0; /* a socket's client is domain 0's */
	return *line->who == 's' ? 0 : -EINVAL;
}

static int parse_message(char *text, struct store_line *out)
{
	size_t len = strlen(text);
	char way[4], *payload = strchr(text, '(');
	int end;

	if (!payload || text[len - 1] != ')')
		return -EINVAL;
	if (sscanf(text, "%3s %15s %31s %" SCNu32 "/%" SCNu32, way, out->who, out->op, &out->req_id,
		   &out->tx_id) != 5)
		return -EINVAL;
	out->out = strcmp(way, "OUT") == 0;
	if (!out->out && strcmp(way, "IN") != 0)
		return -EINVAL;
	end = unescape(payload + 1, len - 1 - (size_t)(payload + 1 - text));
	if (end < 0)
		return end;
	out->payload = payload + 1;
	out->len = (size_t)end;
	return parse_who(out);
}

int store_line_parse(char *line, struct store_line *out)
{
	int at = 0;

	*out = (struct store_line){ 0 };
	if (sscanf(line, "%8[0-9] %15[0-9:.] %n", out->date, out->time, &at) != 2 || !at ||
	    strlen(out->date) != 8)
		return -EINVAL;
	out->is_loss = sscanf(line + at, "LOST %" SCNu64, &out->lost) == 1;
	return out->is_loss ? 0 : parse_message(line + at, out);
}

/* Requests and events begin with a path where their kind has one. */
static const char *path_of(const struct store_line *line)
{
	int op = wire_op_number(line->op);

	if (op < 0 || !wire_op_has_path((uint32_t)op) || (line->out && op != XS_WATCH_EVENT))
		return NULL;
	return memchr(line->payload, '\0', line->len) ? line->payload : NULL;
}

static void json_message(const struct store_line *line)
{
	const bool is_error = line->out && strcmp(line->op, "ERROR") == 0;
	const char *path = path_of(line);
	size_t skip = path ? strlen(path) + 1 : is_error ? line->len : 0;

	printf(", \"connection\": \"%s\", \"domain\": %u, \"direction\": \"%s\", \"op\": \"%s\", \"req\": %u, \"tx\": %u, "
	       "\"path\": ",
	       line->who, line->domid, line->out ? "out" : "in", line->op, line->req_id, line->tx_id);
	cli_json_string(path);
	fputs(", \"payload\": ", stdout);
	cli_json_bytes(line->payload + skip, line->len - skip);
	fputs(", \"error\": ", stdout);
	if (is_error)
		cli_json_bytes(line->payload, strnlen(line->payload, line->len));
	else
		cli_json_string(NULL);
}

void store_line_json(const struct store_line *line)
{
	printf("{\"time\": \"%.4s-%.2s-%.2sT%sZ\"", line->date, line->date + 4, line->date + 6, line->time);
	if (line->is_loss)
		printf(", \"lost\": %" PRIu64, line->lost);
	else
		json_message(line);
	puts("}");
}
