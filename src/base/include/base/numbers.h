/* SPDX-License-Identifier: MIT */
#ifndef BASE_NUMBERS_H
#define BASE_NUMBERS_H
/*
 * Numbers handed out for objects: a table from a small number to a pointer.
 *
 *      at[]   first ... | p | - | q | p | - | - ...      size, grows up to limit
 *                                         ^ next        the search for a free one starts here
 *
 * A number given back is not handed out again before the search has gone round the whole table, which is
 * at least NUMBERS_MIN long: a stale number is most likely refused instead of naming a newer object.
 */
#include <stdint.h>

#define NUMBERS_MIN 256u

struct numbers {
	void **at;
	uint32_t first, limit; /* numbers are in [first, limit) */
	uint32_t size, used, next;
};

/* 0 < @first < @limit. Allocates nothing. */
void numbers_init(struct numbers *numbers, uint32_t first, uint32_t limit);
/* Frees the table, not the objects. */
void numbers_deinit(struct numbers *numbers);

/* A number for @object (not NULL). Returns it; -ENOSPC all are taken; -ENOMEM. */
int64_t numbers_add(struct numbers *numbers, void *object);
/* The object of @number, NULL where there is none; any number may be asked for. */
void *numbers_get(const struct numbers *numbers, uint32_t number);
/* Gives back @number, which is taken. */
void numbers_del(struct numbers *numbers, uint32_t number);

#endif
