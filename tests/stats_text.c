/* SPDX-License-Identifier: MIT */
/* What `xenbus store stats` makes of what the store answers: rates, and sentences. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "json_read.h"
#include "stats_reading.h"
#include "stats_sentence.h"
#include "stats_text.h"

/* What @print prints. Static. */
static const char *printed(void (*print)(const struct json_value *value), const struct json_value *value)
{
	static char text[65536];
	FILE *file = tmpfile();
	int before = dup(STDOUT_FILENO);
	size_t len;

	assert_non_null(file);
	fflush(stdout);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	print(value);
	fflush(stdout);
	assert_true(dup2(before, STDOUT_FILENO) >= 0);
	close(before);
	rewind(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static struct json_value *parse(const char *text)
{
	struct json_value *value;
	int err = json_read(text, strlen(text), &value);

	if (err)
		fail_msg("%s: %s", strerror(-err), text);
	return value;
}

/* -- JSON --------------------------------------------------------------------------------------- */

static const char whole[] =
	"{\"a\":[1,2,{\"b\":null}],\"c\":true,\"d\":false,\"e\":\"\\u0000\\u00ff\\\"\\\\x\",\"f\":18446744073709551615,"
	"\"g\":{},\"h\":[],\"\":0}";

static void what_is_read_is_printed_again(void **state)
{
	struct json_value *value = parse(whole), *copy, *again;
	const char *text = printed(json_print, value);

	again = parse(text);
	assert_string_equal(printed(json_print, again), text);
	assert_int_equal(json_copy(value, &copy), 0);
	assert_string_equal(printed(json_print, copy), text);
	assert_int_equal(json_number_of(value, "f"), UINT64_MAX);
	assert_int_equal(json_member(value, "e")->len, 5);
	assert_memory_equal(json_string_of(value, "e"), "\0\xff\"\\x", 6);
	assert_true(json_member(value, "c")->truth);
	assert_null(json_member(value, "x"));
	assert_null(json_member(json_member(value, "a"), "b"));
	json_free(value);
	json_free(again);
	json_free(copy);
}

/* Cut at each byte, and with each byte replaced: refused or read, never believed beyond its end. */
static void what_is_no_json_is_refused(void **state)
{
	static const char *const wrong[] = { "",
					     "{",
					     "}",
					     "[1,]",
					     "{\"a\"}",
					     "{\"a\":}",
					     "{a:1}",
					     "nul",
					     "01x",
					     "-1",
					     "1.5",
					     "\"\\u0100\"",
					     "\"\\x\"",
					     "\"\n\"",
					     "\"a",
					     "1 2",
					     "[1 2]",
					     "{\"a\":1,}",
					     "[\"\\u00\"]",
					     "\"\\",
					     "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
					     "18446744073709551616" };
	struct json_value *value;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (json_read(wrong[i], strlen(wrong[i]), &value) != -EINVAL)
			fail_msg("taken: %s", wrong[i]);
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *text = malloc(len + 1); /* of exactly that size: a sanitizer sees a byte too much */

		memcpy(text, whole, len);
		assert_int_equal(json_read(text, len, &value), -EINVAL);
		memcpy(text, whole, len);
		for (int byte = 0; len && byte < 256; byte++) {
			text[len / 2] = (char)byte;
			if (!json_read(text, len, &value))
				json_free(value);
		}
		free(text);
	}
}

/* -- differences -------------------------------------------------------------------------------- */

#define STORE(uptime, reads, pid)                                                                       \
	"\"store\":{\"version\":\"1\",\"pid\":" pid ",\"uptime_us\":" uptime ",\"cpu_us\":" uptime      \
	",\"requests\":{\"READ\":" reads "},\"errors\":3,\"transactions\":{\"open\":2,\"conflicts\":5," \
	"\"doomed\":0},\"nodes\":7}"

static void counts_are_differences_and_states_are_not(void **state)
{
	struct json_value *before = parse("{\"interval_us\":null," STORE(
		"1000000", "10",
		"1") ",\"domains\":[{\"domain\":5,\"instance\":2,\"requests\":{\"READ\":10},\"latency_us\":[1,2],"
		     "\"queue\":{\"requests\":3},\"quota\":{\"nodes\":{\"now\":4,\"max\":9,\"refused\":1}}},"
		     "{\"domain\":6,\"instance\":3,\"requests\":{\"READ\":9}}],"
		     "\"connections\":[{\"id\":1,\"requests\":{\"READ\":1}},{\"id\":2,\"requests\":{\"READ\":10}}],"
		     "\"conflicts\":[{\"lost_by\":{\"domain\":0},\"kind\":\"written\",\"path\":\"/x\","
		     "\"caused_by\":{\"domain\":5},\"quota\":null,\"count\":4}]}");
	struct json_value *now = parse("{\"interval_us\":null," STORE(
		"3000000", "25",
		"1") ",\"domains\":[{\"domain\":5,\"instance\":2,\"requests\":{\"READ\":12,\"WRITE\":1},"
		     "\"latency_us\":[1,5,6],\"queue\":{\"requests\":8},\"quota\":{\"nodes\":{\"now\":5,"
		     "\"max\":9,\"refused\":3}}},{\"domain\":6,\"instance\":4,\"requests\":{\"READ\":20}}],"
		     "\"connections\":[{\"id\":2,\"requests\":{\"READ\":11}},{\"id\":3,\"requests\":{\"READ\":1}}],"
		     "\"conflicts\":[{\"lost_by\":{\"domain\":0},\"kind\":\"removed\",\"path\":\"/x\","
		     "\"caused_by\":{\"domain\":5},\"quota\":null,\"count\":6},{\"lost_by\":{\"domain\":0},"
		     "\"kind\":\"written\",\"path\":\"/x\",\"caused_by\":{\"domain\":5},\"quota\":null,\"count\":9}]}");

	assert_int_equal(stats_subtract(now, before), 0);
	struct json_value *wanted = parse(
		"{\"interval_us\":2000000,\"store\":{\"version\":\"1\",\"pid\":1,\"uptime_us\":3000000,\"cpu_us\":2000000,"
		"\"requests\":{\"READ\":15},\"errors\":0,\"transactions\":{\"open\":2,\"conflicts\":0,\"doomed\":0},"
		"\"nodes\":7},\"domains\":[{\"domain\":5,\"instance\":2,\"requests\":{\"READ\":2,\"WRITE\":1},"
		"\"latency_us\":[0,3,6],\"queue\":{\"requests\":8},\"quota\":{\"nodes\":{\"now\":5,\"max\":9,"
		"\"refused\":2}}},{\"domain\":6,\"instance\":4,\"requests\":{\"READ\":20}}],\"connections\":[{\"id\":2,"
		"\"requests\":{\"READ\":1}},{\"id\":3,\"requests\":{\"READ\":1}}],\"conflicts\":[{\"lost_by\":"
		"{\"domain\":0},\"kind\":\"removed\",\"path\":\"/x\",\"caused_by\":{\"domain\":5},\"quota\":null,"
		"\"count\":6},{\"lost_by\":{\"domain\":0},\"kind\":\"written\",\"path\":\"/x\",\"caused_by\":"
		"{\"domain\":5},\"quota\":null,\"count\":5}]}");
	char *text = strdup(printed(json_print, wanted));

	assert_string_equal(printed(json_print, now), text);
	free(text);
	json_free(wanted);
	json_free(before);
	json_free(now);
}

static void another_process_is_not_compared_with(void **state)
{
	static const char lists[] = ",\"domains\":[],\"connections\":[],\"conflicts\":[]}";
	const char *const stores[] = { STORE("9", "1", "1"), STORE("10", "1", "2"), STORE("8", "1", "1") };
	struct json_value *readings[3];
	char text[1024];

	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "{\"interval_us\":null,%s%s", stores[i], lists);
		readings[i] = parse(text);
	}
	assert_int_equal(stats_subtract(readings[1], readings[0]), -ESTALE);
	assert_int_equal(stats_subtract(readings[2], readings[0]), -ESTALE);
	for (int i = 0; i < 3; i++)
		json_free(readings[i]);
}

