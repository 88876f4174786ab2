/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SERVER_WORLD_H
#define TESTS_SERVER_WORLD_H
/* The daemon in the test's own process, round by round: over rings of a fake Xen, over streams, in virtual time. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenbus/ring.h>
#include <xenbus/wire.h>

#include "fake_xen.h"
#include "server.h"
#include "virtual_host.h"

struct world {
	struct fake_xen xen;
	struct virtual_host host;
	struct server server;
	char said[1024]; /* the last line of the log */
};

/* Without a server in it. */
struct world *world_new(void);
void world_free(struct world *w);
/* server_open() of quiet options: 0 or its error. */
int world_open_server(struct world *w);
/* With a server at rest, dom0 introduced; and its end. */
struct world *world_begin(void);
void world_end(struct world *w);

/* What is ready, and then a round: what server_serve() says. */
int world_serve(struct world *w);
/* Rounds until there is nothing to do. */
void world_settle(struct world *w);

struct answer {
	struct xsd_sockmsg header;
	char payload[WIRE_PAYLOAD_MAX + 1];
};

/* -- a guest's side */

struct store_page guest_page(struct world *w, uint32_t domid);
/* A request onto its ring, whole; nobody is told. */
void guest_put(struct world *w, uint32_t domid, uint32_t type, uint32_t req_id, const char *payload,
	       size_t len);
/* The next message to it. */
void guest_get(struct world *w, uint32_t domid, struct answer *answer);
void guest_ask(struct world *w, uint32_t domid, uint32_t type, const char *payload, size_t len,
	       struct answer *answer);
void guest_expect_read(struct world *w, uint32_t domid, const char *path, const char *value);
/* By dom0: its answer, static. */
const char *guest_introduce(struct world *w, uint32_t domid);
/* Creates and introduces it and gives it its home. */
void guest_add(struct world *w, uint32_t domid);
bool guest_is_empty(struct world *w, uint32_t domid);

/* -- a client's, on its end of a stream */

/* Connects; the descriptor is the caller's. */
int socket_connect(struct world *w);
void socket_ask(struct world *w, int fd, uint32_t type, uint32_t tx, const char *payload, size_t len,
		struct answer *answer);

#endif
