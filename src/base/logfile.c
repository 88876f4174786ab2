/* SPDX-License-Identifier: MIT */
#include <base/logfile.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEADER_MAX 32u

struct logfile {
	char path[PATH_MAX - 32]; /* room for what is put behind it */
	size_t bound;
	uint64_t begin_ns;
	int fd;
	dev_t dev; /* which file fd is: another one at the path says that it was rotated */
	ino_t ino;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t put;

	do
		put = write(fd, data, len);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return -errno;
	return (size_t)put == len ? 0 : -ENOSPC;
}

/* A file of its own that holds nothing but the first line, under a name that nobody else uses. */
static int make_fresh(const struct logfile *log, char *name, size_t size)
{
	char header[HEADER_MAX];
	int fd, err, len = snprintf(header, sizeof(header), "# %" PRIu64 "\n", log->begin_ns);

	snprintf(name, size, "%s.XXXXXX", log->path);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write_all(fd, header, (size_t)len);
	close(fd);
	if (err)
		unlink(name);
	return err;
}

/* Puts a fresh log in place where there is none. Somebody else's may win: as good. */
static int begin(struct logfile *log)
{
	char name[PATH_MAX];
	int err;

	log->begin_ns = now_ns();
	err = make_fresh(log, name, sizeof(name));
	if (err)
		return err;
	if (link(name, log->path) && errno != EEXIST)
		err = -errno;
	unlink(name);
	return err;
}

static bool parse_header(const char *line, uint64_t *begin_ns)
{
	return sscanf(line, "# %" SCNu64, begin_ns) == 1;
}

/* Opens the file at the path as it is now. */
static int attach(struct logfile *log)
{
	char header[HEADER_MAX + 1] = "";
	struct stat st;
	int fd = open(log->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW), err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode) || pread(fd, header, HEADER_MAX, 0) < 0 ||
		 !parse_header(header, &log->begin_ns))
		err = -EINVAL;
	if (err) {
		close(fd);
		return err;
	}
	if (log->fd >= 0)
		close(log->fd);
	log->fd = fd;
	log->dev = st.st_dev;
	log->ino = st.st_ino;
	return 0;
}

int logfile_open(const char *path, size_t bound, struct logfile **out)
{
	struct logfile *log;
	int err;

	if (strlen(path) >= sizeof(log->path))
		return -ENAMETOOLONG;
	log = calloc(1, sizeof(*log));
	if (!log)
		return -ENOMEM;
	strcpy(log->path, path);
	log->bound = bound ? bound : LOGFILE_BOUND;
	log->fd = -1;
	err = attach(log);
	if (err == -ENOENT) {
		err = begin(log);
		if (!err)
			err = attach(log);
	}
	if (err) {
		free(log);
		return err;
	}
	*out = log;
	return 0;
}

void logfile_close(struct logfile *log)
{
	if (!log)
		return;
	close(log->fd);
	free(log);
}

static bool still_at_path(const struct logfile *log, struct stat *st)
{
	return !stat(log->path, st) && st->st_dev == log->dev && st->st_ino == log->ino;
}

/* @log->path is never missing, not for a moment: writers would take that for an error. */
static int put_in_place(const struct logfile *log, const char *fresh, const char *old)
{
	int err;

	unlink(old);
	if (!link(log->path, old) && !rename(fresh, log->path))
		return 0;
	err = -errno;
	unlink(fresh);
	return err;
}

/* The lock is on the old file: of many that find it full one rotates, the others find it gone. */
static int rotate(struct logfile *log)
{
	char fresh[PATH_MAX], old[PATH_MAX];
	struct stat st;
	int err = 0;

	if (flock(log->fd, LOCK_EX))
		return -errno;
	if (still_at_path(log, &st)) {
		err = make_fresh(log, fresh, sizeof(fresh));
		snprintf(old, sizeof(old), "%s.0", log->path);
		if (!err)
			err = put_in_place(log, fresh, old);
	}
	flock(log->fd, LOCK_UN);
	return err ? err : attach(log);
}

int logfile_line(struct logfile *log, const char *line)
{
	const uint64_t us = (now_ns() - log->begin_ns) / 1000;
	char text[LOGFILE_LINE_MAX];
	struct stat st;
	int len, err = 0;

	if (!still_at_path(log, &st))
		err = attach(log);
	else if ((size_t)st.st_size >= log->bound)
		err = rotate(log);
	if (err)
		return err;
	len = snprintf(text, sizeof(text), "[%5" PRIu64 ".%06" PRIu64 "] %s", us / 1000000, us % 1000000,
		       line);
	if ((size_t)len > sizeof(text) - 1)
		len = sizeof(text) - 1;
	text[len] = '\n';
	return write_all(log->fd, text, (size_t)len + 1);
}

static int read_one(const char *path, void (*line)(void *ctx, const char *text), void *ctx)
{
	char text[LOGFILE_LINE_MAX + 1];
	FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	while (fgets(text, sizeof(text), file)) {
		text[strcspn(text, "\n")] = '\0';
		if (*text != '#')
			line(ctx, text);
	}
	fclose(file);
	return 0;
}

int logfile_read(const char *path, void (*line)(void *ctx, const char *text), void *ctx)
{
	char old[PATH_MAX];

	if ((size_t)snprintf(old, sizeof(old), "%s.0", path) >= sizeof(old))
		return -ENAMETOOLONG;
	read_one(old, line, ctx);
	return read_one(path, line, ctx);
}