/* -- sentences ---------------------------------------------------------------------------------- */

#define CONNECTIONS                                                                                          \
	"\"connections\":[{\"id\":1,\"connection\":\"d5\",\"domain\":5,\"ring\":true,\"pid\":null,"          \
	"\"command\":null,\"queue\":{\"paused\":true,\"replies\":20,\"bytes\":2080,\"unread_bytes\":36}},"   \
	"{\"id\":2,\"connection\":\"s7\",\"domain\":0,\"ring\":false,\"pid\":12,\"command\":\"q\\u001b[m\"," \
	"\"queue\":{\"paused\":false}}]"

static void expect_sentence(const char *kind, const char *path, const char *by, const char *quota,
			    const char *wanted)
{
	struct json_value *reading;
	char text[4096];

	snprintf(
		text, sizeof(text),
		"{\"domains\":[]," CONNECTIONS
		",\"conflicts\":[{\"lost_by\":{\"domain\":0,\"connection\":\"s7\"},"
		"\"kind\":\"%s\",\"path\":%s,\"path_cut\":false,\"quota\":%s,\"caused_by\":%s,\"count\":12}]}",
		kind, path, quota, by);
	reading = parse(text);
	if (!strstr(printed(stats_sentences, reading), wanted))
		fail_msg("not '%s' but %s", wanted, printed(stats_sentences, reading));
	json_free(reading);
}

