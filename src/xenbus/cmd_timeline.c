/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "timeline.h"
#include "timeline_output.h"

static const char details[] =
	"Each FILE is what a program's --trace wrote, or `xenbus trace --json`; - is the standard input. Give those of both\n"
	"ends: the story of each device is told with the frontend's part on the left and the backend's on the right, times in\n"
	"milliseconds, both states where one changed. NO_COLOR in the environment, or an output that is no terminal: no\n"
	"colours.\n";

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

static int tell(struct timeline *timeline, const struct cli_operands *files, struct timeline_output *output)
{
	int status;

	for (int i = 0; i < files->argc; i++)
		if (read_trace(timeline, files->argv[i]))
			return CLI_FAILURE;
	if (timeline_output_open(output))
		return CLI_FAILURE;
	status = timeline_output_put(output, timeline);
	if (status == -ENOENT)
		status = cli_fail("no device in %s", files->argc > 1 ? "these traces" : "this trace");
	return timeline_output_close(output, status);
}

int cmd_timeline(const struct cli_command *command, int argc, char **argv)
{
	struct timeline_output output = { 0 };
	const struct cli_option options[] = { TIMELINE_OPTIONS(&output), { 0 } };
	struct cli_operands files;
	struct timeline *timeline;
	int status = cli_parse(command, options, details, argc, argv, 1, argc, &files);

	if (status < 0)
		status = timeline_output_check(&output, false, command, options);
	if (status >= 0)
		return status;
	if (timeline_new(&timeline))
		return cli_fail("%s", strerror(ENOMEM));
	status = tell(timeline, &files, &output);
	timeline_free(timeline);
	return status;
}
