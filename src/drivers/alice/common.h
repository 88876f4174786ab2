/* SPDX-License-Identifier: MIT */
#ifndef ALICE_COMMON_H
#define ALICE_COMMON_H
/* What both ends' drivers need. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct xenbus_device;

#define ALICE_LEAVE_NS 2000000000u /* from the end of who was leaving to the state that says so */

/* One byte of the ring page that either end or its death may write. */
static inline uint8_t alice_byte_get(const void *ring_page, unsigned int offset)
{
	return atomic_load_explicit((const _Atomic uint8_t *)ring_page + offset, memory_order_acquire);
}

static inline void alice_byte_set(void *ring_page, unsigned int offset, uint8_t value)
{
	atomic_store_explicit((_Atomic uint8_t *)ring_page + offset, value, memory_order_release);
}

/* May the file be read or written at positions of our choice? */
bool alice_has_positions(int fd);

/* [blocks] The number under @key of the other end's node into *@out; @absent where there is none to be read. 0; -errno of the
 * store, *@out is not set: what could not be asked is not absent. */
int alice_read(struct xenbus_device *dev, const char *key, unsigned int absent, unsigned int *out);

/* "e3b0c442..." into @buf of 65 bytes. Returns @buf. */
const char *alice_hex(char *buf, const uint8_t *digest);

#endif
