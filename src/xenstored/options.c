/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
	"usage: xenstored [OPTION]...\n"
	"\n"
	"Serves the XenStore to dom0's programs on a unix socket and to domains on their rings.\n"
	"The socket is $XENSTORED_PATH, else $XENSTORED_RUNDIR/socket, else /run/xenstored/socket.\n"
	"\n"
	"  -N, --no-fork             stay in the foreground and log to stderr\n"
	"  -F, --pid-file FILE       write the process id to FILE, and hold a lock on it\n"
	"  -P, --output-pid          print the process id when ready\n"
	"  -D, --no-domain-init      do not introduce dom0\n"
	"      --platform WHICH      auto (default): any hypervisor that is there, else the socket only;\n"
	"                            required: do not start without one; none: do not look for one\n"
	"  -T, --trace-file FILE     append every message to FILE; SIGHUP opens it anew\n"
	"  -V, --verbose             log, too, who comes and goes\n"
	"\n"
	"Limits of a domain (0: none); dom0 has none:\n"
	"  -E, --entry-nb N          nodes (1000)\n"
	"  -W, --watch-nb N          watches (128)\n"
	"  -t, --transaction N       open transactions (10)\n"
	"  -S, --entry-size BYTES    size of a node (2048)\n"
	"  -A, --perm-nb N           permission entries of a node (5)\n"
	"  -M, --path-max BYTES      length of a path, /local/domain/N/ not counted (2048)\n"
	"  -Q, --quota WHAT=N        nodes, watches, transactions, node-size, permissions, path-max: as above;\n"
	"                            outstanding (20): requests whose replies it has not taken;\n"
	"                            transaction-nodes (1024): nodes one transaction may touch;\n"
	"                            memory (2621440): bytes it makes the store hold;\n"
	"                            versions (268435456): bytes of old versions that transactions keep, of all\n"
	"  -q, --quota-soft WHAT=N   memory (2097152): over it a line is logged\n"
	"\n"
	"Accepted for compatibility, without effect:\n"
	"  -I, --internal-db [on|off], -K, --keep-orphans, -R, --no-recovery, -w, --timeout WHAT=SECONDS\n"
	"\n"
	"  -H, --help                this text\n"
	"      --version             the version\n";

static const char letters[] = ":NF:PDT:VE:W:t:S:A:M:Q:q:I::KRw:H";
enum { OPT_VERSION = 256, OPT_PLATFORM };
static const struct option names[] = {
	{ "no-fork", no_argument, NULL, 'N' },
	{ "pid-file", required_argument, NULL, 'F' },
	{ "output-pid", no_argument, NULL, 'P' },
	{ "no-domain-init", no_argument, NULL, 'D' },
	{ "platform", required_argument, NULL, OPT_PLATFORM },
	{ "trace-file", required_argument, NULL, 'T' },
	{ "verbose", no_argument, NULL, 'V' },
	{ "entry-nb", required_argument, NULL, 'E' },
	{ "watch-nb", required_argument, NULL, 'W' },
	{ "transaction", required_argument, NULL, 't' },
	{ "entry-size", required_argument, NULL, 'S' },
	{ "perm-nb", required_argument, NULL, 'A' },
	{ "path-max", required_argument, NULL, 'M' },
	{ "quota", required_argument, NULL, 'Q' },
	{ "quota-soft", required_argument, NULL, 'q' },
	{ "internal-db", optional_argument, NULL, 'I' },
	{ "keep-orphans", no_argument, NULL, 'K' },
	{ "no-recovery", no_argument, NULL, 'R' },
	{ "timeout", required_argument, NULL, 'w' },
	{ "help", no_argument, NULL, 'H' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

struct limit {
	const char *name;
	char letter;   /* 0: only through -Q */
	size_t offset; /* of a uint32_t in struct store_quota */
};
static const struct limit limits[] = {
	{ "nodes", 'E', offsetof(struct store_quota, nodes) },
	{ "watches", 'W', offsetof(struct store_quota, watches) },
	{ "transactions", 't', offsetof(struct store_quota, transactions) },
	{ "node-size", 'S', offsetof(struct store_quota, node_size) },
	{ "permissions", 'A', offsetof(struct store_quota, perms) },
	{ "path-max", 'M', offsetof(struct store_quota, path_max) },
	{ "outstanding", 0, offsetof(struct store_quota, outstanding) },
	{ "transaction-nodes", 0, offsetof(struct store_quota, transaction_nodes) },
	{ "memory", 0, offsetof(struct store_quota, memory_hard) },
};

static int refuse(const char *what, const char *given, const char *accepted)
{
	fprintf(stderr, "xenstored: %s '%s': %s\n", what, given, accepted);
	return 2;
}

static int parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno || *end || *out > max ? -EINVAL : 0;
}

static void set_limit(struct options *options, size_t offset, uint32_t value)
{
	memcpy((char *)&options->quota + offset, &value, sizeof(value));
}

static int letter_limit(struct options *options, int letter, const char *text)
{
	uint64_t value;
	char what[3] = { '-', (char)letter, '\0' };

	if (parse_number(text, UINT32_MAX, &value))
		return refuse(what, text, "a number from 0 to 4294967295 is wanted (0: no limit)");
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (limits[i].letter == letter)
			set_limit(options, limits[i].offset, (uint32_t)value);
	}
	return -1;
}

