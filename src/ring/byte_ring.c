/* SPDX-License-Identifier: MIT */
/*
 * Byte rings. Ordering, against a peer that uses Xen's xen_mb()/xen_rmb()/xen_wmb():
 *
 *   writer:  load cons (acquire)  copy in   store prod (release)
 *   reader:  load prod (acquire)  copy out  store cons (release)
 *
 * The acquire keeps the copy behind the index that allowed it, the release keeps it before the index
 * that hands it over. A peer may notify only where it finds our index at its own old one (Linux does): who means to
 * wait for it looks once more, after a store-to-load fence, at what byte_ring_used() or byte_ring_space() says.
 */
#include <xenbus/ring.h>

#include <errno.h>
#include <string.h>

/* The bytes in the ring, from one load of each index. Either may be the peer's: both are acquired. */
static int measure(const struct byte_ring *ring, uint32_t *cons, uint32_t *prod)
{
	*cons = atomic_load_explicit(ring->cons, memory_order_acquire);
	*prod = atomic_load_explicit(ring->prod, memory_order_acquire);
	if (*prod - *cons > ring->size)
		return -EPROTO;
	return (int)(*prod - *cons);
}

static size_t at_most(size_t len, uint32_t limit)
{
	return len < limit ? len : limit;
}

int byte_ring_put(struct byte_ring *ring, const void *src, size_t len)
{
	uint32_t cons, prod, offset;
	int used = measure(ring, &cons, &prod);
	size_t first;

	if (used < 0)
		return used;
	len = at_most(len, ring->size - (uint32_t)used);
	if (len == 0)
		return 0;
	offset = prod & (ring->size - 1);
	first = at_most(len, ring->size - offset);
	memcpy(ring->data + offset, src, first);
	memcpy(ring->data, (const uint8_t *)src + first, len - first);
	atomic_store_explicit(ring->prod, prod + (uint32_t)len, memory_order_release);
	return (int)len;
}

int byte_ring_get(struct byte_ring *ring, void *dst, size_t len)
{
	uint32_t cons, prod, offset;
	int used = measure(ring, &cons, &prod);
	size_t first;

	if (used < 0)
		return used;
	len = at_most(len, (uint32_t)used);
	if (len == 0)
		return 0;
	offset = cons & (ring->size - 1);
	first = at_most(len, ring->size - offset);
	memcpy(dst, ring->data + offset, first);
	memcpy((uint8_t *)dst + first, ring->data, len - first);
	atomic_store_explicit(ring->cons, cons + (uint32_t)len, memory_order_release);
	return (int)len;
}

int byte_ring_used(const struct byte_ring *ring)
{
	uint32_t cons, prod;

	return measure(ring, &cons, &prod);
}

int byte_ring_space(const struct byte_ring *ring)
{
	uint32_t cons, prod;
	int used = measure(ring, &cons, &prod);

	return used < 0 ? used : (int)ring->size - used;
}
