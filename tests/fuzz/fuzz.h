/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H
/*
 * What every target is: LLVMFuzzerTestOneInput(), and nothing else. Built twice: with libFuzzer's main, to search
 * (scripts/fuzz), and with replay.c's, to run what was found before in every build (meson test --suite fuzz).
 * An input is a stream of choices; where it has ended, every choice is 0.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct choices {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t choose(struct choices *c)
{
	if (!c->left)
		return 0;
	c->left--;
	return *c->at++;
}

static inline uint32_t choose_below(struct choices *c, uint32_t n)
{
	return choose(c) % n;
}

static inline uint32_t choose_u32(struct choices *c)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 8 | choose(c);
	return n;
}

/* What must not be, is: says so, and ends as a sanitizer does, so that libFuzzer keeps the input. */
#define fuzz_fail(...)                                 \
	do {                                           \
		fprintf(stderr, "fuzz: " __VA_ARGS__); \
		fputc('\n', stderr);                   \
		abort();                               \
	} while (0)

#define fuzz_expect(truth)                                                            \
	do {                                                                          \
		if (!(truth))                                                         \
			fuzz_fail("%s:%d: not true: %s", __FILE__, __LINE__, #truth); \
	} while (0)

#endif
