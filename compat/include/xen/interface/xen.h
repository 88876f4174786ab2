/* SPDX-License-Identifier: MIT */
#ifndef _XEN_INTERFACE_XEN_H
#define _XEN_INTERFACE_XEN_H
#include <linux/types.h>

typedef u16 domid_t;
typedef unsigned long xen_pfn_t, xen_ulong_t;
#define DOMID_SELF 0x7ff0u
#define DOMID_INVALID 0x7ff4u
#define DOMID_FIRST_RESERVED 0x7ff0u

#endif
