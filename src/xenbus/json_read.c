/* SPDX-License-Identifier: MIT */
#include "json_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct reader {
	const char *at, *end;
	unsigned int depth;
};

struct json_value *json_new(enum json_type type)
{
	struct json_value *value = calloc(1, sizeof(*value));

	if (value)
		value->type = type;
	return value;
}

void json_free(struct json_value *value)
{
	if (!value)
		return;
	while (value->first) { /* as deep as it was read: JSON_DEPTH */
		struct json_value *child = value->first;

		value->first = child->next;
		json_free(child);
	}
	free(value->key);
	free(value->string);
	free(value);
}

static void link_last(struct json_value *to, struct json_value *value)
{
	if (to->last)
		to->last->next = value;
	else
		to->first = value;
	to->last = value;
}

int json_append(struct json_value *to, const char *key, struct json_value *value)
{
	if (!value)
		return -ENOMEM;
	if (key) {
		free(value->key);
		value->key = strdup(key);
	}
	if (key && !value->key) {
		json_free(value);
		return -ENOMEM;
	}
	link_last(to, value);
	return 0;
}

/* -- reading ------------------------------------------------------------------------------------ */

static char skip_blanks(struct reader *r)
{
	while (r->at < r->end && memchr(" \t\r\n", *r->at, 4))
		r->at++;
	return r->at < r->end ? *r->at : '\0';
}

static int take(struct reader *r, char c)
{
	if (skip_blanks(r) != c || r->at == r->end)
		return -EINVAL;
	r->at++;
	return 0;
}

static int take_hex(struct reader *r, unsigned int *out)
{
	static const char digits[] = "0123456789abcdef";

	*out = 0;
	if (r->end - r->at < 4)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		const char c = *r->at++, low = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
		const char *digit = low ? strchr(digits, low) : NULL;

		if (!digit)
			return -EINVAL;
		*out = *out * 16 + (unsigned int)(digit - digits);
	}
	return *out <= 0xff ? 0 : -EINVAL;
}

/* What a backslash begins. */
static int take_escape(struct reader *r, char *out)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	const char c = r->at < r->end ? *r->at++ : '\0';
	const char *name = c ? strchr(names, c) : NULL;
	unsigned int number;

	if (name) {
		*out = bytes[name - names];
		return 0;
	}
	if (c != 'u' || take_hex(r, &number))
		return -EINVAL;
	*out = (char)number;
	return 0;
}

static int take_string(struct reader *r, char **out, size_t *len)
{
	char *to;
	int err = take(r, '"');

	if (err)
		return err;
	to = *out = malloc((size_t)(r->end - r->at) + 1); /* what it stands for is not longer */
	if (!to)
		return -ENOMEM;
	while (!err && r->at < r->end && *r->at != '"') {
		char c = *r->at++;

		if (c == '\\')
			err = take_escape(r, &c);
		else if ((unsigned char)c < ' ')
			err = -EINVAL;
		*to++ = c;
	}
	*to = '\0';
	*len = (size_t)(to - *out);
	return err ? err : take(r, '"');
}

static int take_number(struct reader *r, uint64_t *out)
{
	const char *begin = r->at;

	for (*out = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
		const uint64_t digit = (uint64_t)(*r->at - '0');

		if (*out > (UINT64_MAX - digit) / 10)
			return -EINVAL;
		*out = *out * 10 + digit;
	}
	return r->at == begin ? -EINVAL : 0;
}

static int take_word(struct reader *r, struct json_value *value)
{
	static const struct {
		const char *word;
		enum json_type type;
		bool truth;
	} words[] = { { "null", JSON_NULL, false },
		      { "true", JSON_BOOL, true },
		      { "false", JSON_BOOL, false } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const size_t len = strlen(words[i].word);

		if ((size_t)(r->end - r->at) < len || memcmp(r->at, words[i].word, len))
			continue;
		r->at += len;
		value->type = words[i].type;
		value->truth = words[i].truth;
		return 0;
	}
	return -EINVAL;
}

static int take_value(struct reader *r, struct json_value *value);

