/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <base/logfile.h>

static char dir[32], path[64], old[64];

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/logfile.XXXXXX");
	snprintf(path, sizeof(path), "%s/log", mkdtemp(dir));
	snprintf(old, sizeof(old), "%s/log.0", dir);
	return 0;
}

/* Fails where anything else was left behind. */
static int remove_dir(void **state)
{
	unlink(path);
	unlink(old);
	return rmdir(dir);
}

struct lines {
	int count;
	double last_time;
	char last[LOGFILE_LINE_MAX];
	int sum; /* of the numbers that lines end with */
};

static void take(void *ctx, const char *text)
{
	struct lines *lines = ctx;
	double time;
	int at = 0;

	assert_int_equal(sscanf(text, "[%lf] %n", &time, &at), 1);
	assert_true(at > 14);
	lines->count++;
	lines->last_time = time;
	snprintf(lines->last, sizeof(lines->last), "%s", text + at);
	lines->sum += atoi(text + at);
}

static void lines_come_back_in_order_with_times(void **state)
{
	struct logfile *log;
	struct lines lines = { 0 };

	assert_int_equal(logfile_read(path, take, &lines), -ENOENT);
	assert_int_equal(logfile_open(path, 0, &log), 0);
	assert_int_equal(logfile_line(log, "DomU: Alice_front inited!"), 0);
	assert_int_equal(logfile_line(log, "DomU: Probe called."), 0);
	logfile_close(log);
	assert_int_equal(logfile_read(path, take, &lines), 0);
	assert_int_equal(lines.count, 2);
	assert_string_equal(lines.last, "DomU: Probe called.");
	assert_true(lines.last_time < 1000);
}

static void a_long_line_is_cut_and_stays_a_line(void **state)
{
	struct logfile *log;
	struct lines lines = { 0 };
	char text[3 * LOGFILE_LINE_MAX];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(logfile_open(path, 0, &log), 0);
	assert_int_equal(logfile_line(log, text), 0);
	assert_int_equal(logfile_line(log, "7"), 0);
	logfile_close(log);
	assert_int_equal(logfile_read(path, take, &lines), 0);
	assert_int_equal(lines.count, 2);
	assert_int_equal(lines.sum, 7);
}

static void what_is_no_log_is_not_written_to(void **state)
{
	struct logfile *log;
	FILE *file = fopen(path, "w");
	struct stat st;

	fputs("precious\n", file);
	fclose(file);
	assert_int_equal(logfile_open(path, 0, &log), -EINVAL);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 9);
	assert_int_equal(logfile_open("/nonexistent/log", 0, &log), -ENOENT);
}

static void only_the_owner_may_read_it(void **state)
{
	struct logfile *log;
	struct stat st;

	assert_int_equal(logfile_open(path, 0, &log), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	logfile_close(log);
}

#define WRITERS 4
#define LINES 2000

/* Several processes over a bound reached many times: no line is torn, the disk holds two bounds at most. */
static void writers_share_it_and_it_stays_bounded(void **state)
{
	const size_t bound = 16384;
	struct lines lines = { 0 };
	struct stat st;
	int status;

	for (int w = 0; w < WRITERS; w++) {
		if (fork())
			continue;
		struct logfile *log;
		int bad = logfile_open(path, bound, &log);

		for (int i = 0; i < LINES && !bad; i++)
			bad = logfile_line(log, "1 line of a writer");
		_exit(bad ? 1 : 0);
	}
	for (int w = 0; w < WRITERS; w++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_true((size_t)st.st_size < bound + WRITERS * LOGFILE_LINE_MAX);
	assert_int_equal(stat(old, &st), 0);
	assert_true((size_t)st.st_size < bound + WRITERS * LOGFILE_LINE_MAX);
	assert_int_equal(logfile_read(path, take, &lines), 0);
	assert_true(lines.count > 300);
	assert_int_equal(lines.sum, lines.count);
}

/* Times after a rotation count from the same beginning: the first lines of both files say so. */
static void a_rotation_keeps_the_beginning(void **state)
{
	struct logfile *log;
	char first[2][64];
	FILE *file;

	assert_int_equal(logfile_open(path, 100, &log), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(logfile_line(log, "a line that is long enough"), 0);
	logfile_close(log);
	for (int i = 0; i < 2; i++) {
		file = fopen(i ? old : path, "r");
		assert_non_null(file);
		assert_non_null(fgets(first[i], sizeof(first[i]), file));
		fclose(file);
	}
	assert_int_equal(first[0][0], '#');
	assert_string_equal(first[0], first[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_come_back_in_order_with_times, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_stays_a_line, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(what_is_no_log_is_not_written_to, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(only_the_owner_may_read_it, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(writers_share_it_and_it_stays_bounded, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_rotation_keeps_the_beginning, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
