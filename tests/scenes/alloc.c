/* SPDX-License-Identifier: MIT */
/* Allocations of the code under test ask the simulator first (link with --wrap). */
#include <stdarg.h>
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
int __wrap_vasprintf(char **out, const char *format, va_list ap);
int __wrap_asprintf(char **out, const char *format, ...);

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

/* The C library's own would allocate behind our back. */
int __wrap_vasprintf(char **out, const char *format, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	*out = len < 0 ? NULL : __wrap_malloc((size_t)len + 1);
	return *out ? vsnprintf(*out, (size_t)len + 1, format, ap) : -1;
}

int __wrap_asprintf(char **out, const char *format, ...)
{
	va_list ap;
	int len;

	va_start(ap, format);
	len = __wrap_vasprintf(out, format, ap);
	va_end(ap);
	return len;
}
