/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "failing_alloc.h"

struct failing_alloc failing_alloc;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
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

void __wrap_free(void *memory)
{
	failing_alloc.live -= memory != NULL;
	__real_free(memory);
}
