/* SPDX-License-Identifier: MIT */
#ifndef STORE_MEM_H
#define STORE_MEM_H
/* Counted allocation: every byte the store holds is in mem.bytes, so a figure can be reported and
 * limited without asking the allocator. Who frees says the size again. */
#include <stdint.h>
#include <stdlib.h>

struct mem {
	uint64_t bytes;
};

static inline void *mem_alloc(struct mem *mem, size_t size)
{
	void *p = malloc(size);

	if (p)
		mem->bytes += size;
	return p;
}

static inline void *mem_zalloc(struct mem *mem, size_t size)
{
	void *p = calloc(1, size);

	if (p)
		mem->bytes += size;
	return p;
}

/* NULL: nothing changed, @p is still good. */
static inline void *mem_resize(struct mem *mem, void *p, size_t old_size, size_t size)
{
	void *q = realloc(p, size);

	if (q)
		mem->bytes += size - old_size;
	return q;
}

static inline void mem_free(struct mem *mem, void *p, size_t size)
{
	if (!p)
		return;
	mem->bytes -= size;
	free(p);
}

#endif
