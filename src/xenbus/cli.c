/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenbus/platform.h>

#include "cli.h"

#define HELP_COLUMN 24

static void print_usage(FILE *to, const struct cli_command *command, const struct cli_option *options)
{
	fprintf(to, "usage: xenbus %s", command->name);
	for (const struct cli_option *o = options; o->name; o++) {
		const char *open = o->required ? "" : "[", *close = o->required ? "" : "]";

		if (o->value)
			fprintf(to, " %s--%s %s%s", open, o->name, o->value, close);
		else
			fprintf(to, " %s--%s%s", open, o->name, close);
	}
	fprintf(to, "%s%s\n", *command->operands ? " " : "", command->operands);
}

static void print_help(const struct cli_command *command, const struct cli_option *options,
		       const char *details)
{
	print_usage(stdout, command, options);
	printf("\n%s\n\n", command->summary);
	for (const struct cli_option *o = options; o->name; o++) {
		const char letter[] = { '-', o->letter, ',', ' ', '\0' };
		int width = printf("  %s--%s %s", o->letter ? letter : "", o->name, o->value ? o->value : "");

		printf("%*s%s%s\n", width < HELP_COLUMN - 1 ? HELP_COLUMN - width : 2, "", o->help,
		       o->required ? " (required)" : "");
	}
	printf("%-*s%s\n", HELP_COLUMN, "  --help", "this text");
	if (details)
		printf("\n%s", details);
}

static int usage_error(const struct cli_command *command, const struct cli_option *options, const char *fmt,
		       va_list ap)
{
	fprintf(stderr, "xenbus %s: ", command->name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	print_usage(stderr, command, options);
	return CLI_USAGE;
}

int cli_usage_error(const struct cli_command *command, const struct cli_option *options, const char *fmt, ...)
{
	va_list ap;
	int status;

	va_start(ap, fmt);
	status = usage_error(command, options, fmt, ap);
	va_end(ap);
	return status;
}

int cli_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("xenbus: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return CLI_FAILURE;
}

/* Digits only, at most @max. */
static bool parse_number(const char *text, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long long number;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || *end || number > max)
		return false;
	*out = (uint32_t)number;
	return true;
}

#define RANGE_MAX 48

/* NULL, or what the option's argument has to be, maybe in @range. */
static const char *set_option(const struct cli_option *option, const char *value, char range[RANGE_MAX])
{
	const uint32_t max = option->kind == CLI_DOMID ? XEN_PLATFORM_DOMID_FIRST_RESERVED - 1 : option->max;

	switch (option->kind) {
	case CLI_FLAG:
		*(bool *)option->out = true;
		return NULL;
	case CLI_STRING:
		*(const char **)option->out = value;
		return *value ? NULL : "not empty";
	default:
		snprintf(range, RANGE_MAX, "a number from 0 to %u", max);
		return parse_number(value, max, option->out) ? NULL : range;
	}
}

static const struct cli_option *find_option(const struct cli_option *options, const char *name, size_t len)
{
	for (; options->name; options++)
		if (strlen(options->name) == len && !memcmp(options->name, name, len))
			return options;
	return NULL;
}

/* The argument of @option: @attached to it, or the next word; NULL: none is there. */
static const char *argument_of(const char *attached, char **argv, int *at)
{
	if (attached)
		return attached;
	return argv[*at] ? argv[(*at)++] : NULL;
}

static int give(const struct cli_command *command, const struct cli_option *options,
		const struct cli_option *option, const char *value)
{
	char range[RANGE_MAX];
	const char *wanted;

	if (option->kind != CLI_FLAG && !value)
		return cli_usage_error(command, options, "--%s needs %s", option->name, option->value);
	wanted = set_option(option, value, range);
	if (wanted)
		return cli_usage_error(command, options, "--%s: '%s': %s must be %s", option->name, value,
				       option->value, wanted);
	return -1;
}