static void each_kind_of_conflict_has_its_sentence(void **state)
{
	static const char five[] = "{\"domain\":5,\"connection\":\"d5\"}", x[] = "\"/a/x\"";
	static const char lost[] =
		": 12 transactions of domain 0 failed, the last of domain 0's q\\x1b[m (12)\n";
	static const struct {
		const char *kind, *path, *by, *quota, *wanted;
	} rows[] = {
		{ "written", x, five, "null", "  domain 5 wrote /a/x" },
		{ "permissions", x, five, "null", "  domain 5 set the permissions of /a/x" },
		{ "children", x, five, "null", "  domain 5 made or removed children of /a/x" },
		{ "removed", x, five, "null", "  domain 5 removed /a/x" },
		{ "created", x, "null", "null", "  somebody (not known any more) created /a/x" },
		{ "created", x, "{\"domain\":0,\"connection\":null}", "null",
		  "  a client of domain 0 that has left created /a/x" },
		{ "written", x, "{\"domain\":0,\"connection\":\"s7\"}", "null",
		  "  domain 0's q\\x1b[m (12) wrote /a/x" },
		{ "owner-died", x, five, "null", "  domain 5 died, and was to own /a/x" },
		{ "quota", x, five, "\"nodes\"", "  domain 5 may not have /a/x (limit: nodes)" },
		{ "kept-long", "null", five, "\"memory\"",
		  "  old versions were kept for too long (limit: memory)" },
		{ "out-of-memory", "null", "null", "null", "  the store was out of memory" },
		{ "restarted", "null", "null", "null", "  the store was restarted" },
		{ "of-tomorrow", x, five, "null", "  something happened to /a/x" },
		{ "written", "\"/\\u001b\\\\\"", five, "null", "  domain 5 wrote /\\x1b\\x5c" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char wanted[256];

		snprintf(wanted, sizeof(wanted), "%s%s", rows[i].wanted, lost);
		expect_sentence(rows[i].kind, rows[i].path, rows[i].by, rows[i].quota, wanted);
	}
}

static void who_is_at_a_limit_or_takes_nothing_is_told(void **state)
{
	struct json_value *reading = parse(
		"{\"domains\":[{\"domain\":0,\"quota\":{\"nodes\":{\"now\":9999,\"max\":9999,\"limit\":0,\"refused\":0}}},"
		"{\"domain\":6,\"quota\":{\"nodes\":{\"now\":900,\"max\":950,\"limit\":1000,\"refused\":0},"
		"\"watches\":{\"now\":1,\"max\":128,\"limit\":128,\"refused\":3},\"memory\":{\"now\":8,\"max\":9,"
		"\"limit\":10,\"refused\":0}}}]," CONNECTIONS ",\"conflicts\":[]}");

	assert_string_equal(
		printed(stats_sentences, reading),
		"\nWho is at a limit:\n"
		"  domain 6: nodes 900 of 1000, the most 950; reached or refused 0 times\n"
		"  domain 6: watches 1 of 128, the most 128; reached or refused 3 times\n"
		"\nWho does not take what it is sent, and is not served until it does:\n"
		"  domain 5: 20 replies, 2080 bytes with events; 36 bytes of requests wait in its ring\n");
	json_free(reading);
}

static void print_all(const struct json_value *reading)
{
	stats_text(reading, UINT32_MAX, UINT_MAX);
}

static void print_domain_0(const struct json_value *reading)
{
	stats_text(reading, 0, UINT_MAX);
}

/* Any object may lack any member: a newer store, or one that lies. */
static void members_that_are_missing_do_no_harm(void **state)
{
	static const char *const readings[] = {
		"{\"interval_us\":null,\"store\":{},\"domains\":[],\"connections\":[],\"conflicts\":[]}",
		"{\"interval_us\":0,\"store\":{\"requests\":1},\"domains\":[{}],\"connections\":[{}],\"conflicts\":[{}]}",
		("{\"interval_us\":1,\"store\":{\"requests\":[\"a\"]},\"domains\":[{\"quota\":{\"a\":1}}],"
		 "\"connections\":[{\"requests\":{\"READ\":7},\"latency_us\":[1,{}]}],\"conflicts\":[{\"count\":1},"
		 "{\"count\":1,\"kind\":5,\"lost_by\":7,\"caused_by\":[]}]}"),
		("{\"interval_us\":[],\"store\":{},\"domains\":[{\"requests\":[7],\"quota\":[{\"refused\":1}]}],"
		 "\"connections\":[{\"requests\":[7],\"queue\":[]}],\"conflicts\":[]}"),
	};

	for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
		struct json_value *reading = parse(readings[i]);

		assert_non_null(strstr(printed(print_all, reading), "xenstored"));
		assert_non_null(strstr(printed(print_domain_0, reading), "xenstored"));
		json_free(reading);
	}
}

