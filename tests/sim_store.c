/* SPDX-License-Identifier: MIT */
/* The daemon that ships, in the simulator: it serves, is killed, fails, begins anew. */
#include <stdio.h>
#include <xenbus/client.h>
#include <xenbus/wire.h>

#include "server.h"
#include "sim_world.h"

#define SOCKET "/run/xenstored/socket"

struct store {
	struct sim_process *process;
	struct server server;
	bool failed; /* it did not open: closed already */
	bool freed;
	void (*fault)(struct sim_process *process, uint64_t nth);
	uint64_t nth;
};

static int serve(void *ctx)
{
	return server_serve(&((struct store *)ctx)->server);
}

/* What fails is told in the log, and closed. */
static void accepted(void *ctx, int fd)
{
	server_accept(&((struct store *)ctx)->server, fd);
}

static void hear(void *ctx, int priority, const char *line)
{
}

static void free_store(void *ctx, struct sim_process *process)
{
	struct store *store = ctx;

	if (!store->failed)
		server_close(&store->server);
	sim_process_free(process);
	store->freed = true;
}

/* 0, or server_open()'s error, and it is freed then. */
static int start_store(struct store *store, struct sim *sim)
{
	const struct sim_process_config config = {
		.domid = 0, .name = "xenstored", .loop = serve, .died = free_store, .ctx = store
	};
	struct options options = { .platform = PLATFORM_REQUIRED };
	struct server_world world;
	int err;

	memset(&store->server, 0, sizeof(store->server));
	store->freed = false;
	store_quota_defaults(&options.quota);
	assert_int_equal(sim_process_start(sim, &config, &store->process), 0);
	if (store->fault)
		store->fault(store->process, store->nth);
	world.host = sim_process_host(store->process);
	world.platform = sim_process_platform(store->process);
	store->server.log.sink = hear;
	err = server_open(&store->server, &options, &world);
	if (!err)
		err = sim_listen(store->process, SOCKET, accepted, store);
	else
		store->failed = true;
	return err;
}

static int call(struct xenstore *xs, uint32_t op, const char *payload, size_t len, char **reply)
{
	const struct iovec iov = { (void *)(uintptr_t)payload, len };

	return xenstore_call(xs, op, XBT_NULL, &iov, 1, reply, NULL);
}

/* Says of domain @domid what a toolstack says: 0 or the first error. */
static int introduce(struct xenstore *xs, uint32_t domid, const struct sim_store *where)
{
	char payload[64];
	int len = snprintf(payload, sizeof(payload), "%u%c%llu%c%u", domid, 0, (unsigned long long)where->gfn,
			   0, where->port);
	int err = call(xs, XS_INTRODUCE, payload, (size_t)len + 1, NULL);

	len = snprintf(payload, sizeof(payload), "/local/domain/%u", domid);
	if (!err)
		err = call(xs, XS_MKDIR, payload, (size_t)len + 1, NULL);
	len = snprintf(payload, sizeof(payload), "/local/domain/%u%cn%u", domid, 0, domid);
	if (!err)
		err = call(xs, XS_SET_PERMS, payload, (size_t)len + 1, NULL);
	return err;
}

struct world {
	struct noting noting;
	struct sim *sim;
	struct sim_store where;
	struct store store;
	struct sim_process *toolstack, *guest;
	struct xenstore *dom0, *domu;
};

static void world_begin(struct world *w, uint64_t seed)
{
	struct sim_config config = {
		.seed = seed, .violation = note_violation, .step = note_step, .ctx = &w->noting
	};

	memset(w, 0, sizeof(*w));
	assert_int_equal(sim_new(&config, &w->noting.sim), 0);
	w->sim = w->noting.sim;
	assert_int_equal(sim_domain_create(w->sim, 5, &w->where), 0);
	w->toolstack = start(w->sim, 0, "toolstack");
	w->guest = start(w->sim, 5, "guest");
}

/* The clients first, as their programs would; then the store, unless it is dead and freed. */
static void world_end(struct world *w)
{
	xenstore_close(w->domu);
	xenstore_close(w->dom0);
	sim_process_free(w->guest);
	sim_process_free(w->toolstack);
	assert_int_equal(sim_domain_destroy(w->sim, 5), 0);
	while (!w->store.freed && sim_process_dead(w->store.process))
		sim_step(w->sim);
	if (!w->store.freed)
		free_store(&w->store, w->store.process);
	noting_deinit(&w->noting);
}

