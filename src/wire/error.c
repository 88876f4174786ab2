/* SPDX-License-Identifier: MIT */
#include <xenbus/wire.h>
#include <errno.h>
#include <string.h>

static uint32_t find_row(int64_t number)
{
	uint32_t row = 0;

	while (row < WIRE_ERROR_COUNT && xsd_errors[row].errnum != number)
		row++;
	return row;
}

uint32_t wire_error_row(int error)
{
	const uint32_t row = find_row(error < 0 ? -(int64_t)error : error);

	return row < WIRE_ERROR_COUNT ? row : find_row(EINVAL);
}

const char *wire_error_in_row(uint32_t row)
{
	return xsd_errors[row].errstring;
}

const char *wire_error_name(int error)
{
	return wire_error_in_row(wire_error_row(error));
}

int wire_error_number(const char *name, size_t len)
{
	for (size_t i = 0; i < WIRE_ERROR_COUNT; i++)
		if (strlen(xsd_errors[i].errstring) == len && !memcmp(xsd_errors[i].errstring, name, len))
			return xsd_errors[i].errnum;
	return 0;
}
