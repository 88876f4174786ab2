/* SPDX-License-Identifier: MIT */
#include "ringfile_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 64u /* slots that one pair of reads takes */

struct ringfile_reader {
	int fd;
	struct ringfile_info info;
	uint32_t slot_size;
	uint64_t at, next;   /* records at..next-1 may be there */
	uint64_t taken_at;   /* number of the first of ... */
	unsigned int taken;  /* ... the slots in the batch */
	unsigned char *once; /* BATCH slots, and the same read again */
	unsigned char *again;
};

static const char *check(const struct ringfile_header *header, off_t size)
{
	const struct ringfile_info *info = &header->info;

	if (header->magic != RINGFILE_MAGIC)
		return "it is no ring";
	if (header->header_size != RINGFILE_HEADER)
		return "its header is of another size";
	if (!ringfile_within_bounds(info))
		return "number or size of its records is out of bounds";
	if (header->slot_size != ringfile_slot_size(info->record_size))
		return "its slots are of another size than its records";
	if (size < 0 || (size_t)size != ringfile_bytes(info))
		return "the file is not as long as it says";
	return NULL;
}

static int read_header(struct ringfile_reader *reader, const char **why)
{
	struct ringfile_header header = { 0 };
	struct stat st;

	*why = "it is no file";
	if (fstat(reader->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*why = "it is no ring";
	if (pread(reader->fd, &header, sizeof(header), 0) < 0)
		return -errno;
	if (ringfile_is_being_made(&header, st.st_mtime))
		return -EAGAIN;
	*why = check(&header, st.st_size);
	if (*why)
		return -EINVAL;
	reader->info = header.info;
	reader->info.kind[sizeof(reader->info.kind) - 1] = '\0';
	reader->info.program[sizeof(reader->info.program) - 1] = '\0';
	reader->slot_size = header.slot_size;
	return 0;
}

int ringfile_open(int dirfd, const char *name, struct ringfile_reader **out, const char **why)
{
	struct ringfile_reader *reader = calloc(1, sizeof(*reader));
	int err = 0;

	*why = NULL;
	if (!reader)
		return -ENOMEM;
	reader->fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (reader->fd < 0)
		err = -errno;
	if (!err)
		err = read_header(reader, why);
	if (!err) {
		reader->once = calloc(2 * BATCH, reader->slot_size);
		reader->again = reader->once ? reader->once + (size_t)BATCH * reader->slot_size : NULL;
		err = reader->once ? 0 : -ENOMEM;
	}
	if (err) {
		ringfile_close(reader);
		return err;
	}
	*out = reader;
	return 0;
}

void ringfile_close(struct ringfile_reader *reader)
{
	if (!reader)
		return;
	if (reader->fd >= 0)
		close(reader->fd);
	free(reader->once);
	free(reader);
}

const struct ringfile_info *ringfile_info(const struct ringfile_reader *reader)
{
	return &reader->info;
}

bool ringfile_is_alive(const struct ringfile_reader *reader)
{
	return ringfile_has_writer(reader->fd);
}

static int read_at(const struct ringfile_reader *reader, void *to, size_t len, uint64_t offset)
{
	ssize_t got = pread(reader->fd, to, len, (off_t)offset);

	if (got < 0)
		return -errno;
	return (size_t)got == len ? 0 : -EPROTO; /* truncated */
}

/* How far has the writer come? What it has overwritten since is lost. */
static int look(struct ringfile_reader *reader, uint64_t *lost)
{
	uint64_t next;
	int err = read_at(reader, &next, sizeof(next), offsetof(struct ringfile_header, next));

	if (err)
		return err;
	if (next < reader->next || next > UINT64_MAX / 4)
		return -EPROTO;
	reader->next = next;
	if (next - reader->at > reader->info.records) {
		*lost += next - reader->info.records - reader->at;
		reader->at = next - reader->info.records;
	}
	return 0;
}

/* Slots from reader->at on, read twice: what differs was being written. */
static int take(struct ringfile_reader *reader)
{
	const uint64_t slot = reader->at % reader->info.records;
	const uint64_t offset = RINGFILE_HEADER + slot * reader->slot_size;
	uint64_t count = reader->next - reader->at;
	int err;

	if (count > BATCH)
		count = BATCH;
	if (count > reader->info.records - slot)
		count = reader->info.records - slot;
	reader->taken = 0;
	err = read_at(reader, reader->once, count * reader->slot_size, offset);
	atomic_thread_fence(memory_order_acquire);
	if (!err)
		err = read_at(reader, reader->again, count * reader->slot_size, offset);
	if (err)
		return err;
	reader->taken_at = reader->at;
	reader->taken = (unsigned int)count;
	return 0;
}

int ringfile_read(struct ringfile_reader *reader, void *record, uint64_t *lost)
{
	for (;;) {
		uint64_t index = reader->at - reader->taken_at, seq;
		const unsigned char *one;
		int err = 0;

		if (index >= reader->taken) {
			err = look(reader, lost);
			if (err || reader->at == reader->next)
				return err;
			err = take(reader);
			if (err)
				return err;
			index = 0;
		}
		one = reader->once + index * reader->slot_size;
		memcpy(&seq, one, sizeof(seq));
		if (seq == ringfile_seq(reader->at++) &&
		    !memcmp(one, one + (reader->again - reader->once), reader->slot_size)) {
			memcpy(record, one + sizeof(struct ringfile_slot), reader->info.record_size);
			return 1;
		}
		++*lost;
	}
}
