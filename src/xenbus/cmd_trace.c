/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xenbus/local.h>
#include <xenbus/trace_file.h>

#include "cli.h"
#include "rings.h"
#include "timeline.h"
#include "timeline_output.h"
#include "world.h"

#define POLL_NS 50000000u
#define SETTLED_NS 5000000u /* what happened longer ago than this has been written down, by whomever */

static const char details[] =
	"Tells how each DEVICE (CLASS, or CLASS/ID as `xenbus ls` shows it; all by default) was negotiated: states, who waits\n"
	"for whom, store operations. All programs of the world with drivers keep the last 4096 things that happened where this\n"
	"command reads them, while they run and after they were killed. With --follow what happens from now on is told as it\n"
	"happens, until ^C or the world's end; who comes and goes, too.\n";

struct trace {
	struct timeline_output output;
	uint32_t front; /* only devices of this frontend's domain; UINT32_MAX: all */
	char **devices; /* CLASS or CLASS/ID, none: all */
	int device_count;
	const char *dir;
	struct xen_local *world;   /* told live: its broker; NULL: it has none, as on Xen */
	struct timeline *timeline; /* all of it; NULL where it is told live: */
	struct timeline_teller *teller;
	struct timeline_entry *held; /* what might still be overtaken */
	size_t held_count, held_size, order;
	uint64_t from_ns; /* what happened before is not told */
};

/* -- what is told ---------------------------------------------------------------------------------- */

static bool is_named(const char *name, const struct timeline_device *device)
{
	const size_t len = strcspn(name, "/");

	return strlen(device->class) == len && !memcmp(device->class, name, len) &&
	       (!name[len] || !strcmp(name + len + 1, device->id));
}

static bool is_wanted(const struct trace *trace, const struct timeline_entry *entry)
{
	if (!*entry->of.class || entry->time_ns < trace->from_ns)
		return false;
	if (trace->front != UINT32_MAX && trace->front != entry->of.front)
		return false;
	for (int i = 0; i < trace->device_count; i++)
		if (is_named(trace->devices[i], &entry->of))
			return true;
	return !trace->device_count;
}

static int hold(struct trace *trace, const struct timeline_entry *entry)
{
	if (trace->held_count == trace->held_size) {
		size_t size = trace->held_size ? 2 * trace->held_size : 256;
		struct timeline_entry *held = reallocarray(trace->held, size, sizeof(*held));

		if (!held)
			return -ENOMEM;
		trace->held = held;
		trace->held_size = size;
	}
	trace->held[trace->held_count] = *entry;
	trace->held[trace->held_count++].order = trace->order++;
	return 0;
}

static int take_entry(void *ctx, const struct timeline_entry *entry)
{
	struct trace *trace = ctx;

	if (!is_wanted(trace, entry))
		return 0;
	return trace->timeline ? timeline_add(trace->timeline, entry) : hold(trace, entry);
}

/* -- live --------------------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int by_time(const void *a, const void *b)
{
	const struct timeline_entry *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Tells what happened before @until_ns. */
static int tell_held(struct trace *trace, uint64_t until_ns)
{
	size_t told = 0;
	int err = 0;

	if (!trace->held_count)
		return 0;
	qsort(trace->held, trace->held_count, sizeof(*trace->held), by_time);
	for (; told < trace->held_count && trace->held[told].time_ns <= until_ns && !err; told++) {
		const struct timeline_entry *entry = &trace->held[told];

		if (!trace->output.json)
			err = timeline_tell(trace->teller, entry);
		else if (entry->kind != TIMELINE_EVENT || trace->output.look.events)
			timeline_json_entry(entry, trace->output.out);
	}
	memmove(trace->held, trace->held + told, (trace->held_count - told) * sizeof(*trace->held));
	trace->held_count -= told;
	return err;
}

static void remark(struct trace *trace, const struct rings_program *program, const char *text)
{
	struct timeline_entry entry = { .kind = TIMELINE_PROGRAM,
					.domid = program->domid,
					.pid = program->pid };
	char line[160];

	snprintf(line, sizeof(line), "domain %u: %s %u %s", program->domid, program->program, program->pid,
		 text);
	if (!trace->output.json) {
		timeline_remark(trace->teller, line);
		return;
	}
	entry.time_ns = now_ns();
	snprintf(entry.program, sizeof(entry.program), "%s", program->program);
	snprintf(entry.text, sizeof(entry.text), "%s", text);
	timeline_json_entry(&entry, trace->output.out);
}

static void take_news(void *ctx, enum rings_news news, const struct rings_program *program, uint64_t count,
		      const char *text)
{
	static const char *const words[] = { [RINGS_THERE] = "is there",
					     [RINGS_CAME] = "came",
					     [RINGS_CLOSED] = "closed its bus",
					     [RINGS_KILLED] = "was killed, or crashed" };
	struct trace *trace = ctx;

	if (news == RINGS_BROKEN)
		fprintf(stderr, "xenbus: %s/" TRACE_FILE_FOLDER "/%s: %s; passed over\n", trace->dir,
			program->file, text);
	else if (news == RINGS_LOST && !trace->from_ns)
		fprintf(stderr,
			"xenbus: %s %u of domain %u: what it did before was overwritten (%llu entries)\n",
			program->program, program->pid, program->domid, (unsigned long long)count);
	else if (news == RINGS_LOST)
		return; /* it was long before we came, or it will be seen in what is told */
	else if (!trace->timeline)
		remark(trace, program, words[news]);
}

