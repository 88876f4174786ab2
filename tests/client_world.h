/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CLIENT_WORLD_H
#define TESTS_CLIENT_WORLD_H
/* A session, its virtual host and its fake store; and requests that remember how they ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <xenbus/client.h>

#include "fake_store.h"
#include "virtual_host.h"

struct client_world {
	struct virtual_host host;
	struct fake_store store;
	struct xenstore *xs;
	int lost, lost_error, reconnected, messages_in, messages_out;
};

struct test_request {
	struct xenstore_request req;
	int done, error;
	char reply[XENSTORE_PAYLOAD_MAX + 1];
	size_t len;
	void (*then)(struct test_request *req); /* runs inside done() */
	struct client_world *world;
};

struct test_watch {
	struct xenstore_watch watch;
	int fired;
	char last[XENSTORE_PAYLOAD_MAX];
	void (*then)(struct test_watch *watch);
	struct client_world *world;
};

/* With a session; without: client_world_open() tells how it went. */
void client_world_init(struct client_world *world);
void client_world_init_closed(struct client_world *world);
int client_world_open(struct client_world *world);
void client_world_deinit(struct client_world *world);
void settle(struct client_world *world);

void test_done(struct xenstore_request *req, int error, const char *reply, size_t len);
void test_fired(struct xenstore_watch *watch, const char *path);
struct test_request test_request(void);
struct test_watch test_watch(const char *path);
/* Submits @op on one string. */
int submit(struct client_world *world, struct test_request *req, uint32_t op, const char *string);

#endif
