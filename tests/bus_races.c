/* SPDX-License-Identifier: MIT */
/* The toolstack and the world at their worst: nodes made in any order, replaced, removed, poked. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <xenbus/host.h>
#include "bus_world.h"

static const char *const node_keys[][2] = {
	{ FRONT "/backend", BACK },  { FRONT "/backend-id", "0" }, { FRONT "/state", "1" },
	{ BACK "/frontend", FRONT }, { BACK "/frontend-id", "0" }, { BACK "/state", "1" },
};
#define KEYS 6

struct order {
	struct world *w;
	int key[KEYS];
};

static int write_in_order(struct xenbus *bus, void *arg)
{
	struct order *order = arg;
	int err = 0;

	for (int i = 0; i < KEYS && !err; i++) {
		const char *const *key = node_keys[order->key[i]];

		err = xenbus_write(bus, XBT_NIL, key[0], "", key[1]);
	}
	return err;
}

static bool next_permutation(int *a)
{
	int i = KEYS - 2, j = KEYS - 1;

	while (i >= 0 && a[i] > a[i + 1])
		i--;
	if (i < 0)
		return false;
	while (a[j] < a[i])
		j--;
	a[i] ^= a[j], a[j] ^= a[i], a[i] ^= a[j];
	for (i++, j = KEYS - 1; i < j; i++, j--)
		a[i] ^= a[j], a[j] ^= a[i], a[i] ^= a[j];
	return true;
}

static bool nobody_left(struct world *w)
{
	struct xenbus_counts front, back;

	xenbus_counts(w->front.bus, &front);
	xenbus_counts(w->back.bus, &back);
	return !front.devices && !back.devices;
}

/* Race 1 of the field: on Linux a backend node seen before its keys is never looked at again. Every one of
 * the 720 orders, without a transaction. */
static void nodes_made_in_any_order_connect(void **state)
{
	struct order order = { .key = { 0, 1, 2, 3, 4, 5 } };
	struct world w = { 0 };

	world_start(&w);
	order.w = &w;
	do {
		assert_int_equal(xenbus_task_run(w.toolstack, write_in_order, &order), 0);
		world_expect_connected(&w);
		world_rm(&w, FRONT);
		world_rm(&w, BACK);
		world_until(&w, nobody_left);
	} while (next_permutation(order.key));
	world_stop(&w);
}

static int replace_both(struct xenbus *bus, void *arg)
{
	struct xenbus_transaction t;
	int err;

	do {
		err = xenbus_transaction_start(bus, &t);
		if (err)
			return err;
		xenbus_rm(bus, t, FRONT, "");
		xenbus_rm(bus, t, BACK, "");
		for (int i = 0; i < KEYS && !err; i++)
			err = xenbus_write(bus, t, node_keys[i][0], "", node_keys[i][1]);
		if (!err)
			err = xenbus_write(bus, t, BACK, "online", "1");
		err = xenbus_transaction_end(bus, t, err != 0) ?: err;
	} while (err == -EAGAIN);
	return err;
}

/* Race 4: both nodes removed and made again in one transaction, at every step of the negotiation: the loop is
 * stopped after 1, 2, 3, ... turns and the nodes are replaced under the drivers' feet. */
static void replaced_at_every_step_they_still_connect(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	for (int turns = 0; turns < 120; turns++) {
		world_attach(&w);
		for (int i = 0; i < turns; i++)
			xenbus_host_dispatch(w.host, 0);
		assert_int_equal(world_task(&w, replace_both), 0);
		world_expect_connected(&w);
		world_rm(&w, FRONT);
		world_rm(&w, BACK);
		world_until(&w, nobody_left);
		assert_int_equal(w.front.probes, w.front.removes);
		assert_int_equal(w.back.probes, w.back.removes);
	}
	world_stop(&w);
}

static bool reconnected(struct world *w)
{
	return w->front.disconnects >= 1 && w->back.disconnects >= 1 && w->front.connects >= 2 &&
	       w->back.connects >= 2;
}

/* Race 3: the frontend's state is reset to 1 while both are Connected. */
static void a_frontend_poked_back_to_1_connects_again(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	world_write(&w, FRONT "/state", "1");
	world_until(&w, reconnected);
	world_expect_connected(&w);
	world_stop(&w);
}

static void a_backend_poked_back_to_1_connects_again(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	world_write(&w, BACK "/state", "1");
	world_until(&w, reconnected);
	world_expect_connected(&w);
	world_stop(&w);
}

static bool front_stopped(struct world *w)
{
	return w->front.disconnects == 1 && w->back.removes == 1;
}

/* Race 5: the backend's directory goes while both are Connected: the frontend stops, and nothing hangs. */
static void a_removed_backend_stops_the_frontend(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	world_rm(&w, BACK);
	world_until(&w, front_stopped);
	world_expect_states(&w, XenbusStateClosed, XENBUS_STATE_GONE);
	world_rm(&w, FRONT);
	world_until(&w, nobody_left);
	world_stop(&w);
}

static bool back_stopped(struct world *w)
{
	return w->back.disconnects == 1 && w->front.removes == 1;
}

