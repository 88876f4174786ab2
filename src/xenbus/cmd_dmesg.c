/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <base/logfile.h>

#include "cli.h"
#include "world.h"

static const char details[] =
	"Times are seconds since the world came up. What the lines say was written by the world's programs, guests too:\n"
	"control characters are shown as '?'.\n";

static void print_line(void *ctx, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		putchar(c == '\t' || (c >= 0x20 && c != 0x7f) ? c : '?');
	}
	putchar('\n');
}

int cmd_dmesg(const struct cli_command *command, int argc, char **argv)
{
	const char *run_dir = NULL;
	const struct cli_option options[] = { CLI_RUN_DIR(&run_dir), { 0 } };
	struct cli_operands operands;
	struct world_dir dir;
	char path[WORLD_PATH_MAX];
	int err = cli_parse(command, options, details, argc, argv, 0, 0, &operands);

	if (err >= 0)
		return err;
	if (world_dir(run_dir, &dir))
		return CLI_FAILURE;
	world_path(&dir, "dmesg", path);
	err = logfile_read(path, print_line, NULL);
	if (err == -ENOENT && world_is_machine(run_dir))
		return cli_fail("no program with drivers has logged in %s", dir.path);
	if (err == -ENOENT)
		return cli_fail("no world lives in %s; `xenbus up --run-dir %s` starts one", dir.path,
				dir.path);
	if (err)
		return cli_fail("%s: %s", path, strerror(-err));
	if (fflush(stdout))
		return cli_fail("standard output: %s", strerror(errno));
	return 0;
}
