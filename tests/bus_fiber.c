/* SPDX-License-Identifier: MIT */
/* One device, one fiber: what blocks, what must not, and that nobody else waits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <base/list.h>
#include <xenbus/host.h>
#include "bus_world.h"

static int attach(struct xenbus *bus, void *arg)
{
	struct world *w = arg;

	return xenbus_toolstack_attach(bus, &w->device);
}

static bool first_is_stuck(struct world *w)
{
	return w->front.publishes == 1;
}

static bool second_is_connected(struct world *w)
{
	return w->front.connects == 1 && w->back.connects == 1;
}

static bool both_removed(struct world *w)
{
	return w->front.removes == 2;
}

static uint64_t requests(struct world *w)
{
	struct xenbus_counts front, back;

	xenbus_counts(w->front.bus, &front);
	xenbus_counts(w->back.bus, &back);
	return front.requests + back.requests;
}

/* Attaches device 1 and waits until it is connected: how many requests of both ends the store served meanwhile. */
static uint64_t served_until_second_is_connected(struct world *w)
{
	uint64_t before = requests(w);

	w->device.id = 1;
	assert_int_equal(world_task(w, attach), 0);
	world_until(w, second_is_connected);
	return requests(w) - before;
}

static uint64_t served_alone(void)
{
	struct world w = { 0 };
	uint64_t served;

	world_start(&w);
	served = served_until_second_is_connected(&w);
	world_rm(&w, "/local/domain/0/device/test/1");
	world_stop(&w);
	return served;
}

/* Race 10: a driver that waits for ever holds up its own device alone. The second one is served as many
 * operations as if it were alone (an echo more or less); and the stuck one ends when its nodes go. */
static void a_stuck_device_delays_nobody(void **state)
{
	struct xenbus_completion never = { 0 };
	uint64_t alone = served_alone(), beside;
	struct world w = { 0 };

	world_start(&w);
	w.front.stuck = &never;
	assert_int_equal(world_task(&w, attach), 0);
	world_until(&w, first_is_stuck);
	w.front.stuck = NULL;
	beside = served_until_second_is_connected(&w);
	print_message("connected after %llu operations alone, %llu beside a stuck device\n",
		      (unsigned long long)alone, (unsigned long long)beside);
	assert_in_range(beside, 1, alone + 4);
	w.front.stuck_result = 0;
	world_rm(&w, FRONT);
	world_rm(&w, "/local/domain/0/device/test/1");
	world_until(&w, both_removed);
	assert_int_equal(w.front.stuck_result, -ENODEV);
	assert_null(never.waiter);
	world_stop(&w);
}

static void a_closing_bus_ends_stuck_drivers(void **state)
{
	struct xenbus_completion never = { 0 };
	struct world w = { 0 };

	world_start(&w);
	w.front.stuck = &never;
	assert_int_equal(world_task(&w, attach), 0);
	world_until(&w, first_is_stuck);
	world_stop(&w);
	assert_int_equal(w.front.stuck_result, -ENODEV);
}

static void blocking_calls_outside_a_fiber_are_refused(void **state)
{
	struct xenbus_transaction t;
	struct world w = { 0 };
	char *value;

	world_start(&w);
	assert_int_equal(xenbus_read(w.toolstack, XBT_NIL, "/tool", "", &value, NULL), -EDEADLK);
	assert_int_equal(xenbus_write(w.toolstack, XBT_NIL, "/tool/x", "", "1"), -EDEADLK);
	assert_int_equal(xenbus_transaction_start(w.toolstack, &t), -EDEADLK);
	assert_int_equal(xenbus_sleep(w.toolstack, 1), -EDEADLK);
	world_stop(&w);
}

static int wait_inside_transaction(struct xenbus *bus, void *arg)
{
	struct xenbus_completion c = { 0 };
	struct xenbus_transaction t, second;

	assert_int_equal(xenbus_transaction_start(bus, &t), 0);
	assert_int_equal(xenbus_wait(bus, &c, 0), -EDEADLK);
	assert_int_equal(xenbus_sleep(bus, 1), -EDEADLK);
	assert_int_equal(xenbus_transaction_start(bus, &second), -EBUSY);
	assert_int_equal(xenbus_write(bus, (struct xenbus_transaction){ t.id + 1 }, "/tool/x", "", "1"),
			 -EINVAL);
	assert_int_equal(xenbus_write(bus, t, "/tool/x", "", "1"), 0);
	assert_int_equal(xenbus_transaction_end(bus, t, true), 0);
	assert_int_equal(xenbus_exists(bus, XBT_NIL, "/tool/x", ""), 0);
	assert_int_equal(xenbus_transaction_end(bus, t, false), -EINVAL);
	return 0;
}

static void inside_a_transaction_only_the_store_is_waited_for(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	assert_int_equal(world_task(&w, wait_inside_transaction), 0);
	world_stop(&w);
}

/* Twenty fibers want a transaction each: eight have one, the others get theirs in the order of asking. */
struct queue_test {
	struct world *w;
	unsigned int asked, order[20], ended, open, most;
};
struct queue_task {
	struct queue_test *test;
	unsigned int number;
};

