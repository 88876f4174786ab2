/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "server_world.h"

static struct options quiet_options(void)
{
	struct options options = { .domain_init = true };

	store_quota_defaults(&options.quota);
	return options;
}

/* A world without a server in it. */
struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	virtual_host_init(&w->host);
	fake_xen_begin(&w->xen);
	return w;
}

void world_free(struct world *w)
{
	fake_xen_end(&w->xen);
	virtual_host_deinit(&w->host);
	free(w);
}

static void hear(void *ctx, int priority, const char *line)
{
	struct world *w = ctx;

	snprintf(w->said, sizeof(w->said), "%s", line);
}

int world_open_server(struct world *w)
{
	const struct server_world world = { .host = &w->host.base, .platform = &w->xen.platform };
	struct options options = quiet_options();

	w->server.log = (struct log){ .sink = hear, .ctx = w };
	return server_open(&w->server, &options, &world);
}

/* What is ready, and then a round: what server_serve() says. */
int world_serve(struct world *w)
{
	assert_true(xenbus_host_dispatch(&w->host.base, 0) >= 0);
	return server_serve(&w->server);
}

/* Rounds until there is nothing to do. */
void world_settle(struct world *w)
{
	for (int i = 0; i < 10000; i++) {
		int ran = xenbus_host_dispatch(&w->host.base, 0);

		if (server_serve(&w->server) < 0 && ran == 0)
			return;
	}
	fail_msg("it does not come to rest");
}

struct world *world_begin(void)
{
	struct world *w = world_new();

	assert_int_equal(world_open_server(w), 0);
	world_settle(w);
	return w;
}

void world_end(struct world *w)
{
	server_close(&w->server);
	world_free(w);
}

/* -- a guest's side ----------------------------------------------------------------------------- */

struct store_page guest_page(struct world *w, uint32_t domid)
{
	struct store_page page;

	store_page_attach(&page, w->xen.domains[domid].page);
	return page;
}

void guest_put(struct world *w, uint32_t domid, uint32_t type, uint32_t req_id, const char *payload,
	       size_t len)
{
	struct store_page page = guest_page(w, domid);
	char message[WIRE_MESSAGE_MAX];

	wire_header_put(message, type, req_id, 0, (uint32_t)len);
	memcpy(message + WIRE_HEADER_SIZE, payload, len);
	assert_int_equal(byte_ring_put(&page.req, message, WIRE_HEADER_SIZE + len), WIRE_HEADER_SIZE + len);
}

/* Takes @len bytes, letting the store go on while there are too few. */
static void get_bytes(struct world *w, uint32_t domid, void *to, size_t len)
{
	struct store_page page = guest_page(w, domid);

	for (int idle = 0; len; idle++) {
		int n = byte_ring_get(&page.rsp, to, len);

		assert_true(n >= 0 && idle < 100);
		to = (char *)to + n;
		len -= (size_t)n;
		fake_xen_kick(&w->xen, domid);
		world_settle(w);
	}
}

void guest_get(struct world *w, uint32_t domid, struct answer *answer)
{
	char header[WIRE_HEADER_SIZE];

	get_bytes(w, domid, header, sizeof(header));
	wire_header_get(header, &answer->header);
	assert_true(answer->header.len <= WIRE_PAYLOAD_MAX);
	get_bytes(w, domid, answer->payload, answer->header.len);
	answer->payload[answer->header.len] = '\0';
}

void guest_ask(struct world *w, uint32_t domid, uint32_t type, const char *payload, size_t len,
	       struct answer *answer)
{
	guest_put(w, domid, type, 77, payload, len);
	fake_xen_kick(&w->xen, domid);
	world_settle(w);
	guest_get(w, domid, answer);
	assert_int_equal(answer->header.req_id, 77);
}

void guest_expect_read(struct world *w, uint32_t domid, const char *path, const char *value)
{
	struct answer answer;

	guest_ask(w, domid, XS_READ, path, strlen(path) + 1, &answer);
	assert_string_equal(answer.payload, value);
}

const char *guest_introduce(struct world *w, uint32_t domid)
{
	static struct answer answer;
	char payload[32];
	int len = snprintf(payload, sizeof(payload), "%u%c1%c5", domid, 0, 0) + 1;

	guest_ask(w, 0, XS_INTRODUCE, payload, (size_t)len, &answer);
	return answer.payload;
}

void guest_add(struct world *w, uint32_t domid)
{
	struct answer answer;
	char payload[64];
	size_t len;

	fake_xen_create(&w->xen, domid);
	assert_string_equal(guest_introduce(w, domid), "OK");
	len = (size_t)snprintf(payload, sizeof(payload), "/local/domain/%u%c", domid, 0);
	guest_ask(w, 0, XS_MKDIR, payload, len, &answer);
	len = (size_t)snprintf(payload, sizeof(payload), "/local/domain/%u%cn%u", domid, 0, domid) + 1;
	guest_ask(w, 0, XS_SET_PERMS, payload, len, &answer);
	assert_string_equal(answer.payload, "OK");
}

bool guest_is_empty(struct world *w, uint32_t domid)
{
	struct store_page page = guest_page(w, domid);

	return byte_ring_used(&page.rsp) == 0;
}

void socket_ask(struct world *w, int fd, uint32_t type, uint32_t tx, const char *payload, size_t len,
		struct answer *answer)
{
	char message[WIRE_MESSAGE_MAX];

	wire_header_put(message, type, 78, tx, (uint32_t)len);
	memcpy(message + WIRE_HEADER_SIZE, payload, len);
	assert_int_equal(write(fd, message, WIRE_HEADER_SIZE + len), WIRE_HEADER_SIZE + len);
	world_settle(w);
	assert_int_equal(read(fd, message, WIRE_HEADER_SIZE), WIRE_HEADER_SIZE);
	wire_header_get(message, &answer->header);
	assert_int_equal(read(fd, answer->payload, answer->header.len), answer->header.len);
	answer->payload[answer->header.len] = '\0';
}

int socket_connect(struct world *w)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(server_accept(&w->server, pair[1]), 0);
	return pair[0];
}
