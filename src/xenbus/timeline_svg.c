/* SPDX-License-Identifier: MIT */
/*
 * A picture: the frontend's life on the left, the backend's on the right, time downwards but not to scale. A state is
 * a stretch of its end's lifeline; an arrow goes from where a state was written to where the other end saw it.
 *
 *     ms        what the frontend did  [F] --------> [B]  what the backend did
 */
#include "timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenbus/xenbus.h>

#include "timeline_rows.h"

#define WIDTH 1240
#define TIME_X 70   /* right end of the times */
#define FRONT_X 540 /* middle of the lifelines */
#define BACK_X 760
#define BAR 14	    /* width of a state */
#define TEXT_GAP 26 /* between a lifeline's middle and the text beside it */
#define WAIT_GAP 15 /* and the line of a wait */
#define ROW 19
#define SILENCE 20 /* more, where nothing happened for long */
#define HEAD 92	   /* above the first row of a story */
#define FOOT 24
#define TEXT_MAX 60 /* characters beside a lifeline */

struct picture {
	FILE *out;
	const struct timeline_story *story;
	const struct timeline_link *links;
	struct timeline_rows rows;
	double *y;  /* of each row's middle */
	double end; /* below the last row */
};

/* Fill, and ink on it. */
static const struct {
	const char *fill, *ink;
} colours[XENBUS_STATES] = {
	[XenbusStateInitialising] = { "#f3d27a", "#4d3a00" },
	[XenbusStateInitWait] = { "#f0a868", "#4f2600" },
	[XenbusStateInitialised] = { "#8fbbe8", "#0c2f55" },
	[XenbusStateConnected] = { "#79bd86", "#0b3a16" },
	[XenbusStateClosing] = { "#dd9fc0", "#521233" },
	[XenbusStateClosed] = { "#b9bec6", "#2b3038" },
	[XenbusStateReconfiguring] = { "#c0aee6", "#2c1a5c" },
	[XenbusStateReconfigured] = { "#c0aee6", "#2c1a5c" },
	[XENBUS_STATE_GONE] = { "#5a5f66", "#ffffff" },
};

static const char style[] =
	"<style>"
	"text{font:12px \"DejaVu Sans\",\"Segoe UI\",Helvetica,Arial,sans-serif;fill:#22272e}"
	".h{font-size:17px;font-weight:bold}.e{font-size:13px;font-weight:bold}.p,.t,.q{fill:#6b737d;font-size:11px}"
	".t{text-anchor:end}.f{text-anchor:end}.m{text-anchor:middle}"
	".s{font:11px \"DejaVu Sans Mono\",Menlo,Consolas,monospace;fill:#57606a}"
	".g{fill:#8a6100}.w{font-style:italic;fill:#8250df}.n{fill:#a0337a}.x{fill:#c62828;font-weight:bold}"
	".o{fill:#0b62b8}.b{font-weight:bold;font-size:11px;text-anchor:middle}"
	".a{stroke:#0b62b8;stroke-width:1.3;fill:none;marker-end:url(#tip)}"
	".l{stroke:#c9ced6;stroke-width:2}.z{stroke:#eceff3}.k{stroke:#8250df;stroke-width:1.5;stroke-dasharray:1.5 3}"
	".v{paint-order:stroke;stroke:#fff;stroke-width:3px;fill:#0b62b8;font-size:10.5px;text-anchor:middle}"
	"</style>\n"
	"<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
	"orient=\"auto\"><path d=\"M0 .8 8 4 0 7.2z\" fill=\"#0b62b8\"/></marker></defs>\n";

static void put_text(FILE *out, const char *text, size_t max)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len && (len <= max || i + 1 < max); i++) {
		switch (text[i]) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		default:
			fputc(text[i], out);
		}
	}
	if (len > max)
		fputs("\u2026", out);
}

static int lifeline(bool is_backend)
{
	return is_backend ? BACK_X : FRONT_X;
}

/* @gap away from the end's lifeline, on the side of its text. */
static int beside(bool is_backend, int gap)
{
	return is_backend ? BACK_X + gap : FRONT_X - gap;
}

/* -- rows ------------------------------------------------------------------------------------------ */

static int place_rows(struct picture *p, double top)
{
	double y = top + HEAD;

	p->y = calloc(p->rows.count + 1, sizeof(*p->y));
	if (!p->y)
		return -ENOMEM;
	for (size_t i = 0; i < p->rows.count; i++) {
		y += p->rows.row[i].silence_ns ? ROW + SILENCE : ROW;
		p->y[i] = y;
	}
	p->end = y + ROW;
	return 0;
}

static const char *class_of(enum timeline_kind kind)
{
	switch (kind) {
	case TIMELINE_STORE:
	case TIMELINE_EVENT:
		return "s";
	case TIMELINE_OTHEREND:
		return "o";
	case TIMELINE_GRANT:
	case TIMELINE_EVTCHN:
		return "g";
	case TIMELINE_WAIT:
		return "w";
	case TIMELINE_NOTE:
		return "n";
	case TIMELINE_PROGRAM:
		return "x";
	default:
		return "c";
	}
}

