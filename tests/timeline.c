/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "timeline.h"

static const char front_trace[] =
	"{\"time_ns\":5000000000,\"domid\":1,\"kind\":\"note\",\"device\":\"\",\"own\":0,\"other\":0,\"text\":\"the bus\"}\n"
	"{\"time_ns\":5000001000,\"domid\":1,\"kind\":\"store\",\"device\":\"device/x/0\",\"own\":1,\"other\":0,"
	"\"text\":\"READ /local/domain/0/backend/x/1/0/feature-a\"}\n"
	"{\"time_ns\":5000002000,\"domid\":1,\"kind\":\"store\",\"device\":\"device/x/0\",\"own\":1,\"other\":0,"
	"\"text\":\"READ /local/domain/0/backend/x/1/0/feature-b\"}\n"
	"{\"time_ns\":5000003000,\"domid\":1,\"kind\":\"store\",\"device\":\"device/x/0\",\"own\":1,\"other\":0,"
	"\"text\":\"WRITE device/x/0/ring-ref 8\"}\n"
	"{\"time_ns\":5000900000,\"domid\":1,\"kind\":\"otherend\",\"device\":\"device/x/0\",\"own\":1,\"other\":1,"
	"\"text\":\"Initialising -> InitWait\"}\n";
static const char back_trace[] =
	"{\"time_ns\":5000800000,\"domid\":0,\"kind\":\"driver\",\"device\":\"backend/x/1/0\",\"own\":1,\"other\":1,"
	"\"text\":\"say \\\"hi\\\" \\\\x1b\"}\n"
	"{\"time_ns\":5001000000,\"domid\":0,\"kind\":\"state\",\"device\":\"backend/x/1/0\",\"own\":2,\"other\":1,"
	"\"text\":\"Initialising -> InitWait\"}\n"
	"{\"time_ns\":5002000000,\"domid\":0,\"kind\":\"note\",\"device\":\"backend/x/1/0\",\"own\":2,\"other\":1,"
	"\"text\":\"own state was InitWait, somebody wrote Closing\"}\n"
	"{\"time_ns\":5009000000,\"domid\":0,\"kind\":\"event\",\"device\":\"backend/x/1/0\",\"own\":2,\"other\":1,"
	"\"text\":\"event somewhere\"}\n";
static const char story[] = "      ms  f/b  DomU device/x/0          Dom0 backend/x/1/0\n"
			    "   0.000  1/1  READ backend:feature-a,\n"
			    "                 backend:feature-b;\n"
			    "                 WRITE ring-ref = 8\n"
			    "   0.799                                say \"hi\" \\x1b\n"
			    "   0.899  1/2  sees InitWait\n"
			    "   0.999                                => InitWait\n"
			    "   1.999  1/5                           own state was InitWait,\n"
			    "                                          somebody wrote\n"
			    "                                          Closing\n";

static int read_text(struct timeline *t, const char *text, unsigned int *line)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int err;

	assert_non_null(in);
	err = timeline_read(t, in, line);
	fclose(in);
	return err;
}

static char *print(struct timeline *t, const struct timeline_look *look, unsigned int stories)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(timeline_print(t, out, look), stories);
	fclose(out);
	return text;
}

static void two_traces_become_one_story(void **state)
{
	const struct timeline_look look = { .width = 65 };
	struct timeline *t;
	unsigned int line;
	char *text;

	assert_int_equal(timeline_new(&t), 0);
	assert_int_equal(read_text(t, back_trace, &line), 0);
	assert_int_equal(read_text(t, front_trace, &line), 0);
	text = print(t, &look, 1);
	assert_string_equal(text, story);
	free(text);
	timeline_free(t);
}

static void events_and_colours_are_shown_where_asked_for(void **state)
{
	const struct timeline_look look = { .width = 100, .events = true, .colour = true };
	struct timeline *t;
	unsigned int line;
	char *text;

	assert_int_equal(timeline_new(&t), 0);
	assert_int_equal(read_text(t, back_trace, &line), 0);
	text = print(t, &look, 1);
	assert_non_null(strstr(text, "event somewhere"));
	assert_non_null(strstr(text, "     ...")); /* the silence before it */
	assert_non_null(strstr(text, "\033[1;32m=> InitWait\033[0m"));
	free(text);
	timeline_free(t);
}