static int take_element(struct reader *r, struct json_value *of)
{
	struct json_value *child = json_new(JSON_NULL);
	size_t len;
	int err = 0;

	if (!child)
		return -ENOMEM;
	link_last(of, child);
	if (of->type == JSON_OBJECT)
		err = take_string(r, &child->key, &len);
	if (!err && of->type == JSON_OBJECT)
		err = take(r, ':');
	return err ? err : take_value(r, child);
}

static int take_elements(struct reader *r, struct json_value *of, char close)
{
	int err = r->depth++ < JSON_DEPTH ? 0 : -EINVAL;

	r->at++;
	if (!err && skip_blanks(r) != close)
		do
			err = take_element(r, of);
		while (!err && !take(r, ','));
	r->depth--;
	return err ? err : take(r, close);
}

static int take_value(struct reader *r, struct json_value *value)
{
	switch (skip_blanks(r)) {
	case '{':
		value->type = JSON_OBJECT;
		return take_elements(r, value, '}');
	case '[':
		value->type = JSON_ARRAY;
		return take_elements(r, value, ']');
	case '"':
		value->type = JSON_STRING;
		return take_string(r, &value->string, &value->len);
	case '0' ... '9':
		value->type = JSON_NUMBER;
		return take_number(r, &value->number);
	}
	return take_word(r, value);
}

int json_read(const char *text, size_t len, struct json_value **out)
{
	struct reader r = { .at = text, .end = text + len };
	int err;

	*out = json_new(JSON_NULL);
	if (!*out)
		return -ENOMEM;
	err = take_value(&r, *out);
	skip_blanks(&r);
	if (!err && r.at != r.end)
		err = -EINVAL;
	if (err) {
		json_free(*out);
		*out = NULL;
	}
	return err;
}

/* Its strings and number. */
static struct json_value *copy_alone(const struct json_value *value)
{
	struct json_value *copy = json_new(value->type);

	if (!copy)
		return NULL;
	copy->truth = value->truth;
	copy->number = value->number;
	copy->len = value->len;
	copy->key = value->key ? strdup(value->key) : NULL;
	copy->string = value->string ? malloc(value->len + 1) : NULL;
	if ((value->key && !copy->key) || (value->string && !copy->string)) {
		json_free(copy);
		return NULL;
	}
	if (value->string)
		memcpy(copy->string, value->string, value->len + 1);
	return copy;
}

int json_copy(const struct json_value *value, struct json_value **out)
{
	struct json_value *child_copy;
	int err = 0;

	*out = copy_alone(value);
	if (!*out)
		return -ENOMEM;
	for (const struct json_value *child = value->first; child && !err; child = child->next) {
		err = json_copy(child, &child_copy);
		if (!err)
			link_last(*out, child_copy);
	}
	if (err) {
		json_free(*out);
		*out = NULL;
	}
	return err;
}

/* -- looking ------------------------------------------------------------------------------------ */

struct json_value *json_member(const struct json_value *object, const char *key)
{
	struct json_value *child = object && object->type == JSON_OBJECT ? object->first : NULL;

	while (child && strcmp(child->key, key))
		child = child->next;
	return child;
}

uint64_t json_number_of(const struct json_value *object, const char *key)
{
	const struct json_value *member = json_member(object, key);

	return member && member->type == JSON_NUMBER ? member->number : 0;
}

const char *json_string_of(const struct json_value *object, const char *key)
{
	const struct json_value *member = json_member(object, key);

	return member && member->type == JSON_STRING ? member->string : NULL;
}

static void print_children(const struct json_value *value, char open, char close)
{
	putchar(open);
	for (const struct json_value *child = value->first; child; child = child->next) {
		if (child != value->first)
			putchar(',');
		if (child->key) {
			cli_json_string(child->key);
			putchar(':');
		}
		json_print(child);
	}
	putchar(close);
}

void json_print(const struct json_value *value)
{
	switch (value->type) {
	case JSON_NULL:
		fputs("null", stdout);
		break;
	case JSON_BOOL:
		fputs(value->truth ? "true" : "false", stdout);
		break;
	case JSON_NUMBER:
		printf("%" PRIu64, value->number);
		break;
	case JSON_STRING:
		cli_json_bytes(value->string, value->len);
		break;
	case JSON_ARRAY:
		print_children(value, '[', ']');
		break;
	case JSON_OBJECT:
		print_children(value, '{', '}');
	}
}
