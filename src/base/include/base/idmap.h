/* SPDX-License-Identifier: MIT */
#ifndef BASE_IDMAP_H
#define BASE_IDMAP_H
/*
 * From a number (> 0) to a pointer: ports, connection ids. Open addressing, linear probing, no
 * tombstones; the keys are not an enemy's choice, so the hash has no seed.
 *
 *     slots   | 0 - | 7 p | 23 q | 0 - | ...      at most 3/4 full, a power of two long
 */
#include <stdint.h>

struct idmap_slot {
	uint32_t key; /* 0: free */
	void *value;
};
/* Zero-initialised: empty. */
struct idmap {
	struct idmap_slot *slots;
	uint32_t size, count;
};

/* Maps @key to @value (not NULL), replacing what it was mapped to. 0 or -ENOMEM (nothing changed). */
int idmap_put(struct idmap *map, uint32_t key, void *value);
/* The value, or NULL. */
void *idmap_get(const struct idmap *map, uint32_t key);
/* Removing what is not there does nothing. */
void idmap_del(struct idmap *map, uint32_t key);
/* Frees the map, not the values; it is empty after. */
void idmap_free(struct idmap *map);

#endif
