/* SPDX-License-Identifier: MIT */
#include "stats_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "stats_figure.h"
#include "stats_sentence.h"
#include "stats_table.h"

/* -- the store ---------------------------------------------------------------------------------- */

static void print_span(const struct stats_span *span)
{
	const uint64_t minutes = (uint64_t)span->seconds / 60;

	if (!span->since_start)
		printf("in %.1f s", span->seconds);
	else if (minutes < 2)
		printf("since it started, %.0f s ago", span->seconds);
	else
		printf("since it started, %" PRIu64 " h %" PRIu64 " min ago", minutes / 60, minutes % 60);
}

static void print_store(const struct json_value *store, const struct stats_span *span)
{
	const char *version = json_string_of(store, "version");
	const uint64_t requests = stats_sum(json_member(store, "requests"));
	const struct json_value *transactions = json_member(store, "transactions");
	char numbers[4][STATS_FIGURE];

	fputs("xenstored ", stdout);
	stats_print_escaped(version);
	printf(", process %" PRIu64 ", ", json_number_of(store, "pid"));
	print_span(span);
	printf(": %.1f %% of a processor\n", stats_percent(json_number_of(store, "cpu_us"), span));
	printf("%s requests (%s a second), %s errors, %s transactions failed with EAGAIN\n",
	       stats_short_number(requests, numbers[0]),
	       stats_short_number((uint64_t)((double)requests / span->seconds), numbers[1]),
	       stats_short_number(json_number_of(store, "errors"), numbers[2]),
	       stats_short_number(json_number_of(transactions, "conflicts"), numbers[3]));
	printf("now: %" PRIu64 " domains, %" PRIu64 " connections, %" PRIu64 " watches, %" PRIu64
	       " open transactions, %" PRIu64 " nodes, %sB\n",
	       json_number_of(store, "domains"), json_number_of(store, "connections"),
	       json_number_of(store, "watches"), json_number_of(transactions, "open"),
	       json_number_of(store, "nodes"),
	       stats_short_number(json_number_of(store, "bytes"), numbers[0]));
	printf("ever: at most %" PRIu64 " requests of any one other connection were served while one of\n"
	       "      domain 0 waited, and %" PRIu64 " while one of a guest did\n",
	       json_number_of(store, "passed"), json_number_of(store, "passed_guest"));
}

/* -- one domain, in full ------------------------------------------------------------------------ */

static void print_kinds(const char *title, const struct json_value *of)
{
	printf("%s:", title);
	for (const struct json_value *each = of ? of->first : NULL; each; each = each->next) {
		if (!each->number)
			continue;
		putchar(' ');
		stats_print_escaped(each->key);
		printf(" %" PRIu64, each->number);
	}
	putchar('\n');
}

static void print_latencies(const struct json_value *domain)
{
	const struct json_value *rows = json_member(domain, "latency_us");
	uint64_t bound = 1;
	char text[STATS_FIGURE];

	fputs("answered within:", stdout);
	for (const struct json_value *row = rows ? rows->first : NULL; row; row = row->next, bound *= 2)
		if (row->number)
			printf(" %s %" PRIu64, stats_short_time(bound, text), row->number);
	putchar('\n');
}

static void print_quotas(const struct json_value *quotas)
{
	printf("%-20s %12s %12s %12s %10s\n", "quota", "now", "most", "limit", "refused");
	for (const struct json_value *each = quotas ? quotas->first : NULL; each; each = each->next) {
		const uint64_t limit = json_number_of(each, "limit");
		const size_t width = each->key ? strlen(each->key) : 1;

		stats_print_escaped(each->key);
		printf("%*s %12" PRIu64 " %12" PRIu64 " ", width < 20 ? 20 - (int)width : 0, "",
		       json_number_of(each, "now"), json_number_of(each, "max"));
		if (limit)
			printf("%12" PRIu64, limit);
		else
			printf("%12s", "none");
		printf(" %10" PRIu64 "\n", json_number_of(each, "refused"));
	}
}

static void print_domain(const struct json_value *domain)
{
	printf("\ndomain %" PRIu64 "\n", json_number_of(domain, "domain"));
	print_kinds("requests", json_member(domain, "requests"));
	print_kinds("errors", json_member(domain, "errors"));
	print_kinds("events", json_member(domain, "events"));
	print_kinds("transactions", json_member(domain, "transactions"));
	print_latencies(domain);
	print_quotas(json_member(domain, "quota"));
}

void stats_text(const struct json_value *reading, uint32_t domid, unsigned int width)
{
	const struct stats_span span = stats_span_of(reading);

	print_store(json_member(reading, "store"), &span);
	stats_table(reading, &span, width);
	stats_sentences(reading);
	for (const struct json_value *each = json_member(reading, "domains")->first;
	     each && domid != UINT32_MAX; each = each->next)
		print_domain(each);
}
