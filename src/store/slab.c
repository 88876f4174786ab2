/* SPDX-License-Identifier: MIT */
#include "slab.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

static void *place(const struct slab *slab, uint32_t handle)
{
	return (char *)slab->chunks[handle >> SLAB_SHIFT] + (size_t)(handle & (SLAB_CHUNK - 1)) * slab->size;
}

void slab_init(struct slab *slab, struct mem *mem, uint32_t size)
{
	*slab = (struct slab){ .mem = mem, .size = size, .fresh = 1 };
}

void slab_done(struct slab *slab)
{
	for (uint32_t i = 0; i < slab->chunk_count; i++)
		mem_free(slab->mem, slab->chunks[i], (size_t)slab->size * SLAB_CHUNK);
	mem_free(slab->mem, slab->chunks, slab->chunk_room * sizeof(void *));
	slab_init(slab, slab->mem, slab->size);
}

static int add_chunk(struct slab *slab)
{
	void *chunk;

	if (slab->chunk_count == slab->chunk_room) {
		const uint32_t room = slab->chunk_room ? slab->chunk_room * 2 : 8;
		void **chunks = mem_resize(slab->mem, slab->chunks, slab->chunk_room * sizeof(void *),
					   room * sizeof(void *));

		if (!chunks)
			return -ENOMEM;
		slab->chunks = chunks;
		slab->chunk_room = room;
	}
	if (slab->chunk_count == UINT32_MAX >> SLAB_SHIFT)
		return -ENOMEM;
	chunk = mem_alloc(slab->mem, (size_t)slab->size * SLAB_CHUNK);
	if (!chunk)
		return -ENOMEM;
	slab->chunks[slab->chunk_count++] = chunk;
	return 0;
}

/* Handle 0 stands for nothing, so one place of the first chunk is never used. */
static uint32_t spare(const struct slab *slab)
{
	const uint32_t places = slab->chunk_count << SLAB_SHIFT;

	return places ? places - 1 - slab->live : 0;
}

int slab_reserve(struct slab *slab, uint32_t count)
{
	while (spare(slab) < count)
		if (add_chunk(slab))
			return -ENOMEM;
	return 0;
}

uint32_t slab_alloc(struct slab *slab)
{
	uint32_t handle = slab->free;

	if (handle) {
		memcpy(&slab->free, place(slab, handle), sizeof(slab->free));
	} else {
		if (slab->fresh >> SLAB_SHIFT >= slab->chunk_count && add_chunk(slab))
			return 0;
		handle = slab->fresh++;
	}
	slab->live++;
	memset(place(slab, handle), 0, slab->size);
	return handle;
}

void slab_free(struct slab *slab, uint32_t handle)
{
	assert(handle && handle < slab->fresh && slab->live);
	memset(place(slab, handle), 0xdd, slab->size);
	memcpy(place(slab, handle), &slab->free, sizeof(slab->free));
	slab->free = handle;
	slab->live--;
}
