/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_LOAD_GRAMMAR_H
#define TESTS_FUZZ_LOAD_GRAMMAR_H
/*
 * Migration streams as a store dumps them, of few names, so that they meet, with a mistake now and then; and what is
 * to come of each, known without looking at it again: taken or refused, and if taken, every record that is claimed
 * stands in the next dump byte for byte, and no other of its kind.
 */
#include "fuzz.h"

#define CLAIMS 128

struct claim {
	size_t at, len; /* of the record, with its header */
};

struct stream {
	uint8_t bytes[32768];
	size_t len, record;
	bool careful; /* makes no mistake */
	bool bad;     /* must be refused */
	const char *mistake;
	struct claim claims[CLAIMS];
	size_t claim_count;
	/* What has been said so far. */
	uint8_t conns, rings, nodes, domains; /* bits: by id, domid, place in the table, domid */
	uint32_t watches[8];		      /* by connection; bits: path and token */
	uint8_t txs[8];			      /* by connection; bits: id */
};

void make_stream(struct choices *c, struct stream *s);
/* NULL, or what of @s's claims the dump does not keep. */
const char *judge_dump(const struct stream *s, const uint8_t *dump, size_t len);

#endif
