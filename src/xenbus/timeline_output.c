/* SPDX-License-Identifier: MIT */
#include "timeline_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_MIN 60u
#define WIDTH_DEFAULT 110u
#define WIDTH_MAX 160u

static unsigned int output_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = { 0 };
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;

	if (!width && !ioctl(fd, TIOCGWINSZ, &size))
		width = size.ws_col;
	if (!width)
		width = WIDTH_DEFAULT;
	if (width < WIDTH_MIN)
		return WIDTH_MIN;
	return width < WIDTH_MAX ? (unsigned int)width : WIDTH_MAX;
}

int timeline_output_check(const struct timeline_output *output, bool live, const struct cli_command *command,
			  const struct cli_option *options)
{
	if (output->json + output->svg + output->chrome > 1)
		return cli_usage_error(command, options, "--json, --svg and --chrome: one at most");
	if (live && (output->svg || output->chrome))
		return cli_usage_error(command, options,
				       "--%s is made when all has happened, not with --follow",
				       output->svg ? "svg" : "chrome");
	return -1;
}

int timeline_output_open(struct timeline_output *output)
{
	output->out = output->path ? fopen(output->path, "we") : stdout;
	if (!output->out)
		return cli_fail("%s: %s", output->path, strerror(errno));
	output->look.width = output_width(fileno(output->out));
	output->look.colour = isatty(fileno(output->out)) && !getenv("NO_COLOR");
	return 0;
}

int timeline_output_put(struct timeline_output *output, struct timeline *timeline)
{
	struct timeline_story *stories;
	size_t count;
	int err = timeline_stories(timeline, &stories, &count);

	if (!err && !count)
		err = -ENOENT;
	else if (!err && output->json)
		err = timeline_json(stories, count, output->out, &output->look);
	else if (!err && output->svg)
		err = timeline_svg(stories, count, output->out, &output->look);
	else if (!err && output->chrome)
		err = timeline_chrome(stories, count, output->out, &output->look);
	else if (!err)
		err = timeline_text(stories, count, output->out, &output->look);
	free(stories);
	if (err && err != -ENOENT)
		return cli_fail("%s", strerror(-err));
	return err;
}

int timeline_output_close(struct timeline_output *output, int status)
{
	bool failed = ferror(output->out) || fflush(output->out);

	if (output->path && fclose(output->out))
		failed = true;
	output->out = NULL;
	if (failed && !status)
		return cli_fail("%s: %s", output->path ? output->path : "standard output", strerror(errno));
	return status;
}
