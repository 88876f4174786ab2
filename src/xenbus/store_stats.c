/* SPDX-License-Identifier: MIT */
/* What the store does, and for whom: CONTROL "stats" (xenstored(8)), read once, or again and again for rates. */
#include "store_stats.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <xenbus/client.h>
#include <xenbus/host.h>

#include "cli.h"
#include "json_read.h"
#include "stats_reading.h"
#include "stats_text.h"
#include "world.h"

struct wanted {
	const char *run_dir;
	uint32_t domid;	   /* UINT32_MAX: any */
	uint32_t interval; /* seconds; 0: what there was since the start, once */
	uint32_t count;	   /* of intervals; 0: no end */
	bool json;
};

static const char details[] =
	"One line a connection, who takes most of the store's time first: that time as a share of a processor, requests,\n"
	"errors, transactions of its own that failed with EAGAIN, and that its changes made fail, bytes it has not taken,\n"
	"the time within which half and 99 % of its requests were answered. Below, in words: which changes of whom made\n"
	"whose transactions fail, who is at a limit, who does not take its replies.\n";

static int explain(int err, const char *where)
{
	switch (err) {
	case -EINVAL:
	case -ENOSYS:
		return cli_fail(
			"the store at %s has no statistics: it is another xenstored than this project's, or an older one",
			where);
	case -EPROTO:
		return cli_fail("the store at %s sent what are no statistics", where);
	case -ENOTCONN:
		return cli_fail("the store at %s has ended", where);
	case -ESTALE:
		return cli_fail("the store at %s is another now: it was started again", where);
	}
	return cli_fail("the store at %s: %s", where, strerror(-err));
}

/* Whoever read this has what it wanted: 0. */
static int flushed(void)
{
	if (!fflush(stdout))
		return -1;
	return errno == EPIPE ? 0 : cli_fail("standard output: %s", strerror(errno));
}

/* Returns -1: go on, or the exit status. */
static int print(struct json_value *reading, const struct wanted *wanted, bool again)
{
	const bool all = wanted->domid == UINT32_MAX;

	if (!all)
		stats_keep_domain(reading, wanted->domid);
	if (!all && !json_member(reading, "domains")->first)
		return cli_fail("the store knows no domain %u", wanted->domid);
	if (wanted->json) {
		json_print(reading);
		putchar('\n');
	} else {
		if (again)
			putchar('\n');
		stats_text(reading, wanted->domid);
	}
	return flushed();
}

/* Returns -1: the time is over; 0: interrupted. A signal ends the program where it does not wait here. */
static int sleep_for(uint32_t seconds)
{
	const struct timespec time = { .tv_sec = seconds };
	sigset_t set, before;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &before);
	do
		signal = sigtimedwait(&set, NULL, &time);
	while (signal < 0 && errno == EINTR);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return signal < 0 ? -1 : 0;
}

/* One interval, and what there was in it. *@last is what to compare with, and is then the new one. */
static int one_interval(struct xenstore *xs, const char *where, const struct wanted *wanted,
			struct json_value **last, bool again)
{
	struct json_value *now, *difference;
	int status = sleep_for(wanted->interval), err;

	if (status >= 0)
		return status;
	err = stats_read(xs, &now);
	if (err)
		return explain(err, where);
	err = json_copy(now, &difference);
	if (!err)
		err = stats_subtract(difference, *last);
	status = err ? explain(err, where) : print(difference, wanted, again);
	json_free(difference);
	json_free(*last);
	*last = now;
	return status;
}

static int show(struct xenstore *xs, const char *where, const struct wanted *wanted)
{
	struct json_value *last;
	int err = stats_read(xs, &last), status = -1;

	if (err)
		return explain(err, where);
	if (!wanted->interval)
		status = print(last, wanted, false);
	for (uint32_t done = 0; wanted->interval && status < 0; done++) {
		if (wanted->count && done == wanted->count)
			break;
		status = one_interval(xs, where, wanted, &last, done);
	}
	json_free(last);
	return status < 0 ? 0 : status;
}

static int ask(const struct wanted *wanted)
{
	char path[PATH_MAX];
	struct xenbus_host *host;
	struct xenstore *xs;
	int status = world_store_path(wanted->run_dir, path, sizeof(path)), err;

	if (status)
		return status;
	err = xenbus_host_new(&host);
	if (err)
		return cli_fail("%s", strerror(-err));
	signal(SIGPIPE, SIG_IGN); /* a write says so */
	err = xenstore_open_socket(host, path, NULL, &xs);
	if (err) {
		status = world_no_store(err, NULL);
	} else {
		status = show(xs, path, wanted);
		xenstore_close(xs);
	}
	xenbus_host_free(host);
	return status;
}

int store_stats(const struct cli_command *command, int argc, char **argv)
{
	struct wanted wanted = { .domid = UINT32_MAX };
	const struct cli_option options[] = {
		CLI_RUN_DIR(&wanted.run_dir),
		{ .name = "domain",
		  .value = "N",
		  .kind = CLI_DOMID,
		  .out = &wanted.domid,
		  .help = "only this domain, and all that is known of it" },
		{ .name = "interval",
		  .value = "SECONDS",
		  .kind = CLI_NUMBER,
		  .out = &wanted.interval,
		  .max = 86400,
		  .letter = 'i',
		  .help = "what there was in so many seconds, again and again [since the start, once]" },
		{ .name = "count",
		  .value = "INTERVALS",
		  .kind = CLI_NUMBER,
		  .out = &wanted.count,
		  .max = UINT32_MAX,
		  .letter = 'n',
		  .help = "end after so many [0: do not]; needs --interval" },
		{ .name = "json",
		  .kind = CLI_FLAG,
		  .out = &wanted.json,
		  .help = "an object a line, for programs" },
		{ 0 },
	};
	struct cli_operands operands;
	int status = cli_parse(command, options, details, argc, argv, 0, 0, &operands);

	if (status >= 0)
		return status;
	if (wanted.count && !wanted.interval)
		return cli_usage_error(command, options, "--count: needs --interval");
	return ask(&wanted);
}
