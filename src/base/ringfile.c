/* SPDX-License-Identifier: MIT */
#include "ringfile_format.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAMES_MAX 10000u /* rings that one process has published in one folder */

struct ringfile {
	struct ringfile_header *header; /* malloc'ed, or mapped */
	size_t bytes;
	uint64_t next; /* header->next, which others could write to */
	struct ringfile_info info;
	bool published;
};

static struct ringfile_slot *slot_of(const struct ringfile *ring, uint64_t number)
{
	const size_t size = ringfile_slot_size(ring->info.record_size);

	return (void *)((char *)ring->header + RINGFILE_HEADER + number % ring->info.records * size);
}

int ringfile_new(const struct ringfile_info *info, struct ringfile **out)
{
	struct ringfile *ring = calloc(1, sizeof(*ring));

	assert(ringfile_within_bounds(info));
	if (!ring)
		return -ENOMEM;
	ring->info = *info;
	ring->bytes = ringfile_bytes(info);
	ring->header = calloc(1, ring->bytes);
	if (!ring->header) {
		free(ring);
		return -ENOMEM;
	}
	*out = ring;
	return 0;
}

void ringfile_free(struct ringfile *ring)
{
	if (!ring)
		return;
	if (ring->published)
		munmap(ring->header, ring->bytes); /* and the lock goes */
	else
		free(ring->header);
	free(ring);
}

void *ringfile_begin(struct ringfile *ring)
{
	struct ringfile_slot *slot = slot_of(ring, ring->next);

	atomic_store_explicit(&slot->seq, ringfile_seq(ring->next) - 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* no byte of the record before that */
	return slot->record;
}

void ringfile_commit(struct ringfile *ring, uint64_t time_ns)
{
	struct ringfile_slot *slot = slot_of(ring, ring->next);

	atomic_store_explicit(&slot->seq, ringfile_seq(ring->next), memory_order_release);
	ring->next++;
	atomic_store_explicit(&ring->header->last_ns, time_ns, memory_order_relaxed);
	atomic_store_explicit(&ring->header->next, ring->next, memory_order_release);
}

uint64_t ringfile_next(const struct ringfile *ring)
{
	return ring->next;
}

uint64_t ringfile_first(const struct ringfile *ring)
{
	return ring->next > ring->info.records ? ring->next - ring->info.records : 0;
}

const void *ringfile_record(const struct ringfile *ring, uint64_t number)
{
	assert(number >= ringfile_first(ring) && number < ring->next);
	return slot_of(ring, number)->record;
}

/* -- the file ------------------------------------------------------------------------------------ */

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A new file under the first name that is free. Its name is in @name. */
static int make_file(int dirfd, uint32_t owner, char name[64])
{
	for (unsigned int n = 0; n < NAMES_MAX; n++) {
		int fd;

		snprintf(name, 64, "%u.%d.%u" RINGFILE_SUFFIX, owner, (int)getpid(), n);
		fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd < 0 ? -errno : fd;
	}
	return -EEXIST;
}

/* The lock is the open file's, and the mapping keeps that open: it needs no descriptor, and no fork or close()
 * elsewhere in the process lets go of it. */
static int lock_file(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

static int map_file(int fd, size_t bytes, struct ringfile_header **out)
{
	void *memory;
	int err = lock_file(fd);

	if (!err)
		err = -posix_fallocate(fd, 0, (off_t)bytes);
	if (err)
		return err;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	*out = memory;
	return 0;
}

static void fill(struct ringfile *ring, struct ringfile_header *header, uint32_t owner)
{
	struct ringfile_info *info = &ring->info;

	info->owner = owner;
	info->pid = (uint32_t)getpid();
	snprintf(info->program, sizeof(info->program), "%s", program_invocation_short_name);
	info->begin_ns = clock_ns(CLOCK_MONOTONIC);
	info->wall_ns = clock_ns(CLOCK_REALTIME);
	memcpy((char *)header + RINGFILE_HEADER, (char *)ring->header + RINGFILE_HEADER,
	       ring->bytes - RINGFILE_HEADER);
	header->header_size = RINGFILE_HEADER;
	header->slot_size = ringfile_slot_size(info->record_size);
	header->info = *info;
	header->last_ns = ring->header->last_ns;
	header->next = ring->next;
	atomic_store_explicit(&header->magic, RINGFILE_MAGIC, memory_order_release);
}

static int publish(struct ringfile *ring, int dirfd, uint32_t owner)
{
	struct ringfile_header *header = NULL;
	char name[64];
	int err, fd = make_file(dirfd, owner, name);

	if (fd < 0)
		return fd;
	err = map_file(fd, ring->bytes, &header);
	close(fd);
	if (err) {
		unlinkat(dirfd, name, 0);
		return err;
	}
	fill(ring, header, owner);
	free(ring->header);
	ring->header = header;
	ring->published = true;
	return 0;
}

int ringfile_publish(struct ringfile *ring, const char *dir, uint32_t owner)
{
	int dirfd, err;

	if (ring->published)
		return -EEXIST;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	err = publish(ring, dirfd, owner);
	ringfile_sweep(dirfd);
	close(dirfd);
	return err;
}
