/* SPDX-License-Identifier: MIT */
#ifndef _XEN_PAGE_H
#define _XEN_PAGE_H
#include <asm/page.h>
#include <asm/xen/page.h>

#define XEN_PAGE_SHIFT 12
#define XEN_PAGE_SIZE (_AC(1, UL) << XEN_PAGE_SHIFT)
#define XEN_PAGE_MASK (~(XEN_PAGE_SIZE - 1))
#define XEN_PFN_PER_PAGE (PAGE_SIZE / XEN_PAGE_SIZE)
#define XEN_PFN_DOWN(x) ((x) >> XEN_PAGE_SHIFT)
#define XEN_PFN_UP(x) (((x) + XEN_PAGE_SIZE - 1) >> XEN_PAGE_SHIFT)
#define xen_offset_in_page(p) ((unsigned long)(p) & ~XEN_PAGE_MASK)
#define xen_page_to_gfn(page) page_to_pfn(page)
#define page_to_xen_pfn(page) page_to_pfn(page)

#endif
