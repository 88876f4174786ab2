/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenbus/local.h>

#include "cli.h"
#include "modules.h"
#include "process.h"
#include "world.h"

static const char details[] =
	"FILE is a driver in the style of Linux's modules, built as a shared object (see docs/linux-compat.md). It runs in a\n"
	"process of its own, in the domain that insmod is run in; when its init function has returned 0 insmod returns 0, and\n"
	"the module stays. What it logs is in `xenbus dmesg`.\n"
	"\n"
	"With --foreground it stays with insmod, logs to standard error, too, and is unloaded by SIGTERM or SIGINT. So a\n"
	"guest is made of a module:\n"
	"\n"
	"    xenbus run --domid 1 -- xenbus insmod --foreground ./alice_front.so\n";

#define PROGRAM "xenbus-module"

/* In domain 0 of a local world there is nobody who gave us its descriptor: it is asked for. */
static int enter_dom0(const char *run_dir)
{
	struct xen_local *local;
	struct world_dir dir;
	char number[16];
	int fd;

	if (getenv(XEN_LOCAL_DOMAIN_FD_ENV) || world_is_machine(run_dir))
		return 0;
	if (world_dir(run_dir, &dir) || world_connect(&dir, &local))
		return CLI_FAILURE;
	fd = xen_local_domain_fd(local, 0);
	xen_local_disconnect(local);
	if (fd < 0)
		return cli_fail("domain 0: %s", strerror(-fd));
	fcntl(fd, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", fd);
	setenv(XEN_LOCAL_DOMAIN_FD_ENV, number, 1);
	world_setenv(&dir);
	return 0;
}

static int start(bool foreground, const struct cli_operands *operands)
{
	char program[PATH_MAX], **argv = calloc((size_t)operands->argc + 3, sizeof(*argv));
	int n = 0;

	if (!argv)
		return cli_fail("%s", strerror(ENOMEM));
	if (process_find(PROGRAM, program, sizeof(program))) {
		free(argv);
		return CLI_FAILURE;
	}
	argv[n++] = program;
	if (foreground)
		argv[n++] = (char *)"--foreground";
	memcpy(argv + n, operands->argv, (size_t)operands->argc * sizeof(*argv));
	execv(program, argv);
	free(argv);
	return cli_fail("%s: %s", program, strerror(errno));
}

int cmd_insmod(const struct cli_command *command, int argc, char **argv)
{
	const char *run_dir = NULL;
	bool foreground = false;
	const struct cli_option options[] = {
		CLI_RUN_DIR(&run_dir),
		{ .name = "foreground",
		  .kind = CLI_FLAG,
		  .out = &foreground,
		  .help = "stay; SIGTERM and SIGINT unload the module" },
		{ 0 },
	};
	struct cli_operands operands;
	char name[MODULE_NAME_MAX];
	int err = cli_parse(command, options, details, argc, argv, 1, argc, &operands);

	if (err >= 0)
		return err;
	if (!module_name(operands.argv[0], name))
		return cli_usage_error(command, options, "%s: no name of a module", operands.argv[0]);
	for (int i = 1; i < operands.argc; i++)
		if (*operands.argv[i] == '-')
			return cli_usage_error(command, options, "%s: no name of a parameter",
					       operands.argv[i]);
	err = enter_dom0(run_dir);
	return err ? err : start(foreground, &operands);
}
