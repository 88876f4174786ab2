/* SPDX-License-Identifier: MIT */
/* Allocations of the code under test ask the simulator first (link with --wrap). */
#include <stdlib.h>

#include "scene.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static struct sim *world;

void alloc_of(struct sim *sim)
{
	world = sim;
}

void *__wrap_malloc(size_t size)
{
	return sim_alloc_fails(world) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return sim_alloc_fails(world) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return sim_alloc_fails(world) ? NULL : __real_realloc(old, size);
}
