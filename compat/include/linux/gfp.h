/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_GFP_H
#define _LINUX_GFP_H
#include <asm/page.h>
#include <linux/types.h>

/* All that matters here is zeroing: memory comes from the process, and no allocation sleeps. */
#define __GFP_ZERO 0x100u
#define __GFP_NOWARN 0x200u
#define __GFP_NORETRY 0x400u
#define __GFP_HIGHMEM 0x800u
#define __GFP_COMP 0x1000u
#define GFP_KERNEL 0x1u
#define GFP_ATOMIC 0x2u
#define GFP_NOIO 0x3u
#define GFP_NOFS 0x4u
#define GFP_NOWAIT 0x5u
#define GFP_USER 0x6u
#define GFP_HIGHUSER 0x7u
#define GFP_DMA 0u

/*
 * Pages that may be granted. They come from an arena; the first grant of one copies it into a shareable page at the same
 * address. 1 << @order pages, aligned to their size. NULL or 0: no memory.
 */
struct page *linux_alloc_pages(gfp_t gfp, unsigned int order, const char *where) LINUX_SYMBOL(alloc_pages_at);
unsigned long linux_get_free_pages(gfp_t gfp, unsigned int order, const char *where)
	LINUX_SYMBOL(get_free_pages_at);
#define alloc_pages(gfp, order) linux_alloc_pages(gfp, order, LINUX_HERE)
#define alloc_page(gfp) alloc_pages(gfp, 0)
#define __get_free_pages(gfp, order) linux_get_free_pages(gfp, order, LINUX_HERE)
#define __get_free_page(gfp) __get_free_pages(gfp, 0)
#define get_zeroed_page(gfp) __get_free_page((gfp) | __GFP_ZERO)
void __free_pages(struct page *page, unsigned int order) LINUX_SYMBOL(__free_pages);
void free_pages(unsigned long addr, unsigned int order) LINUX_SYMBOL(free_pages);
#define __free_page(page) __free_pages(page, 0)
#define free_page(addr) free_pages(addr, 0)
void *linux_alloc_pages_exact(size_t size, gfp_t gfp, const char *where) LINUX_SYMBOL(alloc_pages_exact_at);
void free_pages_exact(void *addr, size_t size) LINUX_SYMBOL(free_pages_exact);
#define alloc_pages_exact(size, gfp) linux_alloc_pages_exact(size, gfp, LINUX_HERE)

#endif
