/* SPDX-License-Identifier: MIT */
/* Pages, their grants, and rings of them. */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <xen/grant_table.h>
#include <xen/xenbus.h>
#include "runtime.h"

/* What xenbus_map_ring_valloc() mapped. */
struct ring_map {
	struct list_head link; /* rt.maps */
	void *addr;
	unsigned int count, domid;
	const char *where;
};

/* -- pages -- */

unsigned long linux_get_free_pages(gfp_t gfp, unsigned int order, const char *where)
{
	void *addr = arena_alloc(order, where);

	if (addr && !(gfp & __GFP_ZERO))
		memset(addr, 0x6b,
		       PAGE_SIZE << order); /* nobody may count on zeroes that he did not ask for */
	return (unsigned long)addr;
}

struct page *linux_alloc_pages(gfp_t gfp, unsigned int order, const char *where)
{
	return virt_to_page(linux_get_free_pages(gfp, order, where));
}

struct page *linux_virt_to_page(const void *addr)
{
	return (struct page *)arena_page(addr);
}

void *page_address(const struct page *page)
{
	return page ? arena_address((const struct arena_page *)page) : NULL;
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr && arena_free((void *)addr, order)) {
		printk(KERN_ERR "free_pages: 0x%lx is not the beginning of %lu page%s in use\n", addr,
		       1ul << order, order ? "s" : "");
		BUG();
	}
}

void __free_pages(struct page *page, unsigned int order)
{
	if (page)
		free_pages((unsigned long)page_address(page), order);
}

void get_page(struct page *page)
{
	arena_get((struct arena_page *)page);
}

void put_page(struct page *page)
{
	if (arena_put((struct arena_page *)page))
		__free_pages(page, 0);
}

int get_order(unsigned long size)
{
	return size <= PAGE_SIZE ? 0 : fls64((size - 1) >> PAGE_SHIFT);
}

void *linux_alloc_pages_exact(size_t size, gfp_t gfp, const char *where)
{
	return (void *)linux_get_free_pages(gfp, (unsigned int)get_order(size), where);
}

void free_pages_exact(void *addr, size_t size)
{
	free_pages((unsigned long)addr, (unsigned int)get_order(size));
}

/* -- grants -- */

int linux_grant_foreign_access(domid_t domid, unsigned long frame, int readonly, const char *where)
{
	void *addr = gfn_to_virt(frame);
	struct arena_grant other = { 0 };
	int ref = arena_grant(addr, domid, !readonly, where, &other);

	if (ref == -EBUSY)
		printk(KERN_ERR
		       "gnttab: %s: the page at 0x%lx is granted already: reference %u for domain %u, from %s; "
		       "in user space a page can be granted once\n",
		       where, (unsigned long)addr, other.ref, other.domid, other.where);
	else if (ref == -EINVAL)
		printk(KERN_ERR
		       "gnttab: %s: 0x%lx is no page of __get_free_page() or alloc_page(): in user space no other "
		       "memory (kmalloc's, the stack's, the module's own) can be granted\n",
		       where, (unsigned long)addr);
	else if (ref < 0)
		printk(KERN_ERR "gnttab: %s: granting a page to domain %u: %pe\n", where, domid,
		       ERR_PTR(ref));
	return ref;
}

static void *end_grant(grant_ref_t ref)
{
	void *addr = NULL;
	int mapped = arena_end_grant(ref, &addr);

	if (mapped == -ENOENT)
		WARN(1, "gnttab: reference %u is no grant of this module\n", ref);
	else if (mapped < 0)
		printk(KERN_ERR "gnttab: ending reference %u: %pe\n", ref, ERR_PTR(mapped));
	else if (mapped > 0)
		printk(KERN_WARNING "gnttab: reference %u ended while the other end still maps the page\n",
		       ref);
	return addr;
}

int gnttab_end_foreign_access_ref(grant_ref_t ref)
{
	end_grant(ref);
	return 1;
}

void gnttab_end_foreign_access(grant_ref_t ref, struct page *page)
{
	end_grant(ref);
	if (page)
		__free_page(page);
}

