/* SPDX-License-Identifier: MIT */
#ifndef _ASM_XEN_PAGE_H
#define _ASM_XEN_PAGE_H
#include <asm/page.h>

/* A frame is named by the address of the page, shifted: all that it is good for is granting the page. */
#define pfn_to_gfn(pfn) ((unsigned long)(pfn))
#define gfn_to_pfn(gfn) ((unsigned long)(gfn))
#define pfn_to_mfn(pfn) ((unsigned long)(pfn))
#define mfn_to_pfn(mfn) ((unsigned long)(mfn))
#define virt_to_gfn(addr) virt_to_pfn(addr)
#define gfn_to_virt(gfn) pfn_to_virt(gfn)
#define virt_to_mfn(addr) virt_to_pfn(addr)
#define mfn_to_virt(mfn) pfn_to_virt(mfn)

#endif
