/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_UACCESS_H
#define _LINUX_UACCESS_H
#include <linux/kernel.h>

unsigned long copy_to_user(void *to, const void *from, unsigned long n)
	LINUX_REFUSED("no user program calls a module");
unsigned long copy_from_user(void *to, const void *from, unsigned long n)
	LINUX_REFUSED("no user program calls a module");

#endif
