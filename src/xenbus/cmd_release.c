/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xenbus/toolstack.h>
#include <xenbus/xenbus.h>

#include "cli.h"
#include "launch.h"
#include "world.h"

static const char details[] =
	"Every device of this domain that a program took which was started with XENBUS_LAUNCH=TOKEN in its environment, as\n"
	"`xenbus run --domid 0 --launch TOKEN` does, and that is not Closed, becomes Closed with an error node that says so:\n"
	"the other end closes, too, and a program that is started again takes the device. `xenbus run` does it by itself when\n"
	"its program ends; this is for when it was killed together with it, or for who starts programs without it.\n";

static int release(struct xenbus *bus, void *launch)
{
	char what[64];
	int count;

	snprintf(what, sizeof(what), "of launch %s is gone", (const char *)launch);
	count = xenbus_toolstack_release(bus, launch, what);
	return count < 0 ? count : 0;
}

int cmd_release(const struct cli_command *command, int argc, char **argv)
{
	const char *run_dir = NULL, *launch = NULL;
	const struct cli_option options[] = {
		CLI_RUN_DIR(&run_dir),
		{ .name = "launch",
		  .value = "TOKEN",
		  .kind = CLI_STRING,
		  .out = &launch,
		  .required = true,
		  .help = "the launch that the program belonged to" },
		{ 0 },
	};
	struct cli_operands operands;
	int err = cli_parse(command, options, details, argc, argv, 0, 0, &operands);

	if (err >= 0)
		return err;
	if (!xenbus_launch_valid(launch))
		return cli_usage_error(command, options, "--launch: %s", LAUNCH_SYNTAX);
	err = world_bus_run(run_dir, release, (void *)(uintptr_t)launch);
	return err < 0 ? cli_fail("%s", strerror(-err)) : err;
}
