/* SPDX-License-Identifier: MIT */
/*
 * A whole driver pair: the frontend grants a page that holds a greeting, the backend maps it, says it, and
 * rings back. The framework negotiates the states and takes everything down again.
 *
 *     greeting front     in a guest          greeting back     in dom0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenbus/host.h>
#include <xenbus/platform.h>
#include <xenbus/xenbus.h>

/* README.md shows what follows, up to the next such line, word for word. */
/* -- the driver -- */
struct greeting {
	char text[64];
	_Atomic uint32_t heard;
};

static void rung(struct xenbus_device *dev, void *arg)
{
	struct greeting *page = dev_get_drvdata(dev);

	if (page->heard)
		xenbus_dev_info(dev, "the backend has heard it");
}

static int front_publish(struct xenbus_device *dev)
{
	uint32_t ref, port;
	void *page;
	int err = xenbus_setup_ring(dev, 1, true, &page, &ref);

	err = err ? err : xenbus_alloc_evtchn(dev, rung, NULL, &port);
	err = err ? err : xenbus_publish_add(dev, "ring-ref", "%u", ref);
	err = err ? err : xenbus_publish_add(dev, "event-channel", "%u", port);
	if (err)
		return err;
	strcpy(((struct greeting *)page)->text, "hello from the other domain");
	dev_set_drvdata(dev, page);
	return 0;
}

static int back_connect(struct xenbus_device *dev)
{
	uint32_t ref, remote, port;
	char text[64];
	void *page;
	int err = xenbus_gather(dev->bus, XBT_NIL, dev->otherend, "ring-ref", "%u", &ref, "event-channel",
				"%u", &remote, NULL);

	err = err ? err : xenbus_map_ring_valloc(dev, &ref, 1, true, &page);
	err = err ? err : xenbus_bind_evtchn(dev, remote, NULL, NULL, &port);
	if (err)
		return err;
	/* It may change at any time: copy, then use. */
	memcpy(text, ((struct greeting *)page)->text, sizeof(text));
	xenbus_dev_info(dev, "the frontend says: %.63s", text);
	((struct greeting *)page)->heard = 1;
	return xenbus_notify(dev, port);
}

static const struct xenbus_device_id ids[] = { { "greeting" }, { "" } };
static const struct xenbus_driver front = { .name = "greeting", .ids = ids, .publish = front_publish };
static const struct xenbus_driver back = { .name = "greeting", .ids = ids, .connect = back_connect };
/* -- and a program to run it in -- */

/* The hypervisor is gone: as after a power cut, there is nothing left to do. */
static void world_ended(struct xenbus_source *source, unsigned int events)
{
	fprintf(stderr, "greeting: the world has ended\n");
	exit(1);
}

int main(int argc, char **argv)
{
	struct xenbus_config config = { 0 };
	struct xenbus_source world = { .ready = world_ended, .fd = -1 };
	const char *why = "no event loop";
	struct xenbus *bus;
	int fd;

	if (argc != 2 || (strcmp(argv[1], "front") != 0 && strcmp(argv[1], "back") != 0)) {
		fprintf(stderr, "usage: greeting front | back\n");
		return 2;
	}
	if (xenbus_host_new(&config.host) < 0 || xen_platform_open(&config.platform, &why) < 0 ||
	    xenbus_open(&config, &bus, &why) < 0) {
		fprintf(stderr, "greeting: %s\n", why);
		return 1;
	}
	fd = xen_platform_fd(config.platform);
	if (fd >= 0)
		xenbus_source_add(config.host, &world, fd, XENBUS_SOURCE_READ);
	if (argv[1][0] == 'f')
		xenbus_register_frontend(bus, &front);
	else
		xenbus_register_backend(bus, &back);
	return xenbus_run(bus) < 0;
}
