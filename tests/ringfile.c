/* SPDX-License-Identifier: MIT */
/* A ring in a file: what is written is read, by whomever and whenever; what somebody scribbled into it is not believed,
 * and costs no more than a look. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ringfile_format.h"

#define RECORDS 8u
#define WORDS 9 /* odd, to see the padding */

struct record {
	uint32_t word[WORDS]; /* all of them the record's number */
};

static char folder[64];

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/xenbus-ringfile.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	ringfile_remove_all(folder);
	return access(folder, F_OK) ? 0 : -1;
}

static struct ringfile *new_ring(void)
{
	const struct ringfile_info info = {
		.kind = "test", .version = 3, .record_size = sizeof(struct record), .records = RECORDS
	};
	struct ringfile *ring;

	assert_int_equal(ringfile_new(&info, &ring), 0);
	return ring;
}

static struct ringfile *published(void)
{
	struct ringfile *ring = new_ring();

	assert_int_equal(ringfile_publish(ring, folder, 7), 0);
	return ring;
}

static void put(struct ringfile *ring)
{
	const uint32_t number = (uint32_t)ringfile_next(ring);
	struct record *record = ringfile_begin(ring);

	for (int i = 0; i < WORDS; i++)
		record->word[i] = number;
	ringfile_commit(ring, number);
}

static void put_many(struct ringfile *ring, unsigned int count)
{
	while (count--)
		put(ring);
}

/* The name of the only file, or of the first. */
static void ring_name(char name[64])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) && entry->d_name[0] == '.')
		;
	assert_non_null(entry);
	snprintf(name, 64, "%.63s", entry->d_name);
	closedir(dir);
}

