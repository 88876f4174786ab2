/* SPDX-License-Identifier: MIT */
/* The toolstack's part, seen from the store. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>
#include "bus_world.h"

#define SHORT_NS 20000000u

static int attach(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_attach(bus, &((struct world *)arg)->device);
}

static int detach_short(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_detach(bus, &((struct world *)arg)->device, false, SHORT_NS);
}

static int detach_force(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_detach(bus, &((struct world *)arg)->device, true, SHORT_NS);
}

static void without_drivers(struct world *w)
{
	world_start(w);
	xenbus_unregister_driver(w->front.bus, &w->front.drv);
	xenbus_unregister_driver(w->back.bus, &w->back.drv);
}

static void refuses(struct world *w, struct xenbus_toolstack_device device, int err)
{
	struct xenbus_toolstack_device saved = w->device;

	w->device = device;
	assert_int_equal(world_task(w, attach), err);
	w->device = saved;
}

static void attach_refuses_what_makes_no_sense(void **state)
{
	struct world w = { 0 };

	without_drivers(&w);
	refuses(&w, (struct xenbus_toolstack_device){ "", 0, 0, 0 }, -EINVAL);
	refuses(&w, (struct xenbus_toolstack_device){ "a/b", 0, 0, 0 }, -EINVAL);
	refuses(&w, (struct xenbus_toolstack_device){ "0123456789012345678901234567890x", 0, 0, 0 }, -EINVAL);
	refuses(&w, (struct xenbus_toolstack_device){ "test", 0x7ff0, 0, 0 }, -EINVAL);
	refuses(&w, (struct xenbus_toolstack_device){ "test", 99, 0, 0 }, -ENOENT);
	assert_int_equal(world_task(&w, attach), 0);
	assert_int_equal(world_task(&w, attach), -EEXIST);
	world_write(&w, FRONT "/state", "6");
	assert_int_equal(world_task(&w, attach), -EEXIST);
	world_write(&w, BACK "/state", "6");
	assert_int_equal(world_task(&w, attach), 0);
	assert_int_equal(world_state(&w, FRONT), 1);
	world_stop(&w);
}

static char *perms_of(struct world *w, const char *path)
{
	struct iovec iov = { (void *)path, strlen(path) + 1 };
	size_t len;
	char *perms;

	assert_int_equal(
		xenstore_call(xenbus_store(w->toolstack), XS_GET_PERMS, XBT_NULL, &iov, 1, &perms, &len), 0);
	for (size_t i = 0; i + 1 < len; i++)
		if (!perms[i])
			perms[i] = ' ';
	return perms;
}

static int make_homes(struct xenbus *bus, void *arg)
{
	int err = xenbus_mkdir(bus, XBT_NIL, "/local/domain/0", "");

	return err ? err : xenbus_mkdir(bus, XBT_NIL, "/local/domain/1", "");
}

/* The first entry is the owner and what everybody else may do: nothing. */
static void only_the_two_domains_may_read(void **state)
{
	struct world w = { 0 };
	char *perms;

	without_drivers(&w);
	if (getenv("BUS_TEST_STORE")) {
		world_stop(&w);
		skip(); /* needs a domain 1 in the server's hypervisor */
	}
	assert_int_equal(world_task(&w, make_homes), 0);
	w.device.frontend_id = 1;
	assert_int_equal(world_task(&w, attach), 0);
	perms = perms_of(&w, "/local/domain/1/device/test/0/state");
	assert_string_equal(perms, "n1 r0");
	free(perms);
	perms = perms_of(&w, "/local/domain/0/backend/test/1/0/state");
	assert_string_equal(perms, "n0 r1");
	free(perms);
	world_rm(&w, "/local/domain/1");
	world_stop(&w);
}

static void a_detach_that_nobody_answers_needs_force(void **state)
{
	struct world w = { 0 };

	without_drivers(&w);
	assert_int_equal(world_task(&w, detach_short), -ENOENT);
	assert_int_equal(world_task(&w, attach), 0);
	world_write(&w, "/local/domain/0/error/device/test/0/error", "-5 test");
	assert_int_equal(world_task(&w, detach_short), -ETIMEDOUT);
	assert_int_equal(world_state(&w, BACK), 5);
	assert_int_equal(world_task(&w, detach_force), 0);
	assert_int_equal(world_state(&w, FRONT), XENBUS_STATE_GONE);
	assert_int_equal(world_state(&w, BACK), XENBUS_STATE_GONE);
	assert_null(world_read(&w, "/local/domain/0/error/device/test/0/error"));
	world_stop(&w);
}

