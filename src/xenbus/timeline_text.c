/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>

#define GUTTER 15u /* "   0.000  1/1  " */
#define CELL_MAX 1024u
#define SILENCE_NS 5000000u
#define STORIES_MAX 1024u /* at once: who names devices without end gets no memory without end */

/* A device's, as far as it was told. */
struct told {
	struct timeline_device of;
	char title[2][96];	/* frontend's, backend's */
	unsigned int states[2]; /* 0 not known yet */
	unsigned int shown[2];	/* as the f/b gutter last had them */
};

struct timeline_teller {
	FILE *out;
	struct timeline_look look;
	bool apart;
	unsigned int column; /* width of one end's */
	struct told *stories;
	size_t count, size;
	size_t next_out;
	size_t now; /* whose turn it is; >= count: nobody's */
	uint64_t start_ns, last_ns;
	bool started; /* something was printed */
	bool timed;   /* start_ns is known */
	/* Store operations of one end are gathered in a cell. */
	char cell[CELL_MAX];
	size_t used;
	uint64_t cell_ns;
	bool cell_back;
	char op[24]; /* the operation that the cell ends with */
};

int timeline_teller_new(FILE *out, const struct timeline_look *look, bool apart,
			struct timeline_teller **teller)
{
	struct timeline_teller *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->out = out;
	t->look = *look;
	t->apart = apart;
	t->column = (look->width - GUTTER) / 2;
	t->now = SIZE_MAX;
	*teller = t;
	return 0;
}

void timeline_teller_free(struct timeline_teller *teller)
{
	if (!teller)
		return;
	free(teller->stories);
	free(teller);
}

/* -- cells ------------------------------------------------------------------------------------- */

static const char *colour(const struct timeline_teller *t, const char *code)
{
	return t->look.colour ? code : "";
}

static void print_gutter(struct timeline_teller *t, uint64_t time_ns, bool first)
{
	struct told *story = &t->stories[t->now];
	/* What comes late, from a program that was slow to write it down, may be from before the start. */
	double ms = (double)(int64_t)(time_ns - t->start_ns) / 1e6;

	if (!first) {
		fprintf(t->out, "%*s", (int)GUTTER, "");
		return;
	}
	fprintf(t->out, "%s%8.3f%s  ", colour(t, "\033[2m"), ms, colour(t, "\033[0m"));
	if (memcmp(story->states, story->shown, sizeof(story->states)) != 0)
		fprintf(t->out, "%s%u/%u%s  ", colour(t, "\033[1m"), story->states[0], story->states[1],
			colour(t, "\033[0m"));
	else
		fprintf(t->out, "%5s", "");
	memcpy(story->shown, story->states, sizeof(story->states));
}

/* As many of @text's bytes as fit in @width, whole words where there are any. */
static size_t line_length(const char *text, size_t width)
{
	size_t len = strlen(text), at;

	if (len <= width)
		return len;
	for (at = width; at > 0 && text[at] != ' '; at--)
		;
	return at ? at : width;
}

/* @text in one end's column, on as many lines as it takes. */
static void print_cell(struct timeline_teller *t, uint64_t time_ns, bool back, const char *code,
		       const char *text)
{
	const size_t width = t->column - 2;
	bool first = true;

	while (*text) {
		size_t indent = first ? 0 : 2;
		size_t len = line_length(text, width - indent);

		print_gutter(t, time_ns, first);
		fprintf(t->out, "%*s%s%.*s%s\n", (int)((back ? t->column : 0) + indent), "", colour(t, code),
			(int)len, text, colour(t, "\033[0m"));
		text += len;
		text += *text == ' ';
		first = false;
	}
}

void timeline_flush(struct timeline_teller *t)
{
	if (t->used)
		print_cell(t, t->cell_ns, t->cell_back, "\033[2m", t->cell);
	t->used = 0;
	t->op[0] = '\0';
}

