/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_SLAB_H
#define _LINUX_SLAB_H
/*
 * The process's heap. Each block remembers the line that asked for it: what a module has not given back when it is
 * unloaded is reported by that line, and freed. Blocks of kmalloc() cannot be granted; pages of <linux/gfp.h> can.
 */
#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/string.h>

void *linux_kmalloc(size_t size, gfp_t gfp, const char *where) LINUX_SYMBOL(kmalloc_at);
void *linux_kmalloc_array(size_t n, size_t size, gfp_t gfp, const char *where)
	LINUX_SYMBOL(kmalloc_array_at); /* NULL: no memory, or n * size overflows */
void *linux_krealloc(const void *p, size_t size, gfp_t gfp, const char *where) LINUX_SYMBOL(krealloc_at);
void kfree(const void *p) LINUX_SYMBOL(kfree); /* NULL is allowed; anything but a living block is a BUG */
void kfree_sensitive(const void *p) LINUX_SYMBOL(kfree_sensitive);
size_t ksize(const void *p) LINUX_SYMBOL(ksize);

#define kmalloc(size, gfp) linux_kmalloc(size, gfp, LINUX_HERE)
#define kzalloc(size, gfp) linux_kmalloc(size, (gfp) | __GFP_ZERO, LINUX_HERE)
#define kmalloc_array(n, size, gfp) linux_kmalloc_array(n, size, gfp, LINUX_HERE)
#define kcalloc(n, size, gfp) linux_kmalloc_array(n, size, (gfp) | __GFP_ZERO, LINUX_HERE)
#define krealloc(p, size, gfp) linux_krealloc(p, size, gfp, LINUX_HERE)
#define kmalloc_node(size, gfp, node) kmalloc(size, gfp)
#define kzalloc_node(size, gfp, node) kzalloc(size, gfp)
#define kvmalloc(size, gfp) kmalloc(size, gfp)
#define kvzalloc(size, gfp) kzalloc(size, gfp)
#define kvmalloc_array(n, size, gfp) kmalloc_array(n, size, gfp)
#define kvcalloc(n, size, gfp) kcalloc(n, size, gfp)
#define kvfree(p) kfree(p)
#define kzfree(p) kfree_sensitive(p)

/* Freed with kfree(). NULL: no memory. */
char *linux_kasprintf(const char *where, const char *fmt, ...) LINUX_SYMBOL(kasprintf_at) __printf(2, 3);
char *linux_kvasprintf(const char *where, const char *fmt, va_list args) LINUX_SYMBOL(kvasprintf_at)
	__printf(2, 0);
#define kasprintf(gfp, fmt, ...) ((void)(gfp), linux_kasprintf(LINUX_HERE, fmt, ##__VA_ARGS__))
#define kvasprintf(gfp, fmt, args) ((void)(gfp), linux_kvasprintf(LINUX_HERE, fmt, args))

struct kmem_cache;
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     slab_flags_t flags, void (*ctor)(void *))
	LINUX_SYMBOL(kmem_cache_create);
void kmem_cache_destroy(struct kmem_cache *cache) LINUX_SYMBOL(kmem_cache_destroy);
void *linux_kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp, const char *where)
	LINUX_SYMBOL(kmem_cache_alloc_at);
void kmem_cache_free(struct kmem_cache *cache, void *p) LINUX_SYMBOL(kmem_cache_free);
#define kmem_cache_alloc(cache, gfp) linux_kmem_cache_alloc(cache, gfp, LINUX_HERE)
#define kmem_cache_zalloc(cache, gfp) linux_kmem_cache_alloc(cache, (gfp) | __GFP_ZERO, LINUX_HERE)
#define SLAB_HWCACHE_ALIGN 0u

#endif
