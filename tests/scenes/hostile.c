/* SPDX-License-Identifier: MIT */
/*
 * Somebody writes what he likes, where and when he likes: states, keys, instances, permissions; the store is restarted
 * while all are still on their way back; a domain's number is another domain's at once. All must come to rest, and a
 * device that is attached afterwards must work.
 */
#include "scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>

/* Rest, then what is left is taken by force, and a new device works. */
static void expect_works_again(struct scene *scene)
{
	scene_settle(scene);
	scene_detach_by_force(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
	scene->front.whole = scene->back.whole = 0;
	scene_attach(scene);
	scene_until(scene, scene_whole_and_connected, "a whole stream when all is over");
	scene_detach(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
}

/* -- keys of either node ------------------------------------------------------------------------------------ */

static void device_dir(const struct scene *scene, bool backend, char dir[64])
{
	const struct xenbus_toolstack_device *d = &scene->device;

	if (backend)
		snprintf(dir, 64, "/local/domain/%u/backend/%s/%u/%u", d->backend_id, d->devicetype,
			 d->frontend_id, d->id);
	else
		snprintf(dir, 64, "/local/domain/%u/device/%s/%u", d->frontend_id, d->devicetype, d->id);
}

static const char *any_value(struct scene *scene)
{
	static const char *const values[] = { "0", "1",	 "2",	       "3",
					      "4", "5",	 "6",	       "7",
					      "8", "9",	 "10",	       "",
					      "x", "-1", "4294967296", "99999999999999999999" };

	return values[sim_choose(scene->sim, sizeof(values) / sizeof(values[0]))];
}

static void write_key(struct scene *scene, const char *dir, const char *key, const char *value)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "%s/%s%c%s", dir, key, 0, value);

	scene_request(scene, XS_WRITE, 0, text, (size_t)n, NULL, 0);
}

static void poke_any(struct scene *scene)
{
	static const char *const keys[] = { "state",	"state",	  "state",	   "state",
					    "instance", "ring-ref",	  "event-channel", "stream-refs",
					    "online",	"feature-stream", "max-pages",	   "frontend",
					    "backend" };
	const unsigned int side = sim_choose(scene->sim, 2);
	const char *key = keys[sim_choose(scene->sim, sizeof(keys) / sizeof(keys[0]))];
	char dir[64], path[100];

	if (!check_state(side))
		return;
	device_dir(scene, side, dir);
	if (strcmp(key, "state") != 0 && !sim_choose(scene->sim, 5)) {
		int n = snprintf(path, sizeof(path), "%s/%s", dir, key);

		scene_request(scene, XS_RM, 0, path, (size_t)n + 1, NULL, 0);
	} else {
		write_key(scene, dir, key, any_value(scene));
	}
}

static void keys(struct scene *scene)
{
	end_start(&scene->back);
	end_start(&scene->front);
	scene_attach(scene);
	for (unsigned int pokes = 1 + sim_choose(scene->sim, 12); pokes; pokes--) {
		scene_some_way(scene, 200);
		poke_any(scene);
	}
	expect_works_again(scene);
}

/* A frontend that is not there but in the store, with rings and ports that are nobody's. */
static void liar(struct scene *scene)
{
	end_start(&scene->back);
	scene_attach(scene);
	for (unsigned int pokes = 1 + sim_choose(scene->sim, 20); pokes; pokes--) {
		static const char *const keys[] = { "state",	     "state",	    "state",	"ring-ref",
						    "event-channel", "stream-refs", "instance", "backend" };
		char dir[64];

		device_dir(scene, false, dir);
		write_key(scene, dir, keys[sim_choose(scene->sim, 8)], any_value(scene));
		scene_some_way(scene, 60);
	}
	scene_settle(scene);
	scene_detach_by_force(scene);
	scene_until(scene, no_devices, "the devices are gone");
	end_start(&scene->front);
	expect_works_again(scene);
}

/* -- permissions --------------------------------------------------------------------------------------------- */

static void permit_any(struct scene *scene)
{
	static const char *const leaves[] = { "", "/state", "/instance", "/ring-ref", "/event-channel" };
	static const char *const perms[] = { "n0", "r0", "b0", "n1", "r1", "b1" };
	char dir[64], text[160];
	const unsigned int side = sim_choose(scene->sim, 2);
	int n;

	device_dir(scene, side, dir);
	n = snprintf(text, sizeof(text), "%s%s%c%s%c%s", dir, leaves[sim_choose(scene->sim, 5)], 0,
		     perms[sim_choose(scene->sim, 6)], 0, perms[sim_choose(scene->sim, 6)]);
	if (check_state(side))
		scene_request(scene, XS_SET_PERMS, 0, text, (size_t)n + 1, NULL, 0);
}

static void permissions(struct scene *scene)
{
	end_start(&scene->back);
	end_start(&scene->front);
	scene_attach(scene);
	for (unsigned int pokes = 1 + sim_choose(scene->sim, 8); pokes; pokes--) {
		scene_some_way(scene, 150);
		permit_any(scene);
		if (!sim_choose(scene->sim, 3))
			poke_any(scene);
	}
	expect_works_again(scene);
}

