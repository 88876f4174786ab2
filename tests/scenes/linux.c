/* SPDX-License-Identifier: MIT */
/*
 * Frontends of ours against Linux's backends as they were recorded (linux_backend.h): a block-like one, which the bus
 * leads through the negotiation, and a network-like one, which goes straight from Initialising to Connected.
 */
#include "linux_backend.h"

static void event(struct xenbus_device *dev, void *arg)
{
}

static int add_ring(struct xenbus_device *dev, const char *key)
{
	uint32_t ref;
	void *ring;
	int err = xenbus_setup_ring(dev, 1, true, &ring, &ref);

	return err ? err : xenbus_publish_add(dev, key, "%u", ref);
}

static int add_port(struct xenbus_device *dev)
{
	uint32_t port;
	int err = xenbus_alloc_evtchn(dev, event, NULL, &port);

	return err ? err : xenbus_publish_add(dev, "event-channel", "%u", port);
}

/* -- block ------------------------------------------------------------------------------------------- */

static int block_publish(struct xenbus_device *dev)
{
	int err = add_ring(dev, "ring-ref");

	return err ? err : add_port(dev);
}

static int block_connect(struct xenbus_device *dev)
{
	return 0;
}

static const struct xenbus_device_id block_ids[] = { { "vbd" }, { "" } };
static const struct xenbus_driver block = {
	.name = "block", .ids = block_ids, .publish = block_publish, .connect = block_connect
};

/* -- network: as Linux's drivers are written ------------------------------------------------------------ */

static void network_connect(struct xenbus_device *dev)
{
	int err = add_ring(dev, "tx-ring-ref");

	if (!err)
		err = add_ring(dev, "rx-ring-ref");
	if (!err)
		err = add_port(dev);
	if (!err)
		err = xenbus_publish_add(dev, "request-rx-copy", "1");
	if (err)
		xenbus_dev_fatal(dev, err, "what it has to offer");
	else
		xenbus_publish(dev, XenbusStateConnected);
}

/* As netfront: a node that its last owner left Closed begins anew. */
static int network_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	int err = xenbus_switch_state(dev, XenbusStateInitialising);

	return err < 0 ? err : 0;
}

static void network_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	switch (state) {
	case XenbusStateInitWait:
		if (dev->state == XenbusStateInitialising)
			network_connect(dev);
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		if (dev->state != XenbusStateClosed && dev->state != XenbusStateInitialising)
			xenbus_frontend_closed(dev);
		break;
	default:
		break;
	}
}

static const struct xenbus_device_id network_ids[] = { { "vif" }, { "" } };
static const struct xenbus_driver network = {
	.name = "network", .ids = network_ids, .probe = network_probe, .otherend_changed = network_changed
};

/* -- the runs --------------------------------------------------------------------------------------------- */

static void start_front(struct scene *scene, const struct xenbus_driver *driver)
{
	scene->front.is_frontend = false; /* no alice */
	end_start(&scene->front);
	scene_expect(scene, !xenbus_register_frontend(scene->front.bus, driver));
}

static bool front_is_empty(struct scene *scene)
{
	struct xenbus_counts counts;

	xenbus_counts(scene->front.bus, &counts);
	return !counts.devices && !counts.fibers && !counts.transactions;
}

static bool is_over(struct scene *scene)
{
	return front_is_empty(scene) && !linux_backend_has_device(scene->back.ctx);
}

/* Detached in good order: Linux has let go, and nothing of the device is left. */
static void detach(struct scene *scene)
{
	scene_detach(scene);
	scene_until(scene, is_over, "the device is gone at both ends");
}

static void again(struct scene *scene, const struct xenbus_driver *driver)
{
	/* Only of what the bus leads can it be asked to close. */
	switch (sim_choose(scene->sim, driver == &block ? 3 : 2)) {
	case 0:
		detach(scene);
		scene_attach(scene);
		break;
	case 1:
		end_stop(&scene->front);
		start_front(scene, driver);
		break;
	default:
		xenbus_close_device(scene->front.dev);
		scene_until(scene, both_closed, "both Closed");
		xenbus_reopen_device(scene->front.dev);
		break;
	}
}

static void begin(struct scene *scene, const char *driver, const struct xenbus_driver *front)
{
	const bool attached_first = sim_choose(scene->sim, 2);

	if (attached_first)
		scene_attach(scene);
	if (sim_choose(scene->sim, 2)) {
		scene->back.ctx = linux_backend_start(scene, driver);
		start_front(scene, front);
	} else {
		start_front(scene, front);
		scene->back.ctx = linux_backend_start(scene, driver);
	}
	if (!attached_first)
		scene_attach(scene);
}

static void negotiate(struct scene *scene, const char *driver, const struct xenbus_driver *front)
{
	begin(scene, driver, front);
	for (unsigned int lives = 1; lives <= 3; lives++) {
		scene_until(scene, both_connected, "both Connected");
		scene_settle(scene);
		scene_expect(scene, both_connected(scene));
		scene_expect(scene, linux_backend_connections(scene->back.ctx) == lives);
		if (lives < 3)
			again(scene, front);
	}
	detach(scene);
	scene_settle(scene);
	scene_expect(scene, scene_nodes(scene) == scene->nodes_before);
	linux_backend_stop(scene->back.ctx);
}

static void run_blkback(struct scene *scene)
{
	negotiate(scene, "blkback", &block);
}

static void run_netback(struct scene *scene)
{
	negotiate(scene, "netback", &network);
}

const struct scenario linux_blkback = {
	.name = "linux-blkback",
	.about = "a frontend and Linux's blkback as recorded: connect, close, again, detach",
	.run = run_blkback,
	.devicetype = "vbd",
};

const struct scenario linux_netback = {
	.name = "linux-netback",
	.about = "a frontend that is Connected at once, and Linux's netback as recorded",
	.run = run_netback,
	.devicetype = "vif",
	.straight = true,
};
