/* SPDX-License-Identifier: MIT */
#ifndef _XEN_XEN_H
#define _XEN_XEN_H
#include <xen/interface/xen.h>

unsigned int linux_own_domid(void) LINUX_SYMBOL(own_domid);

/* A module runs in a domain, or not at all. */
#define xen_domain() 1
#define xen_pv_domain() 0
#define xen_hvm_domain() 1
#define xen_pvh_domain() 1
#define xen_initial_domain() (linux_own_domid() == 0)

#endif