static unsigned int count_files(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static int open_named(const char *name, struct ringfile_reader **out)
{
	int dirfd = open(folder, O_RDONLY | O_DIRECTORY), err;
	const char *why;

	assert_true(dirfd >= 0);
	err = ringfile_open(dirfd, name, out, &why);
	if (err == -EINVAL)
		assert_non_null(why);
	close(dirfd);
	return err;
}

static struct ringfile_reader *open_ring(void)
{
	struct ringfile_reader *reader;
	char name[64];

	ring_name(name);
	assert_int_equal(open_named(name, &reader), 0);
	return reader;
}

static void expect(struct ringfile_reader *reader, uint32_t number)
{
	struct record record;
	uint64_t lost = 0;

	assert_int_equal(ringfile_read(reader, &record, &lost), 1);
	assert_int_equal(lost, 0);
	for (int i = 0; i < WORDS; i++)
		assert_int_equal(record.word[i], number);
}

static void expect_nothing(struct ringfile_reader *reader)
{
	struct record record;
	uint64_t lost = 0;

	assert_int_equal(ringfile_read(reader, &record, &lost), 0);
	assert_int_equal(lost, 0);
}

/* -- writing and reading ---------------------------------------------------------------------- */

static void records_are_read_in_order_as_they_come(void **state)
{
	struct ringfile *ring = new_ring();
	struct ringfile_reader *reader;

	put_many(ring, 3); /* before it is published */
	assert_int_equal(ringfile_publish(ring, folder, 7), 0);
	assert_int_equal(ringfile_publish(ring, folder, 7), -EEXIST);
	reader = open_ring();
	for (uint32_t i = 0; i < 3; i++)
		expect(reader, i);
	expect_nothing(reader);
	for (uint32_t i = 3; i < 5 * RECORDS; i++) {
		put(ring);
		expect(reader, i);
	}
	expect_nothing(reader);
	ringfile_close(reader);
	ringfile_free(ring);
}

static void who_wrote_is_told(void **state)
{
	struct ringfile *ring = published();
	struct ringfile_reader *reader = open_ring();
	const struct ringfile_info *info = ringfile_info(reader);

	assert_string_equal(info->kind, "test");
	assert_int_equal(info->version, 3);
	assert_int_equal(info->owner, 7);
	assert_int_equal(info->pid, getpid());
	assert_int_equal(info->records, RECORDS);
	assert_int_equal(info->record_size, sizeof(struct record));
	assert_memory_equal(info->program, program_invocation_short_name, 6);
	assert_true(info->begin_ns > 0 && info->wall_ns > info->begin_ns);
	ringfile_close(reader);
	ringfile_free(ring);
}

static void what_was_overwritten_is_counted(void **state)
{
	struct ringfile *ring = published();
	struct ringfile_reader *reader = open_ring();
	struct record record;
	uint64_t lost = 0;

	put_many(ring, 3 * RECORDS + 2);
	assert_int_equal(ringfile_read(reader, &record, &lost), 1);
	assert_int_equal(lost, 2 * RECORDS + 2);
	assert_int_equal(record.word[0], 2 * RECORDS + 2);
	for (uint32_t i = 1; i < RECORDS; i++)
		expect(reader, 2 * RECORDS + 2 + i);
	expect_nothing(reader);
	ringfile_close(reader);
	ringfile_free(ring);
}

static void the_writer_reads_its_own(void **state)
{
	for (int file = 0; file < 2; file++) {
		struct ringfile *ring = file ? published() : new_ring();

		assert_int_equal(ringfile_first(ring), 0);
		put_many(ring, RECORDS + 3);
		assert_int_equal(ringfile_first(ring), 3);
		for (uint64_t n = 3; n < ringfile_next(ring); n++)
			assert_int_equal(((const struct record *)ringfile_record(ring, n))->word[WORDS - 1],
					 n);
		ringfile_free(ring);
	}
}

/* It holds no descriptor, and a fork does not keep it alive in the eyes of others. */
static void a_ring_is_alive_as_long_as_its_writer(void **state)
{
	int before = dup(0), after;
	struct ringfile *ring = published();
	struct ringfile_reader *reader;

	close(before);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	reader = open_ring();
	assert_true(ringfile_is_alive(reader));
	put(ring);
	ringfile_free(ring);
	assert_false(ringfile_is_alive(reader));
	expect(reader, 0);
	ringfile_close(reader);
}

static void a_killed_writers_records_are_read(void **state)
{
	struct ringfile_reader *reader;
	struct record record;
	uint64_t lost = 0;
	char name[64];
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct ringfile *ring = new_ring();

		if (ringfile_publish(ring, folder, 7))
			_exit(1);
		put_many(ring, 5);
		memset(ringfile_begin(ring), 0xee, 5); /* in the middle of one */
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	ring_name(name);
	assert_int_equal(open_named(name, &reader), 0);
	assert_false(ringfile_is_alive(reader));
	for (uint32_t i = 0; i < 5; i++)
		expect(reader, i);
	assert_int_equal(ringfile_read(reader, &record, &lost), 0);
	ringfile_close(reader);
}

#define LARGE 1024 /* words: a page is not written at once, nor read */

static void put_large(struct ringfile *ring, uint32_t number)
{
	uint32_t *word = ringfile_begin(ring);

	for (int i = 0; i < LARGE; i++)
		word[i] = number;
	ringfile_commit(ring, number);
}

/* A writer as fast as it can be on a ring of two: what is handed out is whole, and in order. */
static void no_torn_record_is_handed_out(void **state)
{
	const struct ringfile_info info = { .kind = "test", .record_size = 4 * LARGE, .records = 2 };
	static uint32_t record[LARGE];
	struct ringfile_reader *reader;
	uint64_t lost = 0, seen = 0, last = 0;
	const uint32_t many = 30000;
	struct ringfile *ring;
	int status, got;
	pid_t pid;

	assert_int_equal(ringfile_new(&info, &ring), 0);
	assert_int_equal(ringfile_publish(ring, folder, 7), 0);
	reader = open_ring();
	pid = fork();
	if (!pid) {
		for (uint32_t i = 0; i < many; i++)
			put_large(ring, i);
		_exit(0);
	}
	while (last + 1 < many) {
		got = ringfile_read(reader, record, &lost);
		assert_true(got >= 0);
		if (!got)
			continue;
		assert_true(!seen || record[0] > last);
		last = record[0];
		for (int i = 0; i < LARGE; i++)
			assert_int_equal(record[i], last);
		seen++;
	}
	assert_int_equal(seen + lost, many);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ringfile_close(reader);
	ringfile_free(ring);
}

/* What read() returns of slots, the next time, has one byte that was not there a moment later. */
static bool flip_next;

ssize_t __real_pread64(int fd, void *to, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *to, size_t len, off_t offset);

ssize_t __wrap_pread64(int fd, void *to, size_t len, off_t offset)
{
	const ssize_t got = __real_pread64(fd, to, len, offset);

	if (flip_next && offset >= (off_t)RINGFILE_HEADER) {
		flip_next = false;
		((unsigned char *)to)[sizeof(struct ringfile_slot) + 5] ^= 1;
	}
	return got;
}

static void a_record_that_changes_while_it_is_read_is_passed_over(void **state)
{
	struct ringfile *ring = published();
	struct ringfile_reader *reader = open_ring();
	struct record record;
	uint64_t lost = 0;

	put_many(ring, 2);
	flip_next = true;
	assert_int_equal(ringfile_read(reader, &record, &lost), 1);
	assert_false(flip_next);
	assert_int_equal(lost, 1);
	assert_int_equal(record.word[0], 1);
	ringfile_close(reader);
	ringfile_free(ring);
}

/* -- where there is no file ---------------------------------------------------------------------- */

static void a_ring_that_cannot_be_published_stays_as_it_is(void **state)
{
	struct ringfile *ring = new_ring();
	char path[128];
	int fd;

	put(ring);
	snprintf(path, sizeof(path), "%s/none/none", folder);
	assert_int_equal(ringfile_publish(ring, path, 7), -ENOENT);
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(ringfile_publish(ring, path, 7), -ENOTDIR);
	unlink(path);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_int_equal(ringfile_publish(ring, path, 7), -ENOTDIR);
	unlink(path);
	put(ring);
	assert_int_equal(((const struct record *)ringfile_record(ring, 1))->word[0], 1);
	assert_int_equal(count_files(), 0);
	ringfile_free(ring);
}

/* Space that is not there is missed when the file is made, not when it is written to: that would be a SIGBUS. */
static void a_full_file_system_refuses_at_once(void **state)
{
	struct ringfile *ring = new_ring();
	int status;
	pid_t pid = fork();

	if (!pid) {
		const struct rlimit limit = { .rlim_cur = 2048, .rlim_max = 2048 };

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		if (ringfile_publish(ring, folder, 7) != -EFBIG)
			_exit(1);
		put_many(ring, 2 * RECORDS);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(count_files(), 0);
	ringfile_free(ring);
}

/* -- files of the dead ----------------------------------------------------------------------------- */

static void leave_one(uint64_t time_ns, uint32_t owner)
{
	struct ringfile *ring = new_ring();

	ringfile_begin(ring);
	ringfile_commit(ring, time_ns);
	assert_int_equal(ringfile_publish(ring, folder, owner), 0);
	ringfile_free(ring);
}

static bool is_there(uint32_t owner, unsigned int n)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%u.%d.%u.ring", folder, owner, (int)getpid(), n);
	return !access(path, F_OK);
}

static void of_the_dead_the_oldest_go_and_the_living_stay(void **state)
{
	struct ringfile *living = published(); /* 7.PID.0: nothing was written to it, ever */

	for (uint32_t i = 0; i < RINGFILE_KEPT; i++)
		leave_one(1000 - i, 100 + i); /* the first is the youngest */
	assert_int_equal(count_files(), RINGFILE_KEPT + 1);
	leave_one(500, 300); /* swept before it died */
	leave_one(5000, 301);
	assert_int_equal(count_files(), RINGFILE_KEPT + 2);
	assert_true(is_there(7, 0));
	assert_true(is_there(100, 0));
	assert_true(is_there(301, 0));
	assert_false(is_there(300, 0));
	ringfile_free(living);
}

static void programs_that_start_at_once_leave_the_living_alone(void **state)
{
	struct ringfile *living = published();
	int status, go[2];

	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < 3 * (int)RINGFILE_KEPT; i++) {
		if (fork())
			continue;
		struct ringfile *ring = new_ring();
		char byte;

		close(go[1]);
		read(go[0], &byte, 1);
		_exit(ringfile_publish(ring, folder, 9) ? 1 : 0);
	}
	close(go[0]);
	close(go[1]);
	while (wait(&status) > 0)
		assert_int_equal(status, 0);
	leave_one(1, 10);
	assert_true(count_files() <= RINGFILE_KEPT + 2);
	assert_true(is_there(7, 0));
	ringfile_free(living);
}

