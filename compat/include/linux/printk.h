/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_PRINTK_H
#define _LINUX_PRINTK_H
/*
 * Lines for the world's log (`xenbus dmesg`). Formats are the kernel's as far as drivers of devices use them: those of
 * printf, and %pV (struct va_format), %pe (an error pointer by its name), %ps/%pS (a function), %pM (a MAC address),
 * %ph (bytes, with a field width), %pU (a UUID), %pOF is none of them; %p alone prints a number that is no address.
 */
#include <linux/compiler.h>
#include <linux/kern_levels.h>
#include <linux/stdarg.h>

struct va_format {
	const char *fmt;
	va_list *va;
};

int printk(const char *fmt, ...) LINUX_SYMBOL(printk) __printf(1, 2);
int vprintk(const char *fmt, va_list args) LINUX_SYMBOL(vprintk) __printf(1, 0);
void dump_stack(void) LINUX_SYMBOL(dump_stack);
/* One of ten in a burst, then one in five seconds of what comes from one place. */
bool linux_printk_ratelimit(unsigned long state[2], const char *where) LINUX_SYMBOL(printk_ratelimit_at);

#define _printk(fmt, ...) printk(fmt, ##__VA_ARGS__)
#define no_printk(fmt, ...)                         \
	({                                          \
		if (0)                              \
			printk(fmt, ##__VA_ARGS__); \
		0;                                  \
	})

#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif
#define pr_emerg(fmt, ...) printk(KERN_EMERG pr_fmt(fmt), ##__VA_ARGS__)
#define pr_alert(fmt, ...) printk(KERN_ALERT pr_fmt(fmt), ##__VA_ARGS__)
#define pr_crit(fmt, ...) printk(KERN_CRIT pr_fmt(fmt), ##__VA_ARGS__)
#define pr_err(fmt, ...) printk(KERN_ERR pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...) printk(KERN_WARNING pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warning pr_warn
#define pr_notice(fmt, ...) printk(KERN_NOTICE pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...) printk(KERN_INFO pr_fmt(fmt), ##__VA_ARGS__)
#define pr_cont(fmt, ...) printk(KERN_CONT fmt, ##__VA_ARGS__)
#ifdef DEBUG
#define pr_debug(fmt, ...) printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#define pr_devel(fmt, ...) printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#else
#define pr_debug(fmt, ...) no_printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#define pr_devel(fmt, ...) no_printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#endif

#define LINUX_ONCE(call)              \
	({                            \
		static bool once_;    \
		bool first_ = !once_; \
		once_ = true;         \
		if (first_)           \
			call;         \
		first_;               \
	})
#define printk_once(fmt, ...) LINUX_ONCE(printk(fmt, ##__VA_ARGS__))
#define pr_err_once(fmt, ...) LINUX_ONCE(pr_err(fmt, ##__VA_ARGS__))
#define pr_warn_once(fmt, ...) LINUX_ONCE(pr_warn(fmt, ##__VA_ARGS__))
#define pr_notice_once(fmt, ...) LINUX_ONCE(pr_notice(fmt, ##__VA_ARGS__))
#define pr_info_once(fmt, ...) LINUX_ONCE(pr_info(fmt, ##__VA_ARGS__))

#define LINUX_RATELIMITED(call)                                 \
	do {                                                    \
		static unsigned long state_[2];                 \
		if (linux_printk_ratelimit(state_, LINUX_HERE)) \
			call;                                   \
	} while (0)
#define printk_ratelimited(fmt, ...) LINUX_RATELIMITED(printk(fmt, ##__VA_ARGS__))
#define pr_err_ratelimited(fmt, ...) LINUX_RATELIMITED(pr_err(fmt, ##__VA_ARGS__))
#define pr_warn_ratelimited(fmt, ...) LINUX_RATELIMITED(pr_warn(fmt, ##__VA_ARGS__))
#define pr_notice_ratelimited(fmt, ...) LINUX_RATELIMITED(pr_notice(fmt, ##__VA_ARGS__))
#define pr_info_ratelimited(fmt, ...) LINUX_RATELIMITED(pr_info(fmt, ##__VA_ARGS__))
#define pr_debug_ratelimited(fmt, ...) LINUX_RATELIMITED(pr_debug(fmt, ##__VA_ARGS__))
#define printk_ratelimit()                                  \
	({                                                  \
		static unsigned long state_[2];             \
		linux_printk_ratelimit(state_, LINUX_HERE); \
	})

#endif
