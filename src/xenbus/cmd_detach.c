/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <xenbus/xenbus.h>

#include "device.h"
#include "world.h"

static const char details[] =
	"The backend is asked to close (online = 0, state 5); when it is Closed both nodes are removed. With --force they are\n"
	"removed after SECONDS whatever the states are. Exit status 1 when it did not close in time and was not forced.\n";

struct detach {
	struct xenbus_toolstack_device device;
	uint64_t timeout_ns;
	bool force;
};

static int detach(struct xenbus *bus, void *arg)
{
	struct detach *d = arg;

	return xenbus_toolstack_detach(bus, &d->device, d->force, d->timeout_ns);
}

static int explain(const struct xenbus_toolstack_device *device, int err)
{
	switch (err) {
	case -ENOENT:
		return cli_fail(DEVICE_FMT ": no such device", DEVICE_FMT_ARGS(device));
	case -ETIMEDOUT:
		return cli_fail(DEVICE_FMT " does not close; --force takes it away", DEVICE_FMT_ARGS(device));
	default:
		return cli_fail(DEVICE_FMT ": %s", DEVICE_FMT_ARGS(device), strerror(-err));
	}
}

int cmd_detach(const struct cli_command *command, int argc, char **argv)
{
	struct device_args args = { .timeout_s = 10 };
	struct detach d = { 0 };
	const struct cli_option options[] = {
		DEVICE_OPTIONS(&args),
		{ .name = "force",
		  .kind = CLI_FLAG,
		  .out = &d.force,
		  .help = "remove the nodes even where it does not close in time" },
		{ 0 },
	};
	struct cli_operands operands;
	int err = cli_parse(command, options, details, argc, argv, 1, 1, &operands);

	if (err >= 0)
		return err;
	d.device = device_of(&args, operands.argv[0]);
	d.timeout_ns = args.timeout_s * 1000000000ull;
	err = world_bus_run(args.run_dir, detach, &d);
	if (err == -EINVAL)
		return cli_usage_error(command, options,
				       "CLASS '%s' must be 1 to 31 letters, digits, '-' and '_'",
				       d.device.devicetype);
	return err < 0 ? explain(&d.device, err) : err;
}
