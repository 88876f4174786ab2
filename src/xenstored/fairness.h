/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_FAIRNESS_H
#define XENSTORED_FAIRNESS_H
/*
 * How many requests of any one other connection were served while one waited: counted, and bounded.
 *
 * "Passed" is counted for the first request of each turn, from the last moment at which its connection surely had no
 * whole request there to be read, until it is worked off. That moment is the end of its own last turn; or, when it was at
 * rest and its transport has just said that something came, the poll before this one, which had not said so:
 *
 *      poll | turns of round r - 1     | poll | turns of round r
 *           |   Y Y Y Y                |      |   Y Y Y Y  X
 *           '---- X's request came here, at the earliest ---'      passed: 8
 *
 * Each connection has one turn a round. So the most that one other can have had is at most the longest turn since that
 * moment in each of the rounds, summed; and for that one need not know whose turn it was: the k-th request of any turn
 * notes at k the number of requests served so far, and the largest k whose note is younger than the moment is the length
 * asked for. O(1) a request. It is exact where one connection had the longest turn of each round, as one that floods has;
 * otherwise it says too much, never too little. Rounds between the two (only who is held waits that long) count whole.
 *
 * The bounds hold whatever anybody sends:
 *   - a privileged connection: the turn that was going on when its request came, and one that was due before its own;
 *   - a guest: besides, while precedence is held against it (precedence.h), which happens once a wait at most,
 *     PRECEDENCE_REQUESTS (counted in the same way) and the rest of the turn in which they became so many.
 * They need a host and a platform that report all that is ready at each poll, and one round for each poll.
 */
#include <stdint.h>

#define TURN_REQUESTS 32u /* of one connection in one round */
/* Replies and events, those that are merged or dropped too: a turn that has caused so many is over. The last request may
 * cause more. */
#define TURN_EFFECTS 1024u
/* Of one connection while precedence is held (precedence.h): then guests have a turn. */
#define PRECEDENCE_REQUESTS 512u
#define PASSED_BOUND (2 * TURN_REQUESTS)
#define PASSED_BOUND_GUEST (PASSED_BOUND + PRECEDENCE_REQUESTS + TURN_REQUESTS)

/* A moment between two turns. */
struct moment {
	uint64_t served; /* requests so far */
	uint64_t round;
	uint64_t longest; /* turns of the rounds before it, summed */
};

/* Of the server; zero-initialise. */
struct fairness {
	struct moment now;
	struct moment began; /* when this round did */
	uint64_t notes[2]
		      [TURN_REQUESTS +
		       1];   /* of the rounds with even and odd numbers: [k], requests served at a k-th one */
	uint32_t most;	     /* passed, of all there ever were */
	uint32_t most_guest; /* of guests */
};

/* Of one connection. Zero-initialise, then fairness_rest(). */
struct patience {
	struct moment since;
	uint64_t served; /* requests of it */
	uint32_t passed; /* the most */
};

/* A round begins. */
void fairness_round(struct fairness *f);
/* A connection's turn is over, or its output has let go of it: what comes from now on waits from now on. */
static inline void fairness_rest(const struct fairness *f, struct patience *p)
{
	p->since = f->now;
}
/* A poll said that it has something to be read. */
static inline void fairness_heard(const struct fairness *f, struct patience *p)
{
	if (p->since.round < f->began.round)
		p->since = f->began;
}
/* Its @nth request in this turn (1..TURN_REQUESTS) is worked off. Returns how many passed it, at most: 0 unless @nth is 1. */
uint32_t fairness_serve(struct fairness *f, struct patience *p, unsigned int nth);

#endif
