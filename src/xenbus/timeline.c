/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenbus/xenbus.h>

struct timeline {
	struct timeline_entry *entries;
	size_t count, size;
};

const char *timeline_state_name(unsigned int state)
{
	return state < XENBUS_STATES ? xenbus_strstate((enum xenbus_state)state) : "?";
}

int timeline_state_number(const char *name)
{
	for (unsigned int i = 0; i < XENBUS_STATES; i++)
		if (!strcmp(timeline_state_name(i), name))
			return (int)i;
	return -1;
}

int timeline_seen_state(const struct timeline_entry *entry)
{
	const char *now = strstr(entry->text, "-> ");

	return entry->kind == TIMELINE_OTHEREND && now ? timeline_state_number(now + 3) : -1;
}

int timeline_new(struct timeline **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void timeline_free(struct timeline *timeline)
{
	if (!timeline)
		return;
	free(timeline->entries);
	free(timeline);
}

int timeline_add(struct timeline *timeline, const struct timeline_entry *entry)
{
	if (!*entry->of.class)
		return 0;
	if (timeline->count == timeline->size) {
		size_t size = timeline->size ? timeline->size * 2 : 256;
		struct timeline_entry *entries = reallocarray(timeline->entries, size, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		timeline->entries = entries;
		timeline->size = size;
	}
	timeline->entries[timeline->count] = *entry;
	timeline->entries[timeline->count].order = timeline->count;
	timeline->count++;
	return 0;
}

int timeline_read(struct timeline *timeline, FILE *in, unsigned int *line)
{
	struct timeline_entry entry;
	char *text = NULL;
	size_t size = 0;
	int err = 0;

	for (*line = 1; getline(&text, &size, in) >= 0; ++*line) {
		err = timeline_parse(text, &entry);
		if (!err)
			err = timeline_add(timeline, &entry);
		if (err)
			break;
	}
	free(text);
	return err ? err : ferror(in) ? -EIO : 0;
}

/* -- stories ------------------------------------------------------------------------------------- */

/* Entries of one program are in order already; those of the same moment stay so. */
static int by_time(const struct timeline_entry *x, const struct timeline_entry *y)
{
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int by_device(const void *a, const void *b)
{
	const struct timeline_entry *x = a, *y = b;
	int order = strcmp(x->of.class, y->of.class);

	if (!order)
		order = strcmp(x->of.id, y->of.id);
	if (!order && x->of.front != y->of.front)
		order = x->of.front < y->of.front ? -1 : 1;
	return order ? order : by_time(x, y);
}

static int by_beginning(const void *a, const void *b)
{
	const struct timeline_story *x = a, *y = b;

	return by_time(x->entries, y->entries);
}

int timeline_stories(struct timeline *timeline, struct timeline_story **stories, size_t *count)
{
	const struct timeline_entry *e = timeline->entries;
	size_t begin = 0;

	*count = 0;
	*stories = NULL;
	if (!timeline->count)
		return 0;
	qsort(timeline->entries, timeline->count, sizeof(*timeline->entries), by_device);
	for (size_t i = 0; i < timeline->count; i++)
		*count += i + 1 == timeline->count || !timeline_same_device(&e[i].of, &e[i + 1].of);
	*stories = reallocarray(NULL, *count, sizeof(**stories));
	if (!*stories)
		return -ENOMEM;
	*count = 0;
	for (size_t i = 0; i < timeline->count; i++) {
		if (i + 1 < timeline->count && timeline_same_device(&e[i].of, &e[i + 1].of))
			continue;
		(*stories)[(*count)++] = (struct timeline_story){ &e[begin], i + 1 - begin };
		begin = i + 1;
	}
	qsort(*stories, *count, sizeof(**stories), by_beginning);
	return 0;
}
