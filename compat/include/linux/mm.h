/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_MM_H
#define _LINUX_MM_H
#include <linux/align.h>
#include <linux/gfp.h>

#define PAGE_ALIGN(addr) ALIGN(addr, PAGE_SIZE)
#define PAGE_ALIGNED(addr) IS_ALIGNED((unsigned long)(addr), PAGE_SIZE)
#define PFN_UP(x) (((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(x) ((x) >> PAGE_SHIFT)

int get_order(unsigned long size) LINUX_SYMBOL(get_order);
void get_page(struct page *page) LINUX_SYMBOL(get_page);
void put_page(struct page *page) LINUX_SYMBOL(put_page);

struct vm_area_struct;
int vm_insert_page(struct vm_area_struct *vma, unsigned long addr, struct page *page)
	LINUX_REFUSED("a module has no character device that could be mapped");
int vm_map_pages(struct vm_area_struct *vma, struct page **pages, unsigned long num)
	LINUX_REFUSED("a module has no character device that could be mapped");

#endif
