/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_COMPILER_H
#define _LINUX_COMPILER_H
#include <linux/types.h>

#define __user
#define __kernel
#define __iomem
#define __percpu
#define __rcu
#define __force
#define __bitwise
#define __init
#define __exit
#define __initdata
#define __exitdata
#define __initconst
#define __devinit
#define __devexit
#define __read_mostly
#define __ro_after_init
#define __refdata
#define __ref
#define __cold __attribute__((__cold__))
#define __used __attribute__((__used__))
#define __unused __attribute__((__unused__))
#define __maybe_unused __attribute__((__unused__))
#define __always_unused __attribute__((__unused__))
#define __must_check __attribute__((__warn_unused_result__))
#define __packed __attribute__((__packed__))
#define __aligned(n) __attribute__((__aligned__(n)))
#define __section(name) __attribute__((__section__(name)))
#define __weak __attribute__((__weak__))
#define __noreturn __attribute__((__noreturn__))
#define __always_inline inline __attribute__((__always_inline__))
#define noinline __attribute__((__noinline__))
#define __malloc __attribute__((__malloc__))
#define __pure __attribute__((__pure__))
#define __attribute_const__ __attribute__((__const__))
#define __printf(fmt, args) __attribute__((__format__(printf, fmt, args)))
#define __scanf(fmt, args) __attribute__((__format__(scanf, fmt, args)))
#define __acquires(x)
#define __releases(x)
#define __must_hold(x)
#define asmlinkage
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define unreachable() __builtin_unreachable()
#define barrier() __asm__ __volatile__("" ::: "memory")
#if __has_attribute(__fallthrough__)
#define fallthrough __attribute__((__fallthrough__))
#else
#define fallthrough \
	do {        \
	} while (0)
#endif

#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))
#define ACCESS_ONCE(x) (*(volatile __typeof__(x) *)&(x))

#define __same_type(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))
#define __compiletime_assert(condition, msg) _Static_assert(condition, msg)
#define __stringify_1(x...) #x
#define __stringify(x...) __stringify_1(x)

#ifdef __FILE_NAME__
#define LINUX_FILE_NAME __FILE_NAME__
#endif
/* Kbuild gives the module's name; without it the file's name is the best that a literal can be. printk() takes the
 * ".c" off again where a line begins with it. */
#ifndef KBUILD_MODNAME
#define KBUILD_MODNAME __FILE_NAME__
#endif
#ifndef KBUILD_BASENAME
#define KBUILD_BASENAME KBUILD_MODNAME
#endif

#define IS_ENABLED(option) 0
#define IS_BUILTIN(option) 0
#define IS_MODULE(option) 0
#define IS_REACHABLE(option) 0

#endif
