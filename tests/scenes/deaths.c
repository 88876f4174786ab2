/* SPDX-License-Identifier: MIT */
/*
 * Deaths. The seed says at which call through the seam the victim is killed: seeds 0, 1, 2, ... sweep them all, from
 * its start over every state of the negotiation and the middle of the transfer to the orderly end. The survivor must
 * stop by itself and hold nothing; after a detach by force everything is as it was before, and works again.
 */
#include "scene.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>

#define CALLS 1200u /* more than a victim makes; checked */

static bool dead_or_whole(struct scene *scene)
{
	return !scene->victim->process || (scene_whole(scene) && both_connected(scene));
}

static bool dead_or_over(struct scene *scene)
{
	return !scene->victim->process || scene->task_over;
}

static void finish_task(struct scene *scene)
{
	const struct sim_process *victim = scene->victim->process;

	while (!scene->task_over && !victim)
		scene_expect(scene, sim_step(scene->sim));
}

/* Up and, where it lives so long, down again. False: it was not killed on the way. */
static bool live_until_killed(struct scene *scene, struct end *victim)
{
	struct end *other = victim == &scene->front ? &scene->back : &scene->front;

	scene->victim = victim;
	end_start(other);
	scene_attach(scene);
	end_start(victim);
	sim_kill_at_call(victim->process, scene->options->seed % CALLS + 1);
	scene_until(scene, dead_or_whole, "a whole stream, or the victim's death");
	scene->detach_asked = victim->process;
	if (victim->process) {
		scene_task_start(scene, scene_do_detach, scene);
		scene_until(scene, dead_or_over, "the detach, or the victim's death");
		finish_task(scene);
	}
	scene_expect(scene, !victim->process || scene->options->seed % CALLS > 10);
	return !victim->process;
}

static void expect_holds_nothing(struct scene *scene, struct end *end)
{
	struct sim_counts counts;

	sim_process_counts(end->process, &counts);
	scene_expect(scene, !counts.mappings && !counts.ports);
	scene_expect(scene, end->is_frontend || !counts.grants);
}

/* Taken by nobody, the backend's node says what the toolstack asked for last. */
static bool was_taken(const struct end *end)
{
	struct xenbus_counts counts;

	xenbus_counts(end->bus, &counts);
	return counts.devices > 0;
}

/* What it says of itself when its other end was killed and nobody else did anything: a device that was never
 * connected may go on waiting; no grant is mapped, no port bound. */
static void expect_survivor_stopped(struct scene *scene, struct end *survivor)
{
	unsigned int state = check_state(survivor->is_backend);

	scene_settle(scene);
	state = check_state(survivor->is_backend);
	if (was_taken(survivor) && (state == XenbusStateConnected || state == XenbusStateClosing))
		scene_fail(scene, "the survivor stays %s", xenbus_strstate((enum xenbus_state)state));
	expect_holds_nothing(scene, survivor);
}

/* What the store and the simulator hold for anybody. */
struct census {
	uint64_t nodes, watches, transactions, connections, domains;
	struct sim_counts world;
};

static void take_census(struct scene *scene, struct census *out)
{
	struct store_stats stats;

	memset(out, 0, sizeof(*out));
	store_stats(scene->server.store, &stats);
	out->nodes = stats.nodes;
	out->watches = stats.watches;
	out->transactions = stats.transactions;
	out->connections = stats.connections;
	out->domains = stats.domains;
	sim_world_counts(scene->sim, &out->world);
}

/* Who has lived through a death holds what one holds that has just begun; all are there, and no device. */
static void expect_as_fresh(struct scene *scene)
{
	struct census now, fresh;

	take_census(scene, &now);
	end_stop(&scene->front);
	end_stop(&scene->back);
	end_start(&scene->back);
	end_start(&scene->front);
	scene_settle(scene);
	take_census(scene, &fresh);
	if (!memcmp(&now, &fresh, sizeof(now)))
		return;
	scene_fail(
		scene,
		"after a death there are %" PRIu64 " watches, %" PRIu64 " transactions, %" PRIu64
		" connections, %zu ports, %zu pages granted, %zu mapped, %zu sources, %zu timers; else %" PRIu64
		", %" PRIu64 ", %" PRIu64 ", %zu, %zu, %zu, %zu, %zu",
		now.watches, now.transactions, now.connections, now.world.ports, now.world.grants,
		now.world.mappings, now.world.sources, now.world.timers, fresh.watches, fresh.transactions,
		fresh.connections, fresh.world.ports, fresh.world.grants, fresh.world.mappings,
		fresh.world.sources, fresh.world.timers);
}

