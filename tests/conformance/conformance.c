/* SPDX-License-Identifier: MIT */
/*
 * The scripts beside this file, played on the three servers: `conformance DOCS SCRIPT...`. Each case on each server is
 * a test; with "-" for DOCS, nothing else. `conformance --show SCRIPT...` plays them and prints them anew, with what each server answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "answer.h"
#include "play.h"

#define SHOWN 300    /* characters of an answer */
#define PEER_TRIES 3 /* of a case on a server of Debian's */

/* One test: a case on a server. */
struct run {
	const struct script *script;
	const struct test_case *test;
	enum peer_kind kind;
	int differences;
};

static void compare(void *context, enum peer_kind kind, const struct line *line, const char *got)
{
	struct run *run = context;
	const char *expected = line->expected[kind].at;
	char wanted[SHOWN], came[SHOWN];

	if (play_matches(expected, got))
		return;
	run->differences++;
	answer_short(expected, wanted, sizeof(wanted));
	answer_short(got, came, sizeof(came));
	print_error("%s:%d: %s\n", run->script->path, line->number, run->test->name);
	print_error("    request:   %.*s\n", SHOWN, line->text);
	print_error("    server:    %s%s\n", peer_name(kind),
		    line->is_difference[kind] ? ", of which a difference is listed" : "");
	print_error("    expected:  %s\n", wanted);
	print_error("    got:       %s\n", came);
}

/* Debian's servers may end for a reason of their own: C xenstored has an assertion that few runs meet. */
static bool is_as_listed(struct run *run)
{
	for (int tries = run->kind == PEER_OURS ? 1 : PEER_TRIES; tries; tries--) {
		run->differences = 0;
		if (!play(run->test, run->kind, compare, run) && !run->differences)
			return true;
		if (tries > 1)
			print_message("%s: once more\n", peer_name(run->kind));
	}
	return false;
}

static void a_case(void **state)
{
	struct run *run = *state;
	const char *missing = peer_missing(run->kind);

	if (missing) {
		print_message("%s: skipped: %s\n", peer_name(run->kind), missing);
		skip();
	}
	assert_true(is_as_listed(run));
}

/* -- the list of differences: each key of a script is in the page, each of the page in a script */

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file || getdelim(&text, &size, '\0', file) < 0)
		text = strdup("");
	if (file)
		fclose(file);
	return text;
}

struct scripts {
	const char *docs;
	struct script **all;
	size_t count;
};

static bool has_key(const struct scripts *scripts, const char *key, size_t len)
{
	for (size_t i = 0; i < scripts->count; i++) {
		const struct script *script = scripts->all[i];

		for (size_t k = 0; k < script->key_count; k++) {
			if (strlen(script->keys[k]) == len && memcmp(script->keys[k], key, len) == 0)
				return true;
		}
	}
	return false;
}

/* Has an earlier line of the script the same? */
static bool is_repeated(const struct script *script, size_t k)
{
	for (size_t i = 0; i < k; i++) {
		if (strcmp(script->keys[i], script->keys[k]) == 0)
			return true;
	}
	return false;
}

static int missing_in_docs(const struct scripts *scripts, const char *docs)
{
	char row[128];
	int missing = 0;

	for (size_t i = 0; i < scripts->count; i++) {
		const struct script *script = scripts->all[i];

		for (size_t k = 0; k < script->key_count; k++) {
			snprintf(row, sizeof(row), "conformance [%s]", script->keys[k]);
			if (is_repeated(script, k) || strstr(docs, row))
				continue;
			print_error("%s: no row of %s names `%s`\n", script->path, scripts->docs, row);
			missing++;
		}
	}
	return missing;
}

static void differences_are_documented(void **state)
{
	const struct scripts *scripts = *state;
	static const char mark[] = "conformance [";
	char *docs = read_text(scripts->docs);
	int wrong = missing_in_docs(scripts, docs);

	for (const char *at = docs; (at = strstr(at, mark)); at++) {
		const char *key = at + strlen(mark);
		size_t len = strcspn(key, "]");

		if (has_key(scripts, key, len))
			continue;
		print_error("%s: no script has [%.*s]\n", scripts->docs, (int)len, key);
		wrong++;
	}
	free(docs);
	assert_int_equal(wrong, 0);
}

static void there_are_many_requests(void **state)
{
	const struct scripts *scripts = *state;
	size_t requests = 0, cases = 0;

	for (size_t i = 0; i < scripts->count; i++) {
		requests += script_requests(scripts->all[i]);
		cases += scripts->all[i]->count;
	}
	print_message("%zu requests in %zu cases, each on %d servers\n", requests, cases, PEER_KINDS);
	assert_true(requests >= 300);
}

/* -- --show */

