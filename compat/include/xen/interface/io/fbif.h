/* SPDX-License-Identifier: MIT */
#ifndef _XEN_INTERFACE_IO_FBIF_H
#define _XEN_INTERFACE_IO_FBIF_H
/* Of the virtual framebuffer, what other drivers use: the size it has by default. */

#define XENFB_WIDTH 800
#define XENFB_HEIGHT 600
#define XENFB_DEPTH 32

#endif
