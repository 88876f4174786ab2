/* SPDX-License-Identifier: MIT */
/*
 * The advisory pack. Each row is a test of its own on our server; on Debian's two, what was seen is compared with what
 * stands in docs/advisories.md, which is the reviewed result.
 *
 *     advisories [--ours] [--print] [NAME...]
 *
 * --ours: Debian's servers are left out. --print: the table as it is now, for the page, and no comparison.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "page.h"
#include "table.h"

enum { TEXT = 256, ROWS = 64, PEER_TRIES = 3 };

struct result {
	const struct row *row;
	enum peer_kind kind;
	char name[64], text[TEXT];
};

static struct {
	struct result results[ROWS][PEER_KINDS];
	struct page page;
	bool print;
} pack; /* cmocka's tests have only a pointer each */

/* What a server of Debian's does may hang on the moment: C xenstored has an assertion that few runs meet. */
static bool agrees(struct result *r)
{
	for (int tries = 0; tries < PEER_TRIES; tries++) {
		if (tries) {
			print_message("%s: %s; once more\n", r->name, r->text);
			row_try(r->row, r->kind, r->text, sizeof(r->text));
		}
		if (page_agrees(&pack.page, r->row->name, r->kind, r->text))
			return true;
	}
	return false;
}

static void try_one(void **state)
{
	struct result *r = *state;
	const char *missing = peer_missing(r->kind);

	if (missing) {
		snprintf(r->text, sizeof(r->text), "not tried: %s", missing);
		print_message("%s: %s\n", r->name, missing);
		skip();
	}
	row_try(r->row, r->kind, r->text, sizeof(r->text));
	if (r->kind == PEER_OURS && strcmp(r->text, "holds") != 0)
		fail_msg("%s: %s", r->name, r->text);
	if (r->kind == PEER_OURS || pack.print)
		return;
	if (!agrees(r))
		fail_msg("%s: %s\nThe page says: %s", r->name, r->text,
			 page_says(&pack.page, r->row->name, r->kind));
}

static void rows_are_the_pages(void **state)
{
	for (size_t i = 0; i < row_count; i++)
		if (!page_claims(&pack.page, rows[i].name, rows[i].claim) ||
		    strncmp(page_says(&pack.page, rows[i].name, PEER_OURS), "holds", 5) != 0)
			fail_msg("%s: the page does not say that it holds: \"%s\"", rows[i].name,
				 rows[i].claim);
	assert_int_equal(page_rows(&pack.page), row_count);
}

static bool is_chosen(const char *name, char **names, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return !count;
}

static const char *const suffixes[PEER_KINDS] = { [PEER_OURS] = "", [PEER_C] = "/c", [PEER_OX] = "/ox" };

/* What was asked for and is no row; NULL: nothing. */
static const char *unknown(char **names, int count)
{
	for (int i = 0; i < count; i++) {
		size_t row = 0;

		while (row < row_count && strcmp(rows[row].name, names[i]))
			row++;
		if (row == row_count)
			return names[i];
	}
	return NULL;
}

static int usage(const char *wrong)
{
	if (wrong)
		fprintf(stderr, "advisories: '%s' is no row\n", wrong);
	fprintf(stderr, "usage: advisories [--ours] [--print] [ROW...]\nrows:");
	for (size_t row = 0; row < row_count; row++)
		fprintf(stderr, " %s", rows[row].name);
	fputc('\n', stderr);
	return 2;
}

static size_t choose(struct CMUnitTest *tests, enum peer_kind last, char **names, int count)
{
	size_t chosen = 0;

	for (size_t i = 0; i < row_count; i++) {
		for (enum peer_kind kind = PEER_OURS; kind <= last; kind++) {
			struct result *r = &pack.results[i][kind];

			if (!is_chosen(rows[i].name, names, count))
				continue;
			*r = (struct result){ .row = &rows[i], .kind = kind };
			snprintf(r->name, sizeof(r->name), "%s%s", rows[i].name, suffixes[kind]);
			if (rows[i].elsewhere && kind == PEER_OURS) {
				strcpy(r->text, "holds, by advisories_clients");
				continue;
			}
			tests[chosen++] = (struct CMUnitTest){ r->name, try_one, NULL, NULL, r };
		}
	}
	return chosen;
}

static void print_table(enum peer_kind last)
{
	printf("| advisory | what must hold | ours | C xenstored 4.17 | oxenstored 4.17 |\n| --- | --- | --- | --- | "
	       "--- |\n");
	for (size_t i = 0; i < row_count; i++) {
		if (!pack.results[i][PEER_OURS].row)
			continue;
		printf("| %s | %s |", rows[i].name, rows[i].claim);
		for (enum peer_kind kind = PEER_OURS; kind < PEER_KINDS; kind++)
			printf(" %s |", kind <= last ? pack.results[i][kind].text : "not tried");
		printf("\n");
	}
	fflush(stdout);
}

/* For the servers: freed memory is poisoned, and the sanitizer does not keep it. */
static void set_environment(void)
{
	const char *before = getenv("ASAN_OPTIONS");
	char options[512];

	snprintf(options, sizeof(options), "%s%squarantine_size_mb=1:thread_local_quarantine_size_kb=64",
		 before ? before : "", before ? ":" : "");
	setenv("ASAN_OPTIONS", options, 1);
	setenv("MALLOC_PERTURB_", "165", 1);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[ROWS * PEER_KINDS + 1];
	enum peer_kind last = PEER_OX;
	int at = 1, failed;
	size_t count;

	for (; at < argc && argv[at][0] == '-'; at++) {
		if (!strcmp(argv[at], "--ours"))
			last = PEER_OURS;
		else if (!strcmp(argv[at], "--print"))
			pack.print = true;
		else
			return usage(NULL);
	}
	if (unknown(argv + at, argc - at))
		return usage(unknown(argv + at, argc - at));
	set_environment();
	page_read(&pack.page, ADVISORIES_PAGE);
	count = choose(tests, last, argv + at, argc - at);
	if (at == argc && !pack.print)
		tests[count++] =
			(struct CMUnitTest){ "rows_are_the_pages", rows_are_the_pages, NULL, NULL, NULL };
	failed = _cmocka_run_group_tests("advisories", tests, count, NULL, NULL);
	print_table(last);
	page_free(&pack.page);
	return failed;
}
