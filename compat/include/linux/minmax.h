/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_MINMAX_H
#define _LINUX_MINMAX_H

/* Names of its own each time: one may stand in the other's argument. */
#define LINUX_PICK_2(type_a, type_b, a, op, b, n)                   \
	({                                                          \
		type_a pick_a_##n = (a);                            \
		type_b pick_b_##n = (b);                            \
		pick_a_##n op pick_b_##n ? pick_a_##n : pick_b_##n; \
	})
#define LINUX_PICK_1(type_a, type_b, a, op, b, n) LINUX_PICK_2(type_a, type_b, a, op, b, n)
#define LINUX_PICK(type_a, type_b, a, op, b) LINUX_PICK_1(type_a, type_b, a, op, b, __COUNTER__)
#define min(a, b) LINUX_PICK(__typeof__(a), __typeof__(b), a, <, b)
#define max(a, b) LINUX_PICK(__typeof__(a), __typeof__(b), a, >, b)
#define min_t(type, a, b) LINUX_PICK(type, type, a, <, b)
#define max_t(type, a, b) LINUX_PICK(type, type, a, >, b)
#define min3(a, b, c) min((__typeof__(a))min(a, b), c)
#define max3(a, b, c) max((__typeof__(a))max(a, b), c)
#define clamp(value, low, high) min((__typeof__(value))max(value, low), high)
#define clamp_t(type, value, low, high) min_t(type, max_t(type, value, low), high)
#define clamp_val(value, low, high) clamp_t(__typeof__(value), value, low, high)
#define swap(a, b)                             \
	do {                                   \
		__typeof__(a) swap_tmp_ = (a); \
		(a) = (b);                     \
		(b) = swap_tmp_;               \
	} while (0)

#endif
