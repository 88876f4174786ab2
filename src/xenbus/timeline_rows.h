/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_TIMELINE_ROWS_H
#define XENBUS_TIMELINE_ROWS_H
/* A story as rows of a picture: one below the other, not to scale. */
#include "timeline.h"

struct timeline_row {
	uint64_t time_ns;
	uint64_t silence_ns; /* before it, where that was long; 0 */
	enum timeline_kind kind;
	bool is_backend;
	unsigned int state; /* this end's from here on; 0: it has no device */
	bool waits_no_more; /* from here on: what this end waited for came, or is not waited for any more */
	char op[24];	    /* the store operation that the text ends with */
	char text[416];
};

struct timeline_rows {
	struct timeline_row *row;
	size_t count;
	size_t *of; /* of each entry: its row, or of the row before it where it has none */
};

/* 0, freed with timeline_rows_free(); -ENOMEM. */
int timeline_rows_of(const struct timeline_story *story, const struct timeline_link *links,
		     const struct timeline_look *look, struct timeline_rows *rows);
void timeline_rows_free(struct timeline_rows *rows);

#endif
