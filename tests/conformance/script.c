/* SPDX-License-Identifier: MIT */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenbus/wire.h>

#include "words.h"

/* Where the reader is. */
struct reader {
	struct script *script;
	struct line *last; /* a difference belongs to it */
	bool without[PEER_KINDS];
	int number;
};

static bool wrong(const struct reader *reader, const char *what, const char *where)
{
	fprintf(stderr, "%s:%d: %s: %s\n", reader->script->path, reader->number, what, where);
	return false;
}

static void *grow(void *array, size_t count, size_t size)
{
	void *larger = realloc(array, (count + 1) * size);

	if (!larger)
		abort();
	memset((char *)larger + count * size, 0, size);
	return larger;
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len && strchr(" \t\n", text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* Cuts @text at @mark; what follows it, or NULL. */
static char *cut(char *text, const char *mark)
{
	char *at = strstr(text, mark);

	if (!at)
		return NULL;
	*at = '\0';
	return trim(at + strlen(mark));
}

/* "C, ox" into @which; false: other words are there. */
static bool servers(char *text, bool which[PEER_KINDS])
{
	static const char *const names[PEER_KINDS] = { "ours", "C", "ox" };
	char *save = NULL;

	for (char *word = strtok_r(text, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		int kind = 0;

		while (kind < PEER_KINDS && strcmp(names[kind], word) != 0)
			kind++;
		if (kind == PEER_KINDS)
			return false;
		which[kind] = true;
	}
	return true;
}

static bool copy_name(char to[static 8], const char *from, size_t len)
{
	if (len == 0 || len > 7)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

/* "0", "0b/t1", "5*" */
static bool read_who(struct line *line, const char *text)
{
	size_t len = strcspn(text, "/*");

	if (!isdigit((unsigned char)*text) || !copy_name(line->who, text, len))
		return false;
	line->domid = (uint32_t)atoi(line->who);
	text += len;
	if (*text == '/') {
		len = strcspn(++text, "*");
		if (!copy_name(line->tx, text, len))
			return false;
		text += len;
	}
	line->in_order = *text == '*';
	return text[line->in_order] == '\0';
}

static bool read_args(struct line *line, const char *at)
{
	int got;

	while (line->arg_count < SCRIPT_ARGS && (got = next_word(&at, &line->args[line->arg_count])) != 0) {
		if (got < 0)
			return false;
		line->arg_count++;
	}
	return next_word(&at, &line->args[0]) == 0;
}

/* What follows "who:". */
static bool read_request(struct line *line, const char *text)
{
	size_t len = strcspn(text, " ");
	char op[32] = "";
	long long number;

	if (len >= sizeof(op))
		return false;
	memcpy(op, text, len);
	text = text + len + strspn(text + len, " ");
	line->what = strcmp(op, "EVENTS") == 0 ? LINE_EVENTS : LINE_REQUEST;
	if (line->what == LINE_EVENTS)
		return *text == '\0';
	number = *op == '#' ? atoll(op + 1) : wire_op_number(op);
	line->op = (uint32_t)number;
	line->raw = strncmp(text, "raw ", 4) == 0;
	return number >= 0 && read_args(line, line->raw ? text + 4 : text);
}

static const struct {
	const char *word;
	enum line_what what;
} statements[] = {
	{ "domain", LINE_DOMAIN },	 { "create", LINE_CREATE },   { "shutdown", LINE_SHUTDOWN },
	{ "destroy", LINE_DESTROY },	 { "virq", LINE_VIRQ },	      { "features", LINE_FEATURES },
	{ "reconnect", LINE_RECONNECT }, { "corrupt", LINE_CORRUPT }, { "close", LINE_CLOSE },
};

static bool read_statement(struct line *line, char *text)
{
	char *argument = text + strcspn(text, " ");

	if (*argument) {
		*argument++ = '\0';
		line->domid = (uint32_t)atoi(argument);
	}
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		if (strcmp(statements[i].word, text) != 0)
			continue;
		line->what = statements[i].what;
		return line->what == LINE_CLOSE ? copy_name(line->who, argument, strlen(argument)) : true;
	}
	return false;
}

/* "[N times] who: OP args", or a statement. */
static bool read_left(struct line *line, char *text)
{
	char *end, *rest;
	unsigned long times = strtoul(text, &end, 10);

	line->times = 1;
	if (strncmp(end, " times ", 7) == 0) {
		line->times = (uint32_t)times;
		text = end + 7;
	}
	rest = isdigit((unsigned char)*text) ? cut(text, ": ") : NULL;
	return rest ? read_who(line, text) && read_request(line, rest) : read_statement(line, text);
}

static bool set_expected(struct line *line, int kind, const char *text)
{
	free(line->expected[kind].at);
	line->skip[kind] = strcmp(text, "skip") == 0;
	return expand(text, &line->expected[kind]) == 1;
}

/* What all are to answer, unless lines of their own say otherwise. */
static bool read_right(struct reader *reader, struct line *line, const char *text)
{
	if (!text)
		text = "OK";
	if (*text == '=') {
		if (!copy_name(line->binds, text + 1, strlen(text + 1)))
			return wrong(reader, "no name for a transaction", text);
		text = "\"<n>|\"";
	}
	for (int kind = 0; kind < PEER_KINDS; kind++) {
		if (!set_expected(line, kind, text))
			return wrong(reader, "malformed answer", text);
		line->skip[kind] = reader->without[kind];
	}
	return true;
}

static struct test_case *last_case(struct reader *reader)
{
	struct script *script = reader->script;

	return script->count ? &script->cases[script->count - 1] : NULL;
}

static bool read_line(struct reader *reader, char *text)
{
	struct test_case *in = last_case(reader);
	struct line *line;
	char *right;

	if (!in)
		return wrong(reader, "no case yet", text);
	in->lines = grow(in->lines, in->count, sizeof(*in->lines));
	line = reader->last = &in->lines[in->count++];
	line->number = reader->number;
	right = cut(text, " -> ");
	text = trim(text);
	line->text = strdup(text);
	return (read_left(line, text) || wrong(reader, "not understood", line->text)) &&
	       read_right(reader, line, right);
}

/* "[key]" at the start of a reason. */
static void note_key(struct script *script, const char *reason)
{
	size_t len = *reason == '[' ? strcspn(reason, "]") : 0;

	if (!len || !reason[len])
		return;
	script->keys = grow(script->keys, script->key_count, sizeof(*script->keys));
	script->keys[script->key_count++] = strndup(reason + 1, len - 1);
}

/* "C: ANSWER  # why" under a line: @which servers answer otherwise. */
static bool read_difference(struct reader *reader, const bool which[PEER_KINDS], char *text)
{
	char *reason = cut(text, " # ");
	struct line *line = reader->last;

	text = trim(text);
	if (!line)
		return wrong(reader, "a difference of nothing", text);
	if (!reason || !*reason || *reason == '?')
		return wrong(reader, "a difference without a reason", text);
	if (which[PEER_OURS])
		return wrong(reader, "ours is what the line itself says", text);
	if (which[PEER_C] && *reason != '[' && strcmp(text, "skip") != 0)
		return wrong(reader, "what differs from C has its [key] in docs/differences.md", text);
	for (int kind = PEER_C; kind < PEER_KINDS; kind++) {
		if (!which[kind])
			continue;
		if (!set_expected(line, kind, text))
			return wrong(reader, "malformed answer", text);
		if (strcmp(line->expected[kind].at, line->expected[PEER_OURS].at) == 0)
			return wrong(reader, "no difference", text);
		line->is_difference[kind] = true;
	}
	note_key(reader->script, reason);
	return true;
}

/* "without ox: why" */
static bool read_without(struct reader *reader, char *text)
{
	char *why = cut(text, ":");

	if (!why || !*why || !servers(text, reader->without))
		return wrong(reader, "without SERVER: WHY is wanted", text);
	return true;
}

static void read_case(struct reader *reader, const char *name)
{
	struct script *script = reader->script;

	script->cases = grow(script->cases, script->count, sizeof(*script->cases));
	script->cases[script->count++].name = strdup(name);
	memset(reader->without, 0, sizeof(reader->without));
	reader->last = NULL;
}

static bool read_any(struct reader *reader, char *text)
{
	bool which[PEER_KINDS] = { false };
	char *colon = strchr(text, ':'), head[64] = "";

	if (!*text || *text == '#')
		return true;
	if (strncmp(text, "case ", 5) == 0) {
		read_case(reader, text + 5);
		return true;
	}
	if (strncmp(text, "without ", 8) == 0)
		return read_without(reader, text + 8);
	if (colon && !isdigit((unsigned char)*text) && colon - text < 60) {
		memcpy(head, text, (size_t)(colon - text));
		if (servers(head, which))
			return read_difference(reader, which, colon + 1);
	}
	return read_line(reader, text);
}

static bool read_all(struct reader *reader, FILE *file)
{
	char *text = NULL;
	size_t size = 0;
	bool ok = true;

	while (getline(&text, &size, file) > 0) {
		reader->number++;
		ok = read_any(reader, trim(text)) && ok;
	}
	free(text);
	return ok;
}

struct script *script_read(const char *path)
{
	struct reader reader = { .script = calloc(1, sizeof(struct script)) };
	FILE *file = fopen(path, "re");
	bool ok;

	if (!reader.script)
		abort();
	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		free(reader.script);
		return NULL;
	}
	reader.script->path = strdup(path);
	ok = read_all(&reader, file);
	fclose(file);
	if (ok)
		return reader.script;
	script_free(reader.script);
	return NULL;
}

static void free_line(struct line *line)
{
	free(line->text);
	for (size_t i = 0; i < line->arg_count; i++)
		free(line->args[i].at);
	for (int kind = 0; kind < PEER_KINDS; kind++)
		free(line->expected[kind].at);
}

void script_free(struct script *script)
{
	for (size_t i = 0; i < script->count; i++) {
		for (size_t k = 0; k < script->cases[i].count; k++)
			free_line(&script->cases[i].lines[k]);
		free(script->cases[i].lines);
		free(script->cases[i].name);
	}
	for (size_t i = 0; i < script->key_count; i++)
		free(script->keys[i]);
	free(script->keys);
	free(script->cases);
	free(script->path);
	free(script);
}

size_t script_requests(const struct script *script)
{
	size_t requests = 0;

	for (size_t i = 0; i < script->count; i++) {
		for (size_t k = 0; k < script->cases[i].count; k++)
			requests += script->cases[i].lines[k].what == LINE_REQUEST;
	}
	return requests;
}
