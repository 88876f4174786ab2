/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server.h"

struct command {
	const char *name;
	int (*run)(struct server *server, const char *arg, char *reply, size_t size);
	bool needs_argument;
};

static int say(char *reply, size_t size, const char *text)
{
	int len = snprintf(reply, size, "%s", text);

	return (size_t)len < size ? len + 1 : -E2BIG;
}

static int command_log(struct server *server, const char *arg, char *reply, size_t size)
{
	int err;

	if (!arg)
		return say(reply, size, trace_on(&server->trace) ? "on" : "off");
	if (strcmp(arg, "off") == 0) {
		trace_off(&server->trace);
		return say(reply, size, "OK");
	}
	if (strcmp(arg, "on"))
		return -EINVAL;
	err = trace_on(&server->trace) ? 0 : trace_open(&server->trace, NULL);
	return err ? err : say(reply, size, "OK");
}

static int command_logfile(struct server *server, const char *arg, char *reply, size_t size)
{
	int err = trace_open(&server->trace, arg);

	return err ? err : say(reply, size, "OK");
}

/* The store asks for this when it lists its own commands. */
static int command_help(struct server *server, const char *arg, char *reply, size_t size)
{
	int len = snprintf(reply, size, "log\t[on|off]\nlogfile\t<file>\n");

	return (size_t)len < size ? len : -E2BIG;
}

static const struct command commands[] = {
	{ "log", command_log, false },
	{ "logfile", command_logfile, true },
	{ "help", command_help, false },
};

int control_command(void *ctx, const char *cmd, const char *args, size_t len, char *reply, size_t size)
{
	const char *arg = len ? args : NULL;

	if (arg && (args[len - 1] != '\0' || strlen(arg) + 1 != len))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *command = &commands[i];

		if (strcmp(cmd, command->name))
			continue;
		if (command->needs_argument && !arg)
			return -EINVAL;
		return command->run(ctx, arg, reply, size);
	}
	return -EINVAL;
}
