/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_BUG_H
#define _LINUX_BUG_H
/*
 * BUG() says where and ends the module's process, as a panic would end the machine: other modules, and their
 * processes, live on. WARN() says where, and what was on the stack, and goes on.
 */
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/printk.h>

void linux_bug(const char *file, int line, const char *function) LINUX_SYMBOL(bug) __noreturn __cold;
void linux_warn(const char *file, int line, const char *function, const char *fmt, ...) LINUX_SYMBOL(warn)
	__printf(4, 5) __cold;

#define BUG() linux_bug(__FILE_NAME__, __LINE__, __func__)
#define BUG_ON(condition)                \
	do {                             \
		if (unlikely(condition)) \
			BUG();           \
	} while (0)
#define WARN(condition, fmt, ...)                                                          \
	({                                                                                 \
		int warn_ = !!(condition);                                                 \
		if (unlikely(warn_))                                                       \
			linux_warn(__FILE_NAME__, __LINE__, __func__, fmt, ##__VA_ARGS__); \
		unlikely(warn_);                                                           \
	})
#define WARN_ON(condition) WARN(condition, "%s", "")
#define WARN_ONCE(condition, fmt, ...)                 \
	({                                             \
		static bool warned_;                   \
		int once_now_ = !!(condition);         \
		if (unlikely(once_now_) && !warned_) { \
			warned_ = true;                \
			WARN(1, fmt, ##__VA_ARGS__);   \
		}                                      \
		unlikely(once_now_);                   \
	})
#define WARN_ON_ONCE(condition) WARN_ONCE(condition, "%s", "")

#endif
