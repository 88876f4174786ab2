/* SPDX-License-Identifier: MIT */
/* Files of writers that are gone are kept, for who asks what happened, but not all of them for ever. */
#include "ringfile_format.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAKING_S 60

struct dead {
	char name[64];
	uint64_t last_ns;
};

bool ringfile_has_writer(int fd)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

static bool is_ring(const char *name)
{
	const size_t len = strlen(name), suffix = strlen(RINGFILE_SUFFIX);

	return len > suffix && len < sizeof(((struct dead *)0)->name) &&
	       !strcmp(name + len - suffix, RINGFILE_SUFFIX);
}

/* A folder stream of its own, as closedir() closes the descriptor. NULL: there is none. */
static DIR *list(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

bool ringfile_is_being_made(const struct ringfile_header *header, int64_t modified_s)
{
	return !header->magic && time(NULL) - modified_s < MAKING_S;
}

/* Is the writer of @name gone, and when did it write last? Whatever is no ring counts as the oldest. */
static bool is_dead(int dirfd, const char *name, uint64_t *last_ns)
{
	struct ringfile_header header = { 0 };
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	bool dead;

	if (fd < 0)
		return false;
	dead = pread(fd, &header, sizeof(header), 0) >= 0 && !fstat(fd, &st) &&
	       !ringfile_is_being_made(&header, st.st_mtime) && !ringfile_has_writer(fd);
	*last_ns = header.last_ns;
	close(fd);
	return dead;
}

static int by_age(const void *a, const void *b)
{
	const struct dead *x = a, *y = b;

	if (x->last_ns != y->last_ns)
		return x->last_ns < y->last_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

static size_t find_dead(int dirfd, struct dead **out)
{
	size_t count = 0, size = 0;
	struct dirent *entry;
	DIR *dir = list(dirfd);

	*out = NULL;
	while (dir && (entry = readdir(dir))) {
		uint64_t last_ns;

		if (!is_ring(entry->d_name) || !is_dead(dirfd, entry->d_name, &last_ns))
			continue;
		if (count == size) {
			struct dead *more = reallocarray(*out, size + 64, sizeof(*more));

			if (!more)
				break;
			*out = more;
			size += 64;
		}
		strcpy((*out)[count].name, entry->d_name);
		(*out)[count++].last_ns = last_ns;
	}
	if (dir)
		closedir(dir);
	return count;
}

/* One at a time: of programs that start together, who finds the folder locked leaves the work to who holds the
 * lock. */
void ringfile_sweep(int dirfd)
{
	struct dead *dead;
	size_t count;

	if (flock(dirfd, LOCK_EX | LOCK_NB))
		return;
	count = find_dead(dirfd, &dead);
	if (count > RINGFILE_KEPT) {
		qsort(dead, count, sizeof(*dead), by_age);
		for (size_t i = 0; i < count - RINGFILE_KEPT; i++)
			unlinkat(dirfd, dead[i].name, 0);
	}
	free(dead);
	flock(dirfd, LOCK_UN);
}

unsigned int ringfile_remove_all(const char *path)
{
	int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = dirfd < 0 ? NULL : list(dirfd);
	unsigned int removed = 0;
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (is_ring(entry->d_name))
			removed += !unlinkat(dirfd, entry->d_name, 0);
	if (dir)
		closedir(dir);
	if (dirfd >= 0)
		close(dirfd);
	rmdir(path);
	return removed;
}