static int open_and_end(struct xenbus *bus, void *arg)
{
	struct queue_task *task = arg;
	struct queue_test *test = task->test;
	struct xenbus_transaction t;
	char *value;

	assert_int_equal(xenbus_transaction_start(bus, &t), 0);
	test->order[test->asked++] = task->number;
	if (++test->open > test->most)
		test->most = test->open;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(xenbus_read(bus, t, "/tool", "", &value, NULL), 0);
		free(value);
	}
	test->open--;
	return xenbus_transaction_end(bus, t, false);
}

static void count_end(void *arg, int result)
{
	assert_int_equal(result, 0);
	((struct queue_task *)arg)->test->ended++;
}

static void eight_transactions_at_once_the_rest_in_order(void **state)
{
	struct queue_task tasks[20];
	struct queue_test test = { 0 };
	struct world w = { 0 };

	world_start(&w);
	for (unsigned int i = 0; i < 20; i++) {
		tasks[i] = (struct queue_task){ &test, i };
		assert_int_equal(xenbus_task(w.toolstack, open_and_end, &tasks[i], count_end), 0);
	}
	while (test.ended < 20)
		xenbus_dispatch(w.toolstack, 10);
	assert_int_equal(test.most, 8);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(test.order[i], i);
	world_stop(&w);
}

/* A device that is condemned inside its transaction: the bus ends it, and the slot is free again. */
static int hold_a_transaction(struct xenbus_device *dev)
{
	struct xenbus_transaction t;
	char *value;
	int err = xenbus_transaction_start(dev->bus, &t);

	list_entry(dev->driver, struct world_end, drv)->publishes++;
	while (!err) {
		err = xenbus_read(dev->bus, t, dev->otherend, "state", &value, NULL);
		if (!err)
			free(value);
	}
	return err;
}

static bool holds_one(struct world *w)
{
	return w->front.publishes == 1;
}

static bool removed(struct world *w)
{
	struct xenbus_counts counts;

	xenbus_counts(w->front.bus, &counts);
	return w->front.removes == 1 && !counts.transactions;
}

static void a_condemned_device_leaves_no_transaction(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	w.front.drv.publish = hold_a_transaction;
	for (int round = 0; round < 12; round++) { /* more often than a store allows transactions */
		w.front.removes = w.front.probes = w.front.publishes = 0;
		assert_int_equal(world_task(&w, attach), 0);
		world_until(&w, holds_one);
		world_rm(&w, FRONT);
		world_until(&w, removed);
		world_rm(&w, BACK);
	}
	world_stop(&w);
}

/* A write of a driver whose nodes were replaced changes nothing. */
struct guard_test {
	struct world *w;
	int result;
	struct xenbus_device_work work;
};
static struct guard_test *guard_test_of(struct xenbus_device_work *work)
{
	return (struct guard_test *)((char *)work - offsetof(struct guard_test, work));
}

static void write_under_own_node(struct xenbus_device *dev, struct xenbus_device_work *work)
{
	guard_test_of(work)->result =
		xenbus_printf(dev->bus, XBT_NIL, dev->nodename, "from-the-dead", "%d", 1);
}

static bool write_tried(struct world *w)
{
	return ((struct guard_test *)w->front.dev->drvdata)->result != 1;
}

static void a_write_needs_the_instance(void **state)
{
	struct guard_test test = { .result = 1, .work = { .run = write_under_own_node } };
	struct world w = { 0 };

	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	w.front.dev->drvdata = &test;
	xenbus_post(w.front.dev, &test.work);
	world_until(&w, write_tried);
	assert_int_equal(test.result, 0);
	world_rm(&w, FRONT "/from-the-dead");

	world_write(&w, FRONT "/instance", "somebody else");
	test.result = 1;
	xenbus_post(w.front.dev, &test.work);
	world_until(&w, write_tried);
	assert_int_equal(test.result, -ENODEV);
	assert_null(world_read(&w, FRONT "/from-the-dead"));
	world_rm(&w, FRONT);
	world_rm(&w, BACK);
	world_stop(&w);
}

static int gather_some(struct xenbus *bus, void *arg)
{
	unsigned int number = 0;
	char *a = NULL, *b = NULL;

	assert_int_equal(xenbus_write(bus, XBT_NIL, "/tool/t/a", "", "text"), 0);
	assert_int_equal(xenbus_write(bus, XBT_NIL, "/tool/t/n", "", "42"), 0);
	assert_int_equal(xenbus_gather(bus, XBT_NIL, "/tool/t", "a", NULL, &a, "n", "%u", &number, NULL), 0);
	assert_string_equal(a, "text");
	assert_int_equal(number, 42);
	free(a);
	a = NULL;
	assert_int_equal(xenbus_gather(bus, XBT_NIL, "/tool/t", "a", NULL, &a, "missing", NULL, &b, NULL),
			 -ENOENT);
	assert_int_equal(xenbus_gather(bus, XBT_NIL, "/tool/t", "a", NULL, &a, "a", "%u", &number, NULL),
			 -ERANGE);
	assert_null(a);
	assert_null(b);
	assert_int_equal(xenbus_read_unsigned(bus, "/tool/t", "n", 7), 42);
	assert_int_equal(xenbus_read_unsigned(bus, "/tool/t", "a", 7), 7);
	return xenbus_rm(bus, XBT_NIL, "/tool/t", "");
}

