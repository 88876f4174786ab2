/* SPDX-License-Identifier: MIT */
#ifndef STORE_SLAB_H
#define STORE_SLAB_H
/*
 * Objects of one size named by 32-bit handles.
 *
 *     chunks[0] -> |  -  | 1 | 2 | ... | 255 |     handle = chunk * 256 + place; 0 is no object
 *     chunks[1] -> | 256 | ...               |     free places are chained through their first word
 *
 * Objects never move, so a pointer is good while its object lives. Chunks are kept until slab_done().
 */
#include "mem.h"

#define SLAB_SHIFT 8u
#define SLAB_CHUNK (1u << SLAB_SHIFT)
#define SLAB_AT(slab, type, handle) \
	(&((type *)(slab)->chunks[(handle) >> SLAB_SHIFT])[(handle) & (SLAB_CHUNK - 1)])

struct slab {
	struct mem *mem;
	void **chunks;
	uint32_t chunk_count, chunk_room;
	uint32_t size;	/* bytes of an object */
	uint32_t free;	/* handle of the first freed place */
	uint32_t fresh; /* the lowest handle never given out */
	uint32_t live;	/* objects given out */
};

void slab_init(struct slab *slab, struct mem *mem, uint32_t size);
void slab_done(struct slab *slab);
/* Makes sure that the next @count slab_alloc() succeed. 0 or -ENOMEM. */
int slab_reserve(struct slab *slab, uint32_t count);
/* A zeroed object's handle; 0: out of memory. */
uint32_t slab_alloc(struct slab *slab);
void slab_free(struct slab *slab, uint32_t handle);

#endif
