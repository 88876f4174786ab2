/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_SLOTS_H
#define CLIENT_SLOTS_H
/*
 * Numbers that come back from the server (request ids, watch tokens), mapped to objects in O(1).
 *
 *     id = generation << 16 | index        slot[index] is valid while its generation is the id's
 *
 * A freed slot's generation moves on, so a late answer finds nothing instead of a stranger. The first
 * generation is random: on a connection inherited from another process its ids are not ours.
 */
#include <stdbool.h>
#include <stdint.h>

#define SLOTS_MAX 65535u

struct slot {
	void *object;	/* NULL: forgotten by its owner, the id is still out */
	uint32_t op;	/* requests: the operation; watches: enum watch_state */
	uint32_t watch; /* requests: the token that a WATCH sets, else 0 */
	bool depth;	/* requests: that WATCH carried a depth */
	bool used;
	uint16_t generation;
	uint32_t next_free; /* index + 1 of the next unused slot, 0: last */
};

struct slots {
	struct slot *slot;
	uint32_t count, free; /* slots there are; index + 1 of an unused one, 0: none */
	uint32_t used;
	uint16_t first_generation;
};

void slots_init(struct slots *slots, uint16_t first_generation);
void slots_deinit(struct slots *slots);
/* Returns 0 and *@id (never 0) of a slot that holds @object and zeroes; -ENOMEM, also when SLOTS_MAX
 * are used. */
int slots_take(struct slots *slots, void *object, uint32_t *id);
/* NULL: @id is not out. Valid until the next take. */
struct slot *slots_get(const struct slots *slots, uint32_t id);
void slots_put(struct slots *slots, uint32_t id);
/* The used slot with the lowest index >= *@index, which moves behind it, and its id; NULL: no more. */
struct slot *slots_next(const struct slots *slots, uint32_t *index, uint32_t *id);

#endif
