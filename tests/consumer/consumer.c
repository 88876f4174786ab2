/* SPDX-License-Identifier: MIT */
/* A driver author's first program: headers found by pkg-config, the shared library linked and loaded.
 * scripts/check-install builds and runs it against an installed tree. */
#include <stdio.h>
#include <string.h>

#include <xenbus/ring.h>

int main(void)
{
	_Alignas(8) char page[4096] = { 0 };
	char got[6] = { 0 };
	struct store_page guest, server;

	store_page_attach(&guest, page);
	store_page_attach(&server, page);
	if (byte_ring_put(&guest.req, "hello", 5) != 5 || byte_ring_get(&server.req, got, 5) != 5)
		return 1;
	printf("%s\n", got);
	return strcmp(got, "hello") != 0;
}
