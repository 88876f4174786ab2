/* SPDX-License-Identifier: MIT */
#ifndef TESTS_LOCAL_STORE_H
#define TESTS_LOCAL_STORE_H
/* The store of a local world, by the programs as they ship, and clients on its socket. Failures are cmocka's. */
#include <xenbus/client.h>
#include <xenbus/host.h>

struct local_store {
	char top[32]; /* a folder of its own, empty but for .dir: the test may keep files there, and removes them */
	char dir[64];  /* the world's run directory, which XENBUS_RUN_DIR names */
	char path[96]; /* the store's socket */
};

/* `xenbus up`. */
void local_store_begin(struct local_store *store);
/* `xenbus down`, when every program that was started has ended. 0; not 0: that failed, or files are left. */
int local_store_end(struct local_store *store);

struct client {
	struct xenbus_host *host;
	struct xenstore *xs;
};

/* Connected; ended by client_end(). */
struct client client_begin(const struct local_store *store);
void client_end(struct client *client);

#endif
