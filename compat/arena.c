/* SPDX-License-Identifier: MIT */
/*
 * Pages that may be granted.
 *
 *     base                                                              base + ARENA_PAGES pages
 *      | free | block, order 1 | free | block, order 0 | ...    reserved address space; free pages cannot be touched
 *                                          |
 *                                          first grant: the platform's shareable page, moved here
 *
 * A page keeps its address from its allocation to its end; what is behind the address changes when it is granted, and again when
 * the grant ends. There is one thread, so nothing else maps anything where a page is gone for a moment.
 */
#include "process.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE XEN_PLATFORM_PAGE_SIZE
#define ARENA_PAGES 65536u /* 256 MiB of addresses */
#define ORDER_MAX 10u

enum page_state { PAGE_FREE, PAGE_HEAD, PAGE_TAIL };

struct arena_page {
	uint8_t state, order; /* order: of a HEAD */
	bool freed;	      /* of a HEAD: when the last grant in it has ended */
	uint32_t references;
	struct arena_grant grant; /* ref 0: not granted */
	const char *where;
};

static struct {
	char *base;
	struct arena_page *pages;
	size_t high; /* pages from here on were never used */
} arena;

static void *address_of(size_t page)
{
	return arena.base + page * PAGE;
}

/* The page that @addr lies in; ARENA_PAGES: none that is in use. */
static size_t index_of(const void *addr)
{
	const uintptr_t offset = (uintptr_t)addr - (uintptr_t)arena.base;
	const size_t page = offset / PAGE;

	return page < ARENA_PAGES && arena.pages[page].state != PAGE_FREE ? page : ARENA_PAGES;
}

static size_t head_of(size_t page)
{
	while (arena.pages[page].state == PAGE_TAIL)
		page--;
	return page;
}

int arena_open(void)
{
	arena.pages = calloc(ARENA_PAGES, sizeof(*arena.pages));
	arena.base = mmap(NULL, (size_t)ARENA_PAGES * PAGE + ((size_t)PAGE << ORDER_MAX), PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!arena.pages || arena.base == MAP_FAILED)
		return -ENOMEM;
	/* A block is aligned to its size, so the first one has to be. */
	arena.base += -(uintptr_t)arena.base % ((uintptr_t)PAGE << ORDER_MAX);
	return 0;
}

void arena_close(void)
{
	free(arena.pages); /* the mapping goes with the process */
	arena.pages = NULL;
}

/* Fresh zeroed pages in place of what is there. */
static int renew(void *addr, size_t count, int prot)
{
	void *got = mmap(addr, count * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
			 -1, 0);

	return got == MAP_FAILED ? -errno : 0;
}

static bool is_free(size_t page, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (arena.pages[page + i].state != PAGE_FREE)
			return false;
	return true;
}

void *arena_alloc(unsigned int order, const char *where)
{
	const size_t count = (size_t)1 << order;
	size_t page = 0;

	if (order > ORDER_MAX)
		return NULL;
	while (page < ARENA_PAGES && !is_free(page, count))
		page += count;
	if (page >= ARENA_PAGES || renew(address_of(page), count, PROT_READ | PROT_WRITE))
		return NULL;
	for (size_t i = 0; i < count; i++)
		arena.pages[page + i] = (struct arena_page){ .state = i ? PAGE_TAIL : PAGE_HEAD,
							     .order = (uint8_t)order,
							     .references = 1,
							     .where = where };
	if (arena.high < page + count)
		arena.high = page + count;
	return address_of(page);
}

static bool any_granted(size_t page, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (arena.pages[page + i].grant.ref)
			return true;
	return false;
}

/* Whoever still uses it faults. */
static void block_free(size_t page)
{
	const size_t count = (size_t)1 << arena.pages[page].order;

	renew(address_of(page), count, PROT_NONE);
	memset(&arena.pages[page], 0, count * sizeof(arena.pages[0]));
}

