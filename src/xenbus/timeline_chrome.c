/* SPDX-License-Identifier: MIT */
/*
 * The Trace Event Format, which chrome://tracing and Perfetto load: a process for each program, a thread in it for each
 * device, a span for each state and each wait, an instant for each store operation, an arrow from where a state was
 * written to where it was seen. Times are microseconds from the first entry of all.
 */
#include "timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS_MAX 4096u

/* Who wrote; the same in each story. */
struct writer {
	uint32_t domid, pid;
};

struct chrome {
	FILE *out;
	const struct timeline_look *look;
	uint64_t start_ns;
	bool some; /* was written: the next event needs a comma */
	unsigned int flows, story;
	struct writer *writers;
	unsigned int writer_count;
};

/* Processes and threads have our numbers, from 1: the system's may repeat among domains. */
static unsigned int process_of(struct chrome *c, const struct timeline_entry *e)
{
	struct writer *writer = c->writers;

	for (unsigned int i = 0; i < c->writer_count; i++, writer++)
		if (writer->domid == e->domid && writer->pid == e->pid)
			return i + 1;
	if (c->writer_count == PROGRAMS_MAX)
		return PROGRAMS_MAX + 1;
	*writer = (struct writer){ e->domid, e->pid };
	return ++c->writer_count;
}

static unsigned int thread_of(const struct chrome *c, const struct timeline_entry *e)
{
	return 2 * c->story + e->is_backend + 1;
}

static void put_us(struct chrome *c, const char *key, uint64_t ns)
{
	fprintf(c->out, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned int)(ns % 1000));
}

static uint64_t since_start(const struct chrome *c, uint64_t time_ns)
{
	return time_ns > c->start_ns ? time_ns - c->start_ns : 0;
}

/* What all events have; the caller adds its own and ends it with "}". */
static void begin_event(struct chrome *c, const char *phase, const char *name, const struct timeline_entry *e)
{
	fprintf(c->out, "%s{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u,\"name\":", c->some ? ",\n" : "", phase,
		process_of(c, e), thread_of(c, e));
	timeline_json_string(name, c->out);
	c->some = true;
}

static void name_process(struct chrome *c, const struct timeline_entry *e)
{
	char name[112];

	if (*e->program)
		snprintf(name, sizeof(name), "domain %u: %s (%u)", e->domid, e->program, e->pid);
	else
		snprintf(name, sizeof(name), "domain %u", e->domid);
	begin_event(c, "M", "process_name", e);
	fputs(",\"args\":{\"name\":", c->out);
	timeline_json_string(name, c->out);
	fputs("}}", c->out);
	snprintf(name, sizeof(name), "%s/%s of domain %u, %s", e->of.class, e->of.id, e->of.front,
		 e->is_backend ? "backend" : "frontend");
	begin_event(c, "M", "thread_name", e);
	fputs(",\"args\":{\"name\":", c->out);
	timeline_json_string(name, c->out);
	fputs("}}", c->out);
}

static void span(struct chrome *c, const struct timeline_entry *e, const char *category, const char *name,
		 uint64_t from_ns, uint64_t to_ns)
{
	from_ns = since_start(c, from_ns);
	to_ns = since_start(c, to_ns);
	begin_event(c, "X", name, e);
	fprintf(c->out, ",\"cat\":\"%s\"", category);
	put_us(c, "ts", from_ns);
	put_us(c, "dur", to_ns > from_ns ? to_ns - from_ns : 0);
	fputs("}", c->out);
}

static void instant(struct chrome *c, const struct timeline_entry *e)
{
	static const char *const categories[TIMELINE_KINDS] = {
		[TIMELINE_STORE] = "store",	  [TIMELINE_EVENT] = "event",	  [TIMELINE_GRANT] = "grant",
		[TIMELINE_EVTCHN] = "evtchn",	  [TIMELINE_DRIVER] = "driver",	  [TIMELINE_NOTE] = "note",
		[TIMELINE_OTHEREND] = "otherend", [TIMELINE_PROGRAM] = "program",
	};
	char op[24], what[128], name[160];

	if (!categories[e->kind] || (e->kind == TIMELINE_EVENT && !c->look->events))
		return;
	snprintf(name, sizeof(name), "%s", e->text);
	if (e->kind == TIMELINE_STORE) {
		timeline_operation(e, op, what);
		snprintf(name, sizeof(name), "%s%s%s", op, *what ? " " : "", what);
	} else if (timeline_seen_state(e) >= 0) {
		snprintf(name, sizeof(name), "sees %s",
			 timeline_state_name((unsigned int)timeline_seen_state(e)));
	}
	begin_event(c, "i", name, e);
	fprintf(c->out, ",\"cat\":\"%s\",\"s\":\"t\"", categories[e->kind]);
	put_us(c, "ts", since_start(c, e->time_ns));
	fputs(",\"args\":{\"text\":", c->out);
	timeline_json_string(e->text, c->out);
	fputs("}}", c->out);
}

