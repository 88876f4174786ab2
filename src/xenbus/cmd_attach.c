/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <xenbus/xenbus.h>

#include "device.h"
#include "world.h"

static const char details[] =
	"CLASS is the device class, alice_dev for example. Both ends' nodes are made in one transaction, as libxl makes\n"
	"them; then their drivers negotiate. Exit status 1 when they are not both Connected in time: the device stays, and\n"
	"`xenbus ls` says what it waits for.\n";

struct attach {
	struct xenbus_toolstack_device device;
	uint64_t timeout_ns;
	unsigned int backend, frontend; /* states when the time was over */
	bool attached;
	bool wait;
	bool on_machine; /* domains are Xen's own */
};

static int attach(struct xenbus *bus, void *arg)
{
	struct attach *a = arg;
	int err = 0;

	/* A `run` of the same moment may still be building its domain. */
	if (a->wait)
		err = xenbus_toolstack_wait_domain(bus, a->device.frontend_id, a->timeout_ns);
	if (!err && a->wait)
		err = xenbus_toolstack_wait_domain(bus, a->device.backend_id, a->timeout_ns);
	if (err)
		return err == -ETIMEDOUT ? -ENOENT : err;
	err = xenbus_toolstack_attach(bus, &a->device);

	if (err)
		return err;
	a->attached = true;
	if (!a->wait)
		return 0;
	return xenbus_toolstack_wait(bus, &a->device, XenbusStateConnected, a->timeout_ns, &a->backend,
				     &a->frontend);
}

static int explain(const struct attach *a, int err)
{
	const struct xenbus_toolstack_device *device = &a->device;

	switch (err) {
	case -EEXIST:
		return cli_fail(DEVICE_FMT " is there already", DEVICE_FMT_ARGS(device));
	case -ENOENT:
		if (a->attached)
			return cli_fail(DEVICE_FMT " was taken away", DEVICE_FMT_ARGS(device));
		return cli_fail("domain %u or domain %u is not there%s", device->frontend_id,
				device->backend_id, a->on_machine ? "" : "; `xenbus run` makes domains");
	case -ETIMEDOUT:
		return cli_fail(DEVICE_FMT ": not connected yet: backend %s, frontend %s",
				DEVICE_FMT_ARGS(device), xenbus_strstate((enum xenbus_state)a->backend),
				xenbus_strstate((enum xenbus_state)a->frontend));
	default:
		return cli_fail(DEVICE_FMT ": %s", DEVICE_FMT_ARGS(device), strerror(-err));
	}
}

int cmd_attach(const struct cli_command *command, int argc, char **argv)
{
	struct device_args args = { .timeout_s = 10 };
	bool no_wait = false;
	const struct cli_option options[] = {
		DEVICE_OPTIONS(&args),
		{ .name = "no-wait", .kind = CLI_FLAG, .out = &no_wait, .help = "only make the nodes" },
		{ 0 },
	};
	struct cli_operands operands;
	struct attach a = { 0 };
	int err = cli_parse(command, options, details, argc, argv, 1, 1, &operands);

	if (err >= 0)
		return err;
	a.device = device_of(&args, operands.argv[0]);
	a.timeout_ns = args.timeout_s * 1000000000ull;
	a.wait = !no_wait;
	a.on_machine = world_is_machine(args.run_dir);
	err = world_bus_run(args.run_dir, attach, &a);
	if (err == -EINVAL && !a.attached)
		return cli_usage_error(command, options,
				       "CLASS '%s' must be 1 to 31 letters, digits, '-' and '_'",
				       a.device.devicetype);
	return err < 0 ? explain(&a, err) : err;
}
