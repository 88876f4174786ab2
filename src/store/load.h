/* SPDX-License-Identifier: MIT */
#ifndef STORE_LOAD_H
#define STORE_LOAD_H
/* A stream being read. The first failure stays; after it every taker gives 0 or NULL, so that a record is
 * taken apart first and judged once. */
#include "core.h"

struct load {
	struct store *s;
	const uint8_t *at; /* the open record's body */
	size_t left;
	uint8_t version; /* of the stream */
	bool has_instances;
	const char *why;
	int err;
};

/* @why is static. */
void load_fail(struct load *l, int err, const char *why);
/* @len bytes of the body, or NULL: there are not so many. */
const uint8_t *load_bytes(struct load *l, size_t len);
uint64_t load_number(struct load *l, size_t size);
uint32_t load_u32(struct load *l);
uint16_t load_u16(struct load *l);
/* A string of @len bytes, its NUL the last. */
const char *load_string(struct load *l, size_t len);
/* The domain's living instance, made if there is none; NULL: failed. */
struct domain *load_domain(struct load *l, uint32_t domid);

/* load_limits.c: GLOBAL_QUOTA_DATA, DOMAIN_DATA, USE */
void load_default_limits(struct load *l);
void load_domain_data(struct load *l);
void load_use(struct load *l);

/* load_node.c: NODE_DATA */
void load_node(struct load *l);

#endif
