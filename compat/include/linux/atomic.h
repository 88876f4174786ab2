/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_ATOMIC_H
#define _LINUX_ATOMIC_H
#include <asm/barrier.h>
#include <linux/bitops.h>
#include <linux/types.h>

#define ATOMIC_INIT(i) \
	{              \
		(i)    \
	}
#define ATOMIC64_INIT(i) \
	{                \
		(i)      \
	}
#define LINUX_ATOMIC_OPS(prefix, type, value)                                                              \
	static inline value prefix##_read(const type *v)                                                   \
	{                                                                                                  \
		return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);                                     \
	}                                                                                                  \
	static inline void prefix##_set(type *v, value i)                                                  \
	{                                                                                                  \
		__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);                                        \
	}                                                                                                  \
	static inline value prefix##_add_return(value i, type *v)                                          \
	{                                                                                                  \
		return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);                               \
	}                                                                                                  \
	static inline value prefix##_sub_return(value i, type *v)                                          \
	{                                                                                                  \
		return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);                               \
	}                                                                                                  \
	static inline void prefix##_add(value i, type *v)                                                  \
	{                                                                                                  \
		prefix##_add_return(i, v);                                                                 \
	}                                                                                                  \
	static inline void prefix##_sub(value i, type *v)                                                  \
	{                                                                                                  \
		prefix##_sub_return(i, v);                                                                 \
	}                                                                                                  \
	static inline void prefix##_inc(type *v)                                                           \
	{                                                                                                  \
		prefix##_add_return(1, v);                                                                 \
	}                                                                                                  \
	static inline void prefix##_dec(type *v)                                                           \
	{                                                                                                  \
		prefix##_sub_return(1, v);                                                                 \
	}                                                                                                  \
	static inline value prefix##_inc_return(type *v)                                                   \
	{                                                                                                  \
		return prefix##_add_return(1, v);                                                          \
	}                                                                                                  \
	static inline value prefix##_dec_return(type *v)                                                   \
	{                                                                                                  \
		return prefix##_sub_return(1, v);                                                          \
	}                                                                                                  \
	static inline bool prefix##_dec_and_test(type *v)                                                  \
	{                                                                                                  \
		return prefix##_sub_return(1, v) == 0;                                                     \
	}                                                                                                  \
	static inline bool prefix##_inc_and_test(type *v)                                                  \
	{                                                                                                  \
		return prefix##_add_return(1, v) == 0;                                                     \
	}                                                                                                  \
	static inline bool prefix##_sub_and_test(value i, type *v)                                         \
	{                                                                                                  \
		return prefix##_sub_return(i, v) == 0;                                                     \
	}                                                                                                  \
	static inline value prefix##_xchg(type *v, value i)                                                \
	{                                                                                                  \
		return __atomic_exchange_n(&v->counter, i, __ATOMIC_SEQ_CST);                              \
	}                                                                                                  \
	static inline value prefix##_cmpxchg(type *v, value old, value to)                                 \
	{                                                                                                  \
		__atomic_compare_exchange_n(&v->counter, &old, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		return old;                                                                                \
	}                                                                                                  \
	static inline bool prefix##_inc_not_zero(type *v)                                                  \
	{                                                                                                  \
		return prefix##_read(v) != 0 && (prefix##_inc(v), 1);                                      \
	}
LINUX_ATOMIC_OPS(atomic, atomic_t, int)
LINUX_ATOMIC_OPS(atomic64, atomic64_t, long long)
LINUX_ATOMIC_OPS(atomic_long, atomic_long_t, long long)
#undef LINUX_ATOMIC_OPS

#define xchg(ptr, value) __atomic_exchange_n(ptr, value, __ATOMIC_SEQ_CST)
#define cmpxchg(ptr, old, value)                                                            \
	({                                                                                  \
		__typeof__(*(ptr)) cmpxchg_old_ = (old);                                    \
		__atomic_compare_exchange_n(ptr, &cmpxchg_old_, value, 0, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST);                              \
		cmpxchg_old_;                                                               \
	})

#endif
