/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>

#define GUTTER 15u /* "   0.000  1/1  " */
#define CELL_MAX 1024u
#define SILENCE_NS 5000000u

struct timeline {
	struct timeline_entry *entries;
	size_t count, size;
};

/* What is being printed: one device, and a cell that store operations of one end are gathered in. */
struct story {
	FILE *out;
	const struct timeline_look *look;
	const char *pair;
	unsigned int column; /* width of one end's */
	uint64_t start_ns, last_ns;
	unsigned int states[2]; /* frontend's, backend's; 0 not known yet */
	unsigned int shown[2];	/* as the f/b gutter last had them */
	char cell[CELL_MAX];
	size_t used;
	uint64_t cell_ns;
	bool cell_back;
	char op[24]; /* the operation that the cell ends with */
};

static const char *const state_names[] = {
	"Unknown", "Initialising", "InitWait",	    "Initialised",  "Connected",
	"Closing", "Closed",	   "Reconfiguring", "Reconfigured", "Gone",
};

#define STATES (sizeof(state_names) / sizeof(state_names[0]))

static const char *state_name(unsigned int state)
{
	return state < STATES ? state_names[state] : "?";
}

int timeline_new(struct timeline **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void timeline_free(struct timeline *timeline)
{
	if (!timeline)
		return;
	free(timeline->entries);
	free(timeline);
}

static int add(struct timeline *timeline, const struct timeline_entry *entry)
{
	if (timeline->count == timeline->size) {
		size_t size = timeline->size ? timeline->size * 2 : 256;
		struct timeline_entry *entries = reallocarray(timeline->entries, size, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		timeline->entries = entries;
		timeline->size = size;
	}
	timeline->entries[timeline->count] = *entry;
	timeline->entries[timeline->count].order = timeline->count;
	timeline->count++;
	return 0;
}

int timeline_read(struct timeline *timeline, FILE *in, unsigned int *line)
{
	struct timeline_entry entry;
	char *text = NULL;
	size_t size = 0;
	int err = 0;

	for (*line = 1; !err && getline(&text, &size, in) >= 0; ++*line) {
		err = timeline_parse(text, &entry);
		if (!err && entry.pair[0])
			err = add(timeline, &entry);
		if (err)
			break;
	}
	free(text);
	return err ? err : ferror(in) ? -EIO : 0;
}

/* Entries of one program are in order already; those of the same moment stay so. */
static int by_time(const void *a, const void *b)
{
	const struct timeline_entry *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* -- cells ------------------------------------------------------------------------------------- */

static const char *colour(const struct story *s, const char *code)
{
	return s->look->colour ? code : "";
}

static void print_gutter(struct story *s, uint64_t time_ns, bool first)
{
	double ms = (double)(time_ns - s->start_ns) / 1e6;

	if (!first) {
		fprintf(s->out, "%*s", (int)GUTTER, "");
		return;
	}
	fprintf(s->out, "%s%8.3f%s  ", colour(s, "\033[2m"), ms, colour(s, "\033[0m"));
	if (memcmp(s->states, s->shown, sizeof(s->states)) != 0)
		fprintf(s->out, "%s%u/%u%s  ", colour(s, "\033[1m"), s->states[0], s->states[1],
			colour(s, "\033[0m"));
	else
		fprintf(s->out, "%5s", "");
	memcpy(s->shown, s->states, sizeof(s->states));
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
static void print_cell(struct story *s, uint64_t time_ns, bool back, const char *code, const char *text)
{
	const size_t width = s->column - 2;
	bool first = true;

	while (*text) {
		size_t indent = first ? 0 : 2;
		size_t len = line_length(text, width - indent);

		print_gutter(s, time_ns, first);
		fprintf(s->out, "%*s%s%.*s%s\n", (int)((back ? s->column : 0) + indent), "", colour(s, code),
			(int)len, text, colour(s, "\033[0m"));
		text += len;
		text += *text == ' ';
		first = false;
	}
}

static void flush_cell(struct story *s)
{
	if (s->used)
		print_cell(s, s->cell_ns, s->cell_back, "\033[2m", s->cell);
	s->used = 0;
	s->op[0] = '\0';
}

/* -- store operations -------------------------------------------------------------------------- */

/* Paths as the reader of a column thinks of them: own keys bare, the other end's as "backend:KEY". */
static void short_path(const struct timeline_entry *e, const char *path, char *out, size_t size)
{
	const char *other = e->is_backend ? "/device/" : "/backend/", *key = strrchr(path, '/');
	size_t len = strlen(e->device);
	const char *home = !strncmp(path, "/local/domain/", 14) ? strchr(path + 14, '/') : NULL;
	const char *own = home ? home + 1 : path;

	if (!strncmp(own, e->device, len) && own[len] == '/')
		snprintf(out, size, "%s", own + len + 1);
	else if (home && key && !strncmp(home, other, strlen(other)))
		snprintf(out, size, "%s:%s", e->is_backend ? "frontend" : "backend", key + 1);
	else
		snprintf(out, size, "%s", path);
}

/* "WRITE device/x/0/state 3" becomes its operation, "WRITE", and what it is about, "state = 3". */
static void split_operation(const struct timeline_entry *e, char op[24], char what[128])
{
	char path[96] = "", value[96] = "", brief[96];

	op[0] = what[0] = '\0';
	if (sscanf(e->text, "%23s %95s %95[^\n]", op, path, value) < 1)
		return;
	if (!strcmp(op, "TRANSACTION_START"))
		strcpy(op, "START");
	else if (!strcmp(op, "TRANSACTION_END"))
		snprintf(op, 24, "END %.1s", path);
	else if (path[0]) {
		short_path(e, path, brief, sizeof(brief));
		if (!strcmp(brief, "instance"))
			value[strcspn(value, " ")] = '\0'; /* when it was made is of no interest */
		if (!strcmp(op, "WRITE"))
			snprintf(what, 128, "%.60s = %.60s", brief, value);
		else
			snprintf(what, 128, "%.90s", brief);
	}
}

/* Operations one after another share a cell, as do the keys of one operation. */
static void add_operation(struct story *s, const struct timeline_entry *e)
{
	char op[24], what[128];

	split_operation(e, op, what);
	if (s->used && (s->cell_back != e->is_backend || s->used + 160 > sizeof(s->cell)))
		flush_cell(s);
	if (!s->used) {
		s->cell_ns = e->time_ns;
		s->cell_back = e->is_backend;
	}
	if (s->used && !strcmp(s->op, op) && what[0])
		s->used += (size_t)sprintf(s->cell + s->used, ", %s", what);
	else
		s->used += (size_t)sprintf(s->cell + s->used, "%s%s%s%s", s->used ? "; " : "", op,
					   what[0] ? " " : "", what);
	strcpy(s->op, op);
}

/* -- the story --------------------------------------------------------------------------------- */

static int state_number(const char *name)
{
	for (unsigned int i = 0; i < STATES; i++)
		if (!strcmp(state_names[i], name))
			return (int)i;
	return -1;
}

/* What an entry says of the states in the store. An end knows that it wrote a state when the store has
 * answered; by then the other end may have seen it. */
static void see_states(struct story *s, const struct timeline_entry *e)
{
	const char *now = strstr(e->text, "-> "), *wrote = strstr(e->text, "somebody wrote ");
	int state = now ? state_number(now + 3) : -1;

	if (e->kind == TIMELINE_OTHEREND && state >= 0)
		s->states[!e->is_backend] = (unsigned int)state;
	else if (e->kind == TIMELINE_STATE)
		s->states[e->is_backend] = e->own;
	else if (e->kind == TIMELINE_NOTE && wrote && (state = state_number(wrote + 15)) >= 0)
		s->states[e->is_backend] = (unsigned int)state; /* noted while the own state is the old one */
}

/* A long silence is shown as one. */
static void see_silence(struct story *s, const struct timeline_entry *e)
{
	if (s->last_ns && e->time_ns - s->last_ns >= SILENCE_NS) {
		flush_cell(s);
		fprintf(s->out, "%s%8s%s\n", colour(s, "\033[2m"), "...", colour(s, "\033[0m"));
	}
	s->last_ns = e->time_ns;
}

static void print_entry(struct story *s, const struct timeline_entry *e)
{
	static const char *const codes[TIMELINE_KINDS] = {
		[TIMELINE_STATE] = "\033[1;32m", [TIMELINE_OTHEREND] = "\033[36m",
		[TIMELINE_GRANT] = "\033[33m",	 [TIMELINE_EVTCHN] = "\033[33m",
		[TIMELINE_NOTE] = "\033[35m",	 [TIMELINE_EVENT] = "\033[2m",
	};
	char text[160];

	if (e->kind == TIMELINE_EVENT && !s->look->events)
		return;
	if (e->kind == TIMELINE_WAIT && !*e->text)
		return; /* for nothing any more */
	see_silence(s, e);
	if (e->kind == TIMELINE_STORE) {
		add_operation(s, e);
		return;
	}
	flush_cell(s);
	see_states(s, e);
	if (e->kind == TIMELINE_STATE) {
		snprintf(text, sizeof(text), "=> %s", state_name(e->own));
	} else if (e->kind == TIMELINE_OTHEREND) {
		const char *now = strstr(e->text, "-> ");

		snprintf(text, sizeof(text), "sees %s", now ? now + 3 : e->text);
	} else if (e->kind == TIMELINE_WAIT) {
		snprintf(text, sizeof(text), "waits for %s", e->text);
	} else {
		snprintf(text, sizeof(text), "%s", e->text);
	}
	print_cell(s, e->time_ns, e->is_backend, codes[e->kind] ? codes[e->kind] : "", text);
}

/* The heading names the ends, the first states of each stand in the first gutter. */
static void begin_story(struct story *s, const struct timeline *timeline)
{
	const struct timeline_entry *ends[2] = { NULL, NULL };
	char title[2][80] = { "frontend", "backend" };

	for (size_t i = 0; i < timeline->count; i++) {
		const struct timeline_entry *e = &timeline->entries[i];

		if (strcmp(e->pair, s->pair) != 0 || ends[e->is_backend])
			continue;
		ends[e->is_backend] = e;
		s->states[e->is_backend] = XenbusStateInitialising; /* that is when a device is probed */
		snprintf(title[e->is_backend], sizeof(title[0]), "%s %s", e->domid ? "DomU" : "Dom0",
			 e->device);
		if (!s->start_ns)
			s->start_ns = e->time_ns;
	}
	fprintf(s->out, "%s%8s  %-5s%-*.*s%s%s\n", colour(s, "\033[1m"), "ms", "f/b", (int)s->column,
		(int)s->column - 2, title[0], title[1], colour(s, "\033[0m"));
}

static void print_story(const struct timeline *timeline, const char *pair, FILE *out,
			const struct timeline_look *look)
{
	struct story s = {
		.out = out,
		.look = look,
		.pair = pair,
		.column = (look->width - GUTTER) / 2,
	};

	begin_story(&s, timeline);
	for (size_t i = 0; i < timeline->count; i++)
		if (!strcmp(timeline->entries[i].pair, pair))
			print_entry(&s, &timeline->entries[i]);
	flush_cell(&s);
}

static bool told_before(const struct timeline *timeline, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcmp(timeline->entries[i].pair, timeline->entries[index].pair))
			return true;
	return false;
}

unsigned int timeline_print(struct timeline *timeline, FILE *out, const struct timeline_look *look)
{
	unsigned int stories = 0;

	qsort(timeline->entries, timeline->count, sizeof(*timeline->entries), by_time);
	for (size_t i = 0; i < timeline->count; i++) {
		if (told_before(timeline, i))
			continue;
		if (stories++)
			fputc('\n', out);
		print_story(timeline, timeline->entries[i].pair, out, look);
	}
	return stories;
}
