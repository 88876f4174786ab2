/* SPDX-License-Identifier: MIT */
#ifndef _ASM_BARRIER_H
#define _ASM_BARRIER_H
#include <linux/compiler.h>

/* Shared pages are ordinary memory of this machine, so what orders processors orders the two ends. */
#define mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb() mb()
#define smp_rmb() rmb()
#define smp_wmb() wmb()
#define virt_mb() mb()
#define virt_rmb() rmb()
#define virt_wmb() wmb()
#define dma_rmb() rmb()
#define dma_wmb() wmb()
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define virt_store_release(p, v) smp_store_release(p, v)
#define virt_load_acquire(p) smp_load_acquire(p)
#define smp_store_mb(var, value)        \
	do {                            \
		WRITE_ONCE(var, value); \
		mb();                   \
	} while (0)
#define cpu_relax() barrier()

#endif
