/* SPDX-License-Identifier: MIT */
#include <xen/xen.h>
