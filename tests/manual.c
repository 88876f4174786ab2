/* SPDX-License-Identifier: MIT */
/* The pages of the manual against --help: the same usage, the same options with the same arguments, and a page for each
 * command and program. */
#include <ctype.h>
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "command.h"

#define WORDS_MAX 64
#define PAGE_MAX 32768

struct words {
	char word[WORDS_MAX][64];
	size_t count;
};

static void add_word(struct words *words, const char *word, size_t len)
{
	assert_true(words->count < WORDS_MAX && len < sizeof(words->word[0]));
	memcpy(words->word[words->count], word, len);
	words->word[words->count++][len] = '\0';
}

static bool has_word(const struct words *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++)
		if (!strcmp(words->word[i], word))
			return true;
	return false;
}

static void expect_same(const struct words *one, const struct words *other, const char *where,
			const char *elsewhere)
{
	for (size_t i = 0; i < one->count; i++)
		if (!has_word(other, one->word[i]))
			fail_msg("'%s' is in %s, not in %s", one->word[i], where, elsewhere);
	for (size_t i = 0; i < other->count; i++)
		if (!has_word(one, other->word[i]))
			fail_msg("'%s' is in %s, not in %s", other->word[i], elsewhere, where);
}

/* -- pages ------------------------------------------------------------------------------------ */

static bool read_page(const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), MANUAL_DIR "/%s.scd", name);
	file = fopen(path, "re");
	if (!file)
		return false;
	text[fread(text, 1, size - 1, file)] = '\0';
	assert_true(strlen(text) < size - 1);
	fclose(file);
	return true;
}

/* Takes scdoc's marks out, in place: *bold*, _underlined_, \escaped, ++ at a line's end. */
static void strip(char *text)
{
	char *to = text, last = '\n';

	for (const char *from = text; *from; last = *from++) {
		bool inside = isalnum((unsigned char)last) && isalnum((unsigned char)from[1]);

		if (*from == '\\' && from[1])
			*to++ = *++from;
		else if (!strncmp(from, "++\n", 3))
			from++;
		else if (*from != '*' && !(*from == '_' && !inside))
			*to++ = *from;
	}
	*to = '\0';
}

/* What stands below "# @name" up to the next section of its kind, into @out without marks. */
static void section(const char *page, const char *name, char *out, size_t size)
{
	char heading[64];
	const char *at, *end;

	snprintf(heading, sizeof(heading), "\n# %s\n", name);
	at = strstr(page, heading);
	if (!at)
		fail_msg("there is no section %s", name);
	at += strlen(heading);
	end = strstr(at, "\n# ");
	snprintf(out, size, "%.*s", (int)(end ? (size_t)(end - at) : strlen(at)), at);
	strip(out);
}

/* Each run of blanks as one, none at the ends, in place. */
static void squeeze(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (!isspace((unsigned char)*from))
			*to++ = *from;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	*to = '\0';
	if (to > text && to[-1] == ' ')
		to[-1] = '\0';
}

/* -- options ---------------------------------------------------------------------------------- */

/* "-f, --file FILE": each option, with its argument, up to @len or two blanks. */
static void add_terms(struct words *words, const char *line, size_t len)
{
	const char *gap = memmem(line, len, "  ", 2), *end = gap ? gap : line + len;

	while (line < end) {
		size_t term = 0;

		while (line + term < end && line[term] != ',' && line[term] != ';')
			term++;
		while (term && line[term - 1] == ' ')
			term--;
		add_word(words, line, term);
		line += term;
		line += strspn(line, ",; ");
	}
}

/* The options of @text: of lines that begin, behind any blanks where it is @indented, with one. */
static void options_of(const char *text, bool indented, struct words *words)
{
	words->count = 0;
	while (*text) {
		size_t indent = indented ? strspn(text, " ") : 0, len = strcspn(text, "\n");

		if (text[indent] == '-' && text[indent + 1] != ' ' && (!indented || indent))
			add_terms(words, text + indent, len - indent);
		text += len;
		text += *text == '\n';
	}
}

