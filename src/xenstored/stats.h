/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_STATS_H
#define XENSTORED_STATS_H
/*
 * CONTROL "stats": who makes how much work, who waits, and who makes whose transactions fail.
 *
 *      stats				the store as a whole
 *      stats domain N			one domain
 *      stats domains [FROM]		domains from number FROM on, as many as fit
 *      stats connections [FROM]	connections from id FROM on
 *      stats conflicts [FROM]		why transactions of domains were lost, from domain FROM on
 *
 * Each answer is one JSON object of at most 4096 bytes; a list's member "next" is what to give as FROM for the rest of
 * it, or null. xenstored(8) names the members. Each counts from the start of what it is about and is of the moment of
 * its answer; whoever wants rates asks twice.
 */
#include <stddef.h>

#include <xenbus/wire.h>

struct server;

/* @args are whole strings. Returns the answer's length, with a NUL, or -errno: -EINVAL the arguments, -ENOENT no such domain. */
int stats_command(struct server *server, struct wire_strings args, char *reply, size_t size);

#endif
