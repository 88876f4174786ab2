/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <base/ringfile.h>
#include <xenbus/local.h>
#include <xenbus/trace_file.h>

#include "cli.h"
#include "modules.h"
#include "process.h"
#include "world.h"

static const char details[] =
	"All domains of the world are killed, xenstored and the broker end, and their files are removed, what `xenbus dmesg`\n"
	"and `xenbus trace` show among them. Programs in domain 0 see the world end. Exit status 1 if no world was up.\n";

#define STORE_GRACE_MS 5000

/* Returns how many files there were. */
static int remove_files(const struct world_dir *dir)
{
	static const char *const names[] = { "broker.sock",    "broker.lock",	"broker.log",
					     "xenstored.sock", "xenstored.log", "xenstored.pid",
					     "dmesg",	       "dmesg.0",	NULL };
	char path[WORLD_PATH_MAX];
	int removed = 0;

	for (int i = 0; names[i]; i++) {
		world_path(dir, names[i], path);
		removed += !unlink(path);
	}
	world_path(dir, TRACE_FILE_FOLDER, path);
	removed += (int)ringfile_remove_all(path);
	world_path(dir, MODULES_FOLDER, path);
	removed += modules_remove_all(path);
	rmdir(dir->path); /* stays where somebody keeps something else in it */
	return removed;
}

static int end_world(const struct world_dir *dir)
{
	char path[WORLD_PATH_MAX];
	struct xen_local *local;
	int store, err = xen_local_connect(dir->path, &local);

	if (err && err != -ENOENT && err != -ECONNREFUSED)
		return cli_fail("%s: %s", dir->path, strerror(-err));
	world_path(dir, "xenstored.sock", path);
	store = process_behind_socket(path);
	if (!err) {
		err = xen_local_down(local);
		xen_local_disconnect(local);
		if (err && err != -ENOTCONN)
			cli_fail("the broker: %s", strerror(-err));
		err = 0;
	}
	if (store >= 0)
		process_end(store, STORE_GRACE_MS);
	if (!remove_files(dir) && err)
		return cli_fail("no world lives in %s", dir->path);
	return 0;
}

int cmd_down(const struct cli_command *command, int argc, char **argv)
{
	const char *run_dir = NULL;
	const struct cli_option options[] = { CLI_RUN_DIR(&run_dir), { 0 } };
	struct cli_operands operands;
	struct world_dir dir;
	int lock, err = cli_parse(command, options, details, argc, argv, 0, 0, &operands);

	if (err >= 0)
		return err;
	if (world_dir(run_dir, &dir))
		return CLI_FAILURE;
	lock = world_lock(&dir, WORLD_END);
	if (lock == -ENOENT)
		return cli_fail("no world lives in %s", dir.path);
	if (lock < 0)
		return CLI_FAILURE;
	err = end_world(&dir);
	close(lock);
	return err;
}
