/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_EXPORT_H
#define _LINUX_EXPORT_H

/* A module is a process: there is no other module that could use the symbol. */
#define EXPORT_SYMBOL(symbol) _Static_assert(1, #symbol)
#define EXPORT_SYMBOL_GPL(symbol) _Static_assert(1, #symbol)

extern struct module linux_this_module __asm__("linux_this_module")
	__attribute__((__visibility__("default")));
#define THIS_MODULE (&linux_this_module)

#endif
