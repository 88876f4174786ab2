/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "modules.h"

static const char details[] =
	"One line a module: its name, the domain and the process it runs in, and the nodes of its devices. With --json one\n"
	"object a line. One that runs in an endless loop \"does not answer\" within a second; with --json \"answers\" is false.\n";

#define DEVICES_MAX 256
#define PATIENCE_MS 1000

struct module {
	FILE *answer; /* NULL: it is gone */
	bool answers;
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

/* What is known of one that never answers: its file's name, and who listens there. */
static void ask(int folder, const char *file, struct module *m)
{
	const char *name = strchr(file, '.') + 1;

	memset(m, 0, sizeof(*m));
	m->domid = (unsigned int)strtoul(file, NULL, 10);
	m->answer = module_ask(folder, m->domid, name, "info");
	snprintf(m->name, sizeof(m->name), "%s", name);
	if (m->answer)
		m->pid = module_pid(m->answer);
}

static unsigned int now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned int)now.tv_sec * 1000u + (unsigned int)(now.tv_nsec / 1000000);
}

/* All were asked before the first is waited for: many that are stuck take no longer than one. False: it is gone. */
static bool hear(struct module *m, unsigned int asked_ms)
{
	const unsigned int waited = now_ms() - asked_ms;
	bool begun = false;
	char line[256];

	module_patience(m->answer, waited < PATIENCE_MS ? PATIENCE_MS - waited : 1);
	errno = 0;
	while (fgets(line, sizeof(line), m->answer)) {
		begun = true;
		take_line(m, line);
	}
	m->answers = !ferror(m->answer);
	begun |= ferror(m->answer) && errno == EAGAIN;
	fclose(m->answer);
	return begun;
}

static void print_json(const struct module *m)
{
	printf("{\"name\":");
	cli_json_string(m->name);
	printf(",\"domid\":%u,\"pid\":%d", m->domid, m->pid);
	if (!m->answers)
		printf(",\"answers\":false");
	printf(",\"devices\":[");
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
	if (!m->answers)
		printf(" (does not answer)");
	putchar('\n');
}

static void list(int folder, bool json)
{
	struct dirent **entries;
	int count = scandirat(folder, ".", &entries, is_module, compare);
	struct module *modules = count > 0 ? calloc((size_t)count, sizeof(*modules)) : NULL;
	const unsigned int asked_ms = now_ms();

	for (int i = 0; i < count; i++) {
		if (modules)
			ask(folder, entries[i]->d_name, &modules[i]);
		free(entries[i]);
	}
	for (int i = 0; modules && i < count; i++)
		if (modules[i].answer && hear(&modules[i], asked_ms))
			(json ? print_json : print_line)(&modules[i]);
	if (count >= 0)
		free(entries);
	free(modules);
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
