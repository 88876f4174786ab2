/* SPDX-License-Identifier: MIT */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H
/*
 * Names and values: byte strings of 0..4096 bytes named by 32-bit handles.
 *
 *     handle = chunk << 11 | offset / 8        chunks are 16 KiB, each cut into places of one size class
 *     classes: every 8 bytes to 256, every 32 to 1024, every 256 to 4096
 *
 * The empty string is handle 0 and takes no room. The holder remembers the length. Blobs never move.
 */
#include "mem.h"

#define BLOB_MAX 4096u
#define BLOB_CLASSES 68u
#define BLOB_CHUNK 16384u
#define BLOB_SHIFT 11u

struct blob_class {
	uint32_t free;	 /* first freed place, chained through its first word */
	uint32_t bump;	 /* next place of the newest chunk */
	uint32_t places; /* left in the newest chunk */
};

struct blobs {
	struct mem *mem;
	char **chunks; /* [0] is not used: handle 0 means empty */
	uint32_t chunk_count, chunk_room;
	uint64_t live; /* blobs given out */
	struct blob_class classes[BLOB_CLASSES];
};

void blobs_init(struct blobs *blobs, struct mem *mem);
void blobs_done(struct blobs *blobs);
/* Copies @len bytes (0..BLOB_MAX). 0 and *@out; -ENOMEM. */
int blob_new(struct blobs *blobs, const void *bytes, uint32_t len, uint32_t *out);
void blob_free(struct blobs *blobs, uint32_t blob, uint32_t len);
/* The bytes that a string of @len takes. */
uint32_t blob_size(uint32_t len);

static inline const char *blob_at(const struct blobs *blobs, uint32_t blob)
{
	if (!blob)
		return "";
	return blobs->chunks[blob >> BLOB_SHIFT] + (size_t)(blob & ((1u << BLOB_SHIFT) - 1)) * 8;
}

#endif
