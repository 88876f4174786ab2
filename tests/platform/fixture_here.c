/* SPDX-License-Identifier: MIT */
/* Of worlds whose domains' memory lies all in this process, and which promise all that may be promised. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "fixture.h"

const struct fixture_traits fixture_traits = {
	.merges_all = true,
	.checks_peer = true,
	.dom_exc_free = true,
	.counts_mapped = true,
	.revokes_mapped = true,
	.keeps_rights = true,
	.new_numbers = true,
	.death_is_an_end = true,
};

void fixture_read(struct xen_platform *platform, const void *addr, void *buf, size_t len)
{
	memcpy(buf, addr, len);
}

void fixture_write(struct xen_platform *platform, void *addr, const void *buf, size_t len)
{
	memcpy(addr, buf, len);
}

int fixture_protect(struct xen_platform *platform, void *addr, size_t len, int prot)
{
	return mprotect(addr, len, prot) ? -errno : 0;
}

int fixture_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	return _cmocka_run_group_tests("contract", tests, count, NULL, NULL);
}
