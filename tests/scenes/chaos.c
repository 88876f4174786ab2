/* SPDX-License-Identifier: MIT */
/*
 * Everything at once: processes killed and started, domains destroyed and made anew, the store restarted, calls and
 * allocations failing, states poked, devices detached and attached, in an order and at moments that the scheduler picks.
 * When it stops, what was killed is started again, the toolstack takes by force what is left and attaches the device: a
 * whole stream must pass.
 */
#include "scene.h"

#include <errno.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>

#define BLOWS 12u

static bool connected_anew(struct scene *scene)
{
	struct xenstore_counters counters;

	xenstore_counters(xenbus_store(scene->toolstack.bus), &counters);
	return counters.reconnects > scene->reconnects &&
	       xenstore_connected(xenbus_store(scene->toolstack.bus));
}

static void finish_task(struct scene *scene)
{
	if (!scene->task_over)
		scene_until(scene, scene_task_over, "the toolstack's task ends");
}

/* The toolstack does something; the next blow need not wait for it. */
static void toolstack_does(struct scene *scene, int (*fn)(struct xenbus *bus, void *arg))
{
	finish_task(scene);
	scene_task_start(scene, fn, scene);
}

static void restart_store(struct scene *scene)
{
	struct xenstore_counters counters;

	xenstore_counters(xenbus_store(scene->toolstack.bus), &counters);
	scene->reconnects = counters.reconnects;
	scene_store_kill(scene);
	scene_until(scene, scene_task_over, "the toolstack's task ends without its store");
	scene_store_start(scene);
	scene_until(scene, connected_anew, "the toolstack has the store again");
	scene_introduce(scene);
	scene->nodes_before = scene_nodes(scene);
}

static void rebuild_domain(struct scene *scene)
{
	uint32_t domid = SCENE_FRONT_DOMID;

	if (scene->device.backend_id && sim_choose(scene->sim, 2))
		domid = scene->device.backend_id;
	finish_task(scene);
	scene_domain_destroy(scene, domid);
	scene_domain_forget(scene, domid);
	scene_domain_start(scene, domid);
}

static struct end *either(struct scene *scene)
{
	return sim_choose(scene->sim, 2) ? &scene->front : &scene->back;
}

static void kill_or_start(struct end *end)
{
	if (end->process)
		end_kill(end);
	else
		end_start(end);
}

static void arm(struct end *end)
{
	struct sim *sim = end->scene->sim;

	if (!end->process)
		return;
	if (sim_choose(sim, 2))
		sim_fail_call(end->process, 1 + sim_choose(sim, 20));
	else
		sim_fail_alloc(end->process, 1 + sim_choose(sim, 50));
}

static void poke(struct scene *scene)
{
	const unsigned int side = sim_choose(scene->sim, 2);
	char text[64];
	int n;

	if (side)
		n = snprintf(text, sizeof(text), "/local/domain/%u/backend/alice_dev/1/0/state%c1",
			     scene->device.backend_id, 0);
	else
		n = snprintf(text, sizeof(text), "/local/domain/1/device/alice_dev/0/state%c1", 0);
	if (check_state(side))
		scene_request(scene, XS_WRITE, 0, text, (size_t)n, NULL, 0);
}

static void blow(struct scene *scene)
{
	switch (sim_choose(scene->sim, 9)) {
	case 0:
		kill_or_start(either(scene));
		break;
	case 1:
		if (!sim_choose(scene->sim, 4))
			restart_store(scene);
		break;
	case 2:
		rebuild_domain(scene);
		break;
	case 3:
		arm(either(scene));
		break;
	case 4:
		poke(scene);
		break;
	case 5:
		toolstack_does(scene, scene_do_detach);
		break;
	case 6:
		toolstack_does(scene, scene_do_detach_by_force);
		break;
	default:
		toolstack_does(scene, scene_do_attach);
	}
}

static void recover(struct scene *scene)
{
	struct end *const ends[] = { &scene->front, &scene->back };

	finish_task(scene);
	for (int i = 0; i < 2; i++) {
		if (ends[i]->process) {
			sim_fail_call(ends[i]->process, 0);
			sim_fail_alloc(ends[i]->process, 0);
		} else {
			end_start(ends[i]);
		}
	}
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

static void run(struct scene *scene)
{
	scene->task_over = true;
	end_start(&scene->back);
	end_start(&scene->front);
	toolstack_does(scene, scene_do_attach);
	for (unsigned int blows = sim_choose(scene->sim, BLOWS); blows; blows--) {
		scene_some_way(scene, 200);
		blow(scene);
	}
	recover(scene);
}

const struct scenario chaos = { .name = "chaos",
				.about = "deaths, restarts, failures, pokes and toolstack steps in any order",
				.run = run };
const struct scenario chaos_domain = { .name = "chaos-domain",
				       .about = "the same, the backend in domain 2, which dies, too",
				       .run = run,
				       .back_domid = 2 };
