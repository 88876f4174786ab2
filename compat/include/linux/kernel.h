/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_KERNEL_H
#define _LINUX_KERNEL_H
#include <asm/byteorder.h>
#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/stdarg.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define ARRAY_SIZE(array) \
	(sizeof(array) / sizeof((array)[0]) + BUILD_BUG_ON_ZERO(__same_type((array), &(array)[0])))
#define upper_32_bits(n) ((u32)(((n) >> 16) >> 16))
#define lower_32_bits(n) ((u32)((n)&0xffffffff))
#define might_sleep() \
	do {          \
	} while (0)
#define cond_resched() 0

/* Formats are those of printk(). The length that would have been written, without the NUL; the s*c*nprintf() ones: the
 * length that was. */
int sprintf(char *buf, const char *fmt, ...) LINUX_SYMBOL(sprintf) __printf(2, 3);
int vsprintf(char *buf, const char *fmt, va_list args) LINUX_SYMBOL(vsprintf) __printf(2, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) LINUX_SYMBOL(snprintf) __printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args) LINUX_SYMBOL(vsnprintf) __printf(3, 0);
int scnprintf(char *buf, size_t size, const char *fmt, ...) LINUX_SYMBOL(scnprintf) __printf(3, 4);
int vscnprintf(char *buf, size_t size, const char *fmt, va_list args) LINUX_SYMBOL(vscnprintf) __printf(3, 0);
int sscanf(const char *buf, const char *fmt, ...) LINUX_SYMBOL(sscanf) __scanf(2, 3);
int vsscanf(const char *buf, const char *fmt, va_list args) LINUX_SYMBOL(vsscanf) __scanf(2, 0);

/* The whole of @s (one newline at its end is allowed) is a number. 0, -EINVAL, -ERANGE. */
int kstrtoull(const char *s, unsigned int base, unsigned long long *res) LINUX_SYMBOL(kstrtoull) __must_check;
int kstrtoll(const char *s, unsigned int base, long long *res) LINUX_SYMBOL(kstrtoll) __must_check;
int kstrtoul(const char *s, unsigned int base, unsigned long *res) LINUX_SYMBOL(kstrtoul) __must_check;
int kstrtol(const char *s, unsigned int base, long *res) LINUX_SYMBOL(kstrtol) __must_check;
int kstrtouint(const char *s, unsigned int base, unsigned int *res) LINUX_SYMBOL(kstrtouint) __must_check;
int kstrtoint(const char *s, unsigned int base, int *res) LINUX_SYMBOL(kstrtoint) __must_check;
int kstrtou16(const char *s, unsigned int base, u16 *res) LINUX_SYMBOL(kstrtou16) __must_check;
int kstrtou8(const char *s, unsigned int base, u8 *res) LINUX_SYMBOL(kstrtou8) __must_check;
int kstrtobool(const char *s, bool *res) LINUX_SYMBOL(kstrtobool) __must_check;
#define kstrtou64(s, base, res) kstrtoull(s, base, res)
#define kstrtou32(s, base, res) kstrtouint(s, base, res)
#define kstrtos32(s, base, res) kstrtoint(s, base, res)
unsigned long simple_strtoul(const char *s, char **end, unsigned int base) LINUX_SYMBOL(simple_strtoul);
long simple_strtol(const char *s, char **end, unsigned int base) LINUX_SYMBOL(simple_strtol);

void panic(const char *fmt, ...) LINUX_REFUSED("panic() would end more than this module; BUG() does that");

#include <linux/bug.h>
#endif
