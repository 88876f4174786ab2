/* SPDX-License-Identifier: MIT */
#ifndef _XEN_INTERFACE_GRANT_TABLE_H
#define _XEN_INTERFACE_GRANT_TABLE_H
#include <xen/interface/xen.h>

typedef u32 grant_ref_t;
typedef u32 grant_handle_t;

#define GNTST_okay 0
#define GNTST_general_error (-1)
#define GNTST_bad_domain (-2)
#define GNTST_bad_gntref (-3)
#define GNTST_bad_handle (-4)
#define GNTST_bad_virt_addr (-5)
#define GNTST_no_device_space (-7)
#define GNTST_permission_denied (-8)
#define GNTST_eagain (-12)

#endif