static void gather_reads_all_or_nothing(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	assert_int_equal(world_task(&w, gather_some), 0);
	world_stop(&w);
}

/* 500 names of 12 bytes do not fit one answer. */
static int list_many(struct xenbus *bus, void *arg)
{
	char name[32], **names;
	size_t count;

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "/tool/many/name-%06d", i);
		assert_int_equal(xenbus_mkdir(bus, XBT_NIL, name, ""), 0);
	}
	assert_int_equal(xenbus_directory(bus, XBT_NIL, "/tool", "many", &names, &count), 0);
	assert_int_equal(count, 500);
	for (int i = 0; i < 500; i++)
		assert_int_equal(strlen(names[i]), 11);
	free(names);
	assert_int_equal(xenbus_directory(bus, XBT_NIL, "/tool/many/name-000001", "", &names, &count), 0);
	assert_int_equal(count, 0);
	free(names);
	assert_int_equal(xenbus_directory(bus, XBT_NIL, "/tool/none", "", &names, &count), -ENOENT);
	return xenbus_rm(bus, XBT_NIL, "/tool/many", "");
}

static void long_listings_come_in_parts(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	assert_int_equal(world_task(&w, list_many), 0);
	world_stop(&w);
}

static bool error_reported(struct world *w)
{
	char *error = world_read(w, "/local/domain/0/error/device/test/0/error");
	bool there = error && strstr(error, "Initialised") && strstr(error, "InitWait");

	free(error);
	return there;
}

/* A wait that takes too long is reported, with both states, and then goes on. */
static void a_long_wait_is_reported_and_not_fatal(void **state)
{
	struct world w = { .deadline_ns = 30000000 };
	uint64_t since;

	world_start(&w);
	w.back.drv.connect = NULL;
	w.back.drv.features = NULL;
	w.back.drv.otherend_changed = NULL; /* a backend that nobody drives: the test writes its state */
	assert_int_equal(world_task(&w, attach), 0);
	world_write(&w, BACK "/feature-test", "1");
	world_write(&w, BACK "/state", "2");
	world_until(&w, error_reported);
	assert_non_null(xenbus_waiting_for(w.front.dev, &since));
	world_write(&w, BACK "/state", "4");
	world_expect_connected(&w);
	assert_null(xenbus_waiting_for(w.front.dev, &since));
	world_stop(&w);
}

/* The store dies and comes back empty: nothing hangs, the devices are gone, and new ones connect. */
static bool gone(struct world *w)
{
	struct xenbus_counts front, back;

	xenbus_counts(w->front.bus, &front);
	xenbus_counts(w->back.bus, &back);
	return !front.devices && !back.devices;
}

static void a_restarted_store_is_found_again(void **state)
{
	struct world w = { 0 };

	if (getenv("BUS_TEST_STORE"))
		skip();
	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	world_restart_store(&w);
	world_until(&w, gone);
	assert_int_equal(w.front.disconnects, 1);
	assert_int_equal(w.back.disconnects, 1);
	while (world_task(&w, attach) == -ENOTCONN)
		xenbus_dispatch(w.toolstack, 10);
	world_expect_connected(&w);
	world_stop(&w);
}

/* A bus must end without its store: nothing waits for an answer that cannot come, a parked driver neither. */
static void a_bus_closes_without_its_store(void **state)
{
	struct xenbus_completion never = { 0 };

	for (int stuck = 0; stuck < 2; stuck++) {
		struct world w = { 0 };

		if (getenv("BUS_TEST_STORE"))
			skip();
		world_start(&w);
		w.front.stuck = stuck ? &never : NULL;
		assert_int_equal(world_task(&w, attach), 0);
		if (stuck)
			world_until(&w, first_is_stuck);
		else
			world_expect_connected(&w);
		world_stop_without_store(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stuck_device_delays_nobody),
		cmocka_unit_test(a_closing_bus_ends_stuck_drivers),
		cmocka_unit_test(blocking_calls_outside_a_fiber_are_refused),
		cmocka_unit_test(inside_a_transaction_only_the_store_is_waited_for),
		cmocka_unit_test(eight_transactions_at_once_the_rest_in_order),
		cmocka_unit_test(a_condemned_device_leaves_no_transaction),
		cmocka_unit_test(a_write_needs_the_instance),
		cmocka_unit_test(gather_reads_all_or_nothing),
		cmocka_unit_test(long_listings_come_in_parts),
		cmocka_unit_test(a_long_wait_is_reported_and_not_fatal),
		cmocka_unit_test(a_restarted_store_is_found_again),
		cmocka_unit_test(a_bus_closes_without_its_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
