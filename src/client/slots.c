/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "slots.h"

#define SLOTS_FIRST 16u

void slots_init(struct slots *slots, uint16_t first_generation)
{
	memset(slots, 0, sizeof(*slots));
	slots->first_generation = first_generation;
}

void slots_deinit(struct slots *slots)
{
	free(slots->slot);
	slots_init(slots, slots->first_generation);
}

static uint32_t slot_id(const struct slots *slots, uint32_t index)
{
	return (uint32_t)slots->slot[index].generation << 16 | index;
}

/* Generation 0 is left out: with index 0 it would make the id 0. */
static uint16_t generation_after(uint16_t generation)
{
	return generation == UINT16_MAX ? 1 : (uint16_t)(generation + 1);
}

static int slots_grow(struct slots *slots)
{
	uint32_t count = slots->count ? slots->count * 2 : SLOTS_FIRST;
	struct slot *slot;

	if (count > SLOTS_MAX)
		count = SLOTS_MAX;
	if (count == slots->count)
		return -ENOMEM;
	slot = realloc(slots->slot, count * sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	slots->slot = slot;
	for (uint32_t i = count; i-- > slots->count;) {
		slot[i] = (struct slot){ .generation = generation_after(slots->first_generation),
					 .next_free = slots->free };
		slots->free = i + 1;
	}
	slots->count = count;
	return 0;
}

int slots_take(struct slots *slots, void *object, uint32_t *id)
{
	struct slot *slot;
	uint32_t index;
	int err;

	if (!slots->free) {
		err = slots_grow(slots);
		if (err)
			return err;
	}
	index = slots->free - 1;
	slot = &slots->slot[index];
	slots->free = slot->next_free;
	*slot = (struct slot){ .object = object, .used = true, .generation = slot->generation };
	slots->used++;
	*id = slot_id(slots, index);
	return 0;
}

struct slot *slots_get(const struct slots *slots, uint32_t id)
{
	uint32_t index = id & UINT16_MAX;

	if (index >= slots->count || !slots->slot[index].used || slot_id(slots, index) != id)
		return NULL;
	return &slots->slot[index];
}

void slots_put(struct slots *slots, uint32_t id)
{
	struct slot *slot = slots_get(slots, id);

	assert(slot);
	slot->object = NULL;
	slot->used = false;
	slot->generation = generation_after(slot->generation);
	slot->next_free = slots->free;
	slots->free = (uint32_t)(slot - slots->slot) + 1;
	slots->used--;
}

struct slot *slots_next(const struct slots *slots, uint32_t *index, uint32_t *id)
{
	while (*index < slots->count) {
		uint32_t i = (*index)++;

		if (!slots->slot[i].used)
			continue;
		*id = slot_id(slots, i);
		return &slots->slot[i];
	}
	return NULL;
}