/* What a program answers to --help. */
static char *help_of(const char *program, const char *command, struct command *c)
{
	char path[PATH_MAX];

	command_path(program, path, sizeof(path));
	if (command)
		RUN(c, path, command, "--help");
	else
		RUN(c, path, "--help");
	assert_int_equal(c->status, 0);
	assert_string_equal(c->err, "");
	return c->out;
}

/* The usage parts of a help, each behind "usage:": one a subcommand. */
static void usage_of(const char *help, char *out, size_t size)
{
	size_t len = 0;

	assert_memory_equal(help, "usage: ", 7);
	for (const char *at = help; at; at = strstr(at, "\nusage: ") ? strstr(at, "\nusage: ") + 1 : NULL) {
		const char *end = strchr(at, '\n');

		while (end && end[1] == ' ') /* goes on */
			end = strchr(end + 1, '\n');
		assert_non_null(end);
		len += (size_t)snprintf(out + len, size - len, "%.*s ", (int)(end - at - 7), at + 7);
		assert_true(len < size);
		at = end;
	}
	out[len - 1] = '\0';
}

/* @usage may be that of several programs, one behind the other; so may @help be below. */
static void compare_usage(const char *name, const char *page, char *usage)
{
	char synopsis[4096];

	section(page, "SYNOPSIS", synopsis, sizeof(synopsis));
	squeeze(synopsis);
	squeeze(usage);
	if (strcmp(synopsis, usage) != 0)
		fail_msg("the synopsis of %s and the usage differ:\n%s\n%s", name, synopsis, usage);
}

static void compare(const char *name, const char *help, char *usage)
{
	char page[PAGE_MAX];
	struct words told, known;

	if (!read_page(name, page, sizeof(page)))
		fail_msg("there is no page %s", name);
	compare_usage(name, page, usage);
	options_of(help, true, &known);
	strip(page);
	options_of(page, false, &told);
	assert_true(known.count > 0);
	expect_same(&told, &known, name, "--help");
}

/* -- the claims --------------------------------------------------------------------------------- */

