/* SPDX-License-Identifier: MIT */
/* Alice connects, exchanges, closes, reconnects: one device, whole. */
#include "scene.h"

static bool device_open(struct scene *scene)
{
	return scene->front.dev && scene->back.dev;
}

/* A stream from first byte to last, on a connection that comes by itself. */
static void exchange(struct scene *scene)
{
	scene_until(scene, scene_whole, "a whole stream");
	scene_until(scene, both_connected, "both Connected");
	scene->front.whole = scene->back.whole = 0;
}

/* In good order no page is let go while the other end maps it, whoever begins. */
static void close_and_open(struct scene *scene, struct end *end)
{
	const uint64_t unshared_mapped = sim_unshared_mapped(scene->sim);

	scene_expect(scene, device_open(scene));
	xenbus_close_device(end->dev);
	scene_until(scene, both_closed, "both Closed");
	scene_expect(scene, sim_unshared_mapped(scene->sim) == unshared_mapped);
	scene_expect(scene, device_open(scene));
	xenbus_reopen_device(end->dev);
}

static void program_again(struct scene *scene, struct end *end)
{
	end_stop(end);
	end_start(end);
}

static void again(struct scene *scene)
{
	switch (sim_choose(scene->sim, 5)) {
	case 0:
		close_and_open(scene, &scene->front);
		break;
	case 1:
		close_and_open(scene, &scene->back);
		break;
	case 2:
		program_again(scene, &scene->front);
		break;
	case 3:
		program_again(scene, &scene->back);
		break;
	default:
		scene_detach(scene);
		scene_until(scene, no_devices, "the devices are gone");
		scene_attach(scene);
		break;
	}
}

static void run(struct scene *scene)
{
	const unsigned int order = sim_choose(scene->sim, 6);

	for (unsigned int i = 0; i < 3; i++) {
		static const unsigned char orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
							    { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

		if (orders[order][i] == 0)
			end_start(&scene->front);
		else if (orders[order][i] == 1)
			end_start(&scene->back);
		else
			scene_attach(scene);
	}
	exchange(scene);
	again(scene);
	exchange(scene);
	scene_detach(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
	scene_expect(scene, scene_nodes(scene) == scene->nodes_before);
	scene_expect(scene, !scene->mourned);
}

/* For what is told of a run that fails: amid the stream, in one run of eight. */
static void run_on_purpose(struct scene *scene)
{
	end_start(&scene->back);
	end_start(&scene->front);
	scene_attach(scene);
	scene_until(scene, both_connected, "both Connected");
	scene_some_way(scene, 30);
	scene_expect(scene, sim_choose(scene->sim, 8));
	scene_detach(scene);
	scene_settle(scene);
}

const struct scenario on_purpose = {
	.name = "on-purpose",
	.about = "fails in one run of eight, for what is told then",
	.run = run_on_purpose,
};

const struct scenario alice = {
	.name = "alice",
	.about = "connect, exchange, close, reconnect, exchange, detach",
	.run = run,
};