/* Between open() and the lock a file looks like a dead one's. */
static void a_file_that_is_being_made_is_left_alone(void **state)
{
	struct ringfile_reader *reader;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/1.2.3.ring", folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	for (uint32_t i = 0; i < RINGFILE_KEPT + 2; i++)
		leave_one(1000, 100 + i);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(open_named("1.2.3.ring", &reader), -EAGAIN);
	assert_int_equal(truncate(path, 100000), 0); /* and between that and the last word of its header */
	assert_int_equal(open_named("1.2.3.ring", &reader), -EAGAIN);
}

static void what_others_keep_there_stays(void **state)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/notes", folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	leave_one(1, 1);
	leave_one(1, 1);
	assert_int_equal(ringfile_remove_all(folder), 2);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
}

/* -- hostile files ------------------------------------------------------------------------------------ */

static unsigned char image[RINGFILE_HEADER + RECORDS * 64];
static size_t image_size;

/* A good file's bytes. */
static void take_image(unsigned int records)
{
	struct ringfile *ring = published();
	char name[64], path[160];
	int fd;

	put_many(ring, records);
	ringfile_free(ring);
	ring_name(name);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	image_size = (size_t)read(fd, image, sizeof(image));
	assert_int_equal(image_size, RINGFILE_HEADER + RECORDS * (8 + 40));
	close(fd);
	unlink(path);
}