/* Operations one after another share a cell, as do the keys of one operation. */
static void add_operation(struct timeline_teller *t, const struct timeline_entry *e)
{
	char op[24], what[128];

	timeline_operation(e, op, what);
	if (t->used && (t->cell_back != e->is_backend || t->used + 160 > sizeof(t->cell)))
		timeline_flush(t);
	if (!t->used) {
		t->cell_ns = e->time_ns;
		t->cell_back = e->is_backend;
	}
	if (t->used && !strcmp(t->op, op) && what[0])
		t->used += (size_t)sprintf(t->cell + t->used, ", %s", what);
	else
		t->used += (size_t)sprintf(t->cell + t->used, "%s%s%s%s", t->used ? "; " : "", op,
					   what[0] ? " " : "", what);
	strcpy(t->op, op);
}

/* -- the story --------------------------------------------------------------------------------- */

/* What an entry says of the states in the store. An end knows that it wrote a state when the store has
 * answered; by then the other end may have seen it. */
static void see_states(struct told *story, const struct timeline_entry *e)
{
	const char *wrote = strstr(e->text, "somebody wrote ");
	int state = timeline_seen_state(e);

	if (state >= 0)
		story->states[!e->is_backend] = (unsigned int)state;
	else if (e->kind == TIMELINE_STATE)
		story->states[e->is_backend] = e->own;
	else if (e->kind == TIMELINE_NOTE && wrote && (state = timeline_state_number(wrote + 15)) >= 0)
		story->states[e->is_backend] =
			(unsigned int)state; /* noted while the own state is the old one */
}

/* A long silence is shown as one. */
static void see_silence(struct timeline_teller *t, const struct timeline_entry *e)
{
	if (t->last_ns && e->time_ns >= t->last_ns && e->time_ns - t->last_ns >= SILENCE_NS) {
		timeline_flush(t);
		fprintf(t->out, "%s%8s%s\n", colour(t, "\033[2m"), "...", colour(t, "\033[0m"));
	}
	t->last_ns = e->time_ns;
}

static void entry_text(const struct timeline_entry *e, char *text, size_t size)
{
	int seen = timeline_seen_state(e);

	if (e->kind == TIMELINE_STATE)
		snprintf(text, size, "=> %s", timeline_state_name(e->own));
	else if (e->kind == TIMELINE_OTHEREND)
		snprintf(text, size, "sees %s",
			 seen >= 0 ? timeline_state_name((unsigned int)seen) : e->text);
	else if (e->kind == TIMELINE_WAIT)
		snprintf(text, size, "waits for %s", e->text);
	else
		snprintf(text, size, "%s", e->text);
}

static bool is_told(const struct timeline_teller *t, const struct timeline_entry *e)
{
	if (e->kind == TIMELINE_EVENT)
		return t->look.events;
	return e->kind != TIMELINE_WAIT || *e->text; /* for nothing any more */
}

static void print_entry(struct timeline_teller *t, const struct timeline_entry *e)
{
	static const char *const codes[TIMELINE_KINDS] = {
		[TIMELINE_STATE] = "\033[1;32m", [TIMELINE_OTHEREND] = "\033[36m",
		[TIMELINE_GRANT] = "\033[33m",	 [TIMELINE_EVTCHN] = "\033[33m",
		[TIMELINE_NOTE] = "\033[35m",	 [TIMELINE_EVENT] = "\033[2m",
		[TIMELINE_WAIT] = "\033[3m",	 [TIMELINE_PROGRAM] = "\033[1;31m",
	};
	char text[160];

	if (!is_told(t, e))
		return;
	see_silence(t, e);
	if (e->kind == TIMELINE_STORE) {
		add_operation(t, e);
		return;
	}
	timeline_flush(t);
	see_states(&t->stories[t->now], e);
	entry_text(e, text, sizeof(text));
	print_cell(t, e->time_ns, e->is_backend, codes[e->kind] ? codes[e->kind] : "", text);
}

/* Names an end by its first entry; that is when its device is probed. */
static void meet(struct told *story, const struct timeline_entry *e)
{
	char *title = story->title[e->is_backend];
	size_t size = sizeof(story->title[0]);
	int n;

	if (!story->states[!e->is_backend])
		story->states[!e->is_backend] = e->other;
	if (*title)
		return;
	n = snprintf(title, size, "Dom%u %s", e->domid, e->device);
	if (*e->program && n > 0 && (size_t)n < size)
		snprintf(title + n, size - (size_t)n, ", %s %u", e->program, e->pid);
	story->states[e->is_backend] = e->own ? e->own : XenbusStateInitialising;
}

