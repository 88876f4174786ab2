/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_TIMELINE_H
#define XENBUS_TIMELINE_H
/*
 * Traces of several programs (xenbus_trace_write()), told as one story a device:
 *
 *         ms  f/b  frontend: domain 1             backend: domain 0
 *      0.000  1/1  probe()
 *      0.801  1/2                                 => InitWait
 *      1.020       sees InitWait; READ backend:feature-stream
 *
 * Times come from the clock that all programs of a machine share.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct timeline;

enum timeline_kind {
	TIMELINE_STATE,
	TIMELINE_OTHEREND,
	TIMELINE_STORE,
	TIMELINE_EVENT,
	TIMELINE_GRANT,
	TIMELINE_EVTCHN,
	TIMELINE_DRIVER,
	TIMELINE_NOTE,
	TIMELINE_WAIT,
	TIMELINE_KINDS,
};

struct timeline_entry {
	uint64_t time_ns;
	size_t order; /* of reading: settles what came at the same moment */
	uint32_t domid;
	uint32_t own, other; /* states, when it was written */
	enum timeline_kind kind;
	bool is_backend;
	char device[40]; /* nodename, relative to the domain's home */
	char pair[48];	 /* whose story it belongs to: "alice_dev 0 of domain 1" */
	char text[96];
};

struct timeline_look {
	unsigned int width; /* columns of a line, at least 60 */
	bool colour;
	bool events; /* store events too: what made the bus look */
};

/* 0 and *@out, freed with timeline_free(); -ENOMEM. */
int timeline_new(struct timeline **out);
void timeline_free(struct timeline *timeline);
/* Adds a program's trace. Lines of the bus itself (no device) are passed over. 0; -ENOMEM; -EINVAL the
 * line *@line (from 1) is not one of a trace; -EIO. */
int timeline_read(struct timeline *timeline, FILE *in, unsigned int *line);
/* Every device's story to @out, in order of their first entry. Returns how many. */
unsigned int timeline_print(struct timeline *timeline, FILE *out, const struct timeline_look *look);

/* One line of a trace. 0; -EINVAL. Exposed for its tests. */
int timeline_parse(const char *line, struct timeline_entry *entry);

#endif
