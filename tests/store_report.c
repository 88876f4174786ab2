/* SPDX-License-Identifier: MIT */
#include "store_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>

static void ask(struct xenbus_host *host)
{
	struct iovec iov = { (void *)(uintptr_t) "memreport", sizeof("memreport") };
	struct xenstore *xs;

	assert_int_equal(xenstore_open_socket(host, getenv("XENSTORED_PATH"), NULL, &xs), 0);
	assert_int_equal(xenstore_call(xs, XS_CONTROL, XBT_NULL, &iov, 1, NULL, NULL), 0);
	xenstore_close(xs);
}

void store_report(struct xenbus_host *host, int log, struct store_report *report)
{
	char text[4096], *last = NULL;
	unsigned long long v[7];
	struct stat st;
	ssize_t len;

	ask(host);
	assert_int_equal(fstat(log, &st), 0);
	len = pread(log, text, sizeof(text) - 1, st.st_size > 4095 ? st.st_size - 4095 : 0);
	assert_true(len > 0);
	text[len] = '\0';
	for (char *at = text; (at = strstr(at, "memory: ")); at++)
		last = at;
	assert_non_null(last);
	assert_int_equal(sscanf(last,
				"memory: %llu bytes; %llu nodes, %llu watches, %llu transactions, %llu "
				"connections, %llu domains, %llu",
				&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6]),
			 7);
	*report = (struct store_report){ v[0], v[1], v[2], v[3], v[4], v[5], v[6] };
}
