/* SPDX-License-Identifier: MIT */
#ifndef _ASM_PAGE_H
#define _ASM_PAGE_H
#include <linux/const.h>
#include <linux/types.h>

/* A page that can be granted is Xen's, whatever the machine's is. */
#define PAGE_SHIFT 12
#define PAGE_SIZE (_AC(1, UL) << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

struct page; /* of the arena: alloc_page() */

/* The arena's address of a page and back. NULL: the address is of no arena page (kmalloc's, the stack's). */
void *page_address(const struct page *page) LINUX_SYMBOL(page_address);
struct page *linux_virt_to_page(const void *addr) LINUX_SYMBOL(virt_to_page);
#define virt_to_page(addr) linux_virt_to_page((const void *)(addr))
#define virt_to_pfn(addr) ((unsigned long)(addr) >> PAGE_SHIFT)
#define pfn_to_virt(pfn) ((void *)((unsigned long)(pfn) << PAGE_SHIFT))
#define page_to_pfn(page) virt_to_pfn(page_address(page))
#define pfn_to_page(pfn) virt_to_page(pfn_to_virt(pfn))
#define __pa(addr) ((unsigned long)(addr))
#define __va(addr) ((void *)(unsigned long)(addr))
#define clear_page(addr) __builtin_memset(addr, 0, PAGE_SIZE)
#define copy_page(to, from) __builtin_memcpy(to, from, PAGE_SIZE)
#define offset_in_page(p) ((unsigned long)(p) & ~PAGE_MASK)

#endif
