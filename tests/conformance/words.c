/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST 20000u

static bool add(struct bytes *word, char c)
{
	if (word->len >= LONGEST)
		return false;
	word->at[word->len++] = c;
	word->at[word->len] = '\0';
	return true;
}

static bool start(struct bytes *word)
{
	*word = (struct bytes){ malloc(LONGEST + 1), 0 };
	return word->at != NULL;
}

/* "{a*300}" */
static bool repeat(const char **at, struct bytes *word)
{
	char c = (*at)[1], *end;
	unsigned long count;

	if (!c || (*at)[2] != '*')
		return false;
	count = strtoul(*at + 3, &end, 10);
	if (*end != '}')
		return false;
	*at = end + 1;
	while (count--) {
		if (!add(word, c))
			return false;
	}
	return true;
}

static bool escape(const char **at, struct bytes *word)
{
	const char kind = (*at)[1];
	char digits[3] = "";

	*at += 2;
	if (kind == 'x') {
		memcpy(digits, *at, strnlen(*at, 2));
		*at += strlen(digits);
		return strlen(digits) == 2 && add(word, (char)strtoul(digits, NULL, 16));
	}
	if (kind == '0' || kind == 'n')
		return add(word, kind == 'n' ? '\n' : '\0');
	return (kind == '\\' || kind == '"') && add(word, kind);
}

static bool one(const char **at, struct bytes *word)
{
	if (**at == '{')
		return repeat(at, word);
	if (**at == '\\')
		return escape(at, word);
	return add(word, *(*at)++);
}

int next_word(const char **at, struct bytes *word)
{
	bool quoted, ok = true;

	*at += strspn(*at, " \t");
	if (!**at)
		return 0;
	if (!start(word))
		return -1;
	quoted = **at == '"';
	*at += quoted;
	while (ok && **at && (quoted ? **at != '"' : !strchr(" \t", **at)))
		ok = one(at, word);
	if (quoted && ok)
		ok = *(*at)++ == '"';
	if (ok)
		return 1;
	free(word->at);
	return -1;
}

int expand(const char *text, struct bytes *out)
{
	bool ok = true;

	if (!start(out))
		return -1;
	while (ok && *text)
		ok = *text == '{' ? repeat(&text, out) : add(out, *text++);
	if (ok)
		return 1;
	free(out->at);
	out->at = NULL;
	return -1;
}
