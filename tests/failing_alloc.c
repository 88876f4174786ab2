/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "failing_alloc.h"

struct failing_alloc failing_alloc;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *string);
int __wrap_vasprintf(char **out, const char *format, va_list ap);
int __wrap_asprintf(char **out, const char *format, ...);
void __wrap_free(void *memory);

void alloc_fail(long nth, bool forever)
{
	failing_alloc.calls = 0;
	failing_alloc.fail_at = nth;
	failing_alloc.forever = forever;
}

bool alloc_failed(void)
{
	bool failed = failing_alloc.fail_at && failing_alloc.calls >= failing_alloc.fail_at;

	failing_alloc.fail_at = 0;
	return failed;
}

static bool fails(void)
{
	long call = ++failing_alloc.calls;

	if (!failing_alloc.fail_at)
		return false;
	return call == failing_alloc.fail_at || (failing_alloc.forever && call > failing_alloc.fail_at);
}

static void *counted(void *memory)
{
	failing_alloc.live += memory != NULL;
	return memory;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	void *memory;

	if (fails())
		return NULL;
	memory = __real_realloc(old, size);
	return old ? memory : counted(memory);
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

void __wrap_free(void *memory)
{
	failing_alloc.live -= memory != NULL;
	__real_free(memory);
}
