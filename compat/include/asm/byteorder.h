/* SPDX-License-Identifier: MIT */
#ifndef _ASM_BYTEORDER_H
#define _ASM_BYTEORDER_H
#include <linux/types.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Xen's machines are little-endian");
#define swab16(x) __builtin_bswap16(x)
#define swab32(x) __builtin_bswap32(x)
#define swab64(x) __builtin_bswap64(x)
#define cpu_to_le16(x) ((__le16)(x))
#define cpu_to_le32(x) ((__le32)(x))
#define cpu_to_le64(x) ((__le64)(x))
#define le16_to_cpu(x) ((u16)(x))
#define le32_to_cpu(x) ((u32)(x))
#define le64_to_cpu(x) ((u64)(x))
#define cpu_to_be16(x) ((__be16)swab16((u16)(x)))
#define cpu_to_be32(x) ((__be32)swab32((u32)(x)))
#define cpu_to_be64(x) ((__be64)swab64((u64)(x)))
#define be16_to_cpu(x) swab16((u16)(x))
#define be32_to_cpu(x) swab32((u32)(x))
#define be64_to_cpu(x) swab64((u64)(x))
#define htons(x) cpu_to_be16(x)
#define htonl(x) cpu_to_be32(x)
#define ntohs(x) be16_to_cpu(x)
#define ntohl(x) be32_to_cpu(x)
#define le32_to_cpup(p) le32_to_cpu(*(p))
#define be32_to_cpup(p) be32_to_cpu(*(p))

#endif
