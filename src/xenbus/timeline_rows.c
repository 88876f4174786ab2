/* SPDX-License-Identifier: MIT */
#include "timeline_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_NS 5000000u

void timeline_rows_free(struct timeline_rows *rows)
{
	free(rows->row);
	free(rows->of);
	*rows = (struct timeline_rows){ 0 };
}

static bool has_row(const struct timeline_entry *e, const struct timeline_look *look)
{
	if (e->kind == TIMELINE_EVENT)
		return look->events;
	return e->kind != TIMELINE_WAIT || *e->text;
}

static void row_text(const struct timeline_entry *e, char op[24], char *text, size_t size)
{
	int seen = timeline_seen_state(e);
	char what[128];

	op[0] = '\0';
	if (e->kind == TIMELINE_STORE) {
		timeline_operation(e, op, what);
		snprintf(text, size, "%s%s%s", op, *what ? " " : "", what);
	} else if (e->kind == TIMELINE_STATE) {
		snprintf(text, size, "%s", timeline_state_name(e->own));
	} else if (seen >= 0) {
		snprintf(text, size, "sees %s", timeline_state_name((unsigned int)seen));
	} else {
		snprintf(text, size, "%s%s", e->kind == TIMELINE_WAIT ? "waits for " : "", e->text);
	}
}

/* Store operations one after another share a row, as far as it goes, and their operation where it is the same. */
static bool join(struct timeline_row *row, const struct timeline_entry *e)
{
	const size_t used = strlen(row->text);
	char op[24], text[160], *more = text;
	bool same;

	if (row->kind != TIMELINE_STORE || e->kind != TIMELINE_STORE || row->is_backend != e->is_backend ||
	    e->time_ns - row->time_ns >= SILENCE_NS)
		return false;
	row_text(e, op, text, sizeof(text));
	same = !strcmp(op, row->op) && text[strlen(op)];
	if (same)
		more += strlen(op) + 1;
	if (used + strlen(more) + 3 > sizeof(row->text))
		return false;
	sprintf(row->text + used, "%s %s", same ? "," : ";", more);
	strcpy(row->op, op);
	return true;
}

static void begin_row(struct timeline_rows *rows, const struct timeline_entry *e, unsigned int state,
		      uint64_t silence_ns)
{
	struct timeline_row *row = &rows->row[rows->count++];

	*row = (struct timeline_row){
		.time_ns = e->time_ns,
		.silence_ns = silence_ns >= SILENCE_NS ? silence_ns : 0,
		.kind = e->kind,
		.is_backend = e->is_backend,
		.state = state,
	};
	row_text(e, row->op, row->text, sizeof(row->text));
}

/* A state holds from when it went out, not from when the writer was told so. */
static void hold_states(const struct timeline_story *story, const struct timeline_link *links,
			struct timeline_rows *rows)
{
	for (size_t i = 0; i < story->count; i++) {
		const struct timeline_entry *e = &story->entries[i];
		size_t row = rows->of[links[i].written];

		if (e->kind != TIMELINE_STATE)
			continue;
		for (; row < rows->of[i]; row++)
			if (rows->row[row].is_backend == e->is_backend)
				rows->row[row].state = links[i].state;
	}
}

int timeline_rows_of(const struct timeline_story *story, const struct timeline_link *links,
		     const struct timeline_look *look, struct timeline_rows *rows)
{
	uint64_t last_ns = 0;
	size_t last[2] = { 0, 0 }; /* each end's row */

	*rows = (struct timeline_rows){
		.row = calloc(story->count, sizeof(*rows->row)),
		.of = calloc(story->count, sizeof(*rows->of)),
	};
	if (!rows->row || !rows->of) {
		timeline_rows_free(rows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < story->count; i++) {
		const struct timeline_entry *e = &story->entries[i];

		if (has_row(e, look)) {
			if (!rows->count || !join(&rows->row[rows->count - 1], e))
				begin_row(rows, e, links[i].state, last_ns ? e->time_ns - last_ns : 0);
			last_ns = e->time_ns;
			last[e->is_backend] = rows->count - 1;
		}
		rows->of[i] = rows->count ? rows->count - 1 : 0;
		if (e->kind == TIMELINE_WAIT && !*e->text && rows->count)
			rows->row[last[e->is_backend]].waits_no_more = true;
	}
	hold_states(story, links, rows);
	return 0;
}
