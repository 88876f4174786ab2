/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xenbus/wire.h>

#include "client.h"
#include "memreport.h"
#include "server.h"
#include "stats.h"
#include "tap.h"

struct command {
	const char *name;
	/* @args are whole strings, as many as its row allows. */
	int (*run)(struct server *server, struct wire_strings args, char *reply, size_t size);
	size_t min, max; /* arguments */
};

static int say(char *reply, size_t size, const char *text)
{
	int len = snprintf(reply, size, "%s", text);

	return (size_t)len < size ? len + 1 : -E2BIG;
}

static int command_log(struct server *server, struct wire_strings args, char *reply, size_t size)
{
	const char *arg = args.left ? args.at : NULL;
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

static int command_logfile(struct server *server, struct wire_strings args, char *reply, size_t size)
{
	int err = trace_open(&server->trace, args.at);

	return err ? err : say(reply, size, "OK");
}

static int command_memreport(struct server *server, struct wire_strings args, char *reply, size_t size)
{
	int err = memreport(server, args.left ? args.at : NULL);

	return err ? err : say(reply, size, "OK");
}

/* Whoever asks gets lines instead of replies from then on. */
static int command_trace(struct server *server, struct wire_strings args, char *reply, size_t size)
{
	struct tap_filter filter;
	struct tap *tap;
	int err = tap_filter_parse(args, &filter);

	if (!err)
		err = tap_new(&server->taps, server->asking->name, &filter, &tap);
	if (err)
		return err;
	err = client_tap(server->asking, tap);
	if (!err)
		return say(reply, size, "OK");
	tap_free(tap);
	return err;
}

/* Who waited while others were served: fairness.h. */
static int command_fairness(struct server *server, struct wire_strings args, char *reply, size_t size)
{
	struct fairness *f = &server->fairness;
	int len;

	if (args.left && strcmp(args.at, "reset"))
		return -EINVAL;
	len = snprintf(reply, size, "clients %u of %u, guests %u of %u\n", f->most, PASSED_BOUND,
		       f->most_guest, PASSED_BOUND_GUEST);
	if (args.left)
		f->most = f->most_guest = 0;
	return (size_t)len < size ? len + 1 : -E2BIG;
}

/* The store asks for this when it lists its own commands. */
static int command_help(struct server *server, struct wire_strings args, char *reply, size_t size)
{
	int len = snprintf(
		reply, size,
		"log\t[on|off]\nlogfile\t<file>\nmemreport\t[<file>]\ntrace\t[domain <domid>] [path <path>]\n"
		"fairness\t[reset]\n"
		"stats\t[domain <domid>|domains [<from>]|connections [<from>]|conflicts [<from>]]\n");

	return (size_t)len < size ? len : -E2BIG;
}

static const struct command commands[] = {
	{ "log", command_log, 0, 1 },
	{ "logfile", command_logfile, 1, 1 },
	{ "memreport", command_memreport, 0, 1 },
	{ "trace", command_trace, 0, 4 },
	{ "fairness", command_fairness, 0, 1 },
	{ "stats", stats_command, 0, 2 },
	{ "help", command_help, 0, 0 },
};

int control_command(void *ctx, const char *cmd, const char *args, size_t len, char *reply, size_t size)
{
	const size_t count = wire_count_strings(args, len);

	if (len && args[len - 1] != '\0')
		return -EINVAL;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *command = &commands[i];

		if (strcmp(cmd, command->name))
			continue;
		if (count < command->min || count > command->max)
			return -EINVAL;
		return command->run(ctx, (struct wire_strings){ args, len }, reply, size);
	}
	return -EINVAL;
}
