/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_CONTAINER_OF_H
#define _LINUX_CONTAINER_OF_H
#include <linux/stddef.h>

#define container_of(ptr, type, member)                                             \
	({                                                                          \
		const __typeof__(((type *)0)->member) *member_ptr_ = (void *)(ptr); \
		(type *)((char *)member_ptr_ - offsetof(type, member));             \
	})
#define container_of_const(ptr, type, member) container_of(ptr, type, member)

#endif
