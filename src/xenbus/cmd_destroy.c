/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <xenbus/local.h>

#include "cli.h"
#include "domain.h"
#include "world.h"

static const char details[] =
	"As pulling the plug: its processes are killed, its devices detached, its nodes removed. Also takes away what a\n"
	"killed `xenbus run` left behind. Exit status 1 when there is no such domain.\n";

/* A domain that ended by itself may have left its home in the store. */
static bool has_home(const struct world_dir *dir, uint32_t domid)
{
	struct world_store store;
	bool there;

	if (world_store_open(dir->path, &store))
		return false;
	there = domain_exists(store.xs, domid);
	world_store_close(&store);
	return there;
}

static int destroy(const struct world_dir *dir, uint32_t domid)
{
	struct xen_local *local;
	int err = world_connect(dir, &local);

	if (err)
		return err;
	err = xen_local_domain_destroy(local, domid);
	if (err == -ESRCH && has_home(dir, domid))
		err = 0;
	if (err == -ESRCH)
		err = cli_fail("domain %u: no such domain", domid);
	else if (err)
		err = cli_fail("domain %u: %s", domid, strerror(-err));
	else
		err = domain_clear(dir, local, domid);
	xen_local_disconnect(local);
	return err;
}

int cmd_destroy(const struct cli_command *command, int argc, char **argv)
{
	const char *run_dir = NULL;
	uint32_t domid = 0;
	const struct cli_option options[] = {
		CLI_RUN_DIR(&run_dir),
		{ .name = "domid",
		  .value = "DOMID",
		  .kind = CLI_DOMID,
		  .out = &domid,
		  .required = true,
		  .help = "the domain's number" },
		{ 0 },
	};
	struct cli_operands operands;
	struct world_dir dir;
	int err = cli_parse(command, options, details, argc, argv, 0, 0, &operands);

	if (err >= 0)
		return err;
	if (!domid)
		return cli_usage_error(command, options,
				       "--domid 0: domain 0 ends with the world: `xenbus down`");
	err = world_dir(run_dir, &dir);
	return err ? err : destroy(&dir, domid);
}