/* The new state as a label of its colour. */
static void draw_label(struct picture *p, const struct timeline_row *row, double y)
{
	const unsigned int state = row->state < XENBUS_STATES ? row->state : 0;
	const double width = 8.0 * (double)strlen(row->text) + 14;
	const double x = row->is_backend ? BACK_X + TEXT_GAP : FRONT_X - TEXT_GAP - width;

	fprintf(p->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"16\" rx=\"4\" fill=\"%s\"/>", x,
		y - 8, width, colours[state].fill ? colours[state].fill : "#ddd");
	fprintf(p->out, "<text class=\"b\" x=\"%.1f\" y=\"%.1f\" style=\"fill:%s\">", x + width / 2, y + 4,
		colours[state].ink ? colours[state].ink : "#000");
	put_text(p->out, row->text, TEXT_MAX);
	fputs("</text>\n", p->out);
}

static void draw_silence(struct picture *p, const struct timeline_row *row, double y)
{
	const double at = y - ROW / 2.0 - SILENCE / 2.0;

	fprintf(p->out,
		"<line class=\"z\" x1=\"20\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke-dasharray=\"4 4\"/>",
		WIDTH - 20, at, at);
	fprintf(p->out, "<text class=\"v\" style=\"fill:#6b737d\" x=\"%d\" y=\"%.1f\">",
		(FRONT_X + BACK_X) / 2, at + 4);
	if (row->silence_ns < 1000000000u)
		fprintf(p->out, "%.0f ms</text>\n", (double)row->silence_ns / 1e6);
	else
		fprintf(p->out, "%.1f s</text>\n", (double)row->silence_ns / 1e9);
}

static void draw_row(struct picture *p, size_t index)
{
	const struct timeline_row *row = &p->rows.row[index];
	const uint64_t start_ns = p->rows.row[0].time_ns;
	const double y = p->y[index];

	fprintf(p->out, "<text class=\"t\" x=\"%d\" y=\"%.1f\">%.3f</text>", TIME_X, y + 4,
		(double)(row->time_ns - start_ns) / 1e6);
	if (row->kind == TIMELINE_STATE) {
		draw_label(p, row, y);
		return;
	}
	fprintf(p->out, "<text class=\"%s%s\" x=\"%d\" y=\"%.1f\">", class_of(row->kind),
		row->is_backend ? "" : " f", beside(row->is_backend, TEXT_GAP), y + 4);
	put_text(p->out, row->text, TEXT_MAX);
	if (strlen(row->text) > TEXT_MAX) {
		fputs("<title>", p->out);
		put_text(p->out, row->text, SIZE_MAX);
		fputs("</title>", p->out);
	}
	fputs("</text>\n", p->out);
}

/* -- lifelines -------------------------------------------------------------------------------------- */

static void draw_state(struct picture *p, bool is_backend, unsigned int state, double from, double to)
{
	if (!state || state >= XENBUS_STATES || to <= from)
		return;
	fprintf(p->out,
		"<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"%s\"><title>%s</title></rect>\n",
		lifeline(is_backend) - BAR / 2, from, BAR, to - from,
		colours[state].fill ? colours[state].fill : "#ddd", timeline_state_name(state));
}

