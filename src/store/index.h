/* SPDX-License-Identifier: MIT */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H
/*
 * A chained hash table that grows one bucket at a time (linear hashing), so no request ever pays for
 * rehashing the whole and the table is never half empty.
 *
 *     buckets 0..count-1;  level = the largest power of two <= count
 *     home(hash) = hash mod 2*level, or hash mod level if that bucket is not there yet
 *
 * The items are somebody's handles; their chain links and hashes are reached through index_items.
 */
#include "mem.h"

struct index_items {
	void *ctx;
	uint32_t *(*chain)(void *ctx, uint32_t item); /* where the item keeps its link */
	uint64_t (*hash)(void *ctx, uint32_t item);
};

struct index {
	struct mem *mem;
	uint32_t **segments; /* of INDEX_SEGMENT buckets */
	uint32_t segment_count, segment_room;
	uint32_t count; /* buckets */
	uint32_t level;
	uint32_t items;
};

#define INDEX_SEGMENT_SHIFT 10u
#define INDEX_SEGMENT (1u << INDEX_SEGMENT_SHIFT)

/* 0 or -ENOMEM. */
int index_init(struct index *index, struct mem *mem);
void index_done(struct index *index);
/* The bucket that holds the items of @hash: the handle of the first. */
static inline uint32_t *index_bucket(const struct index *index, uint64_t hash)
{
	uint32_t home = (uint32_t)hash & (index->level * 2 - 1);

	if (home >= index->count)
		home &= index->level - 1;
	return &index->segments[home >> INDEX_SEGMENT_SHIFT][home & (INDEX_SEGMENT - 1)];
}
/* Never fails: without memory to grow the chains become longer. */
void index_add(struct index *index, const struct index_items *items, uint32_t item);
void index_remove(struct index *index, const struct index_items *items, uint32_t item);

#endif
