/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_SIM_PAGES_H
#define PLATFORM_SIM_PAGES_H
/* Page frames, and the views through which processes see them; drawn in pages.c. */
#include <base/list.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;
struct sim_process;

struct sim_segment {
	struct list link; /* sim->segments */
	struct sim *sim;
	uint32_t refs;
	uint64_t frame; /* the first, in the arena */
	uint32_t pages;
	bool writable; /* by the peer */
	bool granted, store;
	uint32_t mapped[]; /* pages: how often */
};

enum sim_view_state { SIM_VIEW_SHARED, SIM_VIEW_PRIVATE, SIM_VIEW_ENDED };

struct sim_view {
	struct list link; /* process->views; in none when it ended */
	struct sim_process *process;
	uint8_t *addr;
	uint32_t count;
	enum sim_view_state state;
	bool mapping, writable; /* mapping: of what another granted */
	uint32_t granter;
	uint64_t ended;	 /* step */
	uint32_t refs[]; /* count */
};

struct sim_chunk {
	uint8_t *base;
	uint32_t used; /* pages */
};

struct sim_arena {
	int fd, read_fd;       /* the same memfd, for reading and writing and for reading only */
	uint64_t frames, size; /* handed out; long */
	struct sim_chunk *chunks;
	size_t chunk_count;
	struct sim_view **views; /* all that ever were */
	size_t view_count, view_capacity;
};

int sim_arena_init(struct sim_arena *arena);
void sim_arena_deinit(struct sim_arena *arena);
/* Zeroed frames. 0; -ENOMEM. */
int sim_segment_new(struct sim *sim, uint32_t pages, bool writable, struct sim_segment **out);
void sim_segment_get(struct sim_segment *segment);
void sim_segment_put(struct sim_segment *segment);
/* @count pages of address space of @process's, with nothing in them yet. 0; -ENOMEM. */
int sim_view_new(struct sim_process *process, uint32_t count, struct sim_view **out);
/* Page @at of @view and @count - 1 more show frame @frame and its followers. 0; -ENOMEM. */
int sim_view_map(struct sim_view *view, uint32_t at, uint64_t frame, uint32_t count, bool write);
/* Nobody may touch it any more. */
void sim_view_end(struct sim_view *view);
/* The same bytes, and its own from now on. */
void sim_view_privatise(struct sim_view *view);
void sim_arena_clear_byte(struct sim_arena *arena, uint64_t at);

#endif