static void put_image(const unsigned char *bytes, size_t size)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/x.ring", folder);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	futimens(fd, (const struct timespec[2]){ { .tv_sec = 1 },
						 { .tv_sec = 1 } }); /* nobody is at it any more */
	close(fd);
}

/* Reads all there is: -EINVAL not opened, -EPROTO broken off, or how many records came; never more than there is room
 * for, and never without an end. */
static int read_all(uint64_t *lost)
{
	struct ringfile_reader *reader;
	unsigned char record[RINGFILE_RECORD_MAX];
	int count = 0, err = open_named("x.ring", &reader);

	*lost = 0;
	if (err)
		return err;
	while ((err = ringfile_read(reader, record, lost)) == 1)
		count++;
	assert_true(count <= (int)ringfile_info(reader)->records);
	ringfile_close(reader);
	return err ? err : count;
}

static int read_image(const unsigned char *bytes, size_t size, uint64_t *lost)
{
	put_image(bytes, size);
	return read_all(lost);
}

static void a_header_that_lies_is_refused(void **state)
{
	static const struct {
		size_t offset, size;
	} fields[] = {
#define FIELD(name) { offsetof(struct ringfile_header, name), sizeof(((struct ringfile_header *)0)->name) }
		FIELD(magic),	     FIELD(header_size), FIELD(slot_size), FIELD(info.record_size),
		FIELD(info.records),
	};
	unsigned char copy[sizeof(image)];
	uint64_t value, lost;

	take_image(RECORDS + 2);
	assert_int_equal(read_image(image, image_size, &lost), RECORDS);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		for (int bit = -3; bit < (int)fields[i].size * 8; bit++) {
			memcpy(copy, image, image_size);
			value = 0;
			memcpy(&value, copy + fields[i].offset, fields[i].size);
			value = bit == -3   ? 0
				: bit == -2 ? value + 1
				: bit == -1 ? value - 1
					    : value ^ 1ull << bit;
			memcpy(copy + fields[i].offset, &value, fields[i].size);
			/* A record one byte shorter lies in a slot of the same size: no lie that can be seen. */
			if (offsetof(struct ringfile_header, info.record_size) == fields[i].offset &&
			    value > 32 && value <= 40)
				assert_int_equal(read_image(copy, image_size, &lost), RECORDS);
			else
				assert_int_equal(read_image(copy, image_size, &lost), -EINVAL);
		}
	}
}

static void a_writer_that_is_nowhere_near_is_not_followed(void **state)
{
	static const uint64_t nexts[] = { UINT64_MAX, UINT64_MAX / 2, UINT64_MAX / 4 + 1, UINT64_MAX / 4,
					  1ull << 32, 1000,	      RECORDS + 3 };
	const size_t offset = offsetof(struct ringfile_header, next);
	unsigned char copy[sizeof(image)];
	uint64_t lost;

	take_image(RECORDS + 2);
	for (size_t i = 0; i < sizeof(nexts) / sizeof(nexts[0]); i++) {
		int got;

		memcpy(copy, image, image_size);
		memcpy(copy + offset, &nexts[i], sizeof(nexts[i]));
		got = read_image(copy, image_size, &lost);
		assert_int_equal(got, i < 3 ? -EPROTO : i < 6 ? 0 : (int)RECORDS - 1);
	}
}

static void a_writer_that_goes_back_is_left(void **state)
{
	struct ringfile_reader *reader;
	struct record record;
	uint64_t lost = 0, next = 3;
	unsigned char copy[sizeof(image)];

	take_image(5);
	put_image(image, image_size);
	assert_int_equal(open_named("x.ring", &reader), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ringfile_read(reader, &record, &lost), 1);
	memcpy(copy, image, image_size);
	memcpy(copy + offsetof(struct ringfile_header, next), &next, sizeof(next));
	put_image(copy, image_size);
	assert_int_equal(ringfile_read(reader, &record, &lost), -EPROTO);
	ringfile_close(reader);
}

