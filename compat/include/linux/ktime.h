/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_KTIME_H
#define _LINUX_KTIME_H
#include <linux/jiffies.h>

/* Nanoseconds of a clock that only goes forward; since 1970 in the _real ones. */
ktime_t ktime_get(void) LINUX_SYMBOL(ktime_get);
ktime_t ktime_get_real(void) LINUX_SYMBOL(ktime_get_real);
#define ktime_get_ns() ((u64)ktime_get())
#define ktime_get_boottime() ktime_get()
#define ktime_get_real_ns() ((u64)ktime_get_real())
#define ktime_get_seconds() (ktime_get() / NSEC_PER_SEC)
#define ktime_get_real_seconds() (ktime_get_real() / NSEC_PER_SEC)
#define local_clock() ktime_get_ns()
#define ktime_sub(a, b) ((a) - (b))
#define ktime_add(a, b) ((a) + (b))
#define ktime_add_ns(a, ns) ((a) + (ktime_t)(ns))
#define ktime_add_us(a, us) ((a) + (ktime_t)(us)*NSEC_PER_USEC)
#define ktime_add_ms(a, ms) ((a) + (ktime_t)(ms)*NSEC_PER_MSEC)
#define ktime_to_ns(k) (k)
#define ktime_to_us(k) ((k) / NSEC_PER_USEC)
#define ktime_to_ms(k) ((k) / NSEC_PER_MSEC)
#define ns_to_ktime(ns) ((ktime_t)(ns))
#define ms_to_ktime(ms) ((ktime_t)(ms)*NSEC_PER_MSEC)
#define ktime_before(a, b) ((a) < (b))
#define ktime_after(a, b) ((a) > (b))
#define ktime_us_delta(a, b) ktime_to_us((a) - (b))
#define ktime_ms_delta(a, b) ktime_to_ms((a) - (b))

#endif
