/* SPDX-License-Identifier: MIT */
#ifndef BUS_FIBER_H
#define BUS_FIBER_H
/*
 * Stacks that can be left and entered again. Two contexts only: the loop, and one fiber at a time.
 *
 *      loop --fiber_enter()--> fiber --fiber_leave()--> loop --fiber_enter()--> fiber --return--> loop
 *
 * A stack is FIBER_STACK_BYTES with a guard page below; free ones are kept for the next fiber, so
 * starting one costs no system call. AddressSanitizer is told of each switch.
 */
#include <stdbool.h>
#include <stddef.h>
#include <base/list.h>

struct fiber;

/* Zero-initialise, then fiber_pool_init(). */
struct fiber_pool {
	struct list free;      /* struct fiber, stacks without work */
	size_t free_count;     /* kept at most FIBER_POOL_MAX */
	size_t live;	       /* fibers started and not returned yet */
	size_t stacks;	       /* mapped */
	struct fiber *current; /* NULL: the loop runs */
	void *loop_sp;
	const void *loop_stack; /* for AddressSanitizer, known after the first switch */
	size_t loop_stack_size;
};

#define FIBER_POOL_MAX 64u

void fiber_pool_init(struct fiber_pool *pool);
/* No fiber may be live. */
void fiber_pool_fini(struct fiber_pool *pool);

/* A fiber that will run fn(arg) when entered. NULL: no memory. It belongs to the pool and is gone when
 * fn has returned. */
struct fiber *fiber_new(struct fiber_pool *pool, void (*fn)(void *arg), void *arg);
/* From the loop: runs @fiber until it leaves or returns. Returns true where it returned (and is gone). */
bool fiber_enter(struct fiber_pool *pool, struct fiber *fiber);
/* From a fiber: back to the loop, until entered again. */
void fiber_leave(struct fiber_pool *pool);

#endif
