/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <limits.h>
#include <xenbus/wire.h>

static int check(const char *path)
{
	return wire_path_check(path, strlen(path));
}

static void a_header_survives_the_round_trip(void **state)
{
	uint8_t bytes[WIRE_HEADER_SIZE + 1] = { 0 };
	struct xsd_sockmsg h;

	wire_header_put(bytes + 1, XS_WRITE, 7, 9, 0xfffffff0u);
	wire_header_get(bytes + 1, &h);
	assert_int_equal(h.type, XS_WRITE);
	assert_int_equal(h.req_id, 7);
	assert_int_equal(h.tx_id, 9);
	assert_int_equal(h.len, 0xfffffff0u);
}

static void every_operation_has_a_name_and_20_has_none(void **state)
{
	for (uint32_t op = 0; op < WIRE_OP_COUNT; op++)
		assert_int_equal(wire_op_name(op) == NULL, op == 20);
	assert_null(wire_op_name(WIRE_OP_COUNT));
	assert_null(wire_op_name(UINT32_MAX));
	assert_string_equal(wire_op_name(XS_DIRECTORY_PART), "DIRECTORY_PART");
	assert_string_equal(wire_op_name(WIRE_SET_QUOTA), "SET_QUOTA");
}

static void operation_names_go_both_ways(void **state)
{
	for (uint32_t op = 0; op < WIRE_OP_COUNT; op++)
		if (wire_op_name(op))
			assert_int_equal(wire_op_number(wire_op_name(op)), op);
	assert_int_equal(wire_op_number("READX"), -ENOENT);
	assert_int_equal(wire_op_number(""), -ENOENT);
	assert_true(wire_op_has_path(XS_DIRECTORY_PART));
	assert_true(wire_op_has_path(XS_WATCH_EVENT));
	assert_false(wire_op_has_path(XS_TRANSACTION_END));
	assert_false(wire_op_has_path(UINT32_MAX));
}

static void error_names_go_both_ways(void **state)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
		const char *name = wire_error_name(-xsd_errors[i].errnum);

		assert_string_equal(name, xsd_errors[i].errstring);
		assert_string_equal(wire_error_name(xsd_errors[i].errnum), name);
		assert_int_equal(wire_error_number(name, strlen(name)), xsd_errors[i].errnum);
		assert_int_equal(wire_error_number(name, strlen(name) - 1), 0);
	}
	assert_string_equal(wire_error_name(-EPROTO), "EINVAL");
	assert_string_equal(wire_error_name(INT_MIN), "EINVAL");
	assert_int_equal(wire_error_number("EQUOTA", 6), 0);
	assert_int_equal(wire_error_number("EINVAL", 7), 0);
	assert_int_equal(wire_error_number("", 0), 0);
}

static void strings_are_cut_at_their_nul_only(void **state)
{
	struct wire_strings s = { "ab\0\0c\0rest", 10 };
	const char *strings[3];
	size_t lens[3], len;

	assert_int_equal(wire_count_strings(s.at, s.left), 3);
	assert_string_equal(wire_next_string(&s, &len), "ab");
	assert_int_equal(len, 2);
	assert_string_equal(wire_next_string(&s, &len), "");
	assert_string_equal(wire_next_string(&s, &len), "c");
	assert_null(wire_next_string(&s, &len));
	assert_int_equal(s.left, 4);
	assert_int_equal(wire_split("a\0bc\0", 5, 2, strings, lens), 0);
	assert_string_equal(strings[1], "bc");
	assert_int_equal(lens[1], 2);
	assert_int_equal(wire_split("a\0bc", 4, 2, strings, lens), -EINVAL);
	assert_int_equal(wire_split("a\0b\0c\0", 6, 2, strings, lens), -EINVAL);
	assert_int_equal(wire_split("a\0", 2, 2, strings, lens), -EINVAL);
	assert_int_equal(wire_split(NULL, 0, 1, strings, lens), -EINVAL);
	assert_int_equal(wire_count_strings(NULL, 0), 0);
}

