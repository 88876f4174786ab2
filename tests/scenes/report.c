/* SPDX-License-Identifier: MIT */
/* What is told of a run that failed: the timeline of both ends and the store's messages, and a replay file. */
#include "scene.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <timeline.h>
#include <xenbus/trace_file.h>

static void write_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

/* On the backend's side, which the timeline has a column for in every scenario. */
void report_note(struct scene *scene, const char *fmt, ...)
{
	const struct xenbus_toolstack_device *d = &scene->device;
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	scene_say(scene, "scenario", text);
	fprintf(scene->traces,
		"{\"time_ns\":%llu,\"domid\":%u,\"kind\":\"note\",\"device\":\"backend/%s/%u/%u\",\"own\":%u,\"other\":%u,"
		"\"text\":",
		(unsigned long long)sim_now(scene->sim), d->backend_id, d->devicetype, d->frontend_id, d->id,
		check_state(true), check_state(false));
	write_string(scene->traces, text);
	fputs("}\n", scene->traces);
	if (sim_now(scene->sim) < scene->first_ns)
		scene->first_ns = sim_now(scene->sim);
}

void report_keep(struct end *end)
{
	FILE *out = end->scene->traces;
	struct xenbus_trace_entry entry;

	for (; !xenbus_trace_get(end->bus, end->kept, &entry); end->kept++) {
		if (*entry.device && entry.time_ns < end->scene->first_ns)
			end->scene->first_ns = entry.time_ns;
		fprintf(out, "{\"time_ns\":%llu,\"domid\":%u,\"kind\":\"%s\",\"device\":",
			(unsigned long long)entry.time_ns, end->writer.domid, trace_file_kinds[entry.kind]);
		write_string(out, entry.device);
		fprintf(out, ",\"own\":%u,\"other\":%u,\"text\":", entry.own, entry.other);
		write_string(out, entry.text);
		fputs("}\n", out);
	}
}

static void print_timeline(struct scene *scene, FILE *out)
{
	const struct timeline_look look = { .width = 110 };
	struct timeline *timeline;
	unsigned int line;
	FILE *in;

	for (struct end **end = scene->ends; *end; end++)
		if ((*end)->bus)
			report_keep(*end);
	fflush(scene->traces);
	in = fmemopen(scene->remains, scene->remains_len ? scene->remains_len : 1, "r");
	if (!in || timeline_new(&timeline))
		return;
	if (timeline_read(timeline, in, &line))
		fprintf(out, "(the traces cannot be read, line %u)\n", line);
	timeline_print(timeline, out, &look);
	timeline_free(timeline);
	fclose(in);
}

static bool write_replay(const struct scene *scene, char path[300])
{
	const struct scene_options *o = scene->options;
	FILE *out;
	bool good;

	snprintf(path, 300, "%s/sim-%s-%llu.replay", o->directory, o->scenario->name,
		 (unsigned long long)o->seed);
	out = fopen(path, "w");
	if (!out)
		return false;
	fprintf(out, "scenario %s\nseed %llu\n", o->scenario->name, (unsigned long long)o->seed);
	good = !sim_choices_write(sim_choices(scene->sim), out);
	return !fclose(out) && good;
}

void report(struct scene *scene, const char *why)
{
	char path[300];

	print_timeline(scene, stderr);
	fprintf(stderr, "\nthe store:\n");
	check_print_store(stderr);
	fprintf(stderr, "\nscenario %s, seed %llu, step %llu", scene->options->scenario->name,
		(unsigned long long)scene->options->seed, (unsigned long long)sim_steps(scene->sim));
	if (scene->first_ns <= sim_now(scene->sim))
		fprintf(stderr, ", at %.3f ms of the timeline",
			(double)(sim_now(scene->sim) - scene->first_ns) / 1e6);
	fprintf(stderr, ": %s\n", why);
	if (sim_diverged(scene->sim))
		fprintf(stderr, "the replay does not fit: the code is not that of the run it was made in\n");
	if (write_replay(scene, path))
		fprintf(stderr, "replay file: %s\n", path);
	else
		fprintf(stderr, "no replay file: %s: %s\n", path, strerror(errno));
}

/* An assertion, or memory that was unmapped: the run is told, as far as that is still possible, then ends as it would
 * have. Whose memory it was, the simulator knows. */
static struct scene *running;

static void on_crash(int sig, siginfo_t *info, void *context)
{
	char where[200], why[300];

	signal(sig, SIG_DFL);
	if (!running)
		raise(sig);
	if (sig == SIGABRT || sim_describe(running->sim, info->si_addr, where, sizeof(where)) <= 0)
		*where = '\0';
	snprintf(why, sizeof(why), "%s%s%s", strsignal(sig), *where ? ": " : "", where);
	report(running, why);
	raise(sig);
}

void report_crashes(struct scene *scene)
{
	struct sigaction action = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_NODEFER };

	running = scene;
	sigaction(SIGABRT, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

void scene_fail(struct scene *scene, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	report(scene, why);
	exit(1);
}