static void open_clients(struct world *w)
{
	struct xenbus_host *host = sim_process_host(w->guest);

	assert_int_equal(xenstore_open_socket(sim_process_host(w->toolstack), SOCKET, NULL, &w->dom0), 0);
	assert_int_equal(xenstore_open_ring(host, sim_process_platform(w->guest), NULL, &w->domu), 0);
}

static void expect_service(struct world *w)
{
	char *value;

	assert_int_equal(introduce(w->dom0, 5, &w->where), 0);
	assert_int_equal(call(w->domu, XS_WRITE, "data\0here", 9, NULL), 0);
	assert_int_equal(call(w->dom0, XS_READ, "/local/domain/5/data", 21, &value), 0);
	assert_string_equal(value, "here");
	free(value);
}

static void it_serves_under_many_seeds(void **state)
{
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct world w;

		world_begin(&w, seed);
		assert_int_equal(start_store(&w.store, w.sim), 0);
		open_clients(&w);
		expect_service(&w);
		world_end(&w);
	}
}

/* Every step of a run, as text. Returns its length. */
static size_t run_of(uint64_t seed, char *text, size_t size)
{
	struct world w;
	size_t len;

	world_begin(&w, seed);
	assert_int_equal(start_store(&w.store, w.sim), 0);
	open_clients(&w);
	expect_service(&w);
	len = w.noting.len;
	assert_true(len > 0 && len < size);
	memcpy(text, w.noting.text, len);
	world_end(&w);
	return len;
}

static void a_seed_is_one_run(void **state)
{
	static char one[1 << 20], two[1 << 20];

	for (uint64_t seed = 0; seed < 10; seed++) {
		size_t len = run_of(seed, one, sizeof(one));

		assert_int_equal(run_of(seed, two, sizeof(two)), len);
		assert_memory_equal(one, two, len);
		assert_int_not_equal(run_of(seed + 1, two, sizeof(two)) == len && !memcmp(one, two, len), 1);
	}
}

static void killed_it_can_be_begun_anew(void **state)
{
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct world w;

		world_begin(&w, seed);
		assert_int_equal(start_store(&w.store, w.sim), 0);
		open_clients(&w);
		expect_service(&w);
		sim_process_kill(w.store.process);
		assert_int_equal(call(w.dom0, XS_READ, "/local/domain/5/data", 21, NULL), -ENOTCONN);
		while (!w.store.freed)
			assert_true(sim_step(w.sim));
		assert_int_equal(start_store(&w.store, w.sim), 0);
		while (call(w.dom0, XS_READ, "/", 2, NULL)) /* it finds the way back */
			assert_true(sim_step(w.sim));
		assert_int_equal(introduce(w.dom0, 5, &w.where), 0);
		world_end(&w);
	}
}

static void nothing(struct xenstore_request *req, int error, const char *reply, size_t len)
{
}

/* What two clients do to a store that may fail or die on the way: nobody waits for ever, nothing is left. */
static void be_clients(struct world *w)
{
	static struct xenstore_request write;
	const struct iovec iov = { (void *)(uintptr_t) "data\0here", 9 };

	write = (struct xenstore_request){ .done = nothing };
	if (!xenstore_open_socket(sim_process_host(w->toolstack), SOCKET, NULL, &w->dom0))
		introduce(w->dom0, 5, &w->where);
	assert_int_equal(xenstore_open_ring(sim_process_host(w->guest), sim_process_platform(w->guest), NULL,
					    &w->domu),
			 0);
	assert_int_equal(xenstore_submit(w->domu, &write, XS_WRITE, XBT_NULL, &iov, 1), 0);
	for (int steps = 0; steps < 50; steps++)
		sim_step(w->sim);
}

/* @fault the 1st, 2nd, 3rd ... call of the store through the seam, until it makes no more. */
static void sweep(void (*fault)(struct sim_process *process, uint64_t nth))
{
	bool hit = true;

	for (uint64_t nth = 1; hit; nth++) {
		struct world w;

		world_begin(&w, nth);
		w.store.fault = fault;
		w.store.nth = nth;
		if (start_store(&w.store, w.sim) == 0) {
			be_clients(&w);
			hit = w.store.freed || sim_process_dead(w.store.process) ||
			      sim_fault_hit(w.store.process);
		}
		world_end(&w);
		assert_true(nth < 200);
	}
}

static void it_can_die_in_any_call(void **state)
{
	sweep(sim_kill_at_call);
}

static void any_call_of_it_can_fail(void **state)
{
	sweep(sim_fail_call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_serves_under_many_seeds),  cmocka_unit_test(a_seed_is_one_run),
		cmocka_unit_test(killed_it_can_be_begun_anew), cmocka_unit_test(it_can_die_in_any_call),
		cmocka_unit_test(any_call_of_it_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
