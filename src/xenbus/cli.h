/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_CLI_H
#define XENBUS_CLI_H
/*
 * The command line of `xenbus`: subcommands as data, so that what is parsed, what --help says and what an error
 * names as accepted are one table.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_USAGE 2   /* exit status: the command line was wrong */
#define CLI_FAILURE 1 /* what was asked for could not be done */

enum cli_kind {
	CLI_FLAG,   /* out: bool */
	CLI_STRING, /* out: const char *, borrowed from argv; not empty */
	CLI_NUMBER, /* out: uint32_t, decimal, at most max */
	CLI_DOMID,  /* out: uint32_t, 0..32751 */
};

struct cli_option {
	const char *name;  /* "run-dir"; NULL ends a list */
	const char *value; /* what help calls its argument, "DIR"; NULL for a flag */
	enum cli_kind kind;
	void *out; /* stays as it is where the option is not given */
	uint32_t max;
	bool required;
	const char *help;
	char letter; /* "-n" is the same option; 0: none */
};

struct cli_command {
	const char *name;
	const char *operands; /* as the usage line shows them; "" none */
	const char *summary;  /* one line */
	int (*run)(const struct cli_command *command, int argc, char **argv); /* exit status */
};

/* What is left of a command line. */
struct cli_operands {
	char **argv;
	int argc;
};

/* Parses argv[1..] by @options, wherever they stand before "--". Checks that between @min and @max operands are
 * there (@argc: any number; INT_MAX: another program's command line, where options end at the first). Returns -1:
 * go on, *@operands is filled; otherwise the exit status: 0 after --help, on standard output with @details below
 * the options; CLI_USAGE after an error. */
int cli_parse(const struct cli_command *command, const struct cli_option *options, const char *details,
	      int argc, char **argv, int min, int max, struct cli_operands *operands);

/* "xenbus NAME: ..." on standard error, then what is accepted. Returns CLI_USAGE. */
int cli_usage_error(const struct cli_command *command, const struct cli_option *options, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "xenbus: ..." on standard error. Returns CLI_FAILURE. */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* @text on standard output as a JSON string, quotes included; NULL is null. A byte that is not printable ASCII is the
 * character of its number. */
void cli_json_string(const char *text);
/* The same of @len bytes, which may hold a NUL. */
void cli_json_bytes(const char *bytes, size_t len);

/* The option that all commands about a world take. */
#define CLI_RUN_DIR(variable)                                                                      \
	{                                                                                          \
		.name = "run-dir", .value = "DIR", .kind = CLI_STRING, .out = (variable),          \
		.help = "the world's directory [$XENBUS_RUN_DIR, else /run/xenbus for root, else " \
			"$XDG_RUNTIME_DIR/xenbus]"                                                 \
	}

/* The subcommands, one a file. */
int cmd_up(const struct cli_command *command, int argc, char **argv);
int cmd_down(const struct cli_command *command, int argc, char **argv);
int cmd_run(const struct cli_command *command, int argc, char **argv);
int cmd_release(const struct cli_command *command, int argc, char **argv);
int cmd_destroy(const struct cli_command *command, int argc, char **argv);
int cmd_attach(const struct cli_command *command, int argc, char **argv);
int cmd_detach(const struct cli_command *command, int argc, char **argv);
int cmd_ls(const struct cli_command *command, int argc, char **argv);
int cmd_insmod(const struct cli_command *command, int argc, char **argv);
int cmd_rmmod(const struct cli_command *command, int argc, char **argv);
int cmd_lsmod(const struct cli_command *command, int argc, char **argv);
int cmd_dmesg(const struct cli_command *command, int argc, char **argv);
int cmd_trace(const struct cli_command *command, int argc, char **argv);
int cmd_timeline(const struct cli_command *command, int argc, char **argv);
int cmd_store(const struct cli_command *command, int argc, char **argv);

#endif
