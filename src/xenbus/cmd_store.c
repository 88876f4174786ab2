/* SPDX-License-Identifier: MIT */
/* `xenbus store`: a table of its own. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "store_stats.h"
#include "store_trace.h"

static const struct cli_command commands[] = {
	{ "store trace", "", "Print what clients and guests ask of the store, and what it answers.",
	  store_trace },
	{ "store stats", "",
	  "Tell who makes the store work, who waits, and who makes whose transactions fail.", store_stats },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char *word_of(const struct cli_command *command)
{
	return strchr(command->name, ' ') + 1;
}

static int usage_error(const char *what, const char *given, const char *end)
{
	fprintf(stderr, "xenbus store: %s%s%s\nusage: xenbus store", what, given, end);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stderr, "%s%s", i ? "|" : " ", word_of(&commands[i]));
	fputs(" [OPTION...]\n", stderr);
	return CLI_USAGE;
}

static int help(char **argv)
{
	char option[] = "--help", *args[] = { argv[0], option, NULL };
	int status = 0;

	for (size_t i = 0; i < COMMANDS && !status; i++) {
		if (i)
			putchar('\n');
		status = commands[i].run(&commands[i], 2, args);
	}
	return status;
}

int cmd_store(const struct cli_command *command, int argc, char **argv)
{
	if (argc < 2)
		return usage_error("SUBCOMMAND is missing", "", "");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(argv);
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[1], word_of(&commands[i])))
			return commands[i].run(&commands[i], argc - 1, argv + 1);
	return usage_error("unknown subcommand '", argv[1], "'");
}
