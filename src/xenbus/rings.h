/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_RINGS_H
#define XENBUS_RINGS_H
/* The traces of all programs of a world, running and dead, from the files that they keep: <xenbus/trace_file.h>. */
#include "timeline.h"

struct rings;

enum rings_news {
	RINGS_THERE,  /* a program, with the first look */
	RINGS_CAME,   /* and later */
	RINGS_CLOSED, /* it closed its bus; of programs that were there or came, only */
	RINGS_KILLED, /* it ended without; likewise */
	RINGS_BROKEN, /* its file is no ring of a trace, or became none: read no more; @text says why */
	RINGS_LOST,   /* entries were overwritten before they were read; @count */
};

struct rings_program {
	const char *file;    /* its name in the folder, printable */
	const char *program; /* "" not known */
	uint32_t domid, pid;
};

struct rings_sink {
	/* Programs' entries, in order a program; of the bus itself, too (no class). 0 or -errno, which ends the look. */
	int (*entry)(void *ctx, const struct timeline_entry *entry);
	void (*news)(void *ctx, enum rings_news news, const struct rings_program *program, uint64_t count,
		     const char *text);
	void *ctx;
};

/* @dir: the world's; its folder of traces need not be there yet. 0 and *@out, freed with rings_close(); -ENOMEM;
 * -ENAMETOOLONG. */
int rings_open(const char *dir, const struct rings_sink *sink, struct rings **out);
void rings_close(struct rings *rings);

/* Hands out what is there and was not handed out before. Entries of kind TIMELINE_PROGRAM are added where a program was
 * killed that had devices: @now_ns is when; with 0, and where it was dead at the first look: with its last entry. Returns 0, or -errno of a sink or -ENOMEM. */
int rings_look(struct rings *rings, uint64_t now_ns);
/* How many programs left a ring. */
size_t rings_count(const struct rings *rings);

#endif
