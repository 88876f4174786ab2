/* SPDX-License-Identifier: MIT */
/* A bus opened, its drivers, its loop, and its end. */
#include "bus.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_DEADLINE_NS 10000000000u

static void store_lost(void *ctx, int error)
{
	struct xenbus *bus = ctx;

	bus->connected = false;
	tx_store_lost(bus);
	trace_add(bus, NULL, XENBUS_TRACE_NOTE, "store connection lost: %s", strerror(-error));
	bus_log(bus, XENBUS_LOG_ERROR, "store connection lost: %s; connecting again", strerror(-error));
	toolstack_store_lost(bus);
	list_for_each (link, &bus->roots)
		list_entry(link, struct root, link)->scan = true;
}

static void store_reconnected(void *ctx)
{
	struct xenbus *bus = ctx;

	bus->connected = true;
	trace_add(bus, NULL, XENBUS_TRACE_NOTE, "store connected again");
	bus_log(bus, XENBUS_LOG_INFO, "store connected again");
	list_for_each_safe (link, next, &bus->devices)
		device_look(list_entry(link, struct device_impl, link),
			    LOOK_INSTANCE | LOOK_OWN | LOOK_OTHEREND);
}

static void store_message(void *ctx, bool out, uint32_t op, uint32_t req_id, uint32_t tx_id,
			  const void *payload, size_t len)
{
	bus_trace_message(ctx, out, op, payload, len);
}

bool xenbus_launch_valid(const char *launch)
{
	size_t len = strlen(launch);

	return len >= XENBUS_LAUNCH_MIN && len <= XENBUS_LAUNCH_MAX &&
	       strspn(launch, "0123456789abcdefABCDEF") == len;
}

static void learn_launch(struct xenbus *bus)
{
	const char *launch = getenv(XENBUS_LAUNCH_ENV);

	if (launch && xenbus_launch_valid(launch))
		snprintf(bus->launch, sizeof(bus->launch), " %s", launch);
}

static void bus_init(struct xenbus *bus, const struct xenbus_config *config)
{
	bus->config = *config;
	bus->host = config->host;
	bus->platform = config->platform;
	if (!bus->config.wait_deadline_ns)
		bus->config.wait_deadline_ns = WAIT_DEADLINE_NS;
	bus->connected = true;
	bus->generation = 1;
	list_init(&bus->roots);
	list_init(&bus->devices);
	list_init(&bus->tx_queue);
	list_init(&bus->orphans);
	list_init(&bus->outsiders);
	for (size_t i = 0; i < BUS_HASH_BUCKETS; i++)
		list_init(&bus->hash[i]);
	fiber_pool_init(&bus->pool);
	learn_launch(bus);
}

/* The own domid: the world knows it, or (a domU on Xen) the store does. */
static int learn_domid(struct xenbus *bus, const char **why)
{
	struct iovec iov = { (void *)"domid", sizeof("domid") };
	int domid = bus->platform ? xen_platform_domid(bus->platform) : 0;
	char *value;

	if (domid >= 0) {
		bus->domid = (unsigned int)domid;
		return 0;
	}
	*why = "reading the own domid";
	domid = xenstore_call(bus->xs, XS_READ, XBT_NULL, &iov, 1, &value, NULL);
	if (domid)
		return domid;
	bus->domid = (unsigned int)strtoul(value, NULL, 10);
	free(value);
	return 0;
}

int xenbus_open(const struct xenbus_config *config, struct xenbus **out, const char **why)
{
	struct xenbus *bus = calloc(1, sizeof(*bus));
	const char *ignored;
	struct xenstore_events events = {
		.lost = store_lost, .reconnected = store_reconnected, .message = store_message, .ctx = bus
	};
	int err;

	why = why ? why : &ignored;
	*why = "no memory";
	*out = NULL;
	if (!bus)
		return -ENOMEM;
	bus_init(bus, config);
	bus_log_open(bus);
	err = bus_trace_open(bus);
	if (!err)
		err = xenstore_open(bus->host, bus->platform, &events, &bus->xs, why);
	if (!err)
		err = learn_domid(bus, why);
	if (!err)
		err = resources_open(bus, why);
	if (err) {
		xenstore_close(bus->xs);
		bus_log_close(bus);
		bus_trace_close(bus);
		free(bus);
		return err;
	}
	*out = bus;
	return 0;
}

void xenbus_close(struct xenbus *bus)
{
	if (!bus)
		return;
	assert(!bus->current);
	assert(!bus->tasks);
	bus->closing = true;
	list_for_each_safe (link, next, &bus->roots)
		root_close(list_entry(link, struct root, link));
	while (!list_empty(&bus->roots))
		xenbus_host_dispatch(bus->host, -1);
	xenstore_close(bus->xs); /* fails what is pending, so the last orphans go too */
	assert(list_empty(&bus->orphans));
	resources_close(bus);
	fiber_pool_fini(&bus->pool);
	bus_log_close(bus);
	bus_trace_close(bus);
	free(bus);
}

int xenbus_fd(struct xenbus *bus)
{
	return xenbus_host_fd(bus->host);
}

int xenbus_dispatch(struct xenbus *bus, int timeout_ms)
{
	return xenbus_host_dispatch(bus->host, timeout_ms);
}

int xenbus_run(struct xenbus *bus)
{
	return xenbus_host_run(bus->host);
}

void xenbus_stop(struct xenbus *bus, int code)
{
	xenbus_host_stop(bus->host, code);
}

struct xenstore *xenbus_store(struct xenbus *bus)
{
	return bus->xs;
}

static bool is_registered(const struct xenbus *bus, const char *devicetype, bool is_backend)
{
	list_for_each (link, &bus->roots) {
		const struct root *root = list_entry(link, struct root, link);

		if (!root->closing && root->is_backend == is_backend &&
		    !strcmp(root->id->devicetype, devicetype))
			return true;
	}
	return false;
}

static int register_driver(struct xenbus *bus, const struct xenbus_driver *drv, bool is_backend)
{
	const struct xenbus_device_id *id;

	for (id = drv->ids; id->devicetype[0]; id++)
		if (is_registered(bus, id->devicetype, is_backend))
			return -EEXIST;
	trace_publish(bus);
	for (id = drv->ids; id->devicetype[0]; id++) {
		if (root_new(bus, drv, id, is_backend))
			continue;
		xenbus_unregister_driver(bus, drv);
		return -ENOMEM;
	}
	return 0;
}

int xenbus_register_frontend(struct xenbus *bus, const struct xenbus_driver *drv)
{
	return register_driver(bus, drv, false);
}

int xenbus_register_backend(struct xenbus *bus, const struct xenbus_driver *drv)
{
	return register_driver(bus, drv, true);
}

void xenbus_unregister_driver(struct xenbus *bus, const struct xenbus_driver *drv)
{
	list_for_each_safe (link, next, &bus->roots) {
		struct root *root = list_entry(link, struct root, link);

		if (root->drv == drv)
			root_close(root);
	}
}

size_t xenbus_driver_devices(struct xenbus *bus, const struct xenbus_driver *drv)
{
	size_t count = 0;

	list_for_each (link, &bus->roots) {
		const struct root *root = list_entry(link, struct root, link);

		if (root->drv == drv)
			count += root->devices;
	}
	return count;
}

void xenbus_counts(const struct xenbus *bus, struct xenbus_counts *out)
{
	*out = bus->counts;
	out->fibers = bus->pool.live;
	out->stacks = bus->pool.stacks;
	out->transactions = bus->tx_open;
}