static void a_removed_frontend_stops_the_backend(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	world_rm(&w, FRONT);
	world_until(&w, back_stopped);
	world_expect_states(&w, XENBUS_STATE_GONE, XenbusStateClosed);
	world_stop(&w);
}

/* State 5 in the backend's node is the toolstack's request: while the frontend is Connected it is served. */
static void a_toolstack_asks_and_the_backend_waits_for_the_frontend(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	world_write(&w, BACK "/online", "0");
	world_write(&w, BACK "/state", "5");
	world_expect_states(&w, XenbusStateClosed, XenbusStateClosed);
	assert_int_equal(w.back.disconnects, 1);
	world_stop(&w);
}

/* A frontend may write anything at all into its state. */
static void nonsense_in_the_frontends_state_is_survived(void **state)
{
	static const char *const nonsense[] = { "",	      "0",  "2",  "9", "10",
						"4294967300", "-1", "4 ", "x", "\x01\xff" };
	struct world w = { 0 };

	world_start(&w);
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++) {
		world_attach(&w);
		world_expect_connected(&w);
		xenbus_unregister_driver(w.front.bus, &w.front.drv); /* nobody mends it */
		while (xenbus_driver_devices(w.front.bus, &w.front.drv))
			xenbus_host_dispatch(w.host, 10);
		world_write(&w, FRONT "/state", nonsense[i]);
		for (int turn = 0; turn < 20; turn++)
			xenbus_host_dispatch(w.host, 0);
		assert_non_null(w.back.dev);
		world_rm(&w, FRONT);
		world_rm(&w, BACK);
		world_until(&w, nobody_left);
		assert_int_equal(xenbus_register_frontend(w.front.bus, &w.front.drv), 0);
	}
	world_stop(&w);
}

/* The backend's path to its frontend leads out of the domain's home, or to another domain's. */
static void a_forged_path_is_not_followed(void **state)
{
	static const char *const forged[] = { "/tool",
					      "/local/domain/1/device/test/0",
					      "/local/domain/x/device",
					      "/local/domain/0x/device/test/0",
					      "",
					      "device/test/0" };
	struct world w = { 0 };

	world_start(&w);
	for (size_t i = 0; i < sizeof(forged) / sizeof(*forged); i++) {
		world_write(&w, BACK "/frontend", forged[i]);
		world_write(&w, BACK "/frontend-id", "0");
		world_write(&w, BACK "/state", "1");
		for (int turn = 0; turn < 20; turn++)
			xenbus_host_dispatch(w.host, 0);
		assert_int_equal(world_state(&w, BACK), 1);
		assert_int_equal(w.back.probes, 0);
		world_rm(&w, BACK);
		world_until(&w, nobody_left);
	}
	world_stop(&w);
}

static bool front_removed(struct world *w)
{
	return w->front.removes == 1;
}

/* The instance is overwritten, which no event is listened for: the next state to be written finds out. */
static void a_state_is_not_written_under_another_instance(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	world_write(&w, FRONT "/instance", "somebody else");
	xenbus_close_device(w.front.dev);
	world_until(&w, front_removed);
	assert_int_equal(world_state(&w, FRONT), XenbusStateConnected);
	world_rm(&w, FRONT);
	world_rm(&w, BACK);
	world_stop(&w);
}

static bool back_saw_the_front_reopen(struct world *w)
{
	struct xenbus_counts counts;

	xenbus_counts(w->back.bus, &counts);
	return w->back.dev->otherend_state == XenbusStateInitialising && !counts.fibers;
}

static void a_backend_that_is_offline_stays_closed(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	world_write(&w, BACK "/online", "0");
	xenbus_close_device(w.front.dev);
	world_expect_states(&w, XenbusStateClosed, XenbusStateClosed);
	xenbus_reopen_device(w.front.dev);
	world_until(&w, back_saw_the_front_reopen);
	assert_int_equal(world_state(&w, BACK), XenbusStateClosed);
	assert_int_equal(w.back.features, 1);
	world_stop(&w);
}

/* Nobody but the backend itself can notice: it has just written its state, and there is no frontend. */
static void a_backend_without_a_frontend_closes_when_asked(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	xenbus_unregister_driver(w.front.bus, &w.front.drv);
	world_attach(&w);
	world_expect_states(&w, XenbusStateInitialising, XenbusStateInitWait);
	world_write(&w, BACK "/state", "5");
	world_expect_states(&w, XenbusStateInitialising, XenbusStateClosed);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_made_in_any_order_connect),
		cmocka_unit_test(replaced_at_every_step_they_still_connect),
		cmocka_unit_test(a_frontend_poked_back_to_1_connects_again),
		cmocka_unit_test(a_backend_poked_back_to_1_connects_again),
		cmocka_unit_test(a_removed_backend_stops_the_frontend),
		cmocka_unit_test(a_removed_frontend_stops_the_backend),
		cmocka_unit_test(a_toolstack_asks_and_the_backend_waits_for_the_frontend),
		cmocka_unit_test(nonsense_in_the_frontends_state_is_survived),
		cmocka_unit_test(a_forged_path_is_not_followed),
		cmocka_unit_test(a_state_is_not_written_under_another_instance),
		cmocka_unit_test(a_backend_that_is_offline_stays_closed),
		cmocka_unit_test(a_backend_without_a_frontend_closes_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
