/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <xenbus/trace_file.h>

#include "timeline.h"
#include "wellformed.h"

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
static const char story[] = "      ms  f/b  Dom1 device/x/0          Dom0 backend/x/1/0\n"
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

typedef int (*renderer)(const struct timeline_story *stories, size_t count, FILE *out,
			const struct timeline_look *look);

static char *render(struct timeline *t, renderer how, const struct timeline_look *look, size_t expected)
{
	struct timeline_story *stories;
	char *text = NULL;
	size_t size, count;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(timeline_stories(t, &stories, &count), 0);
	assert_int_equal(count, expected);
	assert_int_equal(how(stories, count, out, look), 0);
	fclose(out);
	free(stories);
	return text;
}

static char *print(struct timeline *t, const struct timeline_look *look, size_t stories)
{
	return render(t, timeline_text, look, stories);
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

/* -- pictures ------------------------------------------------------------------------------------- */

#define ENTRY(ms, domid, kind, device, own, other, text)                                             \
	"{\"time_ns\":" #ms "000000,\"domid\":" #domid ",\"kind\":\"" kind "\",\"device\":\"" device \
	"\",\"own\":" #own ",\"other\":" #other ",\"text\":\"" text "\"}\n"
#define FRONT(ms, kind, own, other, text) ENTRY(ms, 1, kind, "device/x/0", own, other, text)
#define BACK(ms, kind, own, other, text) ENTRY(ms, 0, kind, "backend/x/1/0", own, other, text)

/* The backend's InitWait is seen before it knows that it is written; its Connected is never seen. */
static const char meeting[] = FRONT(1, "driver", 1, 0, "probe()") FRONT(
	2, "otherend", 1, 0, "Unknown -> Initialising") FRONT(3, "wait", 1, 1,
							      "backend to offer its features (InitWait)")
	BACK(4, "driver", 1, 0, "probe()") BACK(5, "otherend", 1, 0, "Unknown -> Initialising") BACK(
		6, "store", 1, 1, "TRANSACTION_END T") FRONT(7, "otherend", 1, 1, "Initialising -> InitWait")
		BACK(8, "state", 2, 1, "Initialising -> InitWait")
			BACK(9, "wait", 2, 1, "frontend to publish its ring (Initialised)") FRONT(
				10, "store", 1, 2, "TRANSACTION_END T") FRONT(11, "state", 3, 2,
									      "Initialising -> Initialised")
				BACK(12, "otherend", 2, 1, "Initialising -> Initialised")
					BACK(13, "wait", 2, 3, "")
						BACK(14, "store", 2, 3, "WRITE backend/x/1/0/name <&\\\">")
							BACK(15, "state", 4, 3, "InitWait -> Connected")
								BACK(16, "note", 4, 3, "instance vanished");

static struct timeline *read_all(const char *text)
{
	struct timeline *t;
	unsigned int line;

	assert_int_equal(timeline_new(&t), 0);
	assert_int_equal(read_text(t, text, &line), 0);
	return t;
}

static unsigned int count_of(const char *text, const char *what)
{
	unsigned int count = 0;

	for (; (text = strstr(text, what)); text++)
		count++;
	return count;
}

static void states_are_linked_to_where_they_were_seen(void **state)
{
	struct timeline *t = read_all(meeting);
	struct timeline_story *stories;
	struct timeline_link *links;
	size_t count;

	assert_int_equal(timeline_stories(t, &stories, &count), 0);
	assert_int_equal(count, 1);
	links = timeline_link(&stories[0]);
	assert_non_null(links);
	assert_int_equal(links[7].written, 5); /* InitWait went out with END T */
	assert_int_equal(links[7].seen, 6);
	assert_int_equal(links[6].seen, 7);
	assert_int_equal(links[10].seen, 11);
	assert_int_equal(links[14].seen, TIMELINE_NONE);
	assert_int_equal(links[1].seen, TIMELINE_NONE); /* the toolstack's Initialising */
	assert_int_equal(links[7].state, 2);
	assert_int_equal(links[15].state, 0);
	free(links);
	free(stories);
	timeline_free(t);
}

/* What was seen cannot be what went out only afterwards. */
static void a_state_is_not_seen_before_it_went_out(void **state)
{
	struct timeline *t = read_all(FRONT(1, "otherend", 1, 0, "Initialising -> InitWait") BACK(
		2, "store", 1, 1, "TRANSACTION_END T") BACK(3, "state", 2, 1, "a"));
	struct timeline_story *stories;
	struct timeline_link *links;
	size_t count;

	assert_int_equal(timeline_stories(t, &stories, &count), 0);
	links = timeline_link(&stories[0]);
	assert_non_null(links);
	assert_int_equal(links[0].seen, TIMELINE_NONE);
	assert_int_equal(links[2].seen, TIMELINE_NONE);
	free(links);
	free(stories);
	timeline_free(t);
}

/* A state that was overwritten before it was seen, and the same one again. */
static void a_state_is_seen_once(void **state)
{
	struct timeline *t =
		read_all(BACK(1, "state", 6, 4, "a") BACK(2, "state", 2, 4, "b") BACK(3, "state", 6, 4, "c")
				 FRONT(4, "otherend", 4, 0, "Connected -> Closed")
					 FRONT(5, "otherend", 4, 0, "Closed -> InitWait")
						 FRONT(6, "otherend", 4, 0, "InitWait -> Closed"));
	struct timeline_story *stories;
	struct timeline_link *links;
	size_t count;

	assert_int_equal(timeline_stories(t, &stories, &count), 0);
	links = timeline_link(&stories[0]);
	assert_non_null(links);
	assert_int_equal(links[3].seen, 2);
	assert_int_equal(links[0].seen, TIMELINE_NONE);
	assert_int_equal(links[4].seen, TIMELINE_NONE);
	assert_int_equal(links[5].seen, TIMELINE_NONE);
	free(links);
	free(stories);
	timeline_free(t);
}

static void the_picture_is_xml_with_an_arrow_a_sight(void **state)
{
	const struct timeline_look look = { .width = 100 };
	struct timeline *t = read_all(meeting);
	char *text = render(t, timeline_svg, &look, 1);

	assert_true(is_xml(text));
	assert_int_equal(count_of(text, "<path class=\"a\""), 2);
	assert_int_equal(count_of(text, "<line class=\"k\""), 2); /* waits */
	assert_non_null(strstr(text, "waits for frontend to publish its ring (Initialised)"));
	assert_non_null(strstr(text, "&lt;&amp;"));
	assert_null(strstr(text, "nan"));
	free(text);
	timeline_free(t);
}

/* Each flow begins once and ends once, later, in a span of its own thread; spans do not cross. */
static void expect_flows(const char *text, unsigned int expected)
{
	const char *at = strstr(text, "\"traceEvents\":"), *object;
	double begun[64] = { 0 }, ts;
	unsigned int begins = 0, ends = 0;
	size_t len;
	int id;

	assert_non_null(at);
	while (next_object(&at, &object, &len)) {
		ts = number_in(object, len, "ts");
		id = (int)number_in(object, len, "id");
		assert_true(ts >= 0 || has_string(object, len, "ph", "M"));
		assert_true(number_in(object, len, "pid") > 0 && number_in(object, len, "tid") > 0);
		if (has_string(object, len, "ph", "X"))
			assert_true(number_in(object, len, "dur") >= 0);
		if (has_string(object, len, "ph", "s")) {
			assert_true(id > 0 && id < 64 && !begun[id]);
			begun[id] = ts + 1;
			begins++;
		} else if (has_string(object, len, "ph", "f")) {
			assert_true(id > 0 && id < 64 && begun[id] && ts + 1 >= begun[id]);
			assert_true(has_string(object, len, "bp", "e"));
			begun[id] = 0;
			ends++;
		}
	}
	assert_int_equal(begins, expected);
	assert_int_equal(ends, expected);
}

static void chromes_events_are_json_whose_flows_pair_up(void **state)
{
	const struct timeline_look look = { .width = 100 };
	struct timeline *t = read_all(meeting);
	char *text = render(t, timeline_chrome, &look, 1);

	assert_true(is_json(text));
	expect_flows(text, 2);
	assert_int_equal(count_of(text, "\"process_name\""), 2);
	assert_int_equal(count_of(text, "\"cat\":\"state\""), 5); /* 1, 3 and 1, 2, 4 */
	assert_int_equal(count_of(text, "\"cat\":\"wait\""), 2);
	free(text);
	timeline_free(t);
}

static void what_json_says_is_read_again(void **state)
{
	const struct timeline_look look = { .width = 100 };
	struct timeline *t = read_all(meeting), *again;
	char *text = render(t, timeline_json, &look, 1), *same;

	again = read_all(text);
	same = render(again, timeline_json, &look, 1);
	assert_string_equal(text, same);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(is_json(line));
	free(text);
	free(same);
	timeline_free(t);
	timeline_free(again);
}

/* Whatever programs say happened, and in whatever order: what is drawn is well-formed. */
static void nothing_a_trace_says_breaks_what_is_drawn(void **state)
{
	static const char *const devices[] = { "device/x/0", "backend/x/1/0", "device/<\">/&",
					       "backend/x/4294967295/\\", "" };
	static const char *const texts[] = { "probe()",
					     "remove()",
					     "a -> Connected",
					     "a -> Closed",
					     "-> ",
					     "",
					     "instance vanished",
					     "somebody wrote Closing",
					     "WRITE a/b/c/d \"<&>\"",
					     "TRANSACTION_END F",
					     "<script>&\\\"",
					     "WRITE",
					     "somebody wrote " };
	const struct timeline_look look = { .width = 60, .events = true };
	static const renderer renderers[] = { timeline_text, timeline_json, timeline_svg, timeline_chrome };
	uint64_t x = 88172645463325252u;

	for (int round = 0; round < 300; round++) {
		struct timeline_story *stories;
		struct timeline *t;
		size_t count;

		assert_int_equal(timeline_new(&t), 0);
		for (int i = 0; i < 2 + round % 60; i++) {
			struct timeline_entry e = { 0 };

			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			e.time_ns = x % 7 ? x >> 40 : x % 3 ? UINT64_MAX - x % 9 : x;
			e.domid = x >> 20 & 3;
			e.kind = (enum timeline_kind)(x >> 23) % TIMELINE_KINDS;
			e.own = x >> 30 & 15;
			e.other = x >> 34 & 15;
			e.pid = x >> 38 & 1;
			strcpy(e.device, devices[(x >> 3) % 5]);
			strcpy(e.text, texts[(x >> 8) % 13]);
			strcpy(e.program, x & 1 ? "p\"<" : "");
			timeline_find_device(&e);
			assert_int_equal(timeline_add(t, &e), 0);
		}
		assert_int_equal(timeline_stories(t, &stories, &count), 0);
		free(stories);
		for (int how = 0; how < 4; how++) {
			char *text = render(t, renderers[how], &look, count);

			if ((how == 2 && !is_xml(text)) || (how == 3 && !is_json(text)))
				fail_msg("round %d: %s", round, text);
			free(text);
		}
		timeline_free(t);
	}
}

/* In the order of their coming: who takes turns is named anew. */
static void what_comes_live_is_told_with_names(void **state)
{
	const struct timeline_look look = { .width = 80 };
	struct timeline_entry one, two;
	struct timeline_teller *teller;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(timeline_parse(FRONT(5, "note", 3, 2, "a"), &one), 0);
	assert_int_equal(timeline_parse(ENTRY(6, 2, "note", "device/y/0", 1, 0, "b"), &two), 0);
	assert_int_equal(timeline_teller_new(out, &look, false, &teller), 0);
	timeline_remark(teller, "hello");
	assert_int_equal(timeline_tell(teller, &one), 0);
	assert_int_equal(timeline_tell(teller, &two), 0);
	assert_int_equal(timeline_tell(teller, &one), 0);
	timeline_flush(teller);
	timeline_teller_free(teller);
	fclose(out);
	assert_string_equal(text, "-- hello\n"
				  "\n"
				  "      ms  f/b  Dom1 device/x/0                 backend\n"
				  "   0.000  3/2  a\n"
				  "\n"
				  "      ms  f/b  Dom2 device/y/0                 backend\n"
				  "   1.000  1/0  b\n"
				  "\n"
				  "      ms  f/b  Dom1 device/x/0                 backend\n"
				  "   0.000  3/2  a\n");
	free(text);
}

/* Of 3000 the first is forgotten: it is met anew, and its state is not known any more. */
static void devices_without_end_are_told_in_bounded_memory(void **state)
{
	const struct timeline_look look = { .width = 80 };
	struct timeline_teller *teller;
	struct timeline_entry entry;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(timeline_parse(FRONT(5, "state", 4, 0, "a"), &entry), 0);
	assert_int_equal(timeline_teller_new(out, &look, false, &teller), 0);
	for (uint32_t i = 0; i <= 3000; i++) {
		entry.of.front = i % 3000;
		entry.kind = i ? TIMELINE_NOTE : TIMELINE_STATE;
		entry.own = i ? 0 : 4;
		assert_int_equal(timeline_tell(teller, &entry), 0);
	}
	timeline_teller_free(teller);
	fclose(out);
	assert_int_equal(count_of(text, "4/0"), 1);
	assert_non_null(strstr(text + size - 40, "1/0  a"));
	free(text);
}

static void an_entry_that_anybody_wrote_can_be_used(void **state)
{
	struct xenbus_trace_entry entry;

	for (int byte = 0; byte < 256; byte++) {
		memset(&entry, byte, sizeof(entry));
		trace_file_check(&entry);
		assert_true(entry.kind < TRACE_FILE_KINDS && entry.own < XENBUS_STATES &&
			    entry.other < XENBUS_STATES);
		assert_true(strnlen(entry.device, sizeof(entry.device)) < sizeof(entry.device));
		assert_true(strnlen(entry.text, sizeof(entry.text)) < sizeof(entry.text));
		assert_true(!*entry.text || (*entry.text >= 0x20 && *entry.text < 0x7f));
	}
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
		cmocka_unit_test(states_are_linked_to_where_they_were_seen),
		cmocka_unit_test(a_state_is_seen_once),
		cmocka_unit_test(a_state_is_not_seen_before_it_went_out),
		cmocka_unit_test(an_entry_that_anybody_wrote_can_be_used),
		cmocka_unit_test(the_picture_is_xml_with_an_arrow_a_sight),
		cmocka_unit_test(chromes_events_are_json_whose_flows_pair_up),
		cmocka_unit_test(what_json_says_is_read_again),
		cmocka_unit_test(nothing_a_trace_says_breaks_what_is_drawn),
		cmocka_unit_test(what_comes_live_is_told_with_names),
		cmocka_unit_test(devices_without_end_are_told_in_bounded_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
