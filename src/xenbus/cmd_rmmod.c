/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "modules.h"

static const char details[] =
	"Runs the module's exit function and returns when its process is gone. Its devices are removed first; what the module\n"
	"has not given back is told in `xenbus dmesg`, and taken back.\n";

/* The kernel's words for it. */
static int fail(const char *name, int error)
{
	if (error == ENOENT || error == ECONNREFUSED)
		fprintf(stderr, "rmmod: ERROR: Module %s is not currently loaded\n", name);
	else
		fprintf(stderr, "rmmod: ERROR: could not remove '%s': %s\n", name, strerror(error));
	return CLI_FAILURE;
}

static int unload(int folder, uint32_t domid, const char *name)
{
	FILE *answer = module_ask(folder, domid, name, "exit");
	char line[32] = "";
	int error;

	if (!answer)
		return fail(name, errno);
	if (!fgets(line, sizeof(line), answer)) {
		fclose(answer);
		return cli_fail("module %s died; see `xenbus dmesg`", name);
	}
	error = atoi(line);
	while (fgets(line, sizeof(line), answer))
		; /* until it is gone */
	fclose(answer);
	return error ? fail(name, error) : 0;
}

int cmd_rmmod(const struct cli_command *command, int argc, char **argv)
{
	const char *run_dir = NULL;
	uint32_t domid = UINT32_MAX;
	const struct cli_option options[] = {
		CLI_RUN_DIR(&run_dir),
		{ .name = "domid",
		  .value = "DOMID",
		  .kind = CLI_DOMID,
		  .out = &domid,
		  .help = "the module's domain [the own one]" },
		{ 0 },
	};
	struct cli_operands operands;
	char name[MODULE_NAME_MAX];
	int folder, err = cli_parse(command, options, details, argc, argv, 1, 1, &operands);

	if (err >= 0)
		return err;
	if (!module_name(operands.argv[0], name))
		return cli_usage_error(command, options, "%s: no name of a module", operands.argv[0]);
	folder = modules_open(run_dir);
	if (folder == -ENOENT)
		return fail(name, ENOENT);
	if (folder < 0)
		return CLI_FAILURE;
	err = unload(folder, domid == UINT32_MAX ? module_own_domid(folder, run_dir, name) : domid, name);
	close(folder);
	return err;
}
