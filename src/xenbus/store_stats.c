/* SPDX-License-Identifier: MIT */
/* What the store does, and for whom: CONTROL "stats" (xenstored(8)), read once, or again and again for rates. */
#include "store_stats.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <base/list.h>
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

/* In columns; UINT_MAX: no terminal, which takes any. */
static unsigned int width_of_output(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col
												: UINT_MAX;
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
		stats_text(reading, wanted->domid, width_of_output());
	}
	return flushed();
}

/* -- again and again ---------------------------------------------------------------------------- */

struct watcher {
	struct xenbus_host *host;
	struct xenstore *xs;
	const char *where;
	const struct wanted *wanted;
	struct xenbus_timer timer;
	struct xenbus_source signals;
	struct json_value *last; /* what to compare with */
};

static void time_is_over(struct xenbus_timer *timer)
{
	xenbus_host_stop(list_entry(timer, struct watcher, timer)->host, 0);
}

/* Also while the store does not answer. What was printed was flushed, and nothing else is held. */
static void interrupted(struct xenbus_source *source, unsigned int events)
{
	exit(0);
}

static int watch_signals(struct watcher *w, int *fd)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	w->signals.ready = interrupted;
	err = *fd < 0 ? -errno : xenbus_source_add(w->host, &w->signals, *fd, XENBUS_SOURCE_READ);
	return err ? cli_fail("signals: %s", strerror(-err)) : 0;
}

static int wait_for_interval(struct watcher *w)
{
	w->timer.fire = time_is_over;
	xenbus_timer_set(w->host, &w->timer,
			 xenbus_host_now(w->host) + (uint64_t)w->wanted->interval * 1000000000u);
	return xenbus_host_run(w->host);
}

/* One interval, and what there was in it. Returns -1: go on, or the exit status. */
static int one_interval(struct watcher *w, bool again)
{
	struct json_value *now = NULL, *difference = NULL;
	int err = wait_for_interval(w), status;

	if (!err)
		err = stats_read(w->xs, &now);
	if (!err)
		err = json_copy(now, &difference);
	if (!err)
		err = stats_subtract(difference, w->last);
	status = err ? explain(err, w->where) : print(difference, w->wanted, again);
	json_free(difference);
	json_free(w->last);
	w->last = now;
	return status;
}

static int watch(struct watcher *w)
{
	int fd = -1, status = watch_signals(w, &fd), err = status ? 0 : stats_read(w->xs, &w->last);

	if (err)
		status = explain(err, w->where);
	else if (!status)
		status = -1;
	for (uint32_t done = 0; status < 0; done++) {
		if (w->wanted->count && done == w->wanted->count)
			status = 0;
		else
			status = one_interval(w, done);
	}
	json_free(w->last);
	xenbus_source_remove(w->host, &w->signals);
	if (fd >= 0)
		close(fd);
	return status;
}

static int show_once(struct xenstore *xs, const char *where, const struct wanted *wanted)
{
	struct json_value *reading;
	int err = stats_read(xs, &reading), status;

	if (err)
		return explain(err, where);
	status = print(reading, wanted, false);
	json_free(reading);
	return status < 0 ? 0 : status;
}

static int ask(const struct wanted *wanted)
{
	char path[PATH_MAX];
	struct watcher w = { .where = path, .wanted = wanted };
	int status = world_store_path(wanted->run_dir, path, sizeof(path)), err;

	if (status)
		return status;
	err = xenbus_host_new(&w.host);
	if (err)
		return cli_fail("%s", strerror(-err));
	signal(SIGPIPE, SIG_IGN); /* a write says so */
	err = xenstore_open_socket(w.host, path, NULL, &w.xs);
	if (err) {
		status = world_no_store(err, NULL);
	} else {
		status = wanted->interval ? watch(&w) : show_once(w.xs, path, wanted);
		xenstore_close(w.xs);
	}
	xenbus_host_free(w.host);
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