static void half_a_device_can_be_detached(void **state)
{
	struct world w = { 0 };

	without_drivers(&w);
	assert_int_equal(world_task(&w, attach), 0);
	world_rm(&w, BACK);
	assert_int_equal(world_task(&w, detach_force), 0);
	assert_int_equal(world_state(&w, FRONT), XENBUS_STATE_GONE);
	assert_int_equal(world_task(&w, attach), 0);
	world_rm(&w, FRONT);
	assert_int_equal(world_task(&w, detach_force), 0);
	assert_int_equal(world_state(&w, BACK), XENBUS_STATE_GONE);
	world_stop(&w);
}

/* A detach that names the wrong backend must not take the frontend of another's device. */
static void detach_leaves_the_frontend_of_another_backend(void **state)
{
	struct world w = { 0 };

	without_drivers(&w);
	assert_int_equal(world_task(&w, attach), 0);
	w.device.backend_id = 9;
	assert_int_equal(world_task(&w, detach_force), -ENOENT);
	assert_int_equal(world_state(&w, FRONT), 1);
	assert_int_equal(world_state(&w, BACK), 1);
	/* Remains of an older device, whose frontend's place was taken. */
	world_write(&w, "/local/domain/9/backend/test/0/0/state", "4");
	assert_int_equal(world_task(&w, detach_force), 0);
	assert_null(world_read(&w, "/local/domain/9/backend/test/0/0/state"));
	assert_int_equal(world_state(&w, FRONT), 1);
	w.device.backend_id = 0;
	/* That it is another's is not for the frontend to say. */
	world_write(&w, FRONT "/backend-id", "9");
	assert_int_equal(world_task(&w, detach_force), 0);
	assert_int_equal(world_state(&w, FRONT), XENBUS_STATE_GONE);
	world_rm(&w, "/local/domain/9");
	world_stop(&w);
}

static void detach_leaves_no_empty_directory(void **state)
{
	struct world w = { 0 };
	char *top;

	without_drivers(&w);
	assert_int_equal(world_task(&w, attach), 0);
	w.device.id = 1;
	assert_int_equal(world_task(&w, attach), 0);
	assert_int_equal(world_task(&w, detach_force), 0);
	assert_int_equal(world_state(&w, FRONT), 1);
	w.device.id = 0;
	assert_int_equal(world_task(&w, detach_force), 0);
	assert_null(world_read(&w, "/local/domain/0/device/test"));
	assert_null(world_read(&w, "/local/domain/0/backend/test"));
	top = world_read(&w, "/local/domain/0/backend");
	assert_non_null(top);
	free(top);
	world_stop(&w);
}

struct telling {
	struct world w;
	const char *wait; /* what ls says of the only device */
};

static int list_one(struct xenbus *bus, void *arg)
{
	const struct telling *t = arg;
	struct xenbus_toolstack_entry *entries;
	size_t count;

	assert_int_equal(xenbus_toolstack_list(bus, &entries, &count), 0);
	assert_int_equal(count, 1);
	if (t->wait)
		assert_string_equal(entries[0].waits_for, t->wait);
	else
		assert_null(entries[0].waits_for);
	xenbus_toolstack_list_free(entries, count);
	return 0;
}

static void ls_says_who_is_to_move(void **state)
{
	static const struct {
		const char *front, *back, *wait;
	} told[] = {
		{ "1", "1", "backend driver to offer its features (InitWait)" },
		{ "1", "2", "frontend driver to publish its ring (Initialised)" },
		{ "3", "2", "backend driver to connect (Connected)" },
		{ "3", "4", "frontend driver to connect (Connected)" },
		{ "4", "4", NULL },
		{ "1", "5", "backend driver to close (Closed)" },
		{ "4", "5", "frontend driver to close (Closed)" },
		{ "6", "4", "backend driver to close (Closed)" }, /* the backend was killed */
		{ "6", "5", "backend driver to close (Closed)" },
		{ "6", "6", NULL },
	};
	struct telling t = { 0 };

	without_drivers(&t.w);
	assert_int_equal(world_task(&t.w, attach), 0);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		world_write(&t.w, FRONT "/state", told[i].front);
		world_write(&t.w, BACK "/state", told[i].back);
		t.wait = told[i].wait;
		assert_int_equal(world_task(&t.w, list_one), 0);
	}
	world_stop(&t.w);
}

static void ls_leaves_out_what_is_no_device(void **state)
{
	struct telling t = { .wait = "backend driver to offer its features (InitWait)" };

	without_drivers(&t.w);
	assert_int_equal(world_task(&t.w, attach), 0);
	world_write(&t.w, "/local/domain/0/backend/test/0/notes", "x");
	world_write(&t.w, "/local/domain/0/backend/test/spare/0/state", "1");
	world_write(&t.w, "/local/domain/0/backend/test/0/5000000000/state", "1");
	world_write(&t.w, "/local/domain/0/backend/a@b/0/0/state", "1");
	assert_int_equal(world_task(&t.w, list_one), 0);
	world_stop(&t.w);
}

