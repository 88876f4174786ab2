/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_TIMELINE_H
#define XENBUS_TIMELINE_H
/*
 * What happened on the buses of several programs, told as one story a device.
 *
 *     traces (JSON, xenbus_trace_write())  --timeline_read()-->  +----------+     text   as it is or as it comes
 *                                                                | timeline | --> JSON   an entry a line
 *     rings of the world, <xenbus/trace_file.h> --rings.c----->  +----------+     SVG    a picture
 *                                                                                 Chrome what Perfetto loads
 *
 * Times come from the clock that all programs of a machine share. Entries may say anything (guests' programs wrote
 * them), but strings end and hold printable bytes only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum timeline_kind { /* the first as enum xenbus_trace_kind */
		     TIMELINE_STATE,
		     TIMELINE_OTHEREND,
		     TIMELINE_STORE,
		     TIMELINE_EVENT,
		     TIMELINE_GRANT,
		     TIMELINE_EVTCHN,
		     TIMELINE_DRIVER,
		     TIMELINE_NOTE,
		     TIMELINE_WAIT,
		     TIMELINE_PROGRAM, /* what became of who wrote this end */
		     TIMELINE_KINDS,
};

/* Whose story it is: both ends of one device have the same. */
struct timeline_device {
	char class[32]; /* "" none: the bus itself */
	char id[12];
	uint32_t front; /* the frontend's domid */
};

struct timeline_entry {
	uint64_t time_ns;
	size_t order; /* of adding: settles what came at the same moment */
	uint32_t domid;
	uint32_t own, other; /* states, when it was written */
	enum timeline_kind kind;
	bool is_backend;
	struct timeline_device of;
	char device[64]; /* nodename, relative to the domain's home */
	char text[96];
	char program[32]; /* "" not known */
	uint32_t pid;	  /* 0 not known */
};

/* What is told of a trace: a device's entries, in order. */
struct timeline_story {
	const struct timeline_entry *entries;
	size_t count;
};

struct timeline_look {
	unsigned int width; /* columns of a line, at least 60 */
	bool colour;
	bool events; /* store events too: what made the bus look */
};

/* -- timeline.c: what there is to tell */
struct timeline;

/* 0 and *@out, freed with timeline_free(); -ENOMEM. */
int timeline_new(struct timeline **out);
void timeline_free(struct timeline *timeline);
/* Adds a copy; entries of the bus itself are passed over. 0; -ENOMEM. */
int timeline_add(struct timeline *timeline, const struct timeline_entry *entry);
/* Adds a program's trace. 0; -ENOMEM; -EINVAL the line *@line (from 1) is not one of a trace; -EIO. */
int timeline_read(struct timeline *timeline, FILE *in, unsigned int *line);
/* All stories in order of their first entry: *@stories has *@count, freed with free(); they stand until something is
 * added. 0; -ENOMEM. */
int timeline_stories(struct timeline *timeline, struct timeline_story **stories, size_t *count);

/* "Initialising", ...; "?" */
const char *timeline_state_name(unsigned int state);
/* -1: none has that name, or what it begins with. */
int timeline_state_number(const char *name);
/* The other end's state that an entry of kind OTHEREND says was seen, -1 none. */
int timeline_seen_state(const struct timeline_entry *entry);

/* -- timeline_parse.c */
/* One line of a trace. 0; -EINVAL. */
int timeline_parse(const char *line, struct timeline_entry *entry);
/* Sets entry->of and entry->is_backend from its device and domid: "backend/CLASS/U/ID" of any domain and
 * "device/CLASS/ID" of domain U are one device. */
void timeline_find_device(struct timeline_entry *entry);
bool timeline_same_device(const struct timeline_device *one, const struct timeline_device *other);

/* -- timeline_link.c: what the pictures need to know of a story */
#define TIMELINE_NONE SIZE_MAX
struct timeline_link {
	size_t written; /* STATE: the entry of the same end with which it went to the store, or itself: it may be
			 * seen before the writer has its answer */
	size_t seen;	/* STATE: the entry of the other end that saw it; OTHEREND: that it saw; or NONE */
	unsigned int state; /* this end's as it now stands; 0: it has no device */
};
/* One for each entry of @story, freed with free(); NULL: no memory. */
struct timeline_link *timeline_link(const struct timeline_story *story);

/* -- timeline_text.c: two columns of text
 *
 *         ms  f/b  Dom1 device/x/0                Dom0 backend/x/1/0
 *      0.000  1/1  probe()
 *      0.801  1/2                                 => InitWait
 *      1.020       sees InitWait; READ backend:feature-stream
 */
struct timeline_teller;

/* @apart: each story by itself, its times from its beginning; otherwise as entries come, from the first of all.
 * 0 and *@out, freed with timeline_teller_free(); -ENOMEM. */
int timeline_teller_new(FILE *out, const struct timeline_look *look, bool apart,
			struct timeline_teller **teller);
void timeline_teller_free(struct timeline_teller *teller);
/* Entries in the order of time; some of it is held back until timeline_flush(). 0; -ENOMEM. */
int timeline_tell(struct timeline_teller *teller, const struct timeline_entry *entry);
void timeline_flush(struct timeline_teller *teller);
/* A line between them. */
void timeline_remark(struct timeline_teller *teller, const char *text);

/* -- the renderers of what is whole: 0; -ENOMEM */
int timeline_text(const struct timeline_story *stories, size_t count, FILE *out,
		  const struct timeline_look *look);
int timeline_json(const struct timeline_story *stories, size_t count, FILE *out,
		  const struct timeline_look *look);
int timeline_svg(const struct timeline_story *stories, size_t count, FILE *out,
		 const struct timeline_look *look);
int timeline_chrome(const struct timeline_story *stories, size_t count, FILE *out,
		    const struct timeline_look *look);
/* All of it as text. 0; -ENOMEM. */
int timeline_print(struct timeline *timeline, FILE *out, const struct timeline_look *look);
/* One object and a newline: what timeline_parse() takes, and more for people. */
void timeline_json_entry(const struct timeline_entry *entry, FILE *out);
/* @text as a JSON string with its quotes. */
void timeline_json_string(const char *text, FILE *out);

/* -- timeline_operation.c: store operations as the reader of a column thinks of them */
/* "WRITE device/x/0/state 3" becomes its operation, "WRITE", and what it is about, "state = 3". */
void timeline_operation(const struct timeline_entry *entry, char op[24], char what[128]);

#endif