static void the_busiest_stand_first_and_few(void **state)
{
	struct json_value *reading = parse("{\"interval_us\":1000000," STORE(
		"2000000", "1", "1") ",\"domains\":[],\"connections\":[],\"conflicts\":[]}");
	struct json_value *connections = json_member(reading, "connections");
	const char *text, *at;
	char one[256];

	for (int i = 0; i < 100; i++) {
		snprintf(
			one, sizeof(one),
			"{\"id\":%d,\"connection\":\"d%d\",\"domain\":%d,\"ring\":true,\"requests\":{\"READ\":1,\"WRITE\":3},"
			"\"busy_us\":%d,\"latency_us\":[0,98,0,2]}",
			i + 1, i, i, i == 42 ? 900000 : i);
		assert_int_equal(json_append(connections, NULL, parse(one)), 0);
	}
	text = printed(print_all, reading);
	at = strstr(text, "mostly\n");
	assert_non_null(at);
	assert_memory_equal(at, "mostly\n 90.0  domain 42 ", strlen("mostly\n 90.0  domain 42 "));
	assert_non_null(strstr(at, "2 us     8 us  WRITE 75 %\n"));
	assert_non_null(strstr(at, "  0.0  domain 99 "));
	assert_null(strstr(at, "domain 80 "));
	assert_non_null(strstr(at, "  80 others: 320 requests\n"));
	json_free(reading);
}

static void print_narrow(const struct json_value *reading)
{
	stats_text(reading, UINT32_MAX, 80);
}

/* Of whatever size the figures are: the line of each connection, and those above it. */
static void it_fits_into_80_columns(void **state)
{
	static const char counts[] =
		"{\"id\":1,\"connection\":\"s1\",\"domain\":0,\"ring\":false,\"pid\":4194304,"
		"\"command\":\"xenstore-control\",\"requests\":{\"%s\":123456789012},"
		"\"errors\":{\"EINVAL\":123456789012},\"transactions\":{\"conflicts\":99999,"
		"\"blamed\":123456789},\"busy_us\":1000000,\"latency_us\":[0,0,0,0,0,0,0,0,0,0,0,0,0,9]}";
	static const char *const operations[] = { "READ", "TRANSACTION_START", "IS_DOMAIN_INTRODUCED" };

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		struct json_value *reading = parse("{\"interval_us\":1000000," STORE(
			"2000000", "123456789012", "4194304") ",\"domains\":[],\"connections\":[],"
							      "\"conflicts\":[]}");
		char one[600];

		snprintf(one, sizeof(one), counts, operations[i]);
		assert_int_equal(json_append(json_member(reading, "connections"), NULL, parse(one)), 0);
		for (const char *line = printed(print_narrow, reading); *line;
		     line += strcspn(line, "\n") + 1)
			if (strcspn(line, "\n") > 80)
				fail_msg("%zu columns: %s", strcspn(line, "\n"), line);
		json_free(reading);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_printed_again),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(counts_are_differences_and_states_are_not),
		cmocka_unit_test(another_process_is_not_compared_with),
		cmocka_unit_test(each_kind_of_conflict_has_its_sentence),
		cmocka_unit_test(who_is_at_a_limit_or_takes_nothing_is_told),
		cmocka_unit_test(members_that_are_missing_do_no_harm),
		cmocka_unit_test(the_busiest_stand_first_and_few),
		cmocka_unit_test(it_fits_into_80_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
