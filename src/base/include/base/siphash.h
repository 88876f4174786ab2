/* SPDX-License-Identifier: MIT */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H
/*
 * SipHash-1-3 (Aumasson, Bernstein): a keyed hash for tables whose keys an enemy chooses. One word of
 * prefix goes before the bytes, so (parent, name) needs no copying together.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct siphash_state {
	uint64_t a, b, c, d;
};

static inline uint64_t siphash_rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void siphash_round(struct siphash_state *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = siphash_rotate(s->b, 13) ^ s->a;
	s->d = siphash_rotate(s->d, 16) ^ s->c;
	s->a = siphash_rotate(s->a, 32);
	s->c += s->b;
	s->a += s->d;
	s->b = siphash_rotate(s->b, 17) ^ s->c;
	s->d = siphash_rotate(s->d, 21) ^ s->a;
	s->c = siphash_rotate(s->c, 32);
}

static inline void siphash_word(struct siphash_state *s, uint64_t word)
{
	s->d ^= word;
	siphash_round(s);
	s->a ^= word;
}

/* The last 0..7 bytes, with the low byte of the total length on top, as the algorithm asks. Names are
 * mostly short, so this is most of the reading: no loop. */
static inline uint64_t siphash_tail(const uint8_t *bytes, size_t len, size_t total)
{
	uint64_t word = (uint64_t)(total & 0xff) << 56;
	uint32_t four;
	uint16_t two;

	if (len & 1)
		word |= (uint64_t)bytes[len - 1] << (8 * (len - 1));
	if (len & 2) {
		memcpy(&two, bytes + (len & 4), 2);
		word |= (uint64_t)two << (8 * (len & 4));
	}
	if (len & 4) {
		memcpy(&four, bytes, 4);
		word |= four;
	}
	return word;
}

static inline uint64_t siphash(const uint64_t key[2], uint64_t prefix, const void *data, size_t len)
{
	struct siphash_state s = { key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
				   key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull };
	const uint8_t *bytes = data;
	const size_t whole = len & ~(size_t)7;

	siphash_word(&s, prefix);
	for (size_t i = 0; i < whole; i += 8) {
		uint64_t word;

		memcpy(&word, bytes + i, 8);
		siphash_word(&s, word);
	}
	siphash_word(&s, siphash_tail(bytes + whole, len - whole, len + 8));
	s.c ^= 0xff;
	siphash_round(&s);
	siphash_round(&s);
	siphash_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

#endif
