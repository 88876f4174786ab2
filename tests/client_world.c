/* SPDX-License-Identifier: MIT */
#include "client_world.h"

static void on_lost(void *ctx, int error)
{
	struct client_world *world = ctx;

	world->lost++;
	world->lost_error = error;
}

static void on_reconnected(void *ctx)
{
	struct client_world *world = ctx;

	world->reconnected++;
}

static void on_message(void *ctx, bool out, uint32_t op, uint32_t req_id, uint32_t tx_id, const void *payload,
		       size_t len)
{
	struct client_world *world = ctx;

	world->messages_out += out;
	world->messages_in += !out;
}

int client_world_open(struct client_world *world)
{
	const struct xenstore_events events = {
		.lost = on_lost, .reconnected = on_reconnected, .message = on_message, .ctx = world
	};

	return xenstore_open_socket(&world->host.base, world->store.path, &events, &world->xs);
}

void client_world_init_closed(struct client_world *world)
{
	memset(world, 0, sizeof(*world));
	virtual_host_init(&world->host);
	fake_store_init(&world->store);
	world->host.idle = fake_store_step;
	world->host.ctx = &world->store;
}

void client_world_init(struct client_world *world)
{
	client_world_init_closed(world);
	assert_int_equal(client_world_open(world), 0);
}

void client_world_deinit(struct client_world *world)
{
	xenstore_close(world->xs);
	virtual_host_deinit(&world->host);
	fake_store_deinit(&world->store);
}

void settle(struct client_world *world)
{
	virtual_host_settle(&world->host);
}

void test_done(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct test_request *r = list_entry(req, struct test_request, req);

	r->done++;
	r->error = error;
	r->len = len;
	if (error) {
		assert_null(reply);
	} else {
		assert_int_equal(reply[len], '\0');
		memcpy(r->reply, reply, len + 1);
	}
	if (r->then)
		r->then(r);
}

void test_fired(struct xenstore_watch *watch, const char *path)
{
	struct test_watch *w = list_entry(watch, struct test_watch, watch);

	w->fired++;
	snprintf(w->last, sizeof(w->last), "%s", path);
	if (w->then)
		w->then(w);
}

struct test_request test_request(void)
{
	return (struct test_request){ .req.done = test_done };
}

struct test_watch test_watch(const char *path)
{
	return (struct test_watch){ .watch = { .path = path, .fired = test_fired } };
}

int submit(struct client_world *world, struct test_request *req, uint32_t op, const char *string)
{
	const struct iovec iov = { .iov_base = (void *)(uintptr_t)string, .iov_len = strlen(string) + 1 };

	req->world = world;
	return xenstore_submit(world->xs, &req->req, op, XBT_NULL, &iov, 1);
}
