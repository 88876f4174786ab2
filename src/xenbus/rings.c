/* SPDX-License-Identifier: MIT */
#include "rings.h"

#include <base/ringfile.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenbus/trace_file.h>

#define RINGS_MAX 4096u	       /* files that are looked at */
#define RING_DEVICES_MAX 4096u /* of one program, whose death is told */

/* A program's end of a device, as its last entry left it. */
struct ring_device {
	struct timeline_entry last;
	bool there; /* not removed */
};

struct ring {
	char file[64], shown[64]; /* name as it is, and as it may be printed */
	char program[32];
	struct ringfile_reader *reader; /* NULL: nothing more is read from it */
	bool met;			/* alive: its end is news */
	bool ended;			/* it has closed its bus */
	uint64_t last_ns;
	struct ring_device *devices;
	size_t device_count, device_size;
};

struct rings {
	char dir[PATH_MAX];
	struct rings_sink sink;
	struct ring *ring;
	size_t count, size;
	bool looked; /* once */
};

int rings_open(const char *dir, const struct rings_sink *sink, struct rings **out)
{
	struct rings *rings = calloc(1, sizeof(*rings));

	if (!rings)
		return -ENOMEM;
	rings->sink = *sink;
	if ((size_t)snprintf(rings->dir, sizeof(rings->dir), "%s/" TRACE_FILE_FOLDER, dir) >=
	    sizeof(rings->dir)) {
		free(rings);
		return -ENAMETOOLONG;
	}
	*out = rings;
	return 0;
}

void rings_close(struct rings *rings)
{
	if (!rings)
		return;
	for (size_t i = 0; i < rings->count; i++) {
		ringfile_close(rings->ring[i].reader);
		free(rings->ring[i].devices);
	}
	free(rings->ring);
	free(rings);
}

size_t rings_count(const struct rings *rings)
{
	return rings->count;
}

static void print_safely(const char *from, char *to, size_t size)
{
	size_t i = 0;

	for (; from[i] && i + 1 < size; i++)
		to[i] = from[i] >= 0x20 && from[i] < 0x7f ? from[i] : '?';
	to[i] = '\0';
}

static void tell(struct rings *rings, const struct ring *ring, enum rings_news news, uint64_t count,
		 const char *text)
{
	struct rings_program program = { .file = ring->shown, .program = ring->program };

	if (ring->reader) {
		program.domid = ringfile_info(ring->reader)->owner;
		program.pid = ringfile_info(ring->reader)->pid;
	}
	rings->sink.news(rings->sink.ctx, news, &program, count, text);
}

static void leave(struct ring *ring)
{
	ringfile_close(ring->reader);
	free(ring->devices);
	ring->reader = NULL;
	ring->devices = NULL;
	ring->device_count = ring->device_size = 0;
}

static void broken(struct rings *rings, struct ring *ring, const char *why)
{
	tell(rings, ring, RINGS_BROKEN, 0, why);
	leave(ring);
}

/* -- which there are ----------------------------------------------------------------------------- */

static bool is_known(const struct rings *rings, const char *file)
{
	for (size_t i = 0; i < rings->count; i++)
		if (!strcmp(rings->ring[i].file, file))
			return true;
	return false;
}

static struct ring *add_ring(struct rings *rings, const char *file)
{
	struct ring *ring;

	if (rings->count == rings->size) {
		size_t size = rings->size ? 2 * rings->size : 64;

		ring = reallocarray(rings->ring, size, sizeof(*ring));
		if (!ring)
			return NULL;
		rings->ring = ring;
		rings->size = size;
	}
	ring = &rings->ring[rings->count++];
	*ring = (struct ring){ 0 };
	strcpy(ring->file, file);
	print_safely(file, ring->shown, sizeof(ring->shown));
	return ring;
}

static const char *foreign(const struct ringfile_info *info)
{
	if (strcmp(info->kind, TRACE_FILE_KIND) != 0)
		return "it is no trace of a bus";
	if (info->version != TRACE_FILE_VERSION || info->record_size != sizeof(struct xenbus_trace_entry))
		return "it is a trace of another version of this program";
	return NULL;
}

static int meet(struct rings *rings, int dirfd, const char *file)
{
	struct ringfile_reader *reader = NULL;
	const char *why;
	struct ring *ring;
	int err = ringfile_open(dirfd, file, &reader, &why);

	if (err == -EAGAIN || err == -ENOENT || err == -ENOMEM)
		return err == -ENOMEM ? err : 0; /* being made, or gone: as if it were not there */
	ring = add_ring(rings, file);
	if (!ring) {
		ringfile_close(reader);
		return -ENOMEM;
	}
	ring->reader = reader;
	if (err)
		why = why ? why : strerror(-err);
	else
		why = foreign(ringfile_info(reader));
	if (why) {
		broken(rings, ring, why);
		return 0;
	}
	print_safely(ringfile_info(reader)->program, ring->program, sizeof(ring->program));
	ring->met = rings->looked || ringfile_is_alive(reader);
	if (ring->met)
		tell(rings, ring, rings->looked ? RINGS_CAME : RINGS_THERE, 0, NULL);
	return 0;
}

