/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_TYPES_H
#define _LINUX_TYPES_H
#include <xenbus-linux/symbol.h>

typedef __INT8_TYPE__ s8, __s8, int8_t;
typedef __INT16_TYPE__ s16, __s16, int16_t;
typedef __INT32_TYPE__ s32, __s32, int32_t;
typedef long long s64, __s64;
typedef __INT64_TYPE__ int64_t;
typedef __UINT8_TYPE__ u8, __u8, uint8_t, u_int8_t;
typedef __UINT16_TYPE__ u16, __u16, uint16_t, u_int16_t;
typedef __UINT32_TYPE__ u32, __u32, uint32_t, u_int32_t;
typedef unsigned long long u64, __u64; /* printed with %llu on every machine, as in the kernel */
typedef __UINT64_TYPE__ uint64_t, u_int64_t;
typedef u16 __le16, __be16, __sum16;
typedef u32 __le32, __be32, __wsum;
typedef u64 __le64, __be64;

typedef __SIZE_TYPE__ size_t;
typedef long ssize_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef __INTPTR_TYPE__ intptr_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef _Bool bool;
typedef long long loff_t;
typedef int pid_t;
typedef unsigned short umode_t;
typedef unsigned int gfp_t, fmode_t, slab_flags_t;
typedef unsigned char u_char, unchar;
typedef unsigned short u_short, ushort;
typedef unsigned int u_int, uint;
typedef unsigned long u_long, ulong;
typedef u64 phys_addr_t, dma_addr_t, resource_size_t, sector_t;
typedef long long ktime_t, time64_t;

enum { false = 0, true = 1 };
#define false false
#define true true
#ifndef NULL
#define NULL ((void *)0)
#endif

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	long long counter;
} atomic64_t;
typedef atomic64_t atomic_long_t;

struct list_head {
	struct list_head *next, *prev;
};
struct hlist_node {
	struct hlist_node *next, **pprev;
};
struct hlist_head {
	struct hlist_node *first;
};

#define BITS_PER_LONG __LONG_WIDTH__
#define BITS_PER_LONG_LONG 64
#define BITS_PER_BYTE 8
#define DECLARE_BITMAP(name, bits) unsigned long name[((bits) + BITS_PER_LONG - 1) / BITS_PER_LONG]

#endif
