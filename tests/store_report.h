/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORE_REPORT_H
#define TESTS_STORE_REPORT_H
/* What a store holds, as it says itself. */
#include <stdint.h>

struct xenbus_host;

struct store_report {
	uint64_t bytes, nodes, watches, transactions, connections, domains, version_bytes;
};

/* Asks the store of XENSTORED_PATH, which writes it to its log: the file @log. The question's own connection counts.
 * Failures are cmocka's. */
void store_report(struct xenbus_host *host, int log, struct store_report *report);

#endif
