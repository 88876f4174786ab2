/* SPDX-License-Identifier: MIT */
/* Flat JSON objects with numbers and strings, as xenbus_trace_write() makes them; other keys are skipped. */
#include "timeline.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[TIMELINE_KINDS] = { "state",  "otherend", "store", "event", "grant",
						   "evtchn", "driver",	 "note",  "wait" };

/* The string that begins at @s, behind its quote, into @out (cut at @size); what a terminal would take for a
 * command becomes '?'. What follows it, or NULL. */
static const char *get_string(const char *s, char *out, size_t size)
{
	size_t used = 0;

	for (; *s && *s != '"'; s++) {
		if (*s == '\\' && *++s == '\0')
			return NULL;
		if (used + 1 < size)
			out[used++] = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
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

static bool set_text(struct timeline_entry *entry, const char *key, const char *value)
{
	if (!strcmp(key, "device")) {
		snprintf(entry->device, sizeof(entry->device), "%.39s", value);
	} else if (!strcmp(key, "text")) {
		snprintf(entry->text, sizeof(entry->text), "%.95s", value);
	} else if (!strcmp(key, "kind")) {
		unsigned int kind = 0;

		while (kind < TIMELINE_KINDS && strcmp(kinds[kind], value) != 0)
			kind++;
		entry->kind = (enum timeline_kind)kind;
		return kind < TIMELINE_KINDS;
	}
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

/* "backend/CLASS/U/ID" of any domain and "device/CLASS/ID" of domain U tell one story. */
static void find_pair(struct timeline_entry *entry)
{
	char class[33], id[16];
	unsigned int domid;

	if (sscanf(entry->device, "backend/%32[^/]/%u/%15[^/]", class, &domid, id) == 3)
		entry->is_backend = true;
	else if (sscanf(entry->device, "device/%32[^/]/%15[^/]", class, id) == 2)
		domid = entry->domid;
	else
		return;
	snprintf(entry->pair, sizeof(entry->pair), "%.20s %.8s of domain %u", class, id, domid);
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
	find_pair(entry);
	return 0;
}