static void a_file_that_is_cut_is_left(void **state)
{
	struct ringfile_reader *reader;
	struct record record;
	uint64_t lost;
	char path[128];

	take_image(5);
	for (size_t size = 0; size < image_size; size += size < 512 ? 1 : 61)
		assert_int_equal(read_image(image, size, &lost), -EINVAL);
	snprintf(path, sizeof(path), "%s/x.ring", folder);
	for (off_t size = 0; size < (off_t)image_size; size += 97) {
		int got;

		put_image(image, image_size);
		assert_int_equal(open_named("x.ring", &reader), 0);
		assert_int_equal(truncate(path, size), 0);
		lost = 0;
		while ((got = ringfile_read(reader, &record, &lost)) == 1)
			;
		assert_true(got == -EPROTO || (size >= (off_t)(RINGFILE_HEADER + 5 * 48) && !got));
		ringfile_close(reader);
	}
}

/* Each slot's seq, wrong in every way: that record is lost, the others are not. */
static void a_torn_record_is_passed_over(void **state)
{
	static const int64_t off[] = { -1, +1, +2, -2, 2 * RECORDS, -2 * (int64_t)RECORDS, INT64_MIN };
	unsigned char copy[sizeof(image)];
	uint64_t lost;

	take_image(RECORDS + 2);
	for (size_t slot = 0; slot < RECORDS; slot++) {
		for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
			const size_t at = RINGFILE_HEADER + slot * 48;
			uint64_t seq;

			memcpy(copy, image, image_size);
			memcpy(&seq, copy + at, sizeof(seq));
			seq += (uint64_t)off[i];
			memcpy(copy + at, &seq, sizeof(seq));
			assert_int_equal(read_image(copy, image_size, &lost), RECORDS - 1);
			assert_int_equal(lost, 2 + 1);
		}
	}
}

static void no_mutation_is_the_readers_end(void **state)
{
	const char *given = getenv("RINGFILE_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 1, x, lost;
	unsigned char copy[sizeof(image)];

	take_image(2 * RECORDS + 3);
	for (int round = 0; round < 3000; round++, seed++) {
		x = seed * 0x9e3779b97f4a7c15u + 1;
		memcpy(copy, image, image_size);
		for (int i = 0; i <= round % 7; i++) {
			size_t at;

			x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
			/* mostly where something is: the header's front, or a slot's */
			at = x % 3 ? x / 3 % sizeof(struct ringfile_header)
				   : RINGFILE_HEADER + x / 3 % (image_size - RINGFILE_HEADER);
			copy[at] = (unsigned char)(x >> 40);
		}
		x = (uint64_t)read_image(copy, image_size, &lost);
		if ((int64_t)x > (int64_t)RECORDS ||
		    ((int64_t)x < 0 && (int64_t)x != -EINVAL && (int64_t)x != -EPROTO))
			fail_msg("RINGFILE_SEED=%llu: %lld", (unsigned long long)seed, (long long)x);
	}
}

static void what_is_no_file_is_refused(void **state)
{
	struct ringfile_reader *reader;
	char path[128];

	snprintf(path, sizeof(path), "%s/x.ring", folder);
	assert_int_equal(open_named("x.ring", &reader), -ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(open_named("x.ring", &reader), -EINVAL);
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(open_named("x.ring", &reader), -EINVAL); /* and does not wait for a writer */
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(open_named("x.ring", &reader), -ELOOP);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(records_are_read_in_order_as_they_come),
		TEST(who_wrote_is_told),
		TEST(what_was_overwritten_is_counted),
		TEST(the_writer_reads_its_own),
		TEST(a_ring_is_alive_as_long_as_its_writer),
		TEST(a_killed_writers_records_are_read),
		TEST(no_torn_record_is_handed_out),
		TEST(a_record_that_changes_while_it_is_read_is_passed_over),
		TEST(a_ring_that_cannot_be_published_stays_as_it_is),
		TEST(a_full_file_system_refuses_at_once),
		TEST(of_the_dead_the_oldest_go_and_the_living_stay),
		TEST(programs_that_start_at_once_leave_the_living_alone),
		TEST(a_file_that_is_being_made_is_left_alone),
		TEST(what_others_keep_there_stays),
		TEST(a_header_that_lies_is_refused),
		TEST(a_writer_that_is_nowhere_near_is_not_followed),
		TEST(a_writer_that_goes_back_is_left),
		TEST(a_file_that_is_cut_is_left),
		TEST(a_torn_record_is_passed_over),
		TEST(no_mutation_is_the_readers_end),
		TEST(what_is_no_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
