/* SPDX-License-Identifier: MIT */
#include "index.h"
#include <assert.h>
#include <errno.h>

static int add_segment(struct index *index)
{
	uint32_t *segment;

	if (index->segment_count == index->segment_room) {
		const uint32_t room = index->segment_room ? index->segment_room * 2 : 8;
		uint32_t **segments =
			mem_resize(index->mem, index->segments, index->segment_room * sizeof(uint32_t *),
				   room * sizeof(uint32_t *));

		if (!segments)
			return -ENOMEM;
		index->segments = segments;
		index->segment_room = room;
	}
	segment = mem_zalloc(index->mem, INDEX_SEGMENT * sizeof(uint32_t));
	if (!segment)
		return -ENOMEM;
	index->segments[index->segment_count++] = segment;
	return 0;
}

int index_init(struct index *index, struct mem *mem)
{
	*index = (struct index){ .mem = mem };
	if (add_segment(index)) {
		index_done(index);
		return -ENOMEM;
	}
	index->count = index->level = 16;
	return 0;
}

void index_done(struct index *index)
{
	for (uint32_t i = 0; i < index->segment_count; i++)
		mem_free(index->mem, index->segments[i], INDEX_SEGMENT * sizeof(uint32_t));
	mem_free(index->mem, index->segments, index->segment_room * sizeof(uint32_t *));
	*index = (struct index){ .mem = index->mem };
}

/* Adds one bucket and moves to it what belongs there; all of that comes from one other bucket. */
static void split(struct index *index, const struct index_items *items)
{
	const uint32_t added = index->count;
	uint32_t *from, *to, item, *link;

	if (added >> INDEX_SEGMENT_SHIFT >= index->segment_count && add_segment(index))
		return;
	from = index_bucket(index, added - index->level);
	to = &index->segments[added >> INDEX_SEGMENT_SHIFT][added & (INDEX_SEGMENT - 1)];
	index->count++;
	item = *from;
	*from = *to = 0;
	while (item) {
		uint32_t *home = index_bucket(index, items->hash(items->ctx, item));

		assert(home == from || home == to);
		link = items->chain(items->ctx, item);
		const uint32_t next = *link;

		*link = *home;
		*home = item;
		item = next;
	}
	if (index->count == index->level * 2)
		index->level *= 2;
}

void index_add(struct index *index, const struct index_items *items, uint32_t item)
{
	uint32_t *bucket;

	if (index->items >= index->count && index->count < UINT32_MAX / 2)
		split(index, items);
	bucket = index_bucket(index, items->hash(items->ctx, item));
	*items->chain(items->ctx, item) = *bucket;
	*bucket = item;
	index->items++;
}

void index_remove(struct index *index, const struct index_items *items, uint32_t item)
{
	uint32_t *link = index_bucket(index, items->hash(items->ctx, item));

	while (*link != item) {
		assert(*link);
		link = items->chain(items->ctx, *link);
	}
	*link = *items->chain(items->ctx, item);
	index->items--;
}
