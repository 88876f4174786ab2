/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <string.h>

#include <xenbus/wire.h>

void json_init(struct json *j, char *buffer, size_t size)
{
	*j = (struct json){ .text = buffer, .size = size };
}

static void put(struct json *j, const char *bytes, size_t len)
{
	if (j->full || j->size - j->used < len) {
		j->full = true;
		return;
	}
	memcpy(j->text + j->used, bytes, len);
	j->used += len;
}

static void put_escaped(struct json *j, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	put(j, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)bytes[i];
		const char escape[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

		if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
			put(j, escape, sizeof(escape));
		else
			put(j, bytes + i, 1);
	}
	put(j, "\"", 1);
}

/* Whatever stands before a value. */
static void lead(struct json *j, const char *key)
{
	if (j->follows)
		put(j, ",", 1);
	j->follows = true;
	if (!key)
		return;
	put_escaped(j, key, strlen(key));
	put(j, ":", 1);
}

void json_open(struct json *j, const char *key, char bracket)
{
	lead(j, key);
	put(j, &bracket, 1);
	j->follows = false;
}

void json_close(struct json *j, char bracket)
{
	put(j, &bracket, 1);
	j->follows = true;
}

void json_number(struct json *j, const char *key, uint64_t number)
{
	char text[WIRE_NUMBER_MAX];

	lead(j, key);
	put(j, text, wire_put_number(text, number));
}

void json_word(struct json *j, const char *key, const char *word)
{
	json_string(j, key, word, strlen(word));
}

void json_string(struct json *j, const char *key, const char *bytes, size_t len)
{
	lead(j, key);
	put_escaped(j, bytes, len);
}

void json_bool(struct json *j, const char *key, bool value)
{
	lead(j, key);
	put(j, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *j, const char *key)
{
	lead(j, key);
	put(j, "null", 4);
}
