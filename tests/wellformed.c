/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wellformed.h"

#define DEPTH_MAX 64

/* -- JSON: each takes what begins at @s and returns what follows, or NULL --------------------------- */

static const char *blanks(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

static const char *string(const char *s)
{
	if (*s++ != '"')
		return NULL;
	for (; *s != '"'; s++) {
		if ((unsigned char)*s < 0x20)
			return NULL;
		if (*s != '\\')
			continue;
		s++;
		if (*s == 'u' && strspn(s + 1, "0123456789abcdefABCDEF") >= 4)
			s += 4;
		else if (!*s || !strchr("\"\\/bfnrt", *s))
			return NULL;
	}
	return s + 1;
}

static const char *word(const char *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncmp(s, words[i], strlen(words[i])))
			return s + strlen(words[i]);
	return NULL;
}

static const char *digits(const char *s)
{
	return isdigit((unsigned char)*s) ? s + strspn(s, "0123456789") : NULL;
}

static const char *number(const char *s)
{
	s += *s == '-';
	if (*s == '0' && isdigit((unsigned char)s[1]))
		return NULL;
	s = digits(s);
	return s && *s == '.' ? digits(s + 1) : s;
}

static const char *value(const char *s, int depth);

static const char *members(const char *s, char end, int depth)
{
	s = blanks(s);
	if (*s == end)
		return s + 1;
	for (;;) {
		if (end == '}') {
			s = string(blanks(s));
			s = s ? blanks(s) : NULL;
			if (!s || *s++ != ':')
				return NULL;
		}
		s = value(s, depth);
		s = s ? blanks(s) : NULL;
		if (!s || (*s != ',' && *s != end))
			return NULL;
		if (*s++ == end)
			return s;
	}
}

static const char *value(const char *s, int depth)
{
	s = blanks(s);
	if (depth == DEPTH_MAX)
		return NULL;
	switch (*s) {
	case '{':
		return members(s + 1, '}', depth + 1);
	case '[':
		return members(s + 1, ']', depth + 1);
	case '"':
		return string(s);
	case 't':
	case 'f':
	case 'n':
		return word(s);
	default:
		return number(s);
	}
}

bool is_json(const char *text)
{
	const char *end = value(text, 0);

	return end && !*blanks(end);
}

bool next_object(const char **at, const char **begin, size_t *len)
{
	const char *s = strchr(*at, '{'), *end = s ? value(s, 0) : NULL;

	if (!end)
		return false;
	*begin = s;
	*len = (size_t)(end - s);
	*at = end;
	return true;
}

/* What stands behind "@key": in the object itself, not in one within it. */
static const char *member(const char *object, size_t len, const char *key)
{
	const char *s = object + 1, *end = object + len - 1;
	const size_t key_len = strlen(key);

	while (s < end) {
		const char *name = blanks(s) + 1;

		s = string(name - 1);
		if (!s)
			return NULL;
		if ((size_t)(s - 1 - name) == key_len && !memcmp(name, key, key_len))
			return blanks(blanks(s) + 1);
		s = value(blanks(s) + 1, 0);
		if (!s)
			return NULL;
		s = blanks(s) + 1; /* a comma, or the end */
	}
	return NULL;
}

double number_in(const char *object, size_t len, const char *key)
{
	const char *s = member(object, len, key);

	return s && number(s) ? strtod(s, NULL) : -1;
}

bool has_string(const char *object, size_t len, const char *key, const char *wanted)
{
	const char *s = member(object, len, key);
	const size_t wanted_len = strlen(wanted);

	return s && *s == '"' && !strncmp(s + 1, wanted, wanted_len) && s[1 + wanted_len] == '"';
}

/* -- XML ---------------------------------------------------------------------------------------------- */

static const char *name_end(const char *s)
{
	while (isalnum((unsigned char)*s) || *s == '-' || *s == ':' || *s == '_')
		s++;
	return s;
}

/* Up to @stop, with entities that there are. */
static const char *characters(const char *s, char stop)
{
	static const char *const entities[] = { "&amp;", "&lt;", "&gt;", "&quot;" };

	for (; *s && *s != stop; s++) {
		bool known = *s != '&';

		for (int i = 0; i < 4 && !known; i++)
			known = !strncmp(s, entities[i], strlen(entities[i]));
		if (!known || (*s == '<' && stop != '<') || ((unsigned char)*s < 0x20 && !strchr("\t\n", *s)))
			return NULL;
	}
	return s;
}

static const char *attributes(const char *s)
{
	while (isspace((unsigned char)*s)) {
		const char *end;

		s = blanks(s);
		end = name_end(s);
		if (end == s)
			break;
		if (end[0] != '=' || end[1] != '"')
			return NULL;
		s = characters(end + 2, '"');
		if (!s || *s++ != '"')
			return NULL;
	}
	return s;
}

struct tag {
	const char *name;
	size_t len;
};

/* A tag from behind its '<'; opened and closed ones are kept in @stack. */
static const char *tag(const char *s, struct tag *stack, int *depth)
{
	const bool closes = *s == '/';
	const char *name = s + closes, *end = name_end(name);
	const size_t len = (size_t)(end - name);

	if (!len)
		return NULL;
	if (closes) {
		if (!*depth || stack[*depth - 1].len != len || memcmp(stack[*depth - 1].name, name, len))
			return NULL;
		--*depth;
		return *end == '>' ? end + 1 : NULL;
	}
	s = attributes(end);
	if (!s)
		return NULL;
	if (!strncmp(s, "/>", 2))
		return s + 2;
	if (*s != '>' || *depth == DEPTH_MAX)
		return NULL;
	stack[(*depth)++] = (struct tag){ name, len };
	return s + 1;
}

bool is_xml(const char *text)
{
	struct tag stack[DEPTH_MAX];
	const char *s = text;
	int depth = 0, roots = 0;

	if (!strncmp(s, "<?xml ", 6))
		s = strstr(s, "?>") ? strstr(s, "?>") + 2 : "x";
	while (s && *s) {
		if (*s != '<') {
			if (!depth && !isspace((unsigned char)*s))
				return false;
			s = depth ? characters(s, '<') : blanks(s);
			continue;
		}
		roots += !depth && s[1] != '/';
		s = tag(s + 1, stack, &depth);
	}
	return s && !depth && roots == 1;
}