static void print_heading(struct timeline_teller *t)
{
	const struct told *story = &t->stories[t->now];
	const char *front = *story->title[0] ? story->title[0] : "frontend";
	const char *back = *story->title[1] ? story->title[1] : "backend";
	const int width = (int)t->column - 2;

	fprintf(t->out, "%s%8s  %-5s%-*.*s%.*s%s\n", colour(t, "\033[1m"), "ms", "f/b", (int)t->column, width,
		front, width, back, colour(t, "\033[0m"));
}

/* Where told[@at] is whose turn it was not. */
static void turn_to(struct timeline_teller *t, size_t at)
{
	timeline_flush(t);
	if (t->started)
		fputc('\n', t->out);
	t->started = true;
	t->now = at;
	if (t->apart)
		t->last_ns = 0;
	memset(t->stories[at].shown, 0, sizeof(t->stories[at].shown));
	print_heading(t);
}

static int find_story(struct timeline_teller *t, const struct timeline_entry *e, size_t *at)
{
	size_t i = t->now;

	if (i < t->count && timeline_same_device(&t->stories[i].of, &e->of)) {
		*at = i;
		return 0;
	}
	for (i = 0; i < t->count; i++)
		if (timeline_same_device(&t->stories[i].of, &e->of))
			break;
	if (i == STORIES_MAX)
		i = t->next_out++ % STORIES_MAX; /* it will be met anew */
	if (i == t->size) {
		size_t size = t->size ? 2 * t->size : 16;
		struct told *stories = reallocarray(t->stories, size, sizeof(*stories));

		if (!stories)
			return -ENOMEM;
		t->stories = stories;
		t->size = size;
	}
	if (i == t->count || !timeline_same_device(&t->stories[i].of, &e->of)) {
		t->stories[i] = (struct told){ .of = e->of };
		if (i == t->now)
			t->now = SIZE_MAX;
		t->count += i == t->count;
	}
	*at = i;
	return 0;
}

int timeline_tell(struct timeline_teller *t, const struct timeline_entry *entry)
{
	size_t at;
	int err = find_story(t, entry, &at);

	if (err)
		return err;
	if (!t->timed)
		t->start_ns = entry->time_ns;
	t->timed = true;
	meet(&t->stories[at], entry);
	if (at != t->now && is_told(t, entry))
		turn_to(t, at);
	if (at == t->now)
		print_entry(t, entry);
	return 0;
}

void timeline_remark(struct timeline_teller *t, const char *text)
{
	timeline_flush(t);
	fprintf(t->out, "%s-- %s%s\n", colour(t, "\033[1m"), text, colour(t, "\033[0m"));
	t->started = true;
}

/* -- what is whole ----------------------------------------------------------------------------- */

/* Both ends are met before the first line: the heading names them. */
static int tell_story(struct timeline_teller *t, const struct timeline_story *story)
{
	size_t at;
	int err = find_story(t, &story->entries[0], &at);

	if (err)
		return err;
	for (size_t i = 0; i < story->count; i++)
		meet(&t->stories[at], &story->entries[i]);
	t->start_ns = story->entries[0].time_ns;
	turn_to(t, at);
	for (size_t i = 0; i < story->count; i++)
		print_entry(t, &story->entries[i]);
	timeline_flush(t);
	return 0;
}

int timeline_text(const struct timeline_story *stories, size_t count, FILE *out,
		  const struct timeline_look *look)
{
	struct timeline_teller *teller;
	int err = timeline_teller_new(out, look, true, &teller);

	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++)
		err = tell_story(teller, &stories[i]);
	timeline_teller_free(teller);
	return err;
}

int timeline_print(struct timeline *timeline, FILE *out, const struct timeline_look *look)
{
	struct timeline_story *stories;
	size_t count;
	int err = timeline_stories(timeline, &stories, &count);

	if (!err)
		err = timeline_text(stories, count, out, look);
	free(stories);
	return err;
}