/* The next look is due, or (true) we are asked to end. */
static bool asked_to_end(const sigset_t *signals)
{
	const struct timespec patience = { .tv_nsec = POLL_NS };

	return sigtimedwait(signals, NULL, &patience) > 0;
}

static bool world_ended(const struct trace *trace)
{
	struct xen_local_exit ignored;

	return trace->world && xen_local_exit(trace->world, &ignored) == -ENOTCONN;
}

/* 0; -ENOTCONN the world has ended, and all that happened in it is told. */
static int follow(struct trace *trace, struct rings *rings)
{
	sigset_t signals;
	bool end = false, ended = false;
	int err = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	while (!err && !end) {
		const uint64_t now = now_ns();

		ended = world_ended(trace); /* asked before the look: that sees the last of it */
		err = rings_look(rings, now);
		if (!err)
			err = tell_held(trace, now - SETTLED_NS);
		timeline_flush(trace->teller);
		if (fflush(trace->output.out))
			break;
		end = ended || asked_to_end(&signals);
	}
	if (!err)
		err = tell_held(trace, UINT64_MAX);
	timeline_flush(trace->teller);
	return !err && ended ? -ENOTCONN : err;
}

static int tell_live(struct trace *trace, struct rings *rings)
{
	int err = timeline_teller_new(trace->output.out, &trace->output.look, false, &trace->teller);

	trace->from_ns = now_ns();
	if (!err && !trace->output.json) {
		char text[WORLD_PATH_MAX + 48];

		snprintf(text, sizeof(text), "what happens in %s; ^C ends this", trace->dir);
		timeline_remark(trace->teller, text);
	}
	if (xen_local_connect(trace->dir, &trace->world))
		trace->world = NULL;
	if (!err)
		err = follow(trace, rings);
	xen_local_disconnect(trace->world);
	timeline_teller_free(trace->teller);
	free(trace->held);
	if (err == -ENOTCONN)
		return cli_fail("the world has ended");
	return err ? cli_fail("%s", strerror(-err)) : 0;
}

/* -- what is there now -------------------------------------------------------------------------------- */

static int nothing(const struct trace *trace, const struct rings *rings)
{
	if (!rings_count(rings))
		return cli_fail("no program with drivers left a trace in %s", trace->dir);
	if (trace->device_count == 1 && trace->front == UINT32_MAX)
		return cli_fail("no trace of %s in %s", trace->devices[0], trace->dir);
	return cli_fail("no trace of %s in %s",
			trace->device_count || trace->front != UINT32_MAX ? "such a device" : "any device",
			trace->dir);
}

static int tell_once(struct trace *trace, struct rings *rings)
{
	int err = timeline_new(&trace->timeline), status;

	if (!err)
		err = rings_look(rings, 0);
	status = err ? cli_fail("%s", strerror(-err)) : timeline_output_put(&trace->output, trace->timeline);
	if (status == -ENOENT)
		status = nothing(trace, rings);
	timeline_free(trace->timeline);
	return status;
}

static int run(struct trace *trace, bool live)
{
	const struct rings_sink sink = { .entry = take_entry, .news = take_news, .ctx = trace };
	struct rings *rings;
	int status, err;

	if (access(trace->dir, F_OK))
		return cli_fail("no world lives in %s; `xenbus up --run-dir %s` starts one", trace->dir,
				trace->dir);
	err = rings_open(trace->dir, &sink, &rings);
	if (err)
		return cli_fail("%s: %s", trace->dir, strerror(-err));
	status = timeline_output_open(&trace->output);
	if (!status)
		status = timeline_output_close(&trace->output,
					       live ? tell_live(trace, rings) : tell_once(trace, rings));
	rings_close(rings);
	return status;
}

/* CLASS or CLASS/ID; anything else could match nothing. */
static bool is_selector(const char *name)
{
	const size_t len = strcspn(name, "/");
	const char *id = name + len;

	return len && len < sizeof(((struct timeline_device *)0)->class) &&
	       (!*id || (id[1] && !strchr(id + 1, '/')));
}

int cmd_trace(const struct cli_command *command, int argc, char **argv)
{
	struct trace trace = { .front = UINT32_MAX };
	const char *run_dir = NULL;
	bool live = false;
	const struct cli_option options[] = {
		CLI_RUN_DIR(&run_dir),
		{ .name = "follow",
		  .kind = CLI_FLAG,
		  .out = &live,
		  .help = "what happens from now on, as it happens" },
		{ .name = "front",
		  .value = "DOMID",
		  .kind = CLI_DOMID,
		  .out = &trace.front,
		  .help = "devices of this frontend's domain only" },
		TIMELINE_OPTIONS(&trace.output),
		{ 0 },
	};
	struct cli_operands devices;
	struct world_dir dir;
	int status = cli_parse(command, options, details, argc, argv, 0, argc, &devices);

	if (status < 0)
		status = timeline_output_check(&trace.output, live, command, options);
	for (int i = 0; status < 0 && i < devices.argc; i++)
		if (!is_selector(devices.argv[i]))
			status = cli_usage_error(command, options, "DEVICE '%s' must be CLASS or CLASS/ID",
						 devices.argv[i]);
	if (status >= 0)
		return status;
	if (world_dir(run_dir, &dir))
		return CLI_FAILURE;
	trace.dir = dir.path;
	trace.devices = devices.argv;
	trace.device_count = devices.argc;
	return run(&trace, live);
}
