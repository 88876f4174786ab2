/* SPDX-License-Identifier: MIT */
/* Drivers that negotiate themselves, as Linux's do: probe and otherend_changed, and nothing else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <base/list.h>
#include <xenbus/host.h>
#include "bus_world.h"

static int linux_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	list_entry(dev->driver, struct world_end, drv)->probes++;
	return 0;
}

/* The tutorial's shape: 1 and 1, the backend 2, the frontend 4, the backend 4. */
static void front_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	switch (state) {
	case XenbusStateInitWait:
		if (dev->state == XenbusStateInitialising)
			xenbus_switch_state(dev, XenbusStateConnected);
		break;
	case XenbusStateConnected:
		list_entry(dev->driver, struct world_end, drv)->connects++;
		break;
	case XenbusStateClosing:
		xenbus_frontend_closed(dev);
		break;
	default:
		break;
	}
}

static void back_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	switch (state) {
	case XenbusStateInitialising:
		xenbus_switch_state(dev, XenbusStateInitWait);
		break;
	case XenbusStateConnected:
		while (dev->state != XenbusStateConnected) /* the loops that drivers of the field have */
			if (xenbus_switch_state(dev, XenbusStateConnected) < 0)
				break;
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		xenbus_switch_state(dev, XenbusStateClosed);
		break;
	case XenbusStateInitWait:
		xenbus_dev_fatal(dev, -EINVAL, "saw state %s (%d) at frontend", xenbus_strstate(state),
				 state);
		break;
	default:
		break;
	}
}

static const struct xenbus_device_id ids[] = { { "test" }, { "" } };

static void start_linux_style(struct world *w)
{
	world_start(w);
	xenbus_unregister_driver(w->front.bus, &w->front.drv);
	xenbus_unregister_driver(w->back.bus, &w->back.drv);
	w->front.drv =
		(struct xenbus_driver){ .ids = ids, .probe = linux_probe, .otherend_changed = front_changed };
	w->back.drv =
		(struct xenbus_driver){ .ids = ids, .probe = linux_probe, .otherend_changed = back_changed };
	assert_int_equal(xenbus_register_frontend(w->front.bus, &w->front.drv), 0);
	assert_int_equal(xenbus_register_backend(w->back.bus, &w->back.drv), 0);
}

static void stop_linux_style(struct world *w)
{
	w->front.removes = w->front.probes; /* they have no remove() to count in */
	w->back.removes = w->back.probes;
	world_stop(w);
}

static int detach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_detach(bus, &((struct world *)arg)->device, false, WORLD_NS_LIMIT);
}

static void the_tutorials_drivers_connect_and_part(void **state)
{
	struct world w = { 0 };

	start_linux_style(&w);
	for (int round = 0; round < 3; round++) {
		world_attach(&w);
		world_expect_connected(&w);
		assert_int_equal(world_task(&w, detach), 0);
	}
	assert_true(w.front.connects >= 1);
	stop_linux_style(&w);
}

static bool error_written(struct world *w)
{
	char *error = world_read(w, "/local/domain/0/error/backend/test/0/0/error");
	bool there = error != NULL;

	free(error);
	return there;
}

static void a_fatal_error_closes_and_says_why(void **state)
{
	struct world w = { 0 };
	char *error;

	start_linux_style(&w);
	xenbus_unregister_driver(w.front.bus, &w.front.drv);
	world_attach(&w);
	world_expect_states(&w, 1, 2);
	world_write(&w, FRONT "/state", "2"); /* a state no frontend has */
	world_until(&w, error_written);
	error = world_read(&w, "/local/domain/0/error/backend/test/0/0/error");
	assert_string_equal(error, "-22 saw state InitWait (2) at frontend");
	free(error);
	world_expect_states(&w, 2, 5);
	stop_linux_style(&w);
}

/* -- device_unregister() -- */

static void back_leaves(struct xenbus_device *dev, enum xenbus_state state)
{
	struct world_end *back = list_entry(dev->driver, struct world_end, drv);
	int removes = back->removes;

	if (state != XenbusStateConnected) {
		back_changed(dev, state);
		return;
	}
	assert_int_equal(xenbus_unregister_device(dev), 0);
	assert_int_equal(back->removes, removes + 1);
	assert_int_equal(dev->state, XenbusStateClosed); /* it is there until this returns */
	assert_int_equal(xenbus_unregister_device(dev), 0);
	assert_int_equal(back->removes, removes + 1);
}

static void back_removed(struct xenbus_device *dev)
{
	list_entry(dev->driver, struct world_end, drv)->removes++;
}

static bool back_left(struct world *w)
{
	return w->back.removes == 1;
}

static bool back_taken_again(struct world *w)
{
	return w->back.probes == 2;
}

static void a_device_may_leave_from_its_callback(void **state)
{
	struct world w = { 0 };

	start_linux_style(&w);
	xenbus_unregister_driver(w.back.bus, &w.back.drv);
	w.back.drv.otherend_changed = back_leaves;
	w.back.drv.remove = back_removed;
	w.back.drv.uninterrupted = true;
	assert_int_equal(xenbus_register_backend(w.back.bus, &w.back.drv), 0);
	world_attach(&w);
	world_until(&w, back_left);
	world_expect_states(&w, 4, 6);
	assert_int_equal(w.back.probes, 1); /* Closed as it is, nobody takes it */
	world_write(&w, FRONT "/state", "1");
	world_write(&w, BACK "/state", "1"); /* as one that is new */
	world_until(&w, back_taken_again);
	w.front.removes = w.front.probes;
	xenbus_unregister_driver(w.back.bus, &w.back.drv);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tutorials_drivers_connect_and_part),
		cmocka_unit_test(a_fatal_error_closes_and_says_why),
		cmocka_unit_test(a_device_may_leave_from_its_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