/* Takes "--name", "--name=value" or "--name value" at argv[*at] and moves *@at behind it. -1 or the exit status. */
static int take_option(const struct cli_command *command, const struct cli_option *options, char **argv,
		       int *at, uint64_t *given)
{
	const char *name = argv[(*at)++] + 2, *value = strchr(name, '=');
	const size_t len = value ? (size_t)(value - name) : strlen(name);
	const struct cli_option *option = find_option(options, name, len);

	if (!option)
		return cli_usage_error(command, options, "unknown option '--%.*s'", (int)len, name);
	if (option->kind == CLI_FLAG && value)
		return cli_usage_error(command, options, "--%s takes no argument", option->name);
	*given |= 1ull << (option - options);
	if (option->kind != CLI_FLAG)
		value = argument_of(value ? value + 1 : NULL, argv, at);
	return give(command, options, option, value);
}

/* The same of "-n", "-nVALUE" or "-n VALUE". */
static int take_letter(const struct cli_command *command, const struct cli_option *options, char **argv,
		       int *at, uint64_t *given)
{
	const char *word = argv[(*at)++], *value = NULL;
	const struct cli_option *option = options;

	while (option->name && option->letter != word[1])
		option++;
	if (!option->name || (option->kind == CLI_FLAG && word[2]))
		return cli_usage_error(command, options, "unknown option '%s'", word);
	*given |= 1ull << (option - options);
	if (option->kind != CLI_FLAG)
		value = argument_of(word[2] ? word + 2 : NULL, argv, at);
	return give(command, options, option, value);
}

static int check_required(const struct cli_command *command, const struct cli_option *options, uint64_t given)
{
	for (int i = 0; options[i].name; i++)
		if (options[i].required && !(given & 1ull << i))
			return cli_usage_error(command, options, "--%s %s is missing", options[i].name,
					       options[i].value);
	return -1;
}

/* Options may stand before and behind operands, except where the operands are another program's. */
static int parse_all(const struct cli_command *command, const struct cli_option *options, const char *details,
		     char **argv, bool program, struct cli_operands *operands, uint64_t *given)
{
	int at = 1, count = 0, status;

	while (argv[at]) {
		if (!strcmp(argv[at], "--")) {
			at++;
			break;
		}
		if (!strcmp(argv[at], "--help") || !strcmp(argv[at], "-h")) {
			print_help(command, options, details);
			return 0;
		}
		if (argv[at][0] == '-' && argv[at][1] == '-') {
			status = take_option(command, options, argv, &at, given);
			if (status >= 0)
				return status;
		} else if (argv[at][0] == '-' && argv[at][1]) {
			status = take_letter(command, options, argv, &at, given);
			if (status >= 0)
				return status;
		} else if (program) {
			break;
		} else {
			operands->argv[count++] = argv[at++];
		}
	}
	while (argv[at])
		operands->argv[count++] = argv[at++];
	operands->argv[count] = NULL;
	operands->argc = count;
	return -1;
}

int cli_parse(const struct cli_command *command, const struct cli_option *options, const char *details,
	      int argc, char **argv, int min, int max, struct cli_operands *operands)
{
	const bool program = max > argc;
	uint64_t given = 0;
	int status;

	/* Operands are gathered in place: they never overtake what is still to be read. */
	operands->argv = argv + 1;
	status = parse_all(command, options, details, argv, program, operands, &given);
	if (status < 0)
		status = check_required(command, options, given);
	if (status >= 0)
		return status;
	if (operands->argc < min)
		return cli_usage_error(command, options, "%s is missing", command->operands);
	if (operands->argc > max)
		return cli_usage_error(command, options, "'%s' is too much", operands->argv[max]);
	return -1;
}

void cli_json_bytes(const char *bytes, size_t len)
{
	putchar('"');
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)bytes[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

void cli_json_string(const char *text)
{
	if (text)
		cli_json_bytes(text, strlen(text));
	else
		fputs("null", stdout);
}
