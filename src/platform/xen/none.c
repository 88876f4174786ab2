/* SPDX-License-Identifier: MIT */
/* Stands for the world `xen` in a build without Xen's libraries. */
#include <errno.h>
#include <stddef.h>

#include <xenbus/xen.h>

int xen_xen_open(struct xen_platform **out, const char **why)
{
	*out = NULL;
	*why = "this build has no support for Xen (option -Dxen)";
	return -ENOSYS;
}
