/* SPDX-License-Identifier: MIT */
/* xenbus: a local world, domains in it, devices between them. One file a subcommand; this is the table. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct cli_command commands[] = {
	{ "up", "", "Start a local world: the hypervisor's part and the store.", cmd_up },
	{ "down", "", "End a local world and everything that runs in it.", cmd_down },
	{ "run", "[--] PROGRAM [ARGUMENT...]", "Make a domain and run a program in it.", cmd_run },
	{ "release", "", "Close the devices of a program of domain 0 that died.", cmd_release },
	{ "destroy", "", "End a domain at once, whatever it does.", cmd_destroy },
	{ "attach", "CLASS", "Make a device: both ends' nodes, then wait until they are connected.",
	  cmd_attach },
	{ "detach", "CLASS", "Close a device and take its nodes away.", cmd_detach },
	{ "ls", "", "List the devices: states, instance, age, what each waits for, errors.", cmd_ls },
	{ "insmod", "FILE [PARAM=VALUE...]", "Load a driver in the style of Linux's modules.", cmd_insmod },
	{ "rmmod", "NAME", "Unload it.", cmd_rmmod },
	{ "lsmod", "", "List such modules, where they run, and their devices.", cmd_lsmod },
	{ "dmesg", "", "Print what the programs on the bus logged.", cmd_dmesg },
	{ "store", "trace|stats",
	  "Look into the store: its operations as they happen, and who makes it work.", cmd_store },
	{ "trace", "[DEVICE...]", "Print how devices were negotiated, as it is or as it happens.",
	  cmd_trace },
	{ "timeline", "FILE...", "Print traces of both ends as one story: states and store operations.",
	  cmd_timeline },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_commands(FILE *to)
{
	fputs("usage: xenbus COMMAND [OPTION...] [ARGUMENT...]\n"
	      "       xenbus help [COMMAND]\n"
	      "       xenbus --version\n\n",
	      to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\n`xenbus COMMAND --help` says more; so does xenbus-COMMAND(1).\n", to);
}

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int run_command(const char *name, int argc, char **argv)
{
	const struct cli_command *command = find_command(name);

	if (!command) {
		fprintf(stderr, "xenbus: unknown command '%s'\n", name);
		print_commands(stderr);
		return CLI_USAGE;
	}
	return command->run(command, argc, argv);
}

static int help(char **argv)
{
	char option[] = "--help", *args[] = { argv[0], option, NULL };

	if (argv[2])
		return run_command(argv[2], 2, args);
	print_commands(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("xenbus: COMMAND is missing\n", stderr);
		print_commands(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(argv);
	if (!strcmp(argv[1], "--version")) {
		puts("xenbus " XENBUS_VERSION);
		return 0;
	}
	return run_command(argv[1], argc - 1, argv + 1);
}
