/* SPDX-License-Identifier: MIT */
#include "core.h"
int store_dump(const struct store *s, uint8_t **data, size_t *len)
{
	*data = calloc(1, 1);
	*len = 0;
	return 0;
}
int store_load(struct store *s, const uint8_t *data, size_t len, const char **why)
{
	return 0;
}
