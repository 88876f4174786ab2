/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xenbus/toolstack.h>
#include <xenbus/xenbus.h>

#include "cli.h"
#include "world.h"

struct listing {
	struct xenbus_toolstack_entry *list;
	size_t count;
};

static const char *state_name(unsigned int state)
{
	return state == XenbusStateUnknown ? "?" : xenbus_strstate((enum xenbus_state)state);
}

/* "12 s", "3 min", "5 h", "9 d"; "-" unknown. */
static void format_age(int64_t age_s, char *buf, size_t size)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} unit[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	size_t i = 0;

	if (age_s < 0) {
		snprintf(buf, size, "-");
		return;
	}
	while (i < 3 && age_s < 2 * unit[i].seconds)
		i++;
	snprintf(buf, size, "%" PRId64 " %s", age_s / unit[i].seconds, unit[i].name);
}

static void print_error(const char *end, const char *error)
{
	if (!error)
		return;
	printf("    %s error: ", end);
	/* What the store holds was written by a guest. */
	for (; *error; error++)
		putchar(*error >= 0x20 && *error < 0x7f ? *error : '?');
	putchar('\n');
}

static void print_table(const struct listing *listing)
{
	char device[64], age[32];

	printf("%-24s %5s %5s  %-14s %-14s %-16s %-7s %s\n", "DEVICE", "FRONT", "BACK", "FRONTEND", "BACKEND",
	       "INSTANCE", "AGE", "WAITS FOR");
	for (size_t i = 0; i < listing->count; i++) {
		const struct xenbus_toolstack_entry *e = &listing->list[i];
		const char *instance = e->backend_instance ? e->backend_instance : e->frontend_instance;

		snprintf(device, sizeof(device), "%s/%u", e->devicetype, e->id);
		format_age(e->age_s, age, sizeof(age));
		printf("%-24s %5u %5u  %-14s %-14s %-16.16s %-7s %s\n", device, e->frontend_id, e->backend_id,
		       state_name(e->frontend_state), state_name(e->backend_state), instance ? instance : "-",
		       age, e->waits_for ? e->waits_for : "-");
		print_error("frontend", e->frontend_error);
		print_error("backend", e->backend_error);
	}
}

static void json_end(const char *end, unsigned int domid, unsigned int state, const char *instance,
		     const char *error)
{
	printf(", \"%s\": {\"domid\": %u, \"state\": %u, \"state_name\": ", end, domid, state);
	cli_json_string(xenbus_strstate((enum xenbus_state)state));
	fputs(", \"instance\": ", stdout);
	cli_json_string(instance);
	fputs(", \"error\": ", stdout);
	cli_json_string(error);
	putchar('}');
}

static void print_json(const struct listing *listing)
{
	putchar('[');
	for (size_t i = 0; i < listing->count; i++) {
		const struct xenbus_toolstack_entry *e = &listing->list[i];

		fputs(i ? ",\n {\"class\": " : "\n {\"class\": ", stdout);
		cli_json_string(e->devicetype);
		printf(", \"id\": %u", e->id);
		json_end("frontend", e->frontend_id, e->frontend_state, e->frontend_instance,
			 e->frontend_error);
		json_end("backend", e->backend_id, e->backend_state, e->backend_instance, e->backend_error);
		fputs(", \"age_s\": ", stdout);
		printf(e->age_s < 0 ? "null" : "%" PRId64, e->age_s);
		fputs(", \"waits_for\": ", stdout);
		cli_json_string(e->waits_for);
		putchar('}');
	}
	puts(listing->count ? "\n]" : "]");
}

static int list(struct xenbus *bus, void *arg)
{
	struct listing *listing = arg;

	return xenbus_toolstack_list(bus, &listing->list, &listing->count);
}

int cmd_ls(const struct cli_command *command, int argc, char **argv)
{
	bool json = false;
	const char *run_dir = NULL;
	const struct cli_option options[] = {
		CLI_RUN_DIR(&run_dir),
		{ .name = "json",
		  .kind = CLI_FLAG,
		  .out = &json,
		  .help = "an array of objects, for programs" },
		{ 0 },
	};
	struct cli_operands operands;
	struct listing listing = { 0 };
	int err = cli_parse(command, options, NULL, argc, argv, 0, 0, &operands);

	if (err >= 0)
		return err;
	err = world_bus_run(run_dir, list, &listing);
	if (err)
		return err > 0 ? err : cli_fail("the devices: %s", strerror(-err));
	if (json)
		print_json(&listing);
	else
		print_table(&listing);
	xenbus_toolstack_list_free(listing.list, listing.count);
	return fflush(stdout) || ferror(stdout) ? cli_fail("standard output: %s", strerror(errno)) : 0;
}
