/* SPDX-License-Identifier: MIT */
#include <xenbus/wire.h>

/* By access bits. */
static const char letters[4] = { 'n', 'r', 'w', 'b' };

char wire_perm_letter(uint8_t access)
{
	return letters[access & (WIRE_PERM_READ | WIRE_PERM_WRITE)];
}

int wire_perm_parse(const char *s, size_t len, struct wire_perm *out)
{
	uint64_t domid;
	uint8_t access = 0;

	if (len < 2 || wire_number(s + 1, len - 1, UINT16_MAX, &domid))
		return -EINVAL;
	while (access < sizeof(letters) && letters[access] != s[0])
		access++;
	if (access == sizeof(letters))
		return -EINVAL;
	out->domid = (uint16_t)domid;
	out->access = access;
	return 0;
}

size_t wire_perm_format(const struct wire_perm *perm, char buf[WIRE_PERM_MAX])
{
	char number[WIRE_NUMBER_MAX];
	const size_t digits = wire_put_number(number, perm->domid);

	buf[0] = wire_perm_letter(perm->access);
	for (size_t i = 0; i < digits; i++)
		buf[1 + i] = number[i];
	buf[1 + digits] = '\0';
	return digits + 2;
}