/* -- rings of pages -- */

int linux_setup_ring(struct xenbus_device *dev, gfp_t gfp, void **vaddr, unsigned int nr_pages,
		     grant_ref_t *grefs, const char *where)
{
	unsigned int i;
	char *addr;
	int ref = 0;

	for (i = 0; i < nr_pages; i++)
		grefs[i] = INVALID_GRANT_REF;
	*vaddr = addr = linux_alloc_pages_exact(nr_pages * XEN_PAGE_SIZE, gfp | __GFP_ZERO, where);
	if (!addr) {
		xenbus_dev_error(dev, -ENOMEM, "allocating a ring of %u pages", nr_pages);
		return -ENOMEM;
	}
	for (i = 0; i < nr_pages; i++) {
		ref = linux_grant_foreign_access((domid_t)dev->otherend_id,
						 virt_to_gfn(addr + i * XEN_PAGE_SIZE), 0, where);
		if (ref < 0)
			break;
		grefs[i] = (grant_ref_t)ref;
	}
	if (ref >= 0)
		return 0;
	xenbus_dev_fatal(dev, ref, "granting access to ring page %u", i);
	xenbus_teardown_ring(vaddr, nr_pages, grefs);
	return ref;
}

void xenbus_teardown_ring(void **vaddr, unsigned int nr_pages, grant_ref_t *grefs)
{
	for (unsigned int i = 0; i < nr_pages; i++) {
		if (grefs[i] == INVALID_GRANT_REF)
			continue;
		gnttab_end_foreign_access(grefs[i], NULL);
		grefs[i] = INVALID_GRANT_REF;
	}
	if (*vaddr)
		free_pages_exact(*vaddr, nr_pages * XEN_PAGE_SIZE);
	*vaddr = NULL;
}

int linux_map_ring(struct xenbus_device *dev, grant_ref_t *gnt_refs, unsigned int nr_grefs, void **vaddr,
		   const char *where)
{
	struct ring_map *map;
	int err;

	*vaddr = NULL;
	if (!nr_grefs || nr_grefs > XENBUS_MAX_RING_GRANTS)
		return -EINVAL;
	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	*map = (struct ring_map){ .count = nr_grefs,
				  .domid = (unsigned int)dev->otherend_id,
				  .where = where };
	err = bridge_map(map->domid, gnt_refs, nr_grefs, &map->addr);
	if (err) {
		free(map);
		xenbus_dev_fatal(dev, err, "mapping in shared page %u from domain %d", gnt_refs[0],
				 dev->otherend_id);
		return err;
	}
	list_add_tail(&map->link, &rt.maps);
	*vaddr = map->addr;
	return 0;
}

static void unmap(struct ring_map *map)
{
	bridge_unmap(map->addr, map->count);
	list_del(&map->link);
	free(map);
}

int xenbus_unmap_ring_vfree(struct xenbus_device *dev, void *vaddr)
{
	struct ring_map *map;

	list_for_each_entry(map, &rt.maps, link)
	{
		if (map->addr != vaddr)
			continue;
		unmap(map);
		return 0;
	}
	xenbus_dev_error(dev, -ENOENT, "can't find mapped virtual address %lx", (unsigned long)vaddr);
	return GNTST_bad_virt_addr;
}

static void tell_grant(const struct arena_grant *grant)
{
	leak("grant %u for domain %u, from %s", grant->ref, grant->domid, grant->where);
}

static void tell_pages(const char *where, unsigned int pages)
{
	leak("%u page%s from %s", pages, pages == 1 ? "" : "s", where);
}

void grants_reclaim(void)
{
	struct ring_map *map, *next;

	list_for_each_entry_safe(map, next, &rt.maps, link)
	{
		leak("a mapping of %u page%s of domain %u, from %s", map->count, map->count == 1 ? "" : "s",
		     map->domid, map->where);
		unmap(map);
	}
	arena_reclaim(tell_grant, tell_pages);
}