static bool is_named(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(text, name, len) == 0;
}

static int named_limit(struct options *options, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	uint64_t value;

	if (!equals || parse_number(equals + 1, UINT64_MAX, &value))
		return refuse("-Q", text, "WHAT=N is wanted, N a number (0: no limit)");
	if (is_named(text, len, "versions")) {
		options->quota.versions = value;
		return -1;
	}
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (!is_named(text, len, limits[i].name))
			continue;
		if (value > UINT32_MAX)
			return refuse("-Q", text, "N may be at most 4294967295");
		set_limit(options, limits[i].offset, (uint32_t)value);
		return -1;
	}
	return refuse(
		"-Q", text,
		"WHAT is one of nodes, watches, transactions, node-size, permissions, path-max, outstanding, "
		"transaction-nodes, memory, versions");
}

static int soft_limit(struct options *options, const char *text)
{
	uint64_t value;

	if (strncmp(text, "memory=", 7) || parse_number(text + 7, UINT32_MAX, &value))
		return refuse("-q", text,
			      "memory=N is wanted, N a number from 0 to 4294967295 (0: no limit)");
	options->quota.memory_soft = (uint32_t)value;
	return -1;
}

static int choose_platform(struct options *options, const char *text)
{
	static const char *const choices[] = { "auto", "required", "none" };

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, choices[i]) == 0) {
			options->platform = (enum platform_choice)i;
			return -1;
		}
	}
	return refuse("--platform", text, "one of auto, required, none is wanted");
}

static int ignore(struct options *options, const char *name, bool harmless)
{
	if (!harmless)
		options->ignored = name;
	return -1;
}

static int bad_option(int letter, char **argv)
{
	const char *given = argv[optind - 1];

	fprintf(stderr,
		letter == ':' ? "xenstored: %s: an argument is wanted\n\n"
			      : "xenstored: %s: no such option\n\n",
		given);
	fputs(usage_text, stderr);
	return 2;
}

static int take(struct options *options, int letter, char **argv)
{
	switch (letter) {
	case 'N':
		options->fork = false;
		return -1;
	case 'F':
		options->pid_file = optarg;
		return -1;
	case 'P':
		options->output_pid = true;
		return -1;
	case 'D':
		options->domain_init = false;
		return -1;
	case OPT_PLATFORM:
		return choose_platform(options, optarg);
	case 'T':
		options->trace_file = optarg;
		return -1;
	case 'V':
		options->verbose = true;
		return -1;
	case 'Q':
		return named_limit(options, optarg);
	case 'q':
		return soft_limit(options, optarg);
	case 'I':
		return ignore(options, "--internal-db off (the store is always in memory)",
			      !optarg || strcmp(optarg, "off"));
	case 'K':
		return ignore(options, "--keep-orphans (nodes never outlive their domain)", false);
	case 'R':
		return ignore(options, "--no-recovery", true);
	case 'w':
		return ignore(options, "--timeout (what a domain does not take is bounded by its memory)",
			      false);
	case 'H':
		fputs(usage_text, stdout);
		return 0;
	case OPT_VERSION:
		puts("xenstored " XENBUS_VERSION);
		return 0;
	case ':':
	case '?':
		return bad_option(letter, argv);
	default:
		return letter_limit(options, letter, optarg);
	}
}

int options_parse(struct options *options, int argc, char **argv)
{
	int letter, status;

	*options = (struct options){ .fork = true, .domain_init = true };
	store_quota_defaults(&options->quota);
	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		status = take(options, letter, argv);
		if (status >= 0)
			return status;
	}
	/* C's -I takes its argument as a word of its own. */
	if (optind < argc)
		return refuse("argument", argv[optind], "only options are accepted (xenstored --help)");
	return -1;
}
