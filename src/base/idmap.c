/* SPDX-License-Identifier: MIT */
#include <base/idmap.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static uint32_t home(const struct idmap *map, uint32_t key)
{
	return (key * 2654435769u >> 7) & (map->size - 1);
}

/* The slot that holds @key, or the free one where it belongs. The map is never full. */
static uint32_t find(const struct idmap *map, uint32_t key)
{
	uint32_t i = home(map, key);

	while (map->slots[i].key && map->slots[i].key != key)
		i = (i + 1) & (map->size - 1);
	return i;
}

static int grow(struct idmap *map)
{
	struct idmap bigger = { .size = map->size ? map->size * 2 : 16, .count = map->count };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < map->size; i++) {
		if (map->slots[i].key)
			bigger.slots[find(&bigger, map->slots[i].key)] = map->slots[i];
	}
	free(map->slots);
	*map = bigger;
	return 0;
}

int idmap_put(struct idmap *map, uint32_t key, void *value)
{
	uint32_t i;

	assert(key && value);
	if (map->count >= map->size / 4 * 3 && grow(map))
		return -ENOMEM;
	i = find(map, key);
	map->count += map->slots[i].key == 0;
	map->slots[i] = (struct idmap_slot){ key, value };
	return 0;
}

void *idmap_get(const struct idmap *map, uint32_t key)
{
	return map->count && key ? map->slots[find(map, key)].value : NULL;
}

/* What follows in the same run moves up where that brings it nearer to its home, so no gap hides it. */
void idmap_del(struct idmap *map, uint32_t key)
{
	uint32_t mask = map->size - 1, gap, i;

	if (!idmap_get(map, key))
		return;
	gap = find(map, key);
	map->count--;
	for (i = (gap + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
		if (((i - home(map, map->slots[i].key)) & mask) < ((i - gap) & mask))
			continue;
		map->slots[gap] = map->slots[i];
		gap = i;
	}
	map->slots[gap] = (struct idmap_slot){ 0 };
}

void idmap_free(struct idmap *map)
{
	free(map->slots);
	*map = (struct idmap){ 0 };
}
