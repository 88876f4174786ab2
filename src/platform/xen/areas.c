/* SPDX-License-Identifier: MIT */
#include "areas.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>

struct area {
	void *addr;
	uint32_t count; /* pages */
};

static int compare(const void *a, const void *b)
{
	const uintptr_t x = (uintptr_t)((const struct area *)a)->addr;
	const uintptr_t y = (uintptr_t)((const struct area *)b)->addr;

	return x < y ? -1 : x > y;
}

int areas_add(struct areas *areas, void *addr, uint32_t count)
{
	struct area *area = malloc(sizeof(*area));

	if (!area)
		return -ENOMEM;
	*area = (struct area){ addr, count };
	if (tsearch(area, &areas->root, compare))
		return 0;
	free(area);
	return -ENOMEM;
}

static struct area *find(const struct areas *areas, void *addr, uint32_t count)
{
	const struct area key = { addr, 0 };
	struct area **found = tfind(&key, &areas->root, compare);

	return found && (*found)->count == count ? *found : NULL;
}

bool areas_has(const struct areas *areas, void *addr, uint32_t count)
{
	return find(areas, addr, count) != NULL;
}

bool areas_take(struct areas *areas, void *addr, uint32_t count)
{
	struct area *area = find(areas, addr, count);

	if (!area)
		return false;
	tdelete(area, &areas->root, compare);
	free(area);
	return true;
}

/* A node of the tree begins with the pointer to what it holds. */
bool areas_take_any(struct areas *areas, void **addr, uint32_t *count)
{
	struct area *area;

	if (!areas->root)
		return false;
	area = *(struct area **)areas->root;
	*addr = area->addr;
	*count = area->count;
	return areas_take(areas, *addr, *count);
}