struct shown {
	const struct line *line;
	char *got[PEER_KINDS];
};

struct show {
	const struct test_case *test;
	struct shown *lines;
};

static void note(void *context, enum peer_kind kind, const struct line *line, const char *got)
{
	struct show *show = context;

	char text[8000];

	answer_short(got, text, sizeof(text));
	show->lines[line - show->test->lines].got[kind] = strdup(text);
}

static void show_line(const struct line *line, struct shown *shown)
{
	static const char *const names[PEER_KINDS] = { "ours", "C", "ox" };
	const char *ours = shown->got[PEER_OURS];

	printf("%s -> %s\n", line->text, ours ? ours : "skip");
	for (int kind = PEER_C; kind < PEER_KINDS; kind++) {
		const char *got = shown->got[kind];

		if (!got)
			printf("    %s: skip # ?\n", names[kind]);
		else if (!ours || strcmp(got, ours) != 0)
			printf("    %s: %s # ?%s\n", names[kind], got,
			       play_matches(line->expected[kind].at, got) ? " listed" : "");
	}
	for (int kind = 0; kind < PEER_KINDS; kind++)
		free(shown->got[kind]);
}

static void show(const struct script *script)
{
	for (size_t i = 0; i < script->count; i++) {
		const struct test_case *test = &script->cases[i];
		struct show one = { test, calloc(test->count, sizeof(struct shown)) };

		if (!one.lines)
			abort();
		for (int kind = 0; kind < PEER_KINDS; kind++)
			play(test, (enum peer_kind)kind, note, &one);
		printf("\ncase %s\n", test->name);
		for (size_t k = 0; k < test->count; k++)
			show_line(&test->lines[k], &one.lines[k]);
		free(one.lines);
	}
}

/* -- */

static char *name_of(const struct script *script, const struct test_case *test, enum peer_kind kind)
{
	const char *slash = strrchr(script->path, '/');
	char *name;

	if (asprintf(&name, "%s: %s: %s", slash ? slash + 1 : script->path, test->name, peer_name(kind)) < 0)
		abort();
	return name;
}

static int run_all(struct scripts *scripts)
{
	struct CMUnitTest *tests;
	struct run *runs;
	size_t count = 0, most = 2;
	int failed;

	for (size_t i = 0; i < scripts->count; i++)
		most += scripts->all[i]->count * PEER_KINDS;
	tests = calloc(most, sizeof(*tests));
	runs = calloc(most, sizeof(*runs));
	if (strcmp(scripts->docs, "-") != 0) {
		tests[count++] = (struct CMUnitTest){ "there_are_many_requests", there_are_many_requests,
						      NULL, NULL, scripts };
		tests[count++] = (struct CMUnitTest){ "differences_are_documented",
						      differences_are_documented, NULL, NULL, scripts };
	}
	for (size_t i = 0; i < scripts->count; i++) {
		for (size_t k = 0; k < scripts->all[i]->count * PEER_KINDS; k++) {
			const struct script *script = scripts->all[i];
			struct run run = { script, &script->cases[k / PEER_KINDS],
					   (enum peer_kind)(k % PEER_KINDS), 0 };

			runs[count] = run;
			tests[count] = (struct CMUnitTest){ name_of(script, run.test, run.kind), a_case, NULL,
							    NULL, &runs[count] };
			count++;
		}
	}
	failed = _cmocka_run_group_tests("conformance", tests, count, NULL, NULL);
	for (size_t i = 0; i < count; i++) {
		if (tests[i].test_func == a_case)
			free((void *)(uintptr_t)tests[i].name);
	}
	free(tests);
	free(runs);
	return failed;
}

int main(int argc, char **argv)
{
	struct scripts scripts = { 0 };
	bool showing, ok = true;
	int status = 0;

	if (argc < 3) {
		fprintf(stderr,
			"usage: conformance DOCS|-|--show SCRIPT...\n\n"
			"DOCS is docs/differences.md, whose keys must be those of all scripts; -: do not look.\n"
			"--show prints what the servers answer. tests/conformance/README.md says the rest.\n");
		return 2;
	}
	showing = strcmp(argv[1], "--show") == 0;
	scripts.docs = argv[1];
	scripts.all = calloc((size_t)argc, sizeof(*scripts.all));
	for (int i = 2; i < argc; i++) {
		struct script *script = script_read(argv[i]);

		if (script)
			scripts.all[scripts.count++] = script;
		ok = ok && script;
	}
	for (size_t i = 0; showing && i < scripts.count; i++)
		show(scripts.all[i]);
	if (!showing && ok)
		status = run_all(&scripts);
	for (size_t i = 0; i < scripts.count; i++)
		script_free(scripts.all[i]);
	free(scripts.all);
	return ok ? status : 2;
}