int arena_free(void *addr, unsigned int order)
{
	const size_t page = index_of(addr), count = (size_t)1 << order;
	char line[160];

	if (page == ARENA_PAGES || address_of(page) != addr || arena.pages[page].state != PAGE_HEAD ||
	    arena.pages[page].order != order || arena.pages[page].freed)
		return -EINVAL;
	if (!any_granted(page, count)) {
		block_free(page);
		return 0;
	}
	arena.pages[page].freed = true;
	snprintf(line, sizeof(line),
		 "free_pages: 0x%lx from %.60s is granted still, and is freed when that ends",
		 (unsigned long)addr, arena.pages[page].where);
	bridge_log(4, line);
	return 0;
}

int arena_order(const void *addr)
{
	const size_t page = index_of(addr);

	return page == ARENA_PAGES ? -EINVAL : arena.pages[head_of(page)].order;
}

struct arena_page *arena_page(const void *addr)
{
	const size_t page = index_of(addr);

	return page == ARENA_PAGES ? NULL : &arena.pages[page];
}

void *arena_address(const struct arena_page *page)
{
	return address_of((size_t)(page - arena.pages));
}

void arena_get(struct arena_page *page)
{
	page->references++;
}

bool arena_put(struct arena_page *page)
{
	return --page->references == 0;
}

/* -- grants -- */

int arena_grant(void *addr, unsigned int domid, bool writable, const char *where, struct arena_grant *other)
{
	const size_t page = index_of(addr);
	uint32_t ref;
	void *shared;
	int err;

	if (page == ARENA_PAGES || address_of(page) != addr || arena.pages[head_of(page)].freed)
		return -EINVAL;
	*other = arena.pages[page].grant;
	if (other->ref)
		return -EBUSY;
	err = xen_platform_gntshr_share(process.xgs, domid, 1, writable, &ref, &shared);
	if (err)
		return err;
	memcpy(shared, addr, PAGE);
	err = xen_platform_gntshr_move(process.xgs, shared, 1, addr);
	if (err) {
		xen_platform_gntshr_unshare(process.xgs, shared, 1);
		return err;
	}
	arena.pages[page].grant = (struct arena_grant){ .ref = ref, .domid = domid, .where = where };
	return (int)ref;
}

static size_t granted_page(uint32_t ref)
{
	for (size_t i = 0; ref && i < arena.high; i++)
		if (arena.pages[i].grant.ref == ref)
			return i;
	return ARENA_PAGES;
}

/* What was in the page stays in it. */
static int page_end_grant(size_t page)
{
	void *addr = address_of(page);
	char content[PAGE];
	int mapped;

	memcpy(content, addr, PAGE);
	mapped = xen_platform_gntshr_unshare(process.xgs, addr, 1);
	arena.pages[page].grant = (struct arena_grant){ 0 };
	if (renew(addr, 1, PROT_READ | PROT_WRITE))
		bridge_abort(); /* no memory for a page where the driver believes that one is */
	memcpy(addr, content, PAGE);
	return mapped;
}

int arena_end_grant(uint32_t ref, void **addr)
{
	const size_t page = granted_page(ref);
	size_t head;
	int mapped;

	if (page == ARENA_PAGES)
		return -ENOENT;
	mapped = page_end_grant(page);
	*addr = address_of(page);
	head = head_of(page);
	if (arena.pages[head].freed && !any_granted(head, (size_t)1 << arena.pages[head].order))
		block_free(head);
	return mapped;
}

/* -- the end -- */

static void reclaim_pages(void (*tell)(const char *where, unsigned int pages))
{
	for (size_t i = 0; i < arena.high; i++) {
		const char *where = arena.pages[i].where;
		unsigned int pages = 0;

		if (arena.pages[i].state != PAGE_HEAD)
			continue;
		for (size_t j = i; j < arena.high; j++) {
			if (arena.pages[j].state != PAGE_HEAD || strcmp(arena.pages[j].where, where))
				continue;
			pages += 1u << arena.pages[j].order;
			block_free(j);
		}
		tell(where, pages);
	}
}

void arena_reclaim(void (*tell_grant)(const struct arena_grant *grant),
		   void (*tell_pages)(const char *where, unsigned int pages))
{
	for (size_t i = 0; i < arena.high; i++) {
		void *addr;

		if (!arena.pages[i].grant.ref)
			continue;
		tell_grant(&arena.pages[i].grant);
		arena_end_grant(arena.pages[i].grant.ref, &addr);
	}
	reclaim_pages(tell_pages);
}
