/* SPDX-License-Identifier: MIT */
/* The 1st, 2nd, 3rd ... allocation fails while two ends meet: they meet all the same, or say why not, and
 * nothing is left of it (the address sanitizer's build looks for leaks). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <xenbus/host.h>
#include "bus_world.h"
#include "failing_alloc.h"

#define FAULTS_MAX 2000 /* a scenario with more allocations than this has changed beyond recognition */

static bool connected(const struct xenbus_device *dev)
{
	return dev && dev->state == XenbusStateConnected && dev->otherend_state == XenbusStateConnected;
}

static bool waits_or_closed(const struct xenbus_device *dev)
{
	return dev->state == XenbusStateInitialising || dev->state == XenbusStateInitWait ||
	       dev->state >= XenbusStateClosing;
}

/* Both at work, or one of them gave up: then it is down, for good, and an error node says why. */
static bool settled(struct world *w)
{
	const struct xenbus_device *front = w->front.dev, *back = w->back.dev;

	if (!front || !back)
		return false;
	if (connected(front) && connected(back))
		return true;
	return (front->state == XenbusStateClosed && waits_or_closed(back)) ||
	       (back->state == XenbusStateClosed && waits_or_closed(front));
}

static int attach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_attach(bus, &((struct world *)arg)->device);
}

static bool nobody_left(struct world *w)
{
	struct xenbus_counts front, back;

	xenbus_counts(w->front.bus, &front);
	xenbus_counts(w->back.bus, &back);
	return !front.devices && !back.devices;
}

static bool meet_with_fault(struct world *w, long nth, unsigned int *met)
{
	bool failed;

	world_attach(w);
	alloc_fail(nth, false);
	world_until(w, settled);
	failed = alloc_failed();
	*met += connected(w->front.dev);
	if (!connected(w->front.dev)) {
		xenbus_reopen_device(w->front.dev);
		xenbus_reopen_device(w->back.dev);
		world_expect_connected(w);
	}
	world_rm(w, FRONT);
	world_rm(w, BACK);
	world_until(w, nobody_left);
	assert_int_equal(w->front.probes, w->front.removes);
	assert_int_equal(w->back.probes, w->back.removes);
	return failed;
}

static void any_allocation_may_fail_while_connecting(void **state)
{
	struct world w = { 0 };
	unsigned int met = 0;
	long nth = 1;

	world_start(&w);
	while (nth < FAULTS_MAX && meet_with_fault(&w, nth, &met))
		nth++;
	print_message("%ld allocations failed in turn, %u times the pair met at once\n", nth - 1, met);
	assert_in_range(nth, 10, FAULTS_MAX - 1);
	world_stop(&w);
}

static void any_allocation_may_fail_in_the_toolstack(void **state)
{
	struct world w = { 0 };
	bool failed = true;
	long nth;

	world_start(&w);
	for (nth = 1; failed && nth < FAULTS_MAX; nth++) {
		int err;

		alloc_fail(nth, false);
		err = world_task(&w, attach);
		failed = alloc_failed();
		assert_true(!err || failed);
		if (err)
			world_attach(&w);
		world_expect_connected(&w);
		world_rm(&w, FRONT);
		world_rm(&w, BACK);
		world_until(&w, nobody_left);
	}
	assert_in_range(nth, 3, FAULTS_MAX - 1);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_allocation_may_fail_while_connecting),
		cmocka_unit_test(any_allocation_may_fail_in_the_toolstack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
