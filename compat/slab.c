/* SPDX-License-Identifier: MIT */
/*
 * The heap with a memory: each block lies behind a header that says who asked for it.
 *
 *     | link | size | where | magic |  block ...
 */
#include <linux/slab.h>
#include "runtime.h"

#define LIVING 0x6b6d616c6c6f6321ull
#define DEAD 0x6b66726565642121ull

struct block {
	struct list_head link;
	size_t size;
	const char *where;
	u64 magic;
} __aligned(16);

void *block_alloc(size_t size, bool zero, const char *where)
{
	struct block *block = size < SIZE_MAX / 2 ? malloc(sizeof(*block) + size) : NULL;

	if (!block)
		return NULL;
	block->size = size;
	block->where = where;
	block->magic = LIVING;
	list_add_tail(&block->link, &rt.blocks);
	/* What is not asked to be zero is nothing that happens to work. */
	memset(block + 1, zero ? 0 : 0x6b, size);
	return block + 1;
}

static struct block *block_of(const void *p, const char *call)
{
	struct block *block = (struct block *)p - 1;

	if ((unsigned long)p % __alignof__(struct block) == 0 && block->magic == LIVING)
		return block;
	printk(KERN_ERR "%s: what is given to it is no block of kmalloc()%s\n", call,
	       arena_page(p) ? ", but a page: free_page()" : ", or was freed");
	BUG();
}

void kfree(const void *p)
{
	struct block *block;

	if (!p)
		return;
	block = block_of(p, "kfree");
	list_del(&block->link);
	block->magic = DEAD;
	free(block);
}

void kfree_sensitive(const void *p)
{
	if (p)
		memzero_explicit((void *)p, block_of(p, "kfree_sensitive")->size);
	kfree(p);
}

size_t ksize(const void *p)
{
	return p ? block_of(p, "ksize")->size : 0;
}

void *linux_kmalloc(size_t size, gfp_t gfp, const char *where)
{
	return block_alloc(size, gfp & __GFP_ZERO, where);
}

void *linux_kmalloc_array(size_t n, size_t size, gfp_t gfp, const char *where)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return linux_kmalloc(bytes, gfp, where);
}

void *linux_krealloc(const void *p, size_t size, gfp_t gfp, const char *where)
{
	size_t old = ksize(p);
	void *to;

	if (!size) {
		kfree(p);
		return NULL;
	}
	to = linux_kmalloc(size, gfp, where);
	if (!to)
		return NULL;
	if (p)
		memcpy(to, p, min(old, size));
	kfree(p);
	return to;
}

struct kmem_cache {
	size_t size;
	void (*ctor)(void *);
};

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     slab_flags_t flags, void (*ctor)(void *))
{
	struct kmem_cache *cache;

	if (align > __alignof__(struct block))
		return NULL;
	cache = block_alloc(sizeof(*cache), true, name);
	if (cache)
		*cache = (struct kmem_cache){ .size = size, .ctor = ctor };
	return cache;
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
	kfree(cache);
}

void *linux_kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp, const char *where)
{
	void *p = linux_kmalloc(cache->size, gfp, where);

	if (p && cache->ctor)
		cache->ctor(p);
	return p;
}

void kmem_cache_free(struct kmem_cache *cache, void *p)
{
	kfree(p);
}

/* One line for each line that asked. */
static void reclaim_from(const char *where)
{
	struct block *block, *next;
	size_t count = 0, bytes = 0;
	LIST_HEAD(same);

	list_for_each_entry_safe(block, next, &rt.blocks, link)
	{
		if (strcmp(block->where, where))
			continue;
		count++;
		bytes += block->size;
		list_move_tail(&block->link, &same);
	}
	leak("%zu block%s of kmalloc() from %s, %zu bytes", count, count == 1 ? "" : "s", where, bytes);
	/* Now only: @where may be a cache's name, which is one of them. */
	list_for_each_entry_safe(block, next, &same, link) free(block);
}

void slab_reclaim(void)
{
	while (!list_empty(&rt.blocks))
		reclaim_from(list_first_entry(&rt.blocks, struct block, link)->where);
}
