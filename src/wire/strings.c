/* SPDX-License-Identifier: MIT */
#include <xenbus/wire.h>
#include <string.h>

const char *wire_next_string(struct wire_strings *s, size_t *len)
{
	const char *start = s->at;
	const char *end = s->left ? memchr(start, 0, s->left) : NULL;

	if (!end)
		return NULL;
	*len = (size_t)(end - start);
	s->at = end + 1;
	s->left -= *len + 1;
	return start;
}

size_t wire_count_strings(const void *payload, size_t len)
{
	struct wire_strings s = { payload, len };
	size_t count = 0, ignored;

	while (wire_next_string(&s, &ignored))
		count++;
	return count;
}

int wire_split(const void *payload, size_t len, size_t count, const char **strings, size_t *lens)
{
	struct wire_strings s = { payload, len };

	for (size_t i = 0; i < count; i++) {
		strings[i] = wire_next_string(&s, &lens[i]);
		if (!strings[i])
			return -EINVAL;
	}
	return s.left ? -EINVAL : 0;
}

int wire_number(const char *s, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t number = 0;

	if (len == 0 || len > WIRE_NUMBER_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		const unsigned digit = (unsigned char)s[i] - (unsigned)'0';

		if (digit > 9 || number > (UINT64_MAX - digit) / 10)
			return -EINVAL;
		number = number * 10 + digit;
	}
	if (number > max)
		return -EINVAL;
	*out = number;
	return 0;
}

size_t wire_put_number(char buf[WIRE_NUMBER_MAX], uint64_t number)
{
	char digits[WIRE_NUMBER_MAX];
	size_t len = 0;

	do {
		digits[len++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	for (size_t i = 0; i < len; i++)
		buf[i] = digits[len - 1 - i];
	return len;
}
