/* SPDX-License-Identifier: MIT */
#ifndef XEN_AREAS_H
#define XEN_AREAS_H
/*
 * What a handle has mapped, by address.
 *
 * Xen's libraries do not know: unsharing is a munmap() of whatever it is given, unmapping undoes another handle's mapping
 * before it fails, and closing a handle leaves its mappings, which the kernel keeps (and the notifications that depend
 * on their end) until the process ends.
 */
#include <stdbool.h>
#include <stdint.h>

struct areas {
	void *root; /* of tsearch(3); zero-initialised: empty */
};

/* Remembers @count pages at @addr. 0; -ENOMEM. */
int areas_add(struct areas *areas, void *addr, uint32_t count);
bool areas_has(const struct areas *areas, void *addr, uint32_t count);
/* Forgets them. False: no area begins there, or it is of another size. */
bool areas_take(struct areas *areas, void *addr, uint32_t count);
/* Forgets one, whichever. False: there is none left. */
bool areas_take_any(struct areas *areas, void **addr, uint32_t *count);

#endif
