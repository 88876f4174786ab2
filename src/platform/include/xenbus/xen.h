/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_XEN_H
#define XENBUS_XEN_H
/* The world `xen`: a process on real Xen, through /dev/xen and Xen's own libraries. */

#pragma GCC visibility push(default)
struct xen_platform;

/* Opens it. Returns 0 and *@out, closed with xen_platform_close(); -errno, *@why (static storage) says
 * where: -ENOSYS, this build has no support for Xen. */
int xen_xen_open(struct xen_platform **out, const char **why);

#pragma GCC visibility pop

#endif
