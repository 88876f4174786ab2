/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLATFORM_XEN_CHANNEL_H
#define TESTS_PLATFORM_XEN_CHANNEL_H
/*
 * How a test in domain 0 has things done in a guest: one message at a time over two nodes of the store, because what is
 * under test, grants and event channels, is no way to say how they failed.
 *
 *     test --WRITE--> /local/domain/N/data/contract/request --watch--> partner, which does it
 *          <--watch-- /local/domain/N/data/contract/reply   <--WRITE--
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xen_platform;
struct channel;

#define CHANNEL_DATA 1200u /* fits into a node of a guest's with room to spare */

struct message {
	uint32_t number; /* of a request, and of its reply */
	uint32_t op;	 /* enum partner_op */
	int64_t arg[8];	 /* of a reply, arg[0]: the result */
	uint32_t len;
	uint8_t data[CHANNEL_DATA];
};

/* The test's end to the partner in @domid, when it is there; the partner's. Failures end the program. */
struct channel *channel_to(struct xen_platform *dom0, uint32_t domid);
struct channel *channel_serve(struct xen_platform *guest);
/* Forgets the other end, which has ended; leaves no nodes. */
void channel_close(struct channel *channel);

/* Has @m done: it holds the reply then. -ENOTCONN: nobody answers. */
int channel_call(struct channel *channel, struct message *m);
/* The next request; and its reply. */
void channel_next(struct channel *channel, struct message *m);
void channel_reply(struct channel *channel, const struct message *m);
/* Nobody else may find this partner. */
void channel_hide(struct channel *channel);

#endif
