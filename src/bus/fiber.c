/* SPDX-License-Identifier: MIT */
#include "fiber.h"
#include "fiber_swap.h"
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define FIBER_STACK_BYTES (512u * 1024) /* its red zones make frames large */
#else
#define FIBER_STACK_BYTES (128u * 1024)
static inline void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size)
{
}
static inline void __sanitizer_finish_switch_fiber(void *saved, const void **bottom, size_t *size)
{
}
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

struct fiber {
	struct list link; /* in the pool's free list */
	struct fiber_pool *pool;
	void *sp;
	uint8_t *stack; /* the guard page is below it */
	void (*fn)(void *arg);
	void *arg;
	void *fake_stack; /* AddressSanitizer's, while the fiber is left */
	bool returned;
};

static size_t guard_bytes(void)
{
	return 65536; /* a multiple of every page size in use */
}

static uint8_t *stack_map(void)
{
	size_t size = FIBER_STACK_BYTES + guard_bytes();
	uint8_t *base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	if (mprotect(base + guard_bytes(), FIBER_STACK_BYTES, PROT_READ | PROT_WRITE)) {
		munmap(base, size);
		return NULL;
	}
	return base + guard_bytes();
}

static void fiber_free(struct fiber *fiber)
{
	fiber->pool->stacks--;
	munmap(fiber->stack - guard_bytes(), FIBER_STACK_BYTES + guard_bytes());
	free(fiber);
}

void fiber_pool_init(struct fiber_pool *pool)
{
	*pool = (struct fiber_pool){ 0 };
	list_init(&pool->free);
}

void fiber_pool_fini(struct fiber_pool *pool)
{
	assert(pool->live == 0);
	while (!list_empty(&pool->free)) {
		struct fiber *fiber = list_first(&pool->free, struct fiber, link);

		list_del(&fiber->link);
		fiber_free(fiber);
	}
	pool->free_count = 0;
}

static struct fiber *fiber_alloc(struct fiber_pool *pool)
{
	struct fiber *fiber = calloc(1, sizeof(*fiber));

	if (!fiber)
		return NULL;
	fiber->stack = stack_map();
	if (!fiber->stack) {
		free(fiber);
		return NULL;
	}
	fiber->pool = pool;
	list_init(&fiber->link);
	pool->stacks++;
	return fiber;
}

static void fiber_entry(void *arg)
{
	struct fiber *fiber = arg;
	struct fiber_pool *pool = fiber->pool;

	__sanitizer_finish_switch_fiber(NULL, &pool->loop_stack, &pool->loop_stack_size);
	fiber->fn(fiber->arg);
	fiber->returned = true;
	__sanitizer_start_switch_fiber(NULL, pool->loop_stack, pool->loop_stack_size);
	fiber_swap(&fiber->sp, pool->loop_sp);
	__builtin_unreachable();
}

struct fiber *fiber_new(struct fiber_pool *pool, void (*fn)(void *arg), void *arg)
{
	struct fiber *fiber;

	if (list_empty(&pool->free)) {
		fiber = fiber_alloc(pool);
		if (!fiber)
			return NULL;
	} else {
		fiber = list_first(&pool->free, struct fiber, link);
		list_del(&fiber->link);
		pool->free_count--;
	}
	fiber->fn = fn;
	fiber->arg = arg;
	fiber->returned = false;
	fiber->fake_stack = NULL;
	fiber->sp = fiber_prepare(fiber->stack + FIBER_STACK_BYTES, fiber_entry, fiber);
	pool->live++;
	return fiber;
}

static void fiber_retire(struct fiber_pool *pool, struct fiber *fiber)
{
	pool->live--;
	if (pool->free_count == FIBER_POOL_MAX) {
		fiber_free(fiber);
		return;
	}
	ASAN_UNPOISON_MEMORY_REGION(fiber->stack, FIBER_STACK_BYTES);
	list_add(&pool->free, &fiber->link);
	pool->free_count++;
}

bool fiber_enter(struct fiber_pool *pool, struct fiber *fiber)
{
	void *fake_stack = NULL;

	assert(!pool->current);
	pool->current = fiber;
	__sanitizer_start_switch_fiber(&fake_stack, fiber->stack, FIBER_STACK_BYTES);
	fiber_swap(&pool->loop_sp, fiber->sp);
	__sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
	pool->current = NULL;
	if (!fiber->returned)
		return false;
	fiber_retire(pool, fiber);
	return true;
}

void fiber_leave(struct fiber_pool *pool)
{
	struct fiber *fiber = pool->current;

	assert(fiber);
	__sanitizer_start_switch_fiber(&fiber->fake_stack, pool->loop_stack, pool->loop_stack_size);
	fiber_swap(&fiber->sp, pool->loop_sp);
	__sanitizer_finish_switch_fiber(fiber->fake_stack, &pool->loop_stack, &pool->loop_stack_size);
}