static void numbers_are_digits_and_nothing_else(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "0x1", "1a", "18446744073709551616", "000000000000000000001"
	};
	char buf[WIRE_NUMBER_MAX];
	uint64_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(wire_number(bad[i], strlen(bad[i]), UINT64_MAX, &n), -EINVAL);
	assert_int_equal(wire_number("18446744073709551615", 20, UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(wire_put_number(buf, n), 20);
	assert_memory_equal(buf, "18446744073709551615", 20);
	assert_int_equal(wire_number("65535", 5, 65535, &n), 0);
	assert_int_equal(wire_number("65536", 5, 65535, &n), -EINVAL);
	assert_int_equal(wire_put_number(buf, 0), 1);
	assert_int_equal(buf[0], '0');
}

static void path_forms_are_told_apart(void **state)
{
	assert_int_equal(check("/"), WIRE_PATH_ABSOLUTE);
	assert_int_equal(check("/a-B_9@/x"), WIRE_PATH_ABSOLUTE);
	assert_int_equal(check("a/b"), WIRE_PATH_RELATIVE);
	assert_int_equal(check("@releaseDomain"), WIRE_PATH_SPECIAL);
	assert_int_equal(check("@releaseDomain/5"), WIRE_PATH_SPECIAL);
}

static void every_byte_outside_the_set_is_refused(void **state)
{
	static const char good[] = "-/_@";
	char path[4] = "/a?b";

	for (int c = 0; c < 256; c++) {
		const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
				(c && strchr(good, c));

		path[2] = (char)c;
		assert_int_equal(wire_path_check(path, 4), ok ? WIRE_PATH_ABSOLUTE : -EINVAL);
	}
}

static void empty_components_are_refused(void **state)
{
	static const char *const bad[] = { "", "//", "/a/", "a/", "/a//b", "@/", "/local/domain/", "a//b" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(check(bad[i]), -EINVAL);
}

static void length_limits_hold_to_the_byte(void **state)
{
	char path[WIRE_ABS_PATH_MAX + 1], buf[WIRE_ABS_PATH_MAX];
	const char *out;
	size_t len;

	memset(path, 'a', sizeof(path));
	assert_int_equal(wire_path_check(path, WIRE_REL_PATH_MAX), WIRE_PATH_RELATIVE);
	assert_int_equal(wire_path_check(path, WIRE_REL_PATH_MAX + 1), -EINVAL);
	assert_int_equal(wire_path_canonical(path, WIRE_REL_PATH_MAX, 65535, buf, &out, &len),
			 WIRE_PATH_RELATIVE);
	assert_int_equal(len, WIRE_REL_PATH_MAX + strlen("/local/domain/65535/"));
	path[0] = '/';
	assert_int_equal(wire_path_check(path, WIRE_ABS_PATH_MAX), WIRE_PATH_ABSOLUTE);
	assert_int_equal(wire_path_check(path, WIRE_ABS_PATH_MAX + 1), -EINVAL);
	path[0] = '@';
	assert_int_equal(wire_path_check(path, WIRE_REL_PATH_MAX + 1), -EINVAL);
}

static void only_a_relative_path_is_rewritten(void **state)
{
	char buf[WIRE_ABS_PATH_MAX];
	const char *out, *abs = "/x/y";
	size_t len;

	assert_int_equal(wire_path_canonical("x/y", 3, 12, buf, &out, &len), WIRE_PATH_RELATIVE);
	assert_int_equal(len, strlen("/local/domain/12/x/y"));
	assert_memory_equal(out, "/local/domain/12/x/y", len);
	assert_int_equal(wire_path_canonical(abs, 4, 12, buf, &out, &len), WIRE_PATH_ABSOLUTE);
	assert_ptr_equal(out, abs);
	assert_int_equal(wire_path_canonical("@x", 2, 12, buf, &out, &len), WIRE_PATH_SPECIAL);
	assert_int_equal(len, 2);
	assert_int_equal(wire_path_canonical("x/", 2, 12, buf, &out, &len), -EINVAL);
}

static void the_home_prefix_is_measured(void **state)
{
	assert_int_equal(wire_home_prefix("/local/domain/12/x", 18), 17);
	assert_int_equal(wire_home_prefix("/local/domain/12", 16), 0);
	assert_int_equal(wire_home_prefix("/local/domain//x", 16), 0);
	assert_int_equal(wire_home_prefix("/local/domain/x/y", 17), 0);
	assert_int_equal(wire_home_prefix("/local", 6), 0);
}

static void components_come_in_order(void **state)
{
	struct wire_strings p = { "/ab/c", 5 }, root = { "/", 1 }, special = { "@x/5", 4 };
	const char *c;
	size_t len;

	c = wire_next_component(&p, &len);
	assert_int_equal(len, 2);
	assert_memory_equal(c, "ab", 2);
	c = wire_next_component(&p, &len);
	assert_int_equal(len, 1);
	assert_memory_equal(c, "c", 1);
	assert_null(wire_next_component(&p, &len));
	assert_null(wire_next_component(&root, &len));
	c = wire_next_component(&special, &len);
	assert_int_equal(len, 2);
	assert_memory_equal(c, "@x", 2);
}

static void under_means_whole_components(void **state)
{
	assert_true(wire_path_is_under("/a/b", 4, "/a", 2));
	assert_true(wire_path_is_under("/a", 2, "/a", 2));
	assert_true(wire_path_is_under("/a", 2, "/", 1));
	assert_false(wire_path_is_under("/ab", 3, "/a", 2));
	assert_false(wire_path_is_under("/", 1, "/a", 2));
	assert_false(wire_path_is_under("@a", 2, "/", 1));
}

static void permissions_go_both_ways(void **state)
{
	static const char *const bad[] = { "", "r", "x1", "r-1", "r1 ", "r65536", "R1", "rr1" };
	char buf[WIRE_PERM_MAX];
	struct wire_perm p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(wire_perm_parse(bad[i], strlen(bad[i]), &p), -EINVAL);
	for (const char *l = "nrwb"; *l; l++) {
		const char text[] = { *l, '6', '5', '5', '3', '5', 0 };

		assert_int_equal(wire_perm_parse(text, 6, &p), 0);
		assert_int_equal(wire_perm_format(&p, buf), sizeof(text));
		assert_string_equal(buf, text);
	}
	assert_int_equal(wire_perm_parse("w0", 2, &p), 0);
	assert_int_equal(p.access, WIRE_PERM_WRITE);
	assert_int_equal(wire_perm_format(&p, buf), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_survives_the_round_trip),
		cmocka_unit_test(every_operation_has_a_name_and_20_has_none),
		cmocka_unit_test(operation_names_go_both_ways),
		cmocka_unit_test(error_names_go_both_ways),
		cmocka_unit_test(strings_are_cut_at_their_nul_only),
		cmocka_unit_test(numbers_are_digits_and_nothing_else),
		cmocka_unit_test(path_forms_are_told_apart),
		cmocka_unit_test(every_byte_outside_the_set_is_refused),
		cmocka_unit_test(empty_components_are_refused),
		cmocka_unit_test(length_limits_hold_to_the_byte),
		cmocka_unit_test(only_a_relative_path_is_rewritten),
		cmocka_unit_test(the_home_prefix_is_measured),
		cmocka_unit_test(components_come_in_order),
		cmocka_unit_test(under_means_whole_components),
		cmocka_unit_test(permissions_go_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
