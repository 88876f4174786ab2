/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_GRAMMAR_H
#define TESTS_FUZZ_GRAMMAR_H
/* Requests of few names, so that they meet; now and then one that is malformed. */
#include "fuzz.h"

struct message {
	uint32_t op, len;
	uint8_t payload[8192]; /* len may be more than that: then nobody may look */
};

void make_message(struct choices *c, struct message *out);

#endif
