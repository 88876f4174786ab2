/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GOLDEN_TABLE_H
#define TESTS_GOLDEN_TABLE_H
/*
 * What Linux's own drivers were seen to answer: tests/golden/DRIVER.txt, which the lab records on real Xen.
 *
 *     before | event | answers | state | after | error
 *
 * The rows whose "before" is also an "after" are a machine: the state that the driver keeps, an event, the states that it
 * writes then, the state that it keeps from now on. struct linux_peer is that machine; all other rows are longer
 * histories, which it must tell as the kernel did.
 */
#include <stdbool.h>
#include <stddef.h>

#define GOLDEN_ROWS 512
#define GOLDEN_ANSWERS 8 /* states that one event brings about, at most */

struct golden_row {
	char before[16], event[40], after[16];
	unsigned int answers[GOLDEN_ANSWERS], count; /* states written, in order */
	unsigned int state;			     /* the node's at the end; 0: there is no node */
};

struct golden_table {
	struct golden_row rows[GOLDEN_ROWS];
	size_t count;
};

/* Of the file of that name in tests/golden. 0; -errno of opening it; -EINVAL a row is malformed, *@line says which. */
int golden_table_read(struct golden_table *table, const char *driver, unsigned int *line);
/* NULL: no such row. */
const struct golden_row *golden_table_find(const struct golden_table *table, const char *before,
					   const char *event);

/* A Linux backend as far as the store shows it. */
struct linux_peer {
	const struct golden_table *table;
	char own[16]; /* what it takes itself for; "": there is no device */
	unsigned int
		wrote; /* the bus's memory of its state: the same is not written again, whatever the node says */
	bool online;
};

/* Its device is there, at Initialising: the state that it writes first. */
unsigned int linux_peer_probe(struct linux_peer *peer);
/* Something happened to the other end's node: "keys frontend=3", "frontend-removed"; its own says @node. Returns how many
 * states it writes then, in order; -ENODEV it has no device; -ENOENT the table has no such row. */
int linux_peer_event(struct linux_peer *peer, const char *event, unsigned int node,
		     unsigned int answers[GOLDEN_ANSWERS + 1]);

#endif
