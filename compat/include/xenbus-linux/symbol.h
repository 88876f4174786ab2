/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_LINUX_SYMBOL_H
#define XENBUS_LINUX_SYMBOL_H
/*
 * How Linux's names get along with everybody else's in one process. A driver says printk(); what it links to is
 * linux_printk, in the program that loads it. The name is given as the declaration's assembler name instead of by
 * a #define of the identifier, so members, parameters and messages of the compiler keep the name that was written.
 */
#define LINUX_SYMBOL(name) __asm__("linux_" #name) __attribute__((__visibility__("default")))

/* What drivers elsewhere may call and user space cannot give them. A call does not compile, and says why. */
#if __has_attribute(__unavailable__)
#define LINUX_REFUSED(why) __attribute__((__unavailable__("not offered in user space: " why)))
#else
#define LINUX_REFUSED(why) __attribute__((__error__("not offered in user space: " why)))
#endif

/* Where a call stands, for reports of what was never given back. */
#define LINUX_STRING_1(x) #x
#define LINUX_STRING(x) LINUX_STRING_1(x)
#define LINUX_HERE __FILE_NAME__ ":" LINUX_STRING(__LINE__)

#endif
