/* SPDX-License-Identifier: MIT */
/*
 * Memory that is granted.
 *
 *      arena     one memfd: | frame 0 | 1 | 2 | ...      each frame is handed out once; when it is not
 *                              ^     ^                   granted nor mapped any more its memory is given back
 *      views               mmap()  mmap()                one for each share and each mapping
 *      chunk    | view |-| view |-----------| view |-|   address space, each page of it handed out once
 *                       ^ a page between, never mapped
 *
 * So an address means one view, for ever: what is touched after its end, or behind it, is a SIGSEGV.
 * Views for reading are of a descriptor for reading, or mprotect() could make them writable.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim_impl.h"

#define PAGE XEN_PLATFORM_PAGE_SIZE
#define CHUNK_PAGES (1u << 15)
#define GROW_FRAMES 4096u

static size_t bytes(uint64_t pages)
{
	return (size_t)pages * PAGE;
}

/* -- the arena -- */

int sim_arena_init(struct sim_arena *arena)
{
	char path[32];

	*arena = (struct sim_arena){ .fd = memfd_create("xen-sim", MFD_CLOEXEC), .read_fd = -1 };
	if (arena->fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", arena->fd);
	arena->read_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (arena->read_fd < 0) {
		int err = -errno;

		close(arena->fd);
		return err;
	}
	return 0;
}

void sim_arena_deinit(struct sim_arena *arena)
{
	for (size_t i = 0; i < arena->view_count; i++)
		free(arena->views[i]);
	for (size_t i = 0; i < arena->chunk_count; i++)
		munmap(arena->chunks[i].base, bytes(CHUNK_PAGES));
	free(arena->views);
	free(arena->chunks);
	close(arena->read_fd);
	close(arena->fd);
}

void sim_arena_clear_byte(struct sim_arena *arena, uint64_t at)
{
	static const uint8_t zero;

	if (pwrite(arena->fd, &zero, 1, (off_t)at) != 1)
		abort(); /* it is a page of ours */
}

/* -- frames -- */

static int take_frames(struct sim_arena *arena, uint32_t pages, uint64_t *frame)
{
	if (arena->frames + pages > arena->size) {
		uint64_t size = arena->frames + pages + GROW_FRAMES;

		if (ftruncate(arena->fd, (off_t)bytes(size)))
			return -ENOMEM;
		arena->size = size;
	}
	*frame = arena->frames;
	arena->frames += pages;
	return 0;
}

int sim_segment_new(struct sim *sim, uint32_t pages, bool writable, struct sim_segment **out)
{
	struct sim_segment *segment = calloc(1, sizeof(*segment) + pages * sizeof(segment->mapped[0]));
	int err = segment ? take_frames(&sim->arena, pages, &segment->frame) : -ENOMEM;

	if (err) {
		free(segment);
		return err;
	}
	segment->sim = sim;
	segment->refs = 1;
	segment->pages = pages;
	segment->writable = writable;
	list_add_tail(&sim->segments, &segment->link);
	*out = segment;
	return 0;
}

void sim_segment_get(struct sim_segment *segment)
{
	segment->refs++;
}

void sim_segment_put(struct sim_segment *segment)
{
	if (--segment->refs)
		return;
	/* Only memory is lost if it fails. */
	fallocate(segment->sim->arena.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		  (off_t)bytes(segment->frame), (off_t)bytes(segment->pages));
	list_del(&segment->link);
	free(segment);
}

/* -- views -- */

static int add_chunk(struct sim_arena *arena)
{
	struct sim_chunk *chunks = realloc(arena->chunks, (arena->chunk_count + 1) * sizeof(*chunks));
	uint8_t *base;

	if (!chunks)
		return -ENOMEM;
	arena->chunks = chunks;
	base = mmap(NULL, bytes(CHUNK_PAGES), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -ENOMEM;
	chunks[arena->chunk_count++] = (struct sim_chunk){ .base = base };
	return 0;
}

static int take_addresses(struct sim_arena *arena, uint32_t pages, uint8_t **addr)
{
	struct sim_chunk *chunk;
	int err = 0;

	if (!arena->chunk_count || arena->chunks[arena->chunk_count - 1].used + pages + 1 > CHUNK_PAGES)
		err = add_chunk(arena);
	if (err)
		return err;
	chunk = &arena->chunks[arena->chunk_count - 1];
	*addr = chunk->base + bytes(chunk->used);
	chunk->used += pages + 1;
	return 0;
}

static int remember_view(struct sim_arena *arena, struct sim_view *view)
{
	if (arena->view_count == arena->view_capacity) {
		size_t capacity = arena->view_capacity ? 2 * arena->view_capacity : 64;
		struct sim_view **views = realloc(arena->views, capacity * sizeof(*views));

		if (!views)
			return -ENOMEM;
		arena->views = views;
		arena->view_capacity = capacity;
	}
	arena->views[arena->view_count++] = view;
	return 0;
}

int sim_view_new(struct sim_process *process, uint32_t count, struct sim_view **out)
{
	struct sim_arena *arena = &process->sim->arena;
	struct sim_view *view = calloc(1, sizeof(*view) + count * sizeof(view->refs[0]));
	int err = view ? take_addresses(arena, count, &view->addr) : -ENOMEM;

	if (!err)
		err = remember_view(arena, view);
	if (err) {
		free(view);
		return err;
	}
	view->process = process;
	view->count = count;
	list_add_tail(&process->views, &view->link);
	*out = view;
	return 0;
}

int sim_view_map(struct sim_view *view, uint32_t at, uint64_t frame, uint32_t count, bool write)
{
	struct sim_arena *arena = &view->process->sim->arena;
	void *addr = mmap(view->addr + bytes(at), bytes(count), PROT_READ | (write ? PROT_WRITE : 0),
			  MAP_SHARED | MAP_FIXED, write ? arena->fd : arena->read_fd, (off_t)bytes(frame));

	view->writable = write;
	return addr == MAP_FAILED ? -ENOMEM : 0;
}

/* Fresh memory of nobody else's over it. It was mapped, so this cannot fail for want of address space. */
static void cover(struct sim_view *view, int prot)
{
	void *addr = mmap(view->addr, bytes(view->count), prot,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	if (addr == MAP_FAILED)
		sim_give_up(view->process->sim, "cannot unmap a page");
}

void sim_view_end(struct sim_view *view)
{
	cover(view, PROT_NONE);
	view->state = SIM_VIEW_ENDED;
	view->ended = view->process->sim->steps;
	list_del(&view->link);
}

void sim_view_privatise(struct sim_view *view)
{
	size_t len = bytes(view->count);
	void *copy = malloc(len);

	if (!copy)
		sim_give_up(view->process->sim, "no memory for the pages of a dead process");
	memcpy(copy, view->addr, len);
	cover(view, PROT_READ | PROT_WRITE);
	memcpy(view->addr, copy, len);
	free(copy);
	if (!view->writable)
		mprotect(view->addr, len, PROT_READ);
	view->state = SIM_VIEW_PRIVATE;
}

/* -- telling whose it is -- */

static int describe(const struct sim_view *view, size_t page, char *buf, size_t size)
{
	const struct sim_process *p = view->process;
	char end[48] = "";
	int n;

	if (view->state == SIM_VIEW_ENDED)
		snprintf(end, sizeof(end), ", %s at step %llu", view->mapping ? "unmapped" : "unshared",
			 (unsigned long long)view->ended);
	else if (view->state == SIM_VIEW_PRIVATE)
		snprintf(end, sizeof(end), ", a copy since its death");
	if (page == view->count)
		n = snprintf(buf, size, "behind the last page of grant %u of d%u", view->refs[page - 1],
			     view->granter);
	else
		n = snprintf(buf, size, "page %zu of grant %u of d%u", page, view->refs[page], view->granter);
	if (n > 0 && (size_t)n < size)
		n += snprintf(buf + n, size - (size_t)n, ", %s by d%u %s%s",
			      view->mapping ? "mapped" : "shared", p->domid, p->name, end);
	return n;
}

int sim_describe(const struct sim *sim, const void *address, char *buf, size_t size)
{
	const uint8_t *at = address;

	for (size_t i = 0; i < sim->arena.view_count; i++) {
		const struct sim_view *view = sim->arena.views[i];

		if (at >= view->addr && at < view->addr + bytes(view->count + 1))
			return describe(view, (size_t)(at - view->addr) / PAGE, buf, size);
	}
	return 0;
}