/* -- the store, restarted again before all have found back ----------------------------------------------------- */

static bool connected_anew(struct scene *scene)
{
	struct xenstore_counters counters;

	xenstore_counters(xenbus_store(scene->toolstack.bus), &counters);
	return counters.reconnects > scene->reconnects &&
	       xenstore_connected(xenbus_store(scene->toolstack.bus));
}

static void restart_store(struct scene *scene)
{
	struct xenstore_counters counters;

	xenstore_counters(xenbus_store(scene->toolstack.bus), &counters);
	scene->reconnects = counters.reconnects;
	scene_store_kill(scene);
	if (!scene->task_over)
		scene_until(scene, scene_task_over, "the toolstack's task ends without its store");
	scene_some_way(scene, 50);
	scene_store_start(scene);
	if (sim_choose(scene->sim, 2))
		return; /* somewhere on the way */
	scene_until(scene, connected_anew, "the toolstack has the store again");
	scene_introduce(scene);
	scene_task_start(scene, scene_do_attach, scene);
}

static void store_again(struct scene *scene)
{
	end_start(&scene->back);
	end_start(&scene->front);
	scene_task_start(scene, scene_do_attach, scene);
	for (unsigned int times = 1 + sim_choose(scene->sim, 4); times; times--) {
		scene_some_way(scene, 300);
		restart_store(scene);
	}
	if (!scene->task_over)
		scene_until(scene, scene_task_over, "the toolstack's task ends");
	if (!connected_anew(scene))
		scene_until(scene, connected_anew, "the toolstack has the store again");
	scene_introduce(scene);
	expect_works_again(scene);
}

/* -- a driver that comes and goes meanwhile -------------------------------------------------------------------- */

static const struct xenbus_device_id late_ids[] = { { "late" }, { "" } };
static const struct xenbus_driver late = { .name = "late", .ids = late_ids };

static bool no_late(struct scene *scene)
{
	return !xenbus_driver_devices(scene->victim->bus, &late);
}

static void late_driver(struct scene *scene)
{
	bool there = false;

	scene->victim = sim_choose(scene->sim, 2) ? &scene->front : &scene->back;
	end_start(&scene->back);
	end_start(&scene->front);
	scene_task_start(scene, scene_do_attach, scene);
	for (unsigned int times = 1 + sim_choose(scene->sim, 6); times; times--) {
		if (sim_choose(scene->sim, 2))
			restart_store(scene);
		scene_some_way(scene, 100);
		if (there)
			xenbus_unregister_driver(scene->victim->bus, &late);
		else
			scene_expect(scene, !xenbus_register_backend(scene->victim->bus, &late));
		there = !there;
	}
	if (!scene->task_over)
		scene_until(scene, scene_task_over, "the toolstack's task ends");
	if (scene->reconnects || !connected_anew(scene))
		scene_some_way(scene, 200);
	scene_settle(scene);
	if (there)
		xenbus_unregister_driver(scene->victim->bus, &late);
	scene_until(scene, no_late, "the driver is gone");
	scene_introduce(scene);
	expect_works_again(scene);
}

/* -- a domain's number is another one's at once ----------------------------------------------------------------- */

static void domid_again(struct scene *scene)
{
	end_start(&scene->back);
	end_start(&scene->front);
	scene_task_start(scene, scene_do_attach, scene);
	for (unsigned int times = 1 + sim_choose(scene->sim, 4); times; times--) {
		scene_some_way(scene, 300);
		if (!scene->task_over)
			scene_until(scene, scene_task_over, "the toolstack's task ends");
		scene_domain_destroy(scene, SCENE_FRONT_DOMID);
		scene_some_way(scene, 10);
		scene_domain_forget(scene, SCENE_FRONT_DOMID);
		scene_domain_start(scene, SCENE_FRONT_DOMID);
		if (!scene->front.process && sim_choose(scene->sim, 4))
			end_start(&scene->front);
		scene_task_start(scene, scene_do_attach, scene);
	}
	if (!scene->task_over)
		scene_until(scene, scene_task_over, "the toolstack's task ends");
	if (!scene->front.process)
		end_start(&scene->front);
	expect_works_again(scene);
}

#define HOSTILE(id, title, text, fn) const struct scenario id = { .name = title, .about = text, .run = fn }

HOSTILE(hostile_keys, "any-key", "any key of either node written, or removed, at any moment", keys);
HOSTILE(hostile_liar, "any-liar", "a frontend in the store only, with keys that are nobody's", liar);
HOSTILE(hostile_permissions, "any-permission", "any permission of either node set at any moment",
	permissions);
HOSTILE(hostile_store, "store-again", "the store restarted again before all have found back", store_again);
HOSTILE(hostile_late, "driver-late", "a driver comes and goes while the store does", late_driver);
HOSTILE(hostile_domid, "domid-again", "a domain destroyed, and its number another one's at once",
	domid_again);
const struct scenario hostile_keys_domain = {
	.name = "any-key-domain", .about = "the same, the backend in domain 2", .run = keys, .back_domid = 2
};
const struct scenario hostile_store_domain = { .name = "store-again-domain",
					       .about = "the same, the backend in domain 2",
					       .run = store_again,
					       .back_domid = 2 };
