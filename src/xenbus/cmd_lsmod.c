/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "modules.h"

static const char details[] =
	"One line a module: its name, the domain and the process it runs in, and the nodes of its devices. With --json one\n"
	"object a line.\n";

#define DEVICES_MAX 256

struct module {
	char name[MODULE_NAME_MAX];
	unsigned int domid;
	int pid;
	size_t count;
	struct {
		char node[128], state[16];
	} devices[DEVICES_MAX];
};

/* Sorted by domain, then name. */
static int compare(const struct dirent **a, const struct dirent **b)
{
	const unsigned long left = strtoul((*a)->d_name, NULL, 10), right = strtoul((*b)->d_name, NULL, 10);

	return left != right ? (left < right ? -1 : 1) : strcmp((*a)->d_name, (*b)->d_name);
}

static int is_module(const struct dirent *entry)
{
	return *entry->d_name >= '0' && *entry->d_name <= '9' && strchr(entry->d_name, '.');
}

static void take_line(struct module *m, const char *line)
{
	if (sscanf(line, "name %63s", m->name) == 1 || sscanf(line, "domid %u", &m->domid) == 1 ||
	    sscanf(line, "pid %d", &m->pid) == 1)
		return;
	if (m->count < DEVICES_MAX &&
	    sscanf(line, "device %127s %15s", m->devices[m->count].node, m->devices[m->count].state) == 2)
		m->count++;
}

/* False: it is gone. */
static bool ask(int folder, const char *file, struct module *m)
{
	FILE *answer = module_ask(folder, (uint32_t)strtoul(file, NULL, 10), strchr(file, '.') + 1, "info");
	char line[256];

	memset(m, 0, sizeof(*m));
	if (!answer)
		return false;
	while (fgets(line, sizeof(line), answer))
		take_line(m, line);
	fclose(answer);
	return *m->name;
}

static void print_json(const struct module *m)
{
	printf("{\"name\":");
	cli_json_string(m->name);
	printf(",\"domid\":%u,\"pid\":%d,\"devices\":[", m->domid, m->pid);
	for (size_t i = 0; i < m->count; i++) {
		printf("%s{\"nodename\":", i ? "," : "");
		cli_json_string(m->devices[i].node);
		printf(",\"state\":");
		cli_json_string(m->devices[i].state);
		putchar('}');
	}
	puts("]}");
}

static void print_line(const struct module *m)
{
	printf("%-24s %5u %7d", m->name, m->domid, m->pid);
	for (size_t i = 0; i < m->count; i++)
		printf(" %s", m->devices[i].node);
	putchar('\n');
}

static void list(int folder, bool json)
{
	struct dirent **entries;
	struct module *m = malloc(sizeof(*m));
	int count = scandirat(folder, ".", &entries, is_module, compare);

	for (int i = 0; i < count; i++) {
		if (m && ask(folder, entries[i]->d_name, m))
			(json ? print_json : print_line)(m);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	free(m);
}

int cmd_lsmod(const struct cli_command *command, int argc, char **argv)
{
	const char *run_dir = NULL;
	bool json = false;
	const struct cli_option options[] = {
		CLI_RUN_DIR(&run_dir),
		{ .name = "json", .kind = CLI_FLAG, .out = &json, .help = "for programs" },
		{ 0 },
	};
	struct cli_operands operands;
	int folder, err = cli_parse(command, options, details, argc, argv, 0, 0, &operands);

	if (err >= 0)
		return err;
	folder = modules_open(run_dir);
	if (folder < 0 && folder != -ENOENT)
		return CLI_FAILURE;
	if (!json)
		printf("%-24s %5s %7s %s\n", "Module", "Domid", "Pid", "Devices");
	if (folder >= 0) {
		list(folder, json);
		close(folder);
	}
	return fflush(stdout) ? cli_fail("standard output: %s", strerror(errno)) : 0;
}
