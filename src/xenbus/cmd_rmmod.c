/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "modules.h"

static const char details[] =
	"Runs the module's exit function and returns when its process is gone. Its devices are removed first; what the module\n"
	"has not given back is told in `xenbus dmesg`, and taken back. One that runs in an endless loop cannot be unloaded: after\n"
	"some seconds its process is named, for you to kill.\n";

/* The kernel's words for it. */
static int fail(const char *name, int error)
{
	if (error == ENOENT || error == ECONNREFUSED)
		fprintf(stderr, "rmmod: ERROR: Module %s is not currently loaded\n", name);
	else
		fprintf(stderr, "rmmod: ERROR: could not remove '%s': %s\n", name, strerror(error));
	return CLI_FAILURE;
}

#define PATIENCE_MS 2000

/* Its loop lives, or it is at its very end. */
static bool still_answers(int folder, uint32_t domid, const char *name)
{
	FILE *answer = module_ask(folder, domid, name, "info");
	char line[256];
	bool answers;

	if (!answer)
		return errno != EAGAIN;
	module_patience(answer, PATIENCE_MS);
	answers = fgets(line, sizeof(line), answer) || feof(answer) || errno != EAGAIN;
	fclose(answer);
	return answers;
}

/* An exit function may wait for long; one that runs for ever keeps the loop from answering, which tells them apart. */
static bool next_line(FILE *answer, char *line, int size, int folder, uint32_t domid, const char *name)
{
	do {
		clearerr(answer);
		errno = 0;
		if (fgets(line, size, answer))
			return true;
	} while (ferror(answer) && errno == EAGAIN && still_answers(folder, domid, name));
	return false;
}

static int gave_up(FILE *answer, const char *name)
{
	const int pid = module_pid(answer);
	const bool is_stuck = ferror(answer);

	fclose(answer);
	if (!is_stuck)
		return cli_fail("module %s died; see `xenbus dmesg`", name);
	fprintf(stderr, "rmmod: ERROR: module %s (pid %d) does not answer; `kill -9 %d` ends it\n", name, pid,
		pid);
	return CLI_FAILURE;
}

/* What the process beside it wrote when the last of that name died of a signal. False: none did. */
static bool tell_death(int folder, uint32_t domid, const char *name)
{
	char file[MODULE_NAME_MAX + 24], line[256];
	FILE *word;
	int fd;
	bool told;

	snprintf(file, sizeof(file), "died.%u.%s", domid, name);
	fd = openat(folder, file, O_RDONLY | O_CLOEXEC);
	word = fd < 0 ? NULL : fdopen(fd, "r");
	if (!word)
		return false;
	told = fgets(line, sizeof(line), word);
	fclose(word);
	if (told)
		fprintf(stderr, "rmmod: ERROR: %.*s; see `xenbus dmesg`\n", (int)strcspn(line, "\n"), line);
	return told;
}

static int unload(int folder, uint32_t domid, const char *name)
{
	FILE *answer = module_ask(folder, domid, name, "exit");
	char line[32] = "";
	int error;

	if (!answer) {
		int err = errno;

		return err != EAGAIN && tell_death(folder, domid, name) ? CLI_FAILURE : fail(name, err);
	}
	module_patience(answer, PATIENCE_MS);
	if (!next_line(answer, line, sizeof(line), folder, domid, name))
		return gave_up(answer, name);
	if (!strcmp(line, "unloading\n") && !next_line(answer, line, sizeof(line), folder, domid, name))
		return gave_up(answer, name);
	error = atoi(line);
	module_patience(answer, 0);
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
