/* SPDX-License-Identifier: MIT */
/* Flat JSON objects with numbers and strings, as xenbus_trace_write() makes them; other keys are skipped. */
#include "timeline.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenbus/trace_file.h>

/* The string that begins at @s, behind its quote, into @out (cut at @size); what a terminal would take for a
 * command becomes '?'. What follows it, or NULL. */
static const char *get_string(const char *s, char *out, size_t size)
{
	size_t used = 0;

	for (; *s && *s != '"'; s++) {
		if (*s == '\\' && *++s == '\0')
			return NULL;
		if (used + 1 < size)
			out[used++] = (unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f ? '?' : *s;
	}
	out[used] = '\0';
	return *s ? s + 1 : NULL;
}

static const char *get_number(const char *s, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return NULL;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return errno ? NULL : end;
}

_Static_assert(TIMELINE_PROGRAM == (int)TRACE_FILE_KINDS, "the kinds of traces, and one of ours");

/* TIMELINE_KINDS: there is none of that name. */
static enum timeline_kind find_kind(const char *name)
{
	unsigned int kind = 0;

	if (!strcmp(name, "program"))
		return TIMELINE_PROGRAM;
	while (kind < TRACE_FILE_KINDS && strcmp(trace_file_kinds[kind], name) != 0)
		kind++;
	return kind < TRACE_FILE_KINDS ? (enum timeline_kind)kind : TIMELINE_KINDS;
}

static bool set_text(struct timeline_entry *entry, const char *key, const char *value)
{
	if (!strcmp(key, "device"))
		snprintf(entry->device, sizeof(entry->device), "%.63s", value);
	else if (!strcmp(key, "text"))
		snprintf(entry->text, sizeof(entry->text), "%.95s", value);
	else if (!strcmp(key, "program"))
		snprintf(entry->program, sizeof(entry->program), "%.31s", value);
	else if (!strcmp(key, "kind"))
		return (entry->kind = find_kind(value)) != TIMELINE_KINDS;
	return true;
}

static void set_number(struct timeline_entry *entry, const char *key, uint64_t value)
{
	if (!strcmp(key, "time_ns"))
		entry->time_ns = value;
	else if (!strcmp(key, "domid"))
		entry->domid = (uint32_t)value;
	else if (!strcmp(key, "own"))
		entry->own = (uint32_t)value;
	else if (!strcmp(key, "other"))
		entry->other = (uint32_t)value;
	else if (!strcmp(key, "pid"))
		entry->pid = (uint32_t)value;
}

/* One "key":value; what follows it, or NULL. */
static const char *get_member(const char *s, struct timeline_entry *entry)
{
	char key[16], value[128];
	uint64_t number;

	if (*s != '"')
		return NULL;
	s = get_string(s + 1, key, sizeof(key));
	if (!s || *s++ != ':')
		return NULL;
	if (*s != '"') {
		s = get_number(s, &number);
		if (s)
			set_number(entry, key, number);
		return s;
	}
	s = get_string(s + 1, value, sizeof(value));
	return s && set_text(entry, key, value) ? s : NULL;
}

void timeline_find_device(struct timeline_entry *entry)
{
	struct timeline_device *of = &entry->of;

	*of = (struct timeline_device){ 0 };
	entry->is_backend =
		sscanf(entry->device, "backend/%31[^/]/%u/%11[^/]", of->class, &of->front, of->id) == 3;
	if (entry->is_backend)
		return;
	if (sscanf(entry->device, "device/%31[^/]/%11[^/]", of->class, of->id) == 2)
		of->front = entry->domid;
	else
		*of = (struct timeline_device){ 0 };
}

bool timeline_same_device(const struct timeline_device *one, const struct timeline_device *other)
{
	return one->front == other->front && !strcmp(one->class, other->class) && !strcmp(one->id, other->id);
}

int timeline_parse(const char *line, struct timeline_entry *entry)
{
	const char *s = line;

	*entry = (struct timeline_entry){ .kind = TIMELINE_KINDS };
	do {
		if (*s != (s == line ? '{' : ','))
			return -EINVAL;
		s = get_member(s + 1, entry);
		if (!s)
			return -EINVAL;
	} while (*s != '}');
	if (entry->kind == TIMELINE_KINDS || (s[1] && s[1] != '\n'))
		return -EINVAL;
	timeline_find_device(entry);
	return 0;
}
