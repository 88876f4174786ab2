/* SPDX-License-Identifier: MIT */
#ifndef BASE_RINGFILE_FORMAT_H
#define BASE_RINGFILE_FORMAT_H
/* What lies in the file. */
#include <base/ringfile.h>
#include <stdatomic.h>

#define RINGFILE_MAGIC UINT64_C(0x31676e6952736158) /* "XasRing1" on a little-endian machine */

struct ringfile_header {
	_Atomic uint64_t magic;		 /* written last */
	uint32_t header_size, slot_size; /* bytes */
	struct ringfile_info info;
	_Alignas(64) _Atomic uint64_t next; /* number of the record to come */
	_Atomic uint64_t last_ns;	    /* when the last one happened */
};
_Static_assert(sizeof(struct ringfile_header) <= RINGFILE_HEADER, "the header has a page");

struct ringfile_slot {
	_Atomic uint64_t seq;
	unsigned char record[];
};

/* 2 * number + 1 while it is written, this when it is whole. */
static inline uint64_t ringfile_seq(uint64_t number)
{
	return 2 * number + 2;
}

static inline uint32_t ringfile_slot_size(uint32_t record_size)
{
	return (uint32_t)sizeof(struct ringfile_slot) + (record_size + 7) / 8 * 8;
}

static inline size_t ringfile_bytes(const struct ringfile_info *info)
{
	return RINGFILE_HEADER + (size_t)info->records * ringfile_slot_size(info->record_size);
}

static inline bool ringfile_within_bounds(const struct ringfile_info *info)
{
	return info->records > 0 && info->records <= RINGFILE_RECORDS_MAX && info->record_size > 0 &&
	       info->record_size <= RINGFILE_RECORD_MAX;
}

/* At most RINGFILE_KEPT files without a writer stay in the folder @dirfd. */
void ringfile_sweep(int dirfd);
/* Its writer has made the file and not yet filled it, maybe not even locked it: it is no dead one's. */
bool ringfile_is_being_made(const struct ringfile_header *header, int64_t modified_s);
/* Is somebody writing to @fd? */
bool ringfile_has_writer(int fd);

#endif
