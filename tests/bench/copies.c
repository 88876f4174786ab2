/* SPDX-License-Identifier: MIT */
/*
 * copies BYTES: the least that a stream from one domain to another costs. Each page's bytes are copied into a
 * shared page and out of it again; in one process, without a ring, a wake-up or a digest. And, for comparison
 * with streams that are hashed at both ends, SHA-256 of the same bytes once. One line of JSON for each.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <nettle/sha2.h>

#define PAGE 4096
#define SHARED_PAGES 64 /* as many as alice shares by default */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void report(const char *what, size_t bytes, double seconds)
{
	printf("{\"what\": \"%s\", \"bytes\": %zu, \"MB_per_s\": %.0f}\n", what, bytes,
	       (double)bytes / 1e6 / seconds);
}

static uint8_t copy_twice(const uint8_t *data, size_t bytes, uint8_t *shared)
{
	static uint8_t private[PAGE];
	uint8_t seen = 0;

	for (size_t at = 0; at + PAGE <= bytes; at += PAGE) {
		uint8_t *page = shared + at / PAGE % SHARED_PAGES * PAGE;

		memcpy(page, data + at, PAGE);
		__asm__ volatile("" ::: "memory"); /* the other side is somebody else: both copies happen */
		memcpy(private, page, PAGE);
		__asm__ volatile("" ::: "memory");
		seen ^= private[at % 4093];
	}
	return seen;
}

static uint8_t hash(const uint8_t *data, size_t bytes)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	for (size_t at = 0; at + PAGE <= bytes; at += PAGE)
		sha256_update(&ctx, PAGE, data + at);
	sha256_digest(&ctx, sizeof(digest), digest);
	return digest[0];
}

int main(int argc, char **argv)
{
	size_t bytes = argc == 2 ? strtoull(argv[1], NULL, 10) / PAGE * PAGE : 0;
	volatile uint8_t keep; /* so that nothing is optimised away */
	uint8_t *data, *shared;
	double start;

	if (!bytes) {
		fprintf(stderr, "usage: copies BYTES\n");
		return 2;
	}
	data = malloc(bytes);
	shared = mmap(NULL, (size_t)SHARED_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (!data || shared == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	keep = copy_twice(data, bytes, shared);
	start = now();
	keep = copy_twice(data, bytes, shared);
	report("two memcpys", bytes, now() - start);
	start = now();
	keep = hash(data, bytes);
	report("one SHA-256", bytes, now() - start);
	free(data);
	(void)keep;
	return 0;
}
