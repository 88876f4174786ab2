/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_PRECEDENCE_H
#define XENSTORED_PRECEDENCE_H
/*
 * A guest that writes in a loop makes every transaction fail that rests on what it writes. While the store
 * says that a privileged one keeps losing, guests get no turn:
 *
 *     serving --contended--> holding --over, PRECEDENCE_NS, or PRECEDENCE_REQUESTS of one connection-->
 *             resting --as long as it held--> serving
 *
 * so guests have at least half of the time whatever domain 0 does; and who waited while it was held is not held
 * again before it had its turn, however soon the next begins.
 */
#include <stdbool.h>
#include <stdint.h>

#include "fairness.h"

#define PRECEDENCE_NS 20000000u

/* Zero-initialise. */
struct precedence {
	bool holding;
	uint64_t since_ns, rest_until_ns;
	uint64_t number;   /* of the times that it was held, 1, 2, ... */
	uint32_t requests; /* while it is held: of the privileged connection that had most */
};

/* One connection's part in it. Zero-initialise. */
struct hold {
	uint64_t
		number; /* guest: which made it wait, 0: none since its turn; others: which it was served in last */
	uint32_t requests; /* privileged: served in that one */
};

/* Must the guest of @hold wait, at @now_ns? */
bool precedence_holds(struct precedence *p, struct hold *hold, bool contended, uint64_t now_ns);
/* The guest of @hold has its turn. */
static inline void precedence_turn(struct hold *hold)
{
	hold->number = 0;
}
/* A request of the privileged connection of @hold is served. */
void precedence_count(struct precedence *p, struct hold *hold);
/* When those that are held have their turn at the latest; 0: at once. */
uint64_t precedence_deadline(const struct precedence *p, bool contended);

#endif
