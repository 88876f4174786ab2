/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "timeline.h"

#define WIDTH_MIN 60u
#define WIDTH_DEFAULT 110u
#define WIDTH_MAX 160u

static const char details[] =
	"Each FILE is what a program's --trace wrote; - is the standard input. Give those of both ends: the story of each\n"
	"device is told with the frontend's part on the left and the backend's on the right, times in milliseconds, both\n"
	"states where one changed. NO_COLOR in the environment, or an output that is no terminal: no colours.\n";

static unsigned int output_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = { 0 };
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;

	if (!width && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		width = size.ws_col;
	if (!width)
		width = WIDTH_DEFAULT;
	if (width < WIDTH_MIN)
		return WIDTH_MIN;
	return width < WIDTH_MAX ? (unsigned int)width : WIDTH_MAX;
}

static int read_trace(struct timeline *timeline, const char *path)
{
	const bool is_stdin = !strcmp(path, "-");
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	unsigned int line;
	int err;

	if (!in)
		return cli_fail("%s: %s", path, strerror(errno));
	err = timeline_read(timeline, in, &line);
	if (!is_stdin)
		fclose(in);
	if (err == -EINVAL)
		return cli_fail("%s:%u: not a line of a trace", path, line);
	return err ? cli_fail("%s: %s", path, strerror(-err)) : 0;
}

static int tell(struct timeline *timeline, const struct cli_operands *files, struct timeline_look *look)
{
	for (int i = 0; i < files->argc; i++)
		if (read_trace(timeline, files->argv[i]))
			return CLI_FAILURE;
	if (!timeline_print(timeline, stdout, look))
		return cli_fail("no device in %s", files->argc > 1 ? "these traces" : "this trace");
	return fflush(stdout) ? cli_fail("standard output: %s", strerror(errno)) : 0;
}

int cmd_timeline(const struct cli_command *command, int argc, char **argv)
{
	struct timeline_look look = {
		.width = output_width(),
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	const struct cli_option options[] = {
		{ .name = "events",
		  .kind = CLI_FLAG,
		  .out = &look.events,
		  .help = "show the store's events, too" },
		{ 0 },
	};
	struct cli_operands files;
	struct timeline *timeline;
	int status = cli_parse(command, options, details, argc, argv, 1, INT_MAX, &files);

	if (status >= 0)
		return status;
	if (timeline_new(&timeline))
		return cli_fail("%s", strerror(ENOMEM));
	status = tell(timeline, &files, &look);
	timeline_free(timeline);
	return status;
}
