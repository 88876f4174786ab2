/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BUS_WORLD_H
#define TESTS_BUS_WORLD_H
/*
 * A store, a toolstack's bus, a frontend's and a backend's, all on one loop in one process, all of dom0.
 * The store is build/xenstored on a socket of its own, or the server whose socket BUS_TEST_STORE names:
 * so the same tests run against any xenstored.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xenbus/toolstack.h>
#include <xenbus/xenbus.h>

#define WORLD_NS_LIMIT 20000000000u /* a condition that does not come: a failed test, not a slow one */

/* What a test driver did and should do. */
struct world_end {
	struct xenbus *bus;
	struct xenbus_driver drv;
	struct xenbus_device *dev; /* the last one probed, NULL after remove() */
	unsigned int probes, removes, features, publishes, connects, disconnects;
	int fail;			 /* errno that publish() or connect() returns */
	struct xenbus_completion *stuck; /* publish() waits for it first */
	int stuck_result;
};

struct world {
	struct xenbus_host *host;
	struct xenbus *toolstack;
	struct world_end front, back;
	struct xenbus_toolstack_device device; /* test/0 of dom0, of dom0 */
	uint64_t deadline_ns;		       /* for the buses' wait reports; 0 default */
	long store_pid;			       /* 0: not ours */
	char dir[64], socket[96];
};

void world_start(struct world *w);
/* Closes everything and checks that nothing is left. */
void world_stop(struct world *w);
/* Kills the store, closes all buses without it, and checks as world_stop() does. */
void world_stop_without_store(struct world *w);
/* Kills the store that world_start() made, and starts a fresh one on the same socket. */
void world_restart_store(struct world *w);

/* Runs fn(w) in a toolstack fiber. */
int world_task(struct world *w, int (*fn)(struct xenbus *bus, void *w));
void world_attach(struct world *w);
/* Both states become these; fails the test where they do not. */
void world_expect_states(struct world *w, unsigned int front, unsigned int back);
void world_expect_connected(struct world *w);
/* Dispatches until *@flag, or fails. */
void world_until(struct world *w, bool (*condition)(struct world *w));
/* One toolstack write or rm, path relative to the frontend's or backend's node. */
void world_write(struct world *w, const char *path, const char *value);
void world_rm(struct world *w, const char *path);
/* 0..9, as xenbus_toolstack_entry. */
unsigned int world_state(struct world *w, const char *dir);
/* A value, or NULL; malloc'ed. */
char *world_read(struct world *w, const char *path);

#define FRONT "/local/domain/0/device/test/0"
#define BACK "/local/domain/0/backend/test/0/0"

#endif
