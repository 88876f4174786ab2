/* SPDX-License-Identifier: MIT */
/*
 * Fault sweeps. Something fails in one process, while it starts or while a device is attached, used, closed, opened and
 * detached: the call through the seam, the allocation or the answer of the store of a number that the seed says, each
 * in some schedules. Who cannot start holds nothing. The device may end up unconnected, and says so; nothing is held,
 * nothing hangs, and the next time it works.
 */
#include "scene.h"

#include <errno.h>

enum fault { FAIL_CALL, FAIL_ALLOC, FAIL_REPLY };

static void arm(struct scene *scene, struct end *end, enum fault fault)
{
	const uint64_t nth = scene->options->seed / SCENE_SCHEDULES + 1;

	if (fault == FAIL_CALL)
		sim_fail_call(end->process, nth);
	else if (fault == FAIL_ALLOC)
		sim_fail_alloc(end->process, nth);
	else
		check_refuse(&end->writer, nth);
}

static bool disarm(struct end *end, enum fault fault)
{
	bool hit = fault == FAIL_REPLY ? check_refused() : sim_fault_hit(end->process);

	sim_fail_call(end->process, 0);
	sim_fail_alloc(end->process, 0);
	check_refuse(NULL, 0);
	return hit;
}

/* What `xenbus ls` and a launcher do. */
static int look_and_release(struct xenbus *bus, void *arg)
{
	struct xenbus_toolstack_entry *list;
	size_t count;
	int err = xenbus_toolstack_list(bus, &list, &count);

	if (!err)
		xenbus_toolstack_list_free(list, count);
	return xenbus_toolstack_release(bus, "0123456789abcdef", "nobody's");
}

/* As far as it comes. @heals: one call that failed is made good by another try. */
static void use(struct scene *scene, bool heals)
{
	scene_task(scene, scene_do_attach, scene);
	scene_settle(scene);
	scene_task(scene, look_and_release, NULL);
	if (heals)
		scene_expect(scene, both_connected(scene) && scene_whole(scene));
	if (both_connected(scene)) {
		struct end *closer = sim_choose(scene->sim, 2) ? &scene->front : &scene->back;

		xenbus_close_device(closer->dev);
		scene_settle(scene);
		if (closer->dev)
			xenbus_reopen_device(closer->dev);
		scene_settle(scene);
	}
	scene_task(scene, scene_do_detach, scene);
	scene_settle(scene);
}

static bool is_at_rest(unsigned int state)
{
	return state == 0 || state == XenbusStateInitialising || state == XenbusStateInitWait ||
	       state == XenbusStateClosed;
}

/* A device that failed is Closed, or waits for the other end: never half alive. */
static void expect_at_rest(struct scene *scene)
{
	if (both_connected(scene))
		return;
	if (!is_at_rest(check_state(false)) || !is_at_rest(check_state(true)))
		scene_fail(scene, "at rest the states are %u (frontend) and %u (backend)", check_state(false),
			   check_state(true));
}

static void sweep(struct scene *scene, struct end *end, enum fault fault)
{
	end_start(&scene->back);
	end_start(&scene->front);
	arm(scene, end, fault);
	use(scene, end == &scene->back && fault == FAIL_CALL);
	expect_at_rest(scene);
	scene->fault_hit = disarm(end, fault);
	scene_detach_by_force(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
	/* A detach that failed half way may leave directories, empty ones, for the next to take. */
	scene_expect(scene, scene_nodes(scene) <= scene->nodes_before + 3);
	scene->front.whole = scene->back.whole = 0;
	scene_attach(scene);
	scene_until(scene, scene_whole, "a whole stream after the fault");
	scene_until(scene, both_connected, "both Connected after the fault");
	scene_detach(scene);
	scene_settle(scene);
	scene_expect(scene, scene_nodes(scene) == scene->nodes_before);
}

/* -- while it starts -- */

static void arm_start(struct end *end)
{
	arm(end->scene, end, (enum fault)end->scene->fault);
}

static void start_all(struct scene *scene)
{
	struct end *const ends[] = { &scene->toolstack, &scene->back, &scene->front };

	for (int i = 0; i < 3; i++)
		if (!ends[i]->process)
			end_start(ends[i]);
}

/* What is asked of the store may still be refused when it has begun. */
static void start_sweep(struct scene *scene, struct end *end, enum fault fault)
{
	int err;

	if (end->process)
		end_stop(end);
	scene->fault = fault;
	err = end_try(end, arm_start);
	if (!err) {
		scene_settle(scene);
		scene->fault_hit = disarm(end, fault);
	} else {
		scene->fault_hit = true;
		check_refuse(NULL, 0);
	}
	start_all(scene);
	scene_attach(scene);
	scene_until(scene, scene_whole_and_connected, "a whole stream after the start");
	scene_detach(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
	scene_expect(scene, scene_nodes(scene) == scene->nodes_before);
}

/* -- the sweeps -- */

#define SWEEP(id, title, text, fn, end, fault)                                                        \
	static void run_##id(struct scene *scene)                                                     \
	{                                                                                             \
		fn(scene, &scene->end, fault);                                                        \
	}                                                                                             \
	const struct scenario id = {                                                                  \
		.name = title "-fails", .about = "the " text " fails", .sweep = true, .run = run_##id \
	}
#define USE(end, kind, fault) \
	SWEEP(end##_##kind##_fails, #end "-" #kind, #kind " SEED/8+1 of the " #end, sweep, end, fault)
#define START(end, kind, fault)                                                                          \
	SWEEP(end##_start_##kind##_fails, #end "-start-" #kind, #kind " SEED/8+1 of the starting " #end, \
	      start_sweep, end, fault)

USE(front, call, FAIL_CALL);
USE(front, alloc, FAIL_ALLOC);
USE(front, reply, FAIL_REPLY);
USE(back, call, FAIL_CALL);
USE(back, alloc, FAIL_ALLOC);
USE(back, reply, FAIL_REPLY);
USE(toolstack, call, FAIL_CALL);
USE(toolstack, alloc, FAIL_ALLOC);
USE(toolstack, reply, FAIL_REPLY);

START(front, call, FAIL_CALL);
START(front, alloc, FAIL_ALLOC);
START(front, reply, FAIL_REPLY);
START(back, call, FAIL_CALL);
START(back, alloc, FAIL_ALLOC);
START(back, reply, FAIL_REPLY);
START(toolstack, call, FAIL_CALL); /* which asks nothing of the store */
START(toolstack, alloc, FAIL_ALLOC);