static int find_rings(struct rings *rings)
{
	const size_t suffix = strlen(RINGFILE_SUFFIX);
	DIR *dir = opendir(rings->dir);
	struct dirent *entry;
	int err = 0;

	while (dir && !err && rings->count < RINGS_MAX && (entry = readdir(dir))) {
		const size_t len = strlen(entry->d_name);

		if (len > suffix && len < sizeof(((struct ring *)0)->file) &&
		    !strcmp(entry->d_name + len - suffix, RINGFILE_SUFFIX) && !is_known(rings, entry->d_name))
			err = meet(rings, dirfd(dir), entry->d_name);
	}
	if (dir)
		closedir(dir);
	return err;
}

/* -- what is in them ------------------------------------------------------------------------------- */

static struct ring_device *find_ring_device(struct ring *ring, const struct timeline_entry *entry)
{
	size_t i = ring->device_count;

	while (i > 0) { /* the last ones are the most likely */
		struct ring_device *device = &ring->devices[--i];

		if (device->last.is_backend == entry->is_backend &&
		    timeline_same_device(&device->last.of, &entry->of))
			return device;
	}
	if (ring->device_count == RING_DEVICES_MAX)
		return NULL;
	if (ring->device_count == ring->device_size) {
		size_t size = ring->device_size ? 2 * ring->device_size : 4;
		struct ring_device *devices = reallocarray(ring->devices, size, sizeof(*devices));

		if (!devices)
			return NULL;
		ring->devices = devices;
		ring->device_size = size;
	}
	return &ring->devices[ring->device_count++];
}

/* What its program has now, for the case that it is killed. */
static void remember(struct ring *ring, const struct timeline_entry *entry)
{
	struct ring_device *device = *entry->of.class ? find_ring_device(ring, entry) : NULL;

	if (!device)
		return;
	device->last = *entry;
	device->there = !(entry->kind == TIMELINE_DRIVER && !strcmp(entry->text, "remove()"));
}

static void translate(const struct ring *ring, struct xenbus_trace_entry *from, struct timeline_entry *to)
{
	const struct ringfile_info *info = ringfile_info(ring->reader);

	trace_file_check(from);
	*to = (struct timeline_entry){
		.time_ns = from->time_ns,
		.domid = info->owner,
		.own = from->own,
		.other = from->other,
		.kind = (enum timeline_kind)from->kind,
		.pid = info->pid,
	};
	memcpy(to->device, from->device, sizeof(to->device));
	snprintf(to->text, sizeof(to->text), "%.*s", (int)sizeof(from->text), from->text);
	memcpy(to->program, ring->program, sizeof(to->program));
	timeline_find_device(to);
}
_Static_assert(sizeof(((struct timeline_entry *)0)->device) ==
		       sizeof(((struct xenbus_trace_entry *)0)->device),
	       "nodenames are copied whole");

/* At most what the ring holds: a writer that is faster than we are does not keep us here. */
static int read_ring(struct rings *rings, struct ring *ring)
{
	uint32_t left = ringfile_info(ring->reader)->records;
	struct xenbus_trace_entry record;
	struct timeline_entry entry;
	uint64_t lost = 0;
	int got = 1, err = 0;

	while (left-- && !err && (got = ringfile_read(ring->reader, &record, &lost)) == 1) {
		translate(ring, &record, &entry);
		ring->last_ns = entry.time_ns;
		ring->ended =
			entry.kind == TIMELINE_NOTE && !*entry.device && !strcmp(entry.text, TRACE_FILE_END);
		remember(ring, &entry);
		err = rings->sink.entry(rings->sink.ctx, &entry);
	}
	if (lost)
		tell(rings, ring, RINGS_LOST, lost, NULL);
	if (got < 0)
		broken(rings, ring, got == -EPROTO ? "it contradicts itself" : strerror(-got));
	return err;
}

/* Its devices are as it left them, and nobody sees to them. */
static int tell_killed(struct rings *rings, struct ring *ring, uint64_t now_ns)
{
	int err = 0;

	if (ring->met)
		tell(rings, ring, RINGS_KILLED, 0, NULL);
	else
		now_ns = 0;
	for (size_t i = 0; i < ring->device_count && !err; i++) {
		struct timeline_entry *entry = &ring->devices[i].last;

		if (!ring->devices[i].there)
			continue;
		entry->time_ns = now_ns ? now_ns : ring->last_ns;
		entry->kind = TIMELINE_PROGRAM;
		snprintf(entry->text, sizeof(entry->text), "%s%s %u was killed, or crashed",
			 now_ns ? "" : "then ", ring->program, entry->pid);
		err = rings->sink.entry(rings->sink.ctx, entry);
	}
	return err;
}

/* First whether it lives, then what it wrote: what a dead one wrote last is not missed. */
static int look_at(struct rings *rings, struct ring *ring, uint64_t now_ns)
{
	const bool alive = ringfile_is_alive(ring->reader);
	int err = read_ring(rings, ring);

	if (err || alive || !ring->reader)
		return err;
	if (ring->ended && ring->met)
		tell(rings, ring, RINGS_CLOSED, 0, NULL);
	else if (!ring->ended)
		err = tell_killed(rings, ring, now_ns);
	leave(ring);
	return err;
}

int rings_look(struct rings *rings, uint64_t now_ns)
{
	int err = find_rings(rings);

	for (size_t i = 0; i < rings->count && !err; i++)
		if (rings->ring[i].reader)
			err = look_at(rings, &rings->ring[i], now_ns);
	rings->looked = true;
	return err;
}