/* The names that `xenbus --help` lists. */
static void commands_of(struct words *commands)
{
	struct command c;
	char word[64];

	commands->count = 0;
	for (char *line = strtok(help_of("xenbus", NULL, &c), "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, "  ", 2) && sscanf(line + 2, "%63[a-z]", word) == 1)
			add_word(commands, word, strlen(word));
	assert_true(commands->count >= 9);
}

static void each_command_has_a_page_that_says_what_its_help_says(void **state)
{
	struct words commands;

	commands_of(&commands);
	for (size_t i = 0; i < commands.count; i++) {
		struct command c;
		char usage[4096], page[80];

		usage_of(help_of("xenbus", commands.word[i], &c), usage, sizeof(usage));
		snprintf(page, sizeof(page), "xenbus-%s.1", commands.word[i]);
		compare(page, c.out, usage);
	}
}

static void each_page_of_a_command_is_of_one_that_there_is(void **state)
{
	struct words commands, pages = { .count = 0 };
	glob_t found;

	commands_of(&commands);
	assert_int_equal(glob(MANUAL_DIR "/xenbus-*.1.scd", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + strlen("/xenbus-");

		add_word(&pages, name, strlen(name) - strlen(".1.scd"));
	}
	globfree(&found);
	expect_same(&pages, &commands, "the folder of pages", "xenbus --help");
}

/* xenbus(1) names each command as a term, and each page where it says more. */
static void the_overview_names_all_commands(void **state)
{
	struct words commands, terms = { .count = 0 };
	struct command c;
	char page[PAGE_MAX], text[8192], reference[80], word[64];

	commands_of(&commands);
	assert_true(read_page("xenbus.1", page, sizeof(page)));
	usage_of(help_of("xenbus", NULL, &c), text, sizeof(text));
	compare_usage("xenbus.1", page, text);
	section(page, "COMMANDS", text, sizeof(text));
	for (size_t i = 0; i < commands.count; i++) {
		snprintf(reference, sizeof(reference), "xenbus-%s(1)", commands.word[i]);
		if (!strstr(text, reference))
			fail_msg("xenbus.1 does not refer to %s", reference);
	}
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (sscanf(line, "%63[a-z]", word) == 1 && strlen(word) == strlen(line))
			add_word(&terms, word, strlen(word));
	expect_same(&terms, &commands, "xenbus.1", "xenbus --help");
}

static void the_pages_of_the_programs_say_what_their_help_says(void **state)
{
	static struct command front, back, store;
	char usage[4096], more[2048], help[2 * sizeof(front.out)];

	usage_of(help_of("xenstored", NULL, &store), usage, sizeof(usage));
	compare("xenstored.8", store.out, usage);

	usage_of(help_of("alice-front", NULL, &front), usage, sizeof(usage));
	usage_of(help_of("alice-back", NULL, &back), more, sizeof(more));
	strcat(strcat(usage, "\n"), more);
	snprintf(help, sizeof(help), "%s%s", front.out, back.out);
	compare("alice-front.1", help, usage);
}

/* "*word*(1)" at @end of the word, in @page: is there such a page, if it is one of ours? */
static void expect_reference(const char *name, const char *page, const char *end)
{
	static const char *const ours[] = { "xenbus", "xenstored", "alice-" };
	const char *word = end;
	char path[PATH_MAX];

	while (word > page && word[-1] != '*')
		word--;
	snprintf(path, sizeof(path), MANUAL_DIR "/%.*s.%c", (int)(end - word), word, end[2]);
	for (int i = 0; i < 3; i++) {
		bool is_ours = !strncmp(word, ours[i], strlen(ours[i]));

		if (is_ours && access(path, R_OK) && access(strcat(path, ".scd"), R_OK))
			fail_msg("%s refers to %.*s", name, (int)(end - word), word);
	}
}

static void each_page_is_installed_and_refers_to_pages_that_there_are(void **state)
{
	char list[8192], page[PAGE_MAX], name[80], quoted[80 + 2];
	FILE *file = fopen(MANUAL_DIR "/meson.build", "re");
	glob_t found;

	assert_non_null(file);
	list[fread(list, 1, sizeof(list) - 1, file)] = '\0';
	fclose(file);
	assert_int_equal(glob(MANUAL_DIR "/*.scd", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *base = strrchr(found.gl_pathv[i], '/') + 1;

		snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - 4), base);
		snprintf(quoted, sizeof(quoted), "'%s'", name);
		if (!strstr(list, quoted))
			fail_msg("%s is not in meson.build", name);
		assert_true(read_page(name, page, sizeof(page)));
		for (const char *at = page; (at = strstr(at, "*(")); at++)
			expect_reference(name, page, at);
	}
	globfree(&found);
}

static void all_pages_are_formatted_without_a_warning(void **state)
{
	struct command c;

	RUN(&c, "sh", "-c", "command -v scdoc && command -v groff");
	if (c.status)
		skip();
	RUN(&c, "sh", "-c",
	    "for page in " MANUAL_DIR "/*.scd; do"
	    "  { scdoc <\"$page\" || echo \"scdoc: $page\"; } | groff -ww -man -Tutf8 -z 2>&1 || echo failed; done");
	assert_string_equal(c.out, "");
	assert_string_equal(c.err, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_has_a_page_that_says_what_its_help_says),
		cmocka_unit_test(each_page_of_a_command_is_of_one_that_there_is),
		cmocka_unit_test(the_overview_names_all_commands),
		cmocka_unit_test(the_pages_of_the_programs_say_what_their_help_says),
		cmocka_unit_test(each_page_is_installed_and_refers_to_pages_that_there_are),
		cmocka_unit_test(all_pages_are_formatted_without_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
