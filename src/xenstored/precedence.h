/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_PRECEDENCE_H
#define XENSTORED_PRECEDENCE_H
/*
 * A guest that writes in a loop makes every transaction fail that rests on what it writes. While the store
 * says that a privileged one keeps losing, guests get no turn:
 *
 *     serving --contended--> holding --over, PRECEDENCE_NS, or PRECEDENCE_REQUESTS--> resting
 *        '------------------------as long as it held------------------------------------'
 *
 * It is held for a transaction once: nobody waits again for one that its client leaves open, being busy elsewhere or stopped.
 * So guests have at least half of the time whatever domain 0 does; nobody is passed by more than PRECEDENCE_REQUESTS of one
 * connection meanwhile; and who waited while it was held is not held again before it had its turn, however soon the next
 * begins.
 */
#include <stdbool.h>
#include <stdint.h>

#include "fairness.h"

#define PRECEDENCE_NS 20000000u

/* Zero-initialise. */
struct precedence {
	bool holding;
	uint64_t since_ns, since_longest, rest_until_ns;
	uint64_t number; /* of the times that it was held: 1, 2, ... */
	uint64_t had;	 /* contention: up to this one, they had their time */
};

struct precedence_view {
	uint64_t contention; /* as the store says */
	uint64_t now_ns;
	uint64_t longest; /* as struct moment has it */
};

/* Must the guest wait whose is @held_by, 0 at first: the number of what made it wait since its last turn? False: it
 * has its turn. */
bool precedence_holds(struct precedence *p, uint64_t *held_by, const struct precedence_view *view);
/* When those that wait have their turn at the latest; 0: at once. */
uint64_t precedence_deadline(const struct precedence *p, const struct precedence_view *view);

#endif
