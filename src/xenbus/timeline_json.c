/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include <inttypes.h>
#include <xenbus/trace_file.h>

void timeline_json_string(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void member(FILE *out, const char *key, const char *value)
{
	fprintf(out, ",\"%s\":", key);
	timeline_json_string(value, out);
}

void timeline_json_entry(const struct timeline_entry *e, FILE *out)
{
	const char *kind = e->kind < TRACE_FILE_KINDS ? trace_file_kinds[e->kind] : "program";
	int seen = timeline_seen_state(e);

	fprintf(out, "{\"time_ns\":%" PRIu64 ",\"domid\":%u,\"kind\":\"%s\"", e->time_ns, e->domid, kind);
	if (*e->device) {
		member(out, "device", e->device);
		fprintf(out, ",\"own\":%u,\"other\":%u", e->own, e->other);
	}
	member(out, "text", e->text);
	if (*e->of.class) {
		member(out, "class", e->of.class);
		member(out, "id", e->of.id);
		fprintf(out, ",\"front\":%u", e->of.front);
		member(out, "end", e->is_backend ? "backend" : "frontend");
	}
	if (e->kind == TIMELINE_STATE)
		member(out, "state", timeline_state_name(e->own));
	if (seen >= 0)
		member(out, "sees", timeline_state_name((unsigned int)seen));
	if (e->kind == TIMELINE_WAIT)
		member(out, "waits_for", e->text);
	if (*e->program)
		member(out, "program", e->program);
	if (e->pid)
		fprintf(out, ",\"pid\":%u", e->pid);
	fputs("}\n", out);
}

int timeline_json(const struct timeline_story *stories, size_t count, FILE *out,
		  const struct timeline_look *look)
{
	for (size_t s = 0; s < count; s++)
		for (size_t i = 0; i < stories[s].count; i++)
			if (stories[s].entries[i].kind != TIMELINE_EVENT || look->events)
				timeline_json_entry(&stories[s].entries[i], out);
	return 0;
}
