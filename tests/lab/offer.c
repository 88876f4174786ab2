/* SPDX-License-Identifier: MIT */
/*
 * offer DOMID PAGES: in a guest, grants PAGES zeroed pages to domain DOMID and offers it a port; prints the references and
 * the port, on one line, and stays until it is killed. For those who write a frontend's keys by hand elsewhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenbus/platform.h>

#define PAGES_MAX 16u

static int fail(const char *what, int err)
{
	fprintf(stderr, "offer: %s: %s\n", what, strerror(-err));
	return 1;
}

int main(int argc, char **argv)
{
	struct xen_platform *platform;
	struct xen_platform_evtchn *xce;
	struct xen_platform_gntshr *xgs;
	uint32_t refs[PAGES_MAX], domid, pages;
	const char *why = "";
	void *addr;
	int err, port;

	if (argc != 3)
		return fail("DOMID PAGES", 0);
	domid = (uint32_t)strtoul(argv[1], NULL, 10);
	pages = (uint32_t)strtoul(argv[2], NULL, 10);
	if (!pages || pages > PAGES_MAX)
		return fail("PAGES is 1 to 16", 0);
	err = xen_platform_open(&platform, &why);
	if (err)
		return fail(why, err);
	err = xen_platform_gntshr_open(platform, &xgs);
	if (!err)
		err = xen_platform_gntshr_share(xgs, domid, pages, true, refs, &addr);
	if (err)
		return fail("pages", err);
	err = xen_platform_evtchn_open(platform, &xce);
	port = err ? err : xen_platform_evtchn_bind_unbound_port(xce, domid);
	if (port < 0)
		return fail("port", port);
	for (uint32_t i = 0; i < pages; i++)
		printf("%u ", refs[i]);
	printf("%d\n", port);
	fflush(stdout);
	for (;;)
		pause();
}
