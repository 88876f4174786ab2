/* SPDX-License-Identifier: MIT */
#ifndef STORE_DUMP_H
#define STORE_DUMP_H
/* A stream being written. The first failure stays, and nothing is written after it. */
#include "core.h"
#include "stream.h"

struct dump {
	const struct store *s;
	uint8_t version; /* of the stream: 1, or 2 where it holds what 1 cannot */
	uint8_t *data;
	size_t len, room;
	size_t record; /* where the open one starts */
	bool failed;
};

/* A record's head; its body; its padding. */
void dump_begin(struct dump *d, enum stream_type type);
void dump_bytes(struct dump *d, const void *bytes, size_t len);
void dump_u16(struct dump *d, size_t n);
void dump_u32(struct dump *d, uint32_t n);
void dump_u64(struct dump *d, uint64_t n);
void dump_end(struct dump *d);

/* dump_limits.c: GLOBAL_QUOTA_DATA; DOMAIN_DATA of each domain that is not as all are; USE */
void dump_default_limits(struct dump *d);
void dump_domains(struct dump *d);
void dump_uses(struct dump *d);

#endif
