/* SPDX-License-Identifier: MIT */
#ifndef BUS_FIBER_SWAP_H
#define BUS_FIBER_SWAP_H
#include <stddef.h>
#include <stdint.h>

/* Saves the callee-saved state of the running context on its stack, its stack pointer in *@save, and
 * continues the context whose stack pointer is @load. swapcontext(3) would do, at the price of two
 * system calls a switch for a signal mask that no fiber changes. */
void fiber_swap(void **save, void *load);

/* Prepares a fresh stack that ends at @top so that the first swap to it calls entry(@arg), which must
 * not return. Returns its stack pointer. */
void *fiber_prepare(void *top, void (*entry)(void *arg), void *arg);

#endif