/* libxl writes nodes for the console that every guest is built with; a second one is a device like others. */
static void ls_leaves_out_a_first_console(void **state)
{
	struct telling t = { .wait = "backend driver to offer its features (InitWait)" };

	without_drivers(&t.w);
	world_write(&t.w, "/local/domain/0/backend/console/3/0/frontend", "/local/domain/3/console");
	world_write(&t.w, "/local/domain/0/backend/console/3/0/state", "1");
	world_write(&t.w, "/local/domain/0/backend/console/3/1/frontend", "/local/domain/3/device/console/1");
	world_write(&t.w, "/local/domain/0/backend/console/3/1/state", "1");
	world_write(&t.w, "/local/domain/3/device/console/1/state", "1");
	assert_int_equal(world_task(&t.w, list_one), 0);
	world_stop(&t.w);
}

static int list(struct xenbus *bus, void *arg)
{
	struct xenbus_toolstack_entry *entries;
	size_t count;

	assert_int_equal(xenbus_toolstack_list(bus, &entries, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(entries[0].devicetype, "test");
	assert_int_equal(entries[0].id, 0);
	assert_int_equal(entries[0].frontend_state, XenbusStateConnected);
	assert_int_equal(entries[0].backend_state, XenbusStateConnected);
	assert_int_equal(strlen(entries[0].frontend_instance), 16);
	assert_int_equal(strlen(entries[0].backend_instance), 16);
	assert_in_range(entries[0].age_s, 0, 600);
	assert_null(entries[0].waits_for);
	assert_int_equal(entries[1].id, 7);
	assert_int_equal(entries[1].frontend_state, XENBUS_STATE_GONE);
	assert_null(entries[1].frontend_instance);
	assert_string_equal(entries[1].backend_error, "-5 broken");
	assert_int_equal(entries[1].age_s, -1);
	xenbus_toolstack_list_free(entries, count);
	return 0;
}

static void ls_shows_every_device(void **state)
{
	struct world w = { 0 };

	world_start(&w);
	world_attach(&w);
	world_expect_connected(&w);
	world_write(&w, "/local/domain/0/backend/test/0/7/state", "3");
	world_write(&w, "/local/domain/0/error/backend/test/0/7/error", "-5 broken");
	assert_int_equal(world_task(&w, list), 0);
	world_stop(&w);
}

struct long_wait {
	struct world *w;
	int result;
	bool begun, done;
};

static int wait_for_a_domain(struct xenbus *bus, void *arg)
{
	((struct long_wait *)arg)->begun = true;
	return xenbus_toolstack_wait_domain(bus, 77, WORLD_NS_LIMIT);
}

static int wait_for_connected(struct xenbus *bus, void *arg)
{
	struct long_wait *wait = arg;

	wait->begun = true;
	return xenbus_toolstack_wait(bus, &wait->w->device, XenbusStateConnected, WORLD_NS_LIMIT, NULL, NULL);
}

static int list_orphan(struct xenbus *bus, void *arg)
{
	struct xenbus_toolstack_entry *entries;
	size_t count;

	assert_int_equal(xenbus_toolstack_list(bus, &entries, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(entries[0].frontend_id, 0);
	assert_int_equal(entries[0].backend_id, 3);
	assert_int_equal(entries[0].id, 5);
	assert_int_equal(entries[0].frontend_state, XenbusStateConnected);
	assert_int_equal(entries[0].backend_state, XENBUS_STATE_GONE);
	xenbus_toolstack_list_free(entries, count);
	return 0;
}

/* Its driver domain died, and the store took that one's nodes away. */
static void ls_shows_a_frontend_whose_backend_is_gone(void **state)
{
	struct world w = { 0 };

	without_drivers(&w);
	world_write(&w, "/local/domain/0/device/test/5/backend-id", "3");
	world_write(&w, "/local/domain/0/device/test/5/state", "4");
	world_write(&w, "/local/domain/0/device/test/6/state", "4"); /* names nobody */
	assert_int_equal(world_task(&w, list_orphan), 0);
	world_stop(&w);
}

#define LAUNCH "00112233445566778899aabbccddeeff"

static const struct {
	const char *node, *instance, *state, *then, *error;
} launched[] = {
	{ "backend/test/1/0", "0123456789abcdef 7 " LAUNCH, "4", "6", "-3 backend program died" },
	{ "backend/test/1/1", "0123456789abcdef 7 " LAUNCH, "6", "6", NULL },
	{ "backend/test/1/2", "0123456789abcdef 7 ffffffffffffffff", "4", "4", NULL },
	{ "backend/test/1/3", "0123456789abcdef 7", "4", "4", NULL },
	{ "backend/test/1/4", NULL, "4", "4", NULL },
	{ "backend/other/2/0", "0123456789abcdef 7 " LAUNCH, "1", "6", "-3 backend program died" },
	{ "device/test/0", "0123456789abcdef 7 " LAUNCH, "3", "6", "-3 frontend program died" },
};
#define LAUNCHED (sizeof(launched) / sizeof(launched[0]))

static void launched_write(struct world *w, size_t i, const char *key, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/0/%s/%s", launched[i].node, key);
	if (value)
		world_write(w, path, value);
}

static void launched_is(struct xenbus *bus, const char *dir, const char *key, const char *want)
{
	char *value;
	int err = xenbus_read(bus, XBT_NIL, dir, key, &value, NULL);

	if (!want) {
		assert_int_equal(err, -ENOENT);
		return;
	}
	assert_int_equal(err, 0);
	assert_string_equal(value, want);
	free(value);
}

static int release(struct xenbus *bus, void *arg)
{
	assert_int_equal(xenbus_toolstack_release(bus, "0123456789abcde", "died"), -EINVAL);
	assert_int_equal(xenbus_toolstack_release(bus, LAUNCH, "died"), 3);
	for (size_t i = 0; i < LAUNCHED; i++) {
		char error[128];

		launched_is(bus, launched[i].node, "state", launched[i].then);
		snprintf(error, sizeof(error), "error/%s", launched[i].node);
		launched_is(bus, error, "error", launched[i].error);
	}
	assert_int_equal(xenbus_toolstack_release(bus, LAUNCH, "died"), 0);
	return 0;
}

static void release_closes_what_the_launch_took_last_and_left_open(void **state)
{
	struct world w = { 0 };

	without_drivers(&w);
	for (size_t i = 0; i < LAUNCHED; i++) {
		launched_write(&w, i, "instance", launched[i].instance);
		launched_write(&w, i, "state", launched[i].state);
	}
	assert_int_equal(world_task(&w, release), 0);
	world_stop(&w);
}

static void wait_done(void *arg, int result)
{
	struct long_wait *wait = arg;

	wait->result = result;
	wait->done = true;
}

static void waits_end_when_the_store_is_lost(void **state)
{
	struct world w = { 0 };
	struct long_wait waits[2] = { { .w = &w }, { .w = &w } };

	if (getenv("BUS_TEST_STORE"))
		skip();
	without_drivers(&w);
	assert_int_equal(world_task(&w, attach), 0);
	assert_int_equal(xenbus_task(w.toolstack, wait_for_a_domain, &waits[0], wait_done), 0);
	assert_int_equal(xenbus_task(w.toolstack, wait_for_connected, &waits[1], wait_done), 0);
	while (!waits[0].begun || !waits[1].begun)
		xenbus_dispatch(w.toolstack, 10);
	world_restart_store(&w);
	while (!waits[0].done || !waits[1].done)
		xenbus_dispatch(w.toolstack, 10);
	assert_int_equal(waits[0].result, -ENOTCONN);
	assert_int_equal(waits[1].result, -ENOTCONN);
	world_stop_without_store(&w);
}

static void a_domain_is_waited_for(void **state)
{
	struct world w = { 0 };
	struct long_wait wait = { .w = &w };

	without_drivers(&w);
	assert_int_equal(xenbus_task(w.toolstack, wait_for_a_domain, &wait, wait_done), 0);
	while (!wait.begun)
		xenbus_dispatch(w.toolstack, 10);
	world_write(&w, "/local/domain/77/name", "late");
	while (!wait.done)
		xenbus_dispatch(w.toolstack, 10);
	assert_int_equal(wait.result, 0);
	world_rm(&w, "/local/domain/77");
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach_refuses_what_makes_no_sense),
		cmocka_unit_test(only_the_two_domains_may_read),
		cmocka_unit_test(a_detach_that_nobody_answers_needs_force),
		cmocka_unit_test(half_a_device_can_be_detached),
		cmocka_unit_test(detach_leaves_the_frontend_of_another_backend),
		cmocka_unit_test(detach_leaves_no_empty_directory),
		cmocka_unit_test(ls_shows_every_device),
		cmocka_unit_test(ls_shows_a_frontend_whose_backend_is_gone),
		cmocka_unit_test(release_closes_what_the_launch_took_last_and_left_open),
		cmocka_unit_test(waits_end_when_the_store_is_lost),
		cmocka_unit_test(a_domain_is_waited_for),
		cmocka_unit_test(ls_says_who_is_to_move),
		cmocka_unit_test(ls_leaves_out_what_is_no_device),
		cmocka_unit_test(ls_leaves_out_a_first_console),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
