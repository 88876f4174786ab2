/* SPDX-License-Identifier: MIT */
#include "blob.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

static uint32_t class_of(uint32_t len)
{
	if (len <= 256)
		return (len + 7) / 8 - 1;
	if (len <= 1024)
		return 32 + (len - 257) / 32;
	return 56 + (len - 1025) / 256;
}

static uint32_t class_size(uint32_t class)
{
	if (class < 32)
		return (class + 1) * 8;
	if (class < 56)
		return 256 + (class - 31) * 32;
	return 1024 + (class - 55) * 256;
}

uint32_t blob_size(uint32_t len)
{
	return len ? class_size(class_of(len)) : 0;
}

void blobs_init(struct blobs *blobs, struct mem *mem)
{
	*blobs = (struct blobs){ .mem = mem };
}

void blobs_done(struct blobs *blobs)
{
	for (uint32_t i = 1; i < blobs->chunk_count; i++)
		mem_free(blobs->mem, blobs->chunks[i], BLOB_CHUNK);
	mem_free(blobs->mem, blobs->chunks, blobs->chunk_room * sizeof(char *));
	blobs_init(blobs, blobs->mem);
}

static int grow_table(struct blobs *blobs)
{
	const uint32_t room = blobs->chunk_room ? blobs->chunk_room * 2 : 8;
	char **chunks = mem_resize(blobs->mem, blobs->chunks, blobs->chunk_room * sizeof(char *),
				   room * sizeof(char *));

	if (!chunks)
		return -ENOMEM;
	blobs->chunks = chunks;
	blobs->chunk_room = room;
	if (!blobs->chunk_count)
		blobs->chunks[blobs->chunk_count++] = NULL;
	return 0;
}

static int add_chunk(struct blobs *blobs, struct blob_class *class, uint32_t size)
{
	char *chunk;

	if (blobs->chunk_count == blobs->chunk_room && grow_table(blobs))
		return -ENOMEM;
	if (blobs->chunk_count >> (32 - BLOB_SHIFT))
		return -ENOMEM;
	chunk = mem_alloc(blobs->mem, BLOB_CHUNK);
	if (!chunk)
		return -ENOMEM;
	class->bump = blobs->chunk_count << BLOB_SHIFT;
	class->places = BLOB_CHUNK / size;
	blobs->chunks[blobs->chunk_count++] = chunk;
	return 0;
}

static char *bytes_of(struct blobs *blobs, uint32_t blob)
{
	return blobs->chunks[blob >> BLOB_SHIFT] + (size_t)(blob & ((1u << BLOB_SHIFT) - 1)) * 8;
}

int blob_new(struct blobs *blobs, const void *bytes, uint32_t len, uint32_t *out)
{
	const uint32_t index = len ? class_of(len) : 0;
	struct blob_class *class = &blobs->classes[index];

	assert(len <= BLOB_MAX);
	*out = 0;
	if (!len)
		return 0;
	if (class->free) {
		*out = class->free;
		memcpy(&class->free, bytes_of(blobs, *out), sizeof(class->free));
	} else {
		if (!class->places && add_chunk(blobs, class, class_size(index)))
			return -ENOMEM;
		*out = class->bump;
		class->bump += class_size(index) / 8;
		class->places--;
	}
	memcpy(bytes_of(blobs, *out), bytes, len);
	blobs->live++;
	return 0;
}

void blob_free(struct blobs *blobs, uint32_t blob, uint32_t len)
{
	struct blob_class *class;

	if (!blob)
		return;
	assert(len && blobs->live);
	class = &blobs->classes[class_of(len)];
	memcpy(bytes_of(blobs, blob), &class->free, sizeof(class->free));
	class->free = blob;
	blobs->live--;
}