static void flow(struct chrome *c, const struct timeline_story *story, const struct timeline_link *links,
		 size_t at)
{
	const struct timeline_entry *e = story->entries;
	const size_t to = links[at].seen, from = links[at].written;
	const char *name = timeline_state_name(e[at].own);

	c->flows++;
	begin_event(c, "s", name, &e[at]);
	fprintf(c->out, ",\"cat\":\"seen\",\"id\":%u", c->flows);
	put_us(c, "ts", since_start(c, e[from].time_ns));
	fputs("}", c->out);
	begin_event(c, "f", name, &e[to]);
	fprintf(c->out, ",\"cat\":\"seen\",\"bp\":\"e\",\"id\":%u", c->flows);
	put_us(c, "ts", since_start(c, e[to].time_ns));
	fputs("}", c->out);
}

/* -- one end of a device: its states one after another, its waits within them ----------------------- */

struct lane {
	const struct timeline_entry *last; /* of this end */
	unsigned int state;
	const char *waits; /* NULL nothing */
	uint64_t state_ns, wait_ns;
};

static void end_wait(struct chrome *c, struct lane *lane, uint64_t time_ns)
{
	char name[112];

	if (!lane->waits)
		return;
	snprintf(name, sizeof(name), "waits for %s", lane->waits);
	span(c, lane->last, "wait", name, lane->wait_ns, time_ns);
	lane->waits = NULL;
}

static void end_state(struct chrome *c, struct lane *lane, uint64_t time_ns)
{
	end_wait(c, lane, time_ns); /* what it waits for in another state is something else */
	if (lane->state)
		span(c, lane->last, "state", timeline_state_name(lane->state), lane->state_ns, time_ns);
	lane->state_ns = time_ns;
}

static void step(struct chrome *c, struct lane *lane, const struct timeline_story *story,
		 const struct timeline_link *links, size_t at)
{
	const struct timeline_entry *e = &story->entries[at];
	const uint64_t since = story->entries[links[at].written].time_ns;

	if (!lane->last || process_of(c, lane->last) != process_of(c, e)) {
		name_process(c, e);
		if (lane->last)
			end_state(c, lane, e->time_ns); /* the span is the program's that was in it */
		lane->state_ns = e->time_ns;
	}
	if (links[at].state != lane->state) {
		if (lane->last)
			end_state(c, lane, since);
		lane->state = links[at].state;
		lane->state_ns = since;
	}
	lane->last = e;
	if (e->kind == TIMELINE_WAIT) {
		end_wait(c, lane, e->time_ns);
		lane->waits = *e->text ? e->text : NULL;
		lane->wait_ns = e->time_ns;
	}
	instant(c, e);
}

static int chrome_story(struct chrome *c, const struct timeline_story *story)
{
	struct timeline_link *links = timeline_link(story);
	const uint64_t end_ns = story->entries[story->count - 1].time_ns;
	struct lane lanes[2] = { { 0 } };

	if (!links)
		return -ENOMEM;
	for (size_t i = 0; i < story->count; i++)
		step(c, &lanes[story->entries[i].is_backend], story, links, i);
	for (int end = 0; end < 2; end++)
		if (lanes[end].last)
			end_state(c, &lanes[end], end_ns);
	for (size_t i = 0; i < story->count; i++)
		if (story->entries[i].kind == TIMELINE_STATE && links[i].seen != TIMELINE_NONE)
			flow(c, story, links, i);
	free(links);
	c->story++;
	return 0;
}

int timeline_chrome(const struct timeline_story *stories, size_t count, FILE *out,
		    const struct timeline_look *look)
{
	struct chrome c = {
		.out = out,
		.look = look,
		.start_ns = UINT64_MAX,
		.writers = calloc(PROGRAMS_MAX, sizeof(*c.writers)),
	};
	int err = 0;

	if (!c.writers)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (stories[i].entries[0].time_ns < c.start_ns)
			c.start_ns = stories[i].entries[0].time_ns;
	fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n", out);
	for (size_t i = 0; i < count && !err; i++)
		err = chrome_story(&c, &stories[i]);
	fputs("\n]}\n", out);
	free(c.writers);
	return err;
}
