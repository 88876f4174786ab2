/* SPDX-License-Identifier: MIT */
/* Allocations of the code under test ask the simulator first (link with --wrap). */
#include <stdlib.h>
#include <string.h>

#include "scene.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *string);

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

char *__wrap_strdup(const char *string)
{
	char *copy = __wrap_malloc(strlen(string) + 1);

	return copy ? strcpy(copy, string) : NULL;
}
