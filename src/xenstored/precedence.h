/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_PRECEDENCE_H
#define XENSTORED_PRECEDENCE_H
/*
 * A guest that writes in a loop makes every transaction fail that rests on what it writes. While the store
 * says that a privileged one keeps losing, guests get no turn:
 *
 *     serving --contended--> holding --over, or PRECEDENCE_NS--> resting --as long as it held--> serving
 *
 * so guests have at least half of the time whatever domain 0 does.
 */
#include <stdbool.h>
#include <stdint.h>

#define PRECEDENCE_NS 20000000u

/* Zero-initialise. */
struct precedence {
	bool holding;
	uint64_t since_ns, rest_until_ns;
};

/* Must guests wait, at @now_ns? */
bool precedence_holds(struct precedence *p, bool contended, uint64_t now_ns);

#endif