static void exchange_again(struct scene *scene)
{
	scene_until(scene, scene_whole, "a whole stream after the death");
	scene_until(scene, both_connected, "both Connected after the death");
	scene_detach(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
	scene_expect(scene, scene_nodes(scene) == scene->nodes_before);
	expect_as_fresh(scene);
}

/* Whatever the survivor has not given up by itself, the toolstack's force takes. */
static void clear_away(struct scene *scene)
{
	scene_detach_by_force(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
}

/* -- a domain is killed: the frontend's, or the backend's own ------------------------------------------ */

static void domain_dies(struct scene *scene, struct end *victim, struct end *survivor)
{
	if (live_until_killed(scene, victim)) {
		scene_domain_destroy(scene, victim->writer.domid);
		expect_survivor_stopped(scene, survivor);
	} else {
		end_stop(victim);
		scene_domain_destroy(scene, victim->writer.domid);
	}
	clear_away(scene);
	scene_domain_forget(scene, victim->writer.domid);
	scene_domain_start(scene, victim->writer.domid);
	scene_settle(scene);
	scene_expect(scene, scene_nodes(scene) == scene->nodes_before);
	scene->front.whole = scene->back.whole = 0;
	end_start(victim);
	scene_attach(scene);
	exchange_again(scene);
}

static void front_domain(struct scene *scene)
{
	domain_dies(scene, &scene->front, &scene->back);
}

static void back_domain(struct scene *scene)
{
	domain_dies(scene, &scene->back, &scene->front);
}

/* -- the backend's process in domain 0 -------------------------------------------------------------------- */

static int release(struct xenbus *bus, void *arg)
{
	const struct end *end = arg;

	return xenbus_toolstack_release(bus, end->launch, "back (simulated) was killed by signal 9");
}

/* What the launcher does when its program has died; then the program is started again, and the device, never detached,
 * connects again. */
static void back_process(struct scene *scene)
{
	const bool killed = live_until_killed(scene, &scene->back);
	unsigned int state;

	if (killed)
		scene_settle(scene);
	else
		end_stop(&scene->back);
	scene_expect(scene, scene_task(scene, release, &scene->back) >= 0);
	state = check_state(true);
	scene_expect(scene, state == 0 || state == XenbusStateInitialising || state == XenbusStateClosed);
	expect_survivor_stopped(scene, &scene->front);
	if (scene->detach_asked)
		clear_away(scene);
	scene->front.whole = scene->back.whole = 0;
	end_start(&scene->back);
	if (scene->detach_asked)
		scene_attach(scene);
	exchange_again(scene);
}

/* -- the store ---------------------------------------------------------------------------------------------- */

static bool store_gone_or_whole(struct scene *scene)
{
	return !scene->store_process || (scene_whole(scene) && both_connected(scene));
}

static bool store_gone_or_over(struct scene *scene)
{
	return !scene->store_process || scene->task_over;
}

static bool store_is_back(struct scene *scene)
{
	struct xenstore_counters counters;

	xenstore_counters(xenbus_store(scene->toolstack.bus), &counters);
	return counters.reconnects && xenstore_connected(xenbus_store(scene->toolstack.bus));
}

/* What the store knew is lost: devices go, domains are introduced anew, devices are attached anew. */
static void store(struct scene *scene)
{
	sim_kill_at_call(scene->store_process, scene->options->seed % CALLS + 1);
	end_start(&scene->back);
	end_start(&scene->front);
	scene_task_start(scene, scene_do_attach, scene);
	scene_until(scene, store_gone_or_whole, "a whole stream, or the store's death");
	if (scene->store_process) {
		scene_task_start(scene, scene_do_detach, scene);
		scene_until(scene, store_gone_or_over, "the detach, or the store's death");
	}
	if (scene->store_process)
		scene_store_kill(scene);
	scene_until(scene, scene_task_over, "the toolstack's call ends without its store");
	scene_store_start(scene);
	scene_until(scene, store_is_back, "the toolstack has the store again");
	scene_introduce(scene);
	scene_until(scene, no_devices, "the devices of the lost store are gone");
	scene->nodes_before = scene_nodes(scene);
	scene->front.whole = scene->back.whole = 0;
	scene_attach(scene);
	exchange_again(scene);
}

const struct scenario death_of_front_domain = { .name = "front-domain-dies",
						.about = "killed at its call SEED+1; made anew",
						.run = front_domain };
const struct scenario death_of_back_domain = {
	.name = "back-domain-dies",
	.about = "driver domain 2, killed at its call SEED+1; made anew",
	.run = back_domain,
	.back_domid = 2
};
const struct scenario death_of_back_process = {
	.name = "back-process-dies",
	.about = "in domain 0, killed at its call SEED+1; started anew",
	.run = back_process
};
const struct scenario death_of_store = { .name = "store-dies",
					 .about = "xenstored, killed at its call SEED+1; started anew, empty",
					 .run = store };
