/* SPDX-License-Identifier: MIT */
#include <xenbus/wire.h>
#include <string.h>

#define ERROR_COUNT (sizeof(xsd_errors) / sizeof(xsd_errors[0]))

const char *wire_error_name(int error)
{
	const int number = error < 0 ? -error : error;

	for (size_t i = 0; i < ERROR_COUNT; i++)
		if (xsd_errors[i].errnum == number)
			return xsd_errors[i].errstring;
	return "EINVAL";
}

int wire_error_number(const char *name, size_t len)
{
	for (size_t i = 0; i < ERROR_COUNT; i++)
		if (strlen(xsd_errors[i].errstring) == len && !memcmp(xsd_errors[i].errstring, name, len))
			return xsd_errors[i].errnum;
	return 0;
}
