/* SPDX-License-Identifier: MIT */
/* The wire's parsers against the same rules written down once more, by the letter. */
#include "fuzz.h"
#include <xenbus/wire.h>

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_' || c == '@';
}

/* What wire_path_check() should say. */
static int expected_path(const char *path, size_t len)
{
	const bool absolute = len && path[0] == '/';

	if (!len || len > (absolute ? WIRE_ABS_PATH_MAX : WIRE_REL_PATH_MAX))
		return -EINVAL;
	if (absolute && len == 1)
		return WIRE_PATH_ABSOLUTE;
	for (size_t i = 0; i < len; i++) {
		if (path[i] != '/' && !is_name_byte(path[i]))
			return -EINVAL;
		if (path[i] == '/' && (i + 1 == len || path[i + 1] == '/'))
			return -EINVAL;
	}
	return absolute ? WIRE_PATH_ABSOLUTE : path[0] == '@' ? WIRE_PATH_SPECIAL : WIRE_PATH_RELATIVE;
}

static void check_components(const char *path, size_t len)
{
	struct wire_strings rest = { path, len };
	const char *component;
	size_t n, seen = 0;

	while ((component = wire_next_component(&rest, &n)) != NULL) {
		fuzz_expect(n && component >= path && component + n <= path + len &&
			    !memchr(component, '/', n));
		seen += n + (component > path && component[-1] == '/');
	}
	fuzz_expect(seen == len || len == 1);
}

static void check_path(const char *path, size_t len, uint32_t domid)
{
	const int kind = expected_path(path, len);
	char buf[WIRE_ABS_PATH_MAX], home[WIRE_HOME_MAX];
	const size_t home_len = wire_home(domid, home);
	const char *canonical;
	size_t canonical_len;
	int err;

	fuzz_expect(wire_path_check(path, len) == kind);
	err = wire_path_canonical(path, len, domid, buf, &canonical, &canonical_len);
	if (kind == WIRE_PATH_RELATIVE && home_len + 1 + len > WIRE_ABS_PATH_MAX) {
		fuzz_expect(err == -EINVAL);
		return;
	}
	fuzz_expect(err == kind);
	if (kind < 0)
		return;
	fuzz_expect(wire_home_prefix(canonical, canonical_len) <= canonical_len);
	if (kind == WIRE_PATH_RELATIVE) {
		fuzz_expect(canonical_len == home_len + 1 + len && !memcmp(canonical, home, home_len) &&
			    canonical[home_len] == '/' && !memcmp(canonical + home_len + 1, path, len));
		fuzz_expect(wire_path_is_under(canonical, canonical_len, home, home_len));
		fuzz_expect(wire_home_prefix(canonical, canonical_len) == home_len + 1);
	} else {
		fuzz_expect(canonical_len == len && !memcmp(canonical, path, len));
	}
	fuzz_expect(wire_path_is_under(canonical, canonical_len, canonical, canonical_len));
	if (kind != WIRE_PATH_SPECIAL)
		check_components(canonical, canonical_len);
}

static void check_number(const char *s, size_t len, uint64_t max)
{
	uint64_t number = 77, wanted = 0;
	char text[WIRE_NUMBER_MAX];
	bool fits = len >= 1 && len <= WIRE_NUMBER_MAX;

	for (size_t i = 0; fits && i < len; i++) {
		fits = s[i] >= '0' && s[i] <= '9' && wanted <= (UINT64_MAX - (uint64_t)(s[i] - '0')) / 10;
		wanted = fits ? 10 * wanted + (uint64_t)(s[i] - '0') : 0;
	}
	fits = fits && wanted <= max;
	fuzz_expect(wire_number(s, len, max, &number) == (fits ? 0 : -EINVAL));
	if (!fits)
		return;
	fuzz_expect(number == wanted);
	len = wire_put_number(text, number);
	fuzz_expect(!wire_number(text, len, UINT64_MAX, &wanted) && wanted == number);
}

static void check_perm(const char *s, size_t len)
{
	struct wire_perm perm, again;
	char text[WIRE_PERM_MAX];
	const char *letters = "nrwb", *letter = len ? memchr(letters, s[0], 4) : NULL;
	uint64_t domid;
	const bool good = letter && !wire_number(s + 1, len - 1, 65535, &domid);
	size_t n;

	fuzz_expect(wire_perm_parse(s, len, &perm) == (good ? 0 : -EINVAL));
	if (!good)
		return;
	fuzz_expect(perm.access == (uint8_t)(letter - letters) && perm.domid == domid);
	n = wire_perm_format(&perm, text);
	fuzz_expect(n <= WIRE_PERM_MAX && !text[n - 1] && !wire_perm_parse(text, n - 1, &again));
	fuzz_expect(again.access == perm.access && again.domid == perm.domid);
	fuzz_expect(wire_perm_letter(perm.access) == s[0]);
}

static void check_strings(const char *payload, size_t len)
{
	struct wire_strings rest = { payload, len };
	const char *at = payload, *s, *strings[4];
	size_t count = 0, n, lens[4];

	while ((s = wire_next_string(&rest, &n)) != NULL) {
		fuzz_expect(s == at && strnlen(s, (size_t)(payload + len - s)) == n);
		at = s + n + 1;
		count++;
	}
	fuzz_expect((size_t)(payload + len - at) == rest.left && (!rest.left || !memchr(at, 0, rest.left)));
	fuzz_expect(wire_count_strings(payload, len) == count);
	for (size_t want = 1; want <= 4; want++) {
		const bool fits = count == want && !rest.left;

		fuzz_expect(wire_split(payload, len, want, strings, lens) == (fits ? 0 : -EINVAL));
		for (size_t i = 0; fits && i < want; i++)
			fuzz_expect(!strings[i][lens[i]] && strlen(strings[i]) == lens[i]);
	}
}

static void check_header(const uint8_t *data, size_t size)
{
	uint8_t copy[WIRE_HEADER_SIZE];
	struct xsd_sockmsg h;

	if (size < WIRE_HEADER_SIZE)
		return;
	wire_header_get(data, &h);
	wire_header_put(copy, h.type, h.req_id, h.tx_id, h.len);
	fuzz_expect(!memcmp(copy, data, WIRE_HEADER_SIZE));
	if (wire_op_name(h.type))
		fuzz_expect(wire_op_number(wire_op_name(h.type)) == (int)h.type);
	fuzz_expect(wire_error_number(wire_error_name((int)h.len), strlen(wire_error_name((int)h.len))) > 0);
	wire_op_has_path(h.type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = { data, size };
	const uint32_t domid = choose_u32(&c) & 0xffff;
	const uint64_t max = (uint64_t)choose_u32(&c) << (choose(&c) % 40);
	char *text = malloc(c.left ? c.left : 1), *name; /* to the byte, for the sanitizer */
	const size_t len = c.left;

	fuzz_expect(text);
	memcpy(text, c.at, len);
	check_header(c.at, len);
	check_path(text, len, domid);
	check_number(text, len, max);
	check_perm(text, len);
	check_strings(text, len);
	name = malloc(len + 1);
	fuzz_expect(name);
	memcpy(name, text, len);
	name[len] = '\0';
	if (wire_error_number(text, len))
		fuzz_expect(!strcmp(wire_error_name(wire_error_number(text, len)), name));
	if (wire_op_number(name) >= 0)
		fuzz_expect(!strcmp(wire_op_name((uint32_t)wire_op_number(name)), name));
	free(name);
	free(text);
	return 0;
}
