/* SPDX-License-Identifier: MIT */
/* The advisories that are about a store's clients: ours are the session, the bus and its toolstack side. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <xen/io/xs_wire.h>

#include "../bus_world.h"
#include "../client_world.h"
#include "../failing_alloc.h"

#define SHORT_NS 20000000u
#define VICTIM_FRONT "/local/domain/5/device/test/0"
#define VICTIM_BACK "/local/domain/9/backend/test/0/0"
#define FORGED "/local/domain/0/backend/test/0/1"

static int attach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_attach(bus, &((struct world *)arg)->device);
}

static int detach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_detach(bus, &((struct world *)arg)->device, true, SHORT_NS);
}

static void without_drivers(struct world *w)
{
	world_start(w);
	xenbus_unregister_driver(w->front.bus, &w->front.drv);
	xenbus_unregister_driver(w->back.bus, &w->back.drv);
}

/* A whole device of two other domains. */
static void make_victim(struct world *w)
{
	world_write(w, VICTIM_FRONT "/state", "4");
	world_write(w, VICTIM_FRONT "/backend", VICTIM_BACK);
	world_write(w, VICTIM_FRONT "/backend-id", "9");
	world_write(w, VICTIM_BACK "/state", "4");
	world_write(w, VICTIM_BACK "/frontend", VICTIM_FRONT);
	world_write(w, VICTIM_BACK "/frontend-id", "5");
}

static void expect_victim_untouched(struct world *w)
{
	assert_int_equal(world_state(w, VICTIM_FRONT), 4);
	assert_int_equal(world_state(w, VICTIM_BACK), 4);
	world_rm(w, "/local/domain/5");
	world_rm(w, "/local/domain/9");
}

/* A guest says that its device is one of the victim's backend's: its own is removed all the same, and nothing else. */
static void a_forged_frontend(struct world *w)
{
	assert_int_equal(world_task(w, attach), 0);
	make_victim(w);
	world_write(w, FRONT "/backend", VICTIM_BACK);
	world_write(w, FRONT "/backend-id", "9");
	assert_int_equal(world_task(w, detach), 0);
	assert_int_equal(world_state(w, FRONT), XENBUS_STATE_GONE);
	assert_int_equal(world_state(w, BACK), XENBUS_STATE_GONE);
	expect_victim_untouched(w);
}

static void xsa_175(void **state)
{
	struct world w = { 0 };

	without_drivers(&w);
	a_forged_frontend(&w);
	world_stop(&w);
}

/* A driver domain says that its device is the victim's frontend's. */
static void a_forged_backend(struct world *w)
{
	assert_int_equal(world_task(w, attach), 0);
	make_victim(w);
	world_write(w, BACK "/frontend", VICTIM_FRONT);
	world_write(w, BACK "/frontend-id", "5");
	assert_int_equal(world_task(w, detach), 0);
	assert_int_equal(world_state(w, BACK), XENBUS_STATE_GONE);
	expect_victim_untouched(w);
}

/* The driver of a backend whose other end is no device, or not of the domain it serves, never sees it. */
static void a_path_that_is_no_device(void)
{
	static const char *const paths[] = { "/tool", VICTIM_FRONT, "device/test/0", "/local/domain/0", "" };
	struct world w = { 0 };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		world_start(&w);
		world_write(&w, FORGED "/frontend", paths[i]);
		world_write(&w, FORGED "/frontend-id", "0");
		world_write(&w, FORGED "/online", "1");
		world_write(&w, FORGED "/state", "1");
		world_attach(&w); /* behind it: when this one is connected, the forged one has been judged */
		world_expect_connected(&w);
		assert_int_equal(w.back.probes, 1);
		assert_int_equal(world_state(&w, FORGED), 1);
		world_rm(&w, FORGED);
		world_stop(&w);
	}
}

static void xsa_178(void **state)
{
	struct world w = { 0 };

	without_drivers(&w);
	a_forged_backend(&w);
	world_stop(&w);
	a_path_that_is_no_device();
}

static long most_live; /* allocations while an event is handed out */

static void fired(struct test_watch *watch)
{
	if (failing_alloc.live > most_live)
		most_live = failing_alloc.live;
}

/* Toggled ten thousand times while nobody looks, then many nodes once: no allocation more, and equal ones are one. */
static void xsa_349(void **state)
{
	struct client_world w;
	struct test_watch watch = test_watch("/w");
	char path[64];
	long before;

	client_world_init(&w);
	watch.then = fired;
	assert_int_equal(xenstore_watch_add(w.xs, &watch.watch, NULL), 0);
	settle(&w);
	watch.fired = 0;
	most_live = before = failing_alloc.live;
	for (int i = 0; i < 10000; i++)
		fake_store_event(&w.store, "/w/state", w.store.token);
	settle(&w);
	assert_true(watch.fired >= 1 && watch.fired < 500);
	watch.fired = 0;
	for (int i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), "/w/%d", i);
		fake_store_event(&w.store, path, w.store.token);
	}
	settle(&w);
	assert_int_equal(watch.fired, 10000);
	assert_string_equal(watch.last, "/w/9999");
	assert_int_equal(most_live, before);
	client_world_deinit(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		{ "xsa-175", xsa_175, NULL, NULL, NULL },
		{ "xsa-178", xsa_178, NULL, NULL, NULL },
		{ "xsa-349", xsa_349, NULL, NULL, NULL },
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("advisories_clients", tests, NULL, NULL);
}
