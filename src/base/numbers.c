/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <base/numbers.h>

void numbers_init(struct numbers *numbers, uint32_t first, uint32_t limit)
{
	assert(first && first < limit);
	*numbers = (struct numbers){ .first = first, .limit = limit, .next = first };
}

void numbers_deinit(struct numbers *numbers)
{
	free(numbers->at);
	numbers->at = NULL;
	numbers->size = numbers->used = 0;
}

static int grow(struct numbers *numbers)
{
	uint32_t size = numbers->size ? 2 * numbers->size : numbers->first + NUMBERS_MIN;
	void **at;

	if (size > numbers->limit)
		size = numbers->limit;
	at = realloc(numbers->at, size * sizeof(*at));
	if (!at)
		return -ENOMEM;
	memset(at + numbers->size, 0, (size - numbers->size) * sizeof(*at));
	numbers->next = numbers->size > numbers->first ? numbers->size : numbers->first;
	numbers->at = at;
	numbers->size = size;
	return 0;
}

int64_t numbers_add(struct numbers *numbers, void *object)
{
	uint32_t taken = numbers->first + numbers->used; /* as if the ones below first were taken */
	uint32_t number;

	assert(object);
	if (numbers->size < numbers->limit && (!numbers->size || taken > numbers->size / 2)) {
		int err = grow(numbers);

		if (err && taken >= numbers->size)
			return err;
	}
	if (taken >= numbers->size)
		return -ENOSPC;
	for (number = numbers->next; number >= numbers->size || numbers->at[number];)
		number = number + 1 >= numbers->size ? numbers->first : number + 1;
	numbers->at[number] = object;
	numbers->next = number + 1;
	numbers->used++;
	return number;
}

void *numbers_get(const struct numbers *numbers, uint32_t number)
{
	return number < numbers->size ? numbers->at[number] : NULL;
}

void numbers_del(struct numbers *numbers, uint32_t number)
{
	assert(numbers_get(numbers, number));
	numbers->at[number] = NULL;
	numbers->used--;
}