static void devices_have_stories_of_their_own(void **state)
{
	static const char two[] =
		"{\"time_ns\":1,\"domid\":1,\"kind\":\"note\",\"device\":\"device/x/0\",\"own\":0,\"other\":0,\"text\":\"a\"}\n"
		"{\"time_ns\":2,\"domid\":2,\"kind\":\"note\",\"device\":\"device/x/0\",\"own\":0,\"other\":0,\"text\":\"b\"}\n"
		"{\"time_ns\":3,\"domid\":0,\"kind\":\"note\",\"device\":\"backend/x/2/0\",\"own\":0,\"other\":0,\"text\":\"c\"}\n"
		"{\"time_ns\":4,\"domid\":1,\"kind\":\"note\",\"device\":\"device/x/1\",\"own\":0,\"other\":0,\"text\":\"d\"}\n";
	const struct timeline_look look = { .width = 60 };
	struct timeline *t;
	unsigned int line;
	char *text;

	assert_int_equal(timeline_new(&t), 0);
	assert_int_equal(read_text(t, two, &line), 0);
	text = print(t, &look, 3);
	free(text);
	timeline_free(t);
}

#define WITH(members) "{\"kind\":\"note\"" members "}\n"

static void what_is_no_trace_is_refused_with_its_line(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"kind\":\"note\"",
		"{\"kind\":\"other\"}",
		"{\"own\":1}",
		"{\"kind\":\"note\"} x",
		WITH(",\"own\":-1"),
		WITH(",\"own\":"),
		WITH(",\"own\""),
		WITH(",own:1"),
		WITH(",\"own\":99999999999999999999"),
		WITH(",\"text\":\"\\"),
		WITH("\"own\":1"),
		WITH(",\"own\":1.5"),
		WITH(","),
	};
	struct timeline_entry entry;
	struct timeline *t;
	unsigned int line;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(timeline_parse(bad[i], &entry), -EINVAL);
	assert_int_equal(timeline_parse(WITH(""), &entry), 0);
	assert_int_equal(timeline_parse(WITH(",\"future\":7,\"more\":\"x\""), &entry), 0);
	assert_int_equal(timeline_new(&t), 0);
	assert_int_equal(read_text(t, WITH("") WITH("") "nonsense\n", &line), -EINVAL);
	assert_int_equal(line, 3);
	timeline_free(t);
}

static void long_members_are_cut_not_overrun(void **state)
{
	char line[8192];
	struct timeline_entry entry;
	int n = snprintf(line, sizeof(line),
			 "{\"kind\":\"store\",\"device\":\"device/x/0\",\"text\":\"WRITE ");

	memset(line + n, 'a', 4000);
	strcpy(line + n + 4000, " b\"}");
	assert_int_equal(timeline_parse(line, &entry), 0);
	assert_int_equal(strlen(entry.text), sizeof(entry.text) - 1);
	memset(line + 2, 'k', 3000);
	strcpy(line + 3002, "\":1,\"kind\":\"note\"}");
	assert_int_equal(timeline_parse(line, &entry), 0);
}

static void no_terminal_is_commanded(void **state)
{
	struct timeline_entry entry;

	assert_int_equal(timeline_parse(WITH(",\"text\":\"a\033[2Jb\177\""), &entry), 0);
	assert_string_equal(entry.text, "a?[2Jb?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_traces_become_one_story),
		cmocka_unit_test(events_and_colours_are_shown_where_asked_for),
		cmocka_unit_test(devices_have_stories_of_their_own),
		cmocka_unit_test(what_is_no_trace_is_refused_with_its_line),
		cmocka_unit_test(long_members_are_cut_not_overrun),
		cmocka_unit_test(no_terminal_is_commanded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