static void draw_wait(struct picture *p, bool is_backend, double from, double to)
{
	const int x = beside(is_backend, WAIT_GAP);

	fprintf(p->out, "<line class=\"k\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x, x, from, to);
}

/* From its first row on; a wait ends where the next begins or the state changes. */
static void draw_lifeline(struct picture *p, bool is_backend)
{
	double state_y = 0, wait_y = -1;
	unsigned int state = 0;

	fprintf(p->out, "<line class=\"l\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
		lifeline(is_backend), lifeline(is_backend), p->y[0] - ROW, p->end);
	for (size_t i = 0; i < p->rows.count; i++) {
		const struct timeline_row *row = &p->rows.row[i];
		const bool changed = row->is_backend == is_backend && row->state != state;

		if (row->is_backend != is_backend)
			continue;
		if (wait_y >= 0 && (changed || row->kind == TIMELINE_WAIT || row->kind == TIMELINE_PROGRAM ||
				    row->waits_no_more)) {
			draw_wait(p, is_backend, wait_y, row->waits_no_more ? p->y[i] : p->y[i] - ROW / 2.0);
			wait_y = -1;
		}
		if (row->kind == TIMELINE_WAIT)
			wait_y = p->y[i] + ROW / 2.0;
		if (!changed)
			continue;
		draw_state(p, is_backend, state, state_y, p->y[i]);
		state = row->state;
		state_y = p->y[i];
	}
	draw_state(p, is_backend, state, state_y, p->end);
	if (wait_y >= 0)
		draw_wait(p, is_backend, wait_y, p->end);
}

static void draw_arrow(struct picture *p, size_t at)
{
	const struct timeline_link *link = &p->links[at];
	const struct timeline_entry *e = &p->story->entries[at];
	const double from = p->y[p->rows.of[link->written]], to = p->y[p->rows.of[link->seen]];
	const int inset = BAR / 2 + 2, x1 = e->is_backend ? BACK_X - inset : FRONT_X + inset;
	const int x2 = e->is_backend ? FRONT_X + inset : BACK_X - inset;

	fprintf(p->out, "<path class=\"a\" d=\"M%d %.1f %d %.1f\"/>", x1, from, x2, to);
	fprintf(p->out, "<text class=\"v\" x=\"%d\" y=\"%.1f\">%s</text>\n", (x1 + x2) / 2,
		(from + to) / 2 + 3.5, timeline_state_name(e->own));
}

/* -- a story ------------------------------------------------------------------------------------------ */

static void draw_end(struct picture *p, bool is_backend, double y)
{
	const struct timeline_entry *e = p->story->entries, *end = e + p->story->count;
	char text[128];

	while (e < end && e->is_backend != is_backend)
		e++;
	fprintf(p->out, "<text class=\"e m\" x=\"%d\" y=\"%.1f\">%s</text>", lifeline(is_backend), y,
		is_backend ? "backend" : "frontend");
	if (e == end) {
		snprintf(text, sizeof(text), "no trace of it");
	} else {
		fprintf(p->out, "<text class=\"e%s\" x=\"%d\" y=\"%.1f\">domain %u", is_backend ? "" : " f",
			beside(is_backend, 44), y, e->domid);
		if (*e->program) {
			fputs(", ", p->out);
			put_text(p->out, e->program, 32);
			fprintf(p->out, " %u", e->pid);
		}
		fputs("</text>", p->out);
		snprintf(text, sizeof(text), "%s", e->device);
	}
	fprintf(p->out, "<text class=\"p%s\" x=\"%d\" y=\"%.1f\">", is_backend ? "" : " f",
		beside(is_backend, 44), y + 17);
	put_text(p->out, text, TEXT_MAX);
	fputs("</text>\n", p->out);
}

static void draw_head(struct picture *p, double top)
{
	const struct timeline_device *of = &p->story->entries[0].of;

	fputs("<text class=\"h\" x=\"24\" y=\"", p->out);
	fprintf(p->out, "%.1f\">", top + 32);
	put_text(p->out, of->class, 32);
	fputc('/', p->out);
	put_text(p->out, of->id, 12);
	fprintf(p->out, " of domain %u</text>", of->front);
	fprintf(p->out,
		"<text class=\"q\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">arrows: from where a state was written to where "
		"the other end saw it; dotted: waiting</text>\n",
		WIDTH - 24, top + 32);
	fprintf(p->out, "<text class=\"t\" x=\"%d\" y=\"%.1f\">ms</text>", TIME_X, top + 64);
	draw_end(p, false, top + 64);
	draw_end(p, true, top + 64);
}

static int draw_story(struct picture *p, double *top)
{
	int err = place_rows(p, *top);

	if (err)
		return err;
	draw_head(p, *top);
	for (size_t i = 0; i < p->rows.count; i++)
		if (p->rows.row[i].silence_ns)
			draw_silence(p, &p->rows.row[i], p->y[i]);
	if (p->rows.count) {
		draw_lifeline(p, false);
		draw_lifeline(p, true);
	}
	for (size_t i = 0; i < p->rows.count; i++)
		draw_row(p, i);
	for (size_t i = 0; i < p->story->count; i++)
		if (p->story->entries[i].kind == TIMELINE_STATE && p->links[i].seen != TIMELINE_NONE)
			draw_arrow(p, i);
	*top = p->end + FOOT;
	free(p->y);
	return 0;
}

/* @top: where it begins, and then where the next one may. */
static int svg_story(const struct timeline_story *story, FILE *out, const struct timeline_look *look,
		     double *top)
{
	struct picture p = { .out = out, .story = story };
	struct timeline_link *links = timeline_link(story);
	int err = links ? timeline_rows_of(story, links, look, &p.rows) : -ENOMEM;

	if (!err) {
		p.links = links;
		err = draw_story(&p, top);
	}
	timeline_rows_free(&p.rows);
	free(links);
	return err;
}

int timeline_svg(const struct timeline_story *stories, size_t count, FILE *out,
		 const struct timeline_look *look)
{
	char *body = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&body, &size);
	double height = 0;
	int err = memory ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !err; i++)
		err = svg_story(&stories[i], memory, look, &height);
	if (memory && fclose(memory))
		err = -ENOMEM;
	if (!err) {
		fprintf(out,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\">\n",
			WIDTH, height, WIDTH, height);
		fputs(style, out);
		fputs("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", out);
		fwrite(body, 1, size, out);
		fputs("</svg>\n", out);
	}
	free(body);
	return err;
}
