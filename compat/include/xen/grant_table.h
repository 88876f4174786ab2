/* SPDX-License-Identifier: MIT */
#ifndef _XEN_GRANT_TABLE_H
#define _XEN_GRANT_TABLE_H
/*
 * Grants of pages of <linux/gfp.h>. Numbers are chosen by who makes the grant (/dev/xen/gntalloc), never by the driver, so
 * what reserves them beforehand is not offered; nor can a page be granted twice.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/workqueue.h>
#include <xen/features.h>
#include <xen/interface/grant_table.h>
#include <xen/page.h>

#define INVALID_GRANT_REF ((grant_ref_t)-1)
#define INVALID_GRANT_HANDLE ((grant_handle_t)-1)
#define GNTTAB_RESERVED_XENSTORE 1

/* The grant reference, > 0. A line in the log says why where it is -EINVAL: no page of the arena; -EBUSY: it is granted.
 * -ENOSPC, -ESRCH, -ENOMEM: of the hypervisor. */
int linux_grant_foreign_access(domid_t domid, unsigned long frame, int readonly, const char *where)
	LINUX_SYMBOL(grant_foreign_access_at);
#define gnttab_grant_foreign_access(domid, frame, readonly) \
	linux_grant_foreign_access(domid, frame, readonly, LINUX_HERE)
/* 1: ended, always; the page is private again. Where the other end still maps it (a local world knows), a line says so. */
int gnttab_end_foreign_access_ref(grant_ref_t ref) LINUX_SYMBOL(gnttab_end_foreign_access_ref);
#define gnttab_try_end_foreign_access(ref) gnttab_end_foreign_access_ref(ref)
/* The same, and frees @page; NULL: does not. */
void gnttab_end_foreign_access(grant_ref_t ref, struct page *page) LINUX_SYMBOL(gnttab_end_foreign_access);

static inline unsigned int gnttab_count_grant(unsigned int start, unsigned int len)
{
	return (unsigned int)XEN_PFN_UP(xen_offset_in_page(start) + len);
}

struct gnttab_free_callback;
struct gnttab_map_grant_ref;
struct gnttab_unmap_grant_ref;
struct gnttab_copy;
struct gntab_unmap_queue_data;
#define LINUX_GRANT_NUMBERS                                                                      \
	LINUX_REFUSED("grant references cannot be reserved: their numbers come with the grant; " \
		      "gnttab_grant_foreign_access()")
#define LINUX_GRANT_MAPS LINUX_REFUSED("a process maps grants with xenbus_map_ring_valloc()")
int gnttab_alloc_grant_references(u16 count, grant_ref_t *head) LINUX_GRANT_NUMBERS;
int gnttab_alloc_grant_reference_seq(unsigned int count, grant_ref_t *first) LINUX_GRANT_NUMBERS;
void gnttab_free_grant_reference(grant_ref_t ref) LINUX_GRANT_NUMBERS;
void gnttab_free_grant_references(grant_ref_t head) LINUX_GRANT_NUMBERS;
int gnttab_empty_grant_references(const grant_ref_t *head) LINUX_GRANT_NUMBERS;
int gnttab_claim_grant_reference(grant_ref_t *head) LINUX_GRANT_NUMBERS;
void gnttab_release_grant_reference(grant_ref_t *head, grant_ref_t release) LINUX_GRANT_NUMBERS;
void gnttab_request_free_callback(struct gnttab_free_callback *callback, void (*fn)(void *), void *arg,
				  u16 count) LINUX_GRANT_NUMBERS;
void gnttab_cancel_free_callback(struct gnttab_free_callback *callback) LINUX_GRANT_NUMBERS;
void gnttab_grant_foreign_access_ref(grant_ref_t ref, domid_t domid, unsigned long frame,
				     int readonly) LINUX_GRANT_NUMBERS;
void gnttab_page_grant_foreign_access_ref_one(grant_ref_t ref, domid_t domid, struct page *page,
					      int readonly) LINUX_GRANT_NUMBERS;
int gnttab_alloc_pages(int nr_pages, struct page **pages) LINUX_GRANT_MAPS;
void gnttab_free_pages(int nr_pages, struct page **pages) LINUX_GRANT_MAPS;
int gnttab_map_refs(struct gnttab_map_grant_ref *map_ops, struct gnttab_map_grant_ref *kmap_ops,
		    struct page **pages, unsigned int count) LINUX_GRANT_MAPS;
int gnttab_unmap_refs(struct gnttab_unmap_grant_ref *unmap_ops, struct gnttab_unmap_grant_ref *kunmap_ops,
		      struct page **pages, unsigned int count) LINUX_GRANT_MAPS;
void gnttab_unmap_refs_async(struct gntab_unmap_queue_data *item) LINUX_GRANT_MAPS;
int gnttab_unmap_refs_sync(struct gntab_unmap_queue_data *item) LINUX_GRANT_MAPS;
void gnttab_set_map_op(struct gnttab_map_grant_ref *map, phys_addr_t addr, u32 flags, grant_ref_t ref,
		       domid_t domid) LINUX_GRANT_MAPS;
void gnttab_set_unmap_op(struct gnttab_unmap_grant_ref *unmap, phys_addr_t addr, u32 flags,
			 grant_handle_t handle) LINUX_GRANT_MAPS;
void gnttab_batch_map(struct gnttab_map_grant_ref *batch, unsigned int count) LINUX_GRANT_MAPS;
void gnttab_batch_copy(struct gnttab_copy *batch, unsigned int count)
	LINUX_REFUSED("a process cannot have Xen copy; map the page and copy");
int gnttab_grant_foreign_transfer(domid_t domid, unsigned long pfn)
	LINUX_REFUSED("a process has no frames to give away");

#endif
