/* SPDX-License-Identifier: MIT */
#include "stats_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "stats_sentence.h"

#define ROWS 20u   /* connections shown; the others are summed up */
#define FIGURE 32u /* bytes of a figure as text */

/* -- figures ------------------------------------------------------------------------------------ */

static uint64_t sum(const struct json_value *of)
{
	uint64_t total = 0;

	for (const struct json_value *each = of ? of->first : NULL; each; each = each->next)
		total += each->number;
	return total;
}

/* In microseconds, at most: of @percent of the requests. 0: there were none. */
static uint64_t latency(const struct json_value *connection, unsigned int percent)
{
	const struct json_value *rows = json_member(connection, "latency_us");
	const uint64_t all = sum(rows);
	uint64_t seen = 0, bound = 1;

	for (const struct json_value *row = rows ? rows->first : NULL; row && all; row = row->next) {
		seen += row->number;
		if (seen >= (all * percent + 99) / 100)
			return bound;
		bound *= 2;
	}
	return 0;
}

/* "12", "1.2 k", "34 M": three or four digits. */
static const char *short_number(uint64_t number, char buf[FIGURE])
{
	static const char units[] = " kMGTPE";
	double value = (double)number;
	int unit = 0;

	if (number < 100000) {
		snprintf(buf, FIGURE, "%" PRIu64, number);
		return buf;
	}
	for (; value >= 1000; unit++)
		value /= 1000;
	snprintf(buf, FIGURE, value < 10 ? "%.2f%c" : value < 100 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return buf;
}

static const char *short_time(uint64_t us, char buf[FIGURE])
{
	if (!us)
		return "-";
	if (us < 10000)
		snprintf(buf, FIGURE, "%" PRIu64 " us", us);
	else if (us < 10000000)
		snprintf(buf, FIGURE, "%" PRIu64 " ms", us / 1000);
	else
		snprintf(buf, FIGURE, "%" PRIu64 " s", us / 1000000);
	return buf;
}

struct span {
	double seconds;
	bool since_start;
};

static struct span span_of(const struct json_value *reading)
{
	const struct json_value *interval = json_member(reading, "interval_us");
	const bool given = interval && interval->type == JSON_NUMBER;
	const uint64_t us =
		given ? interval->number : json_number_of(json_member(reading, "store"), "uptime_us");

	return (struct span){ us ? (double)us / 1e6 : 1e-6, !given };
}

static double percent_of(uint64_t us, const struct span *span)
{
	return (double)us / 1e4 / span->seconds;
}

/* -- the store ---------------------------------------------------------------------------------- */

static void print_span(const struct span *span)
{
	const uint64_t minutes = (uint64_t)span->seconds / 60;

	if (!span->since_start)
		printf("in %.1f s: ", span->seconds);
	else if (minutes < 2)
		printf("since it started, %.0f s ago: ", span->seconds);
	else
		printf("since it started, %" PRIu64 " h %" PRIu64 " min ago: ", minutes / 60, minutes % 60);
}

static void print_store(const struct json_value *store, const struct span *span)
{
	const char *version = json_string_of(store, "version");
	const uint64_t requests = sum(json_member(store, "requests"));
	const struct json_value *transactions = json_member(store, "transactions");
	char number[FIGURE];

	fputs("xenstored ", stdout);
	stats_print_escaped(version);
	printf(", process %" PRIu64 ", ", json_number_of(store, "pid"));
	print_span(span);
	printf("%.1f %% of a processor, %" PRIu64 " requests (%s a second), ",
	       percent_of(json_number_of(store, "cpu_us"), span), requests,
	       short_number((uint64_t)((double)requests / span->seconds), number));
	printf("%" PRIu64 " errors, %" PRIu64 " transactions failed with EAGAIN\n",
	       json_number_of(store, "errors"), json_number_of(transactions, "conflicts"));
	printf("now: %" PRIu64 " domains, %" PRIu64 " connections, %" PRIu64 " watches, %" PRIu64
	       " open transactions, %" PRIu64 " nodes, %sB\n",
	       json_number_of(store, "domains"), json_number_of(store, "connections"),
	       json_number_of(store, "watches"), json_number_of(transactions, "open"),
	       json_number_of(store, "nodes"), short_number(json_number_of(store, "bytes"), number));
	printf("ever: while a request of domain 0 waited, at most %" PRIu64
	       " of any one other connection were served; of a guest, %" PRIu64 "\n",
	       json_number_of(store, "passed"), json_number_of(store, "passed_guest"));
}

/* -- connections -------------------------------------------------------------------------------- */

static int by_load(const void *a, const void *b)
{
	const struct json_value *one = *(struct json_value *const *)a,
				*other = *(struct json_value *const *)b;
	const uint64_t keys[][2] = {
		{ json_number_of(one, "busy_us"), json_number_of(other, "busy_us") },
		{ sum(json_member(one, "requests")), sum(json_member(other, "requests")) },
		{ json_number_of(other, "id"), json_number_of(one, "id") }, /* the older first */
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] > keys[i][1] ? -1 : 1;
	return 0;
}

/* The operation asked for most, and its part. */
static void print_mostly(const struct json_value *requests)
{
	const struct json_value *most = requests ? requests->first : NULL;

	for (const struct json_value *each = most; each; each = each->next)
		if (each->number > most->number)
			most = each;
	if (!most || !most->number) {
		puts("-");
		return;
	}
	stats_print_escaped(most->key);
	printf(" %.0f %%\n", 100.0 * (double)most->number / (double)sum(requests));
}

static void print_program(const struct json_value *connection)
{
	char text[64];

	printf("%-24.24s", stats_program(connection, text, sizeof(text)));
}

static void print_connection(const struct json_value *connection, const struct span *span)
{
	const struct json_value *requests = json_member(connection, "requests");
	const struct json_value *transactions = json_member(connection, "transactions");
	const uint64_t count = sum(requests);
	char numbers[7][FIGURE];

	printf("%5.1f  ", percent_of(json_number_of(connection, "busy_us"), span));
	print_program(connection);
	printf(" %8s %8s %7s %7s %7s %7s %8s %8s  ", short_number(count, numbers[0]),
	       short_number((uint64_t)((double)count / span->seconds), numbers[1]),
	       short_number(sum(json_member(connection, "errors")), numbers[2]),
	       short_number(json_number_of(transactions, "conflicts"), numbers[3]),
	       short_number(json_number_of(transactions, "blamed"), numbers[4]),
	       short_number(json_number_of(json_member(connection, "queue"), "bytes"), numbers[5]),
	       short_time(latency(connection, 50), numbers[6]),
	       short_time(latency(connection, 99), (char[FIGURE]){ 0 }));
	print_mostly(requests);
}

struct load {
	uint64_t busy_us, requests;
};

static void add_load(struct load *to, const struct json_value *of)
{
	to->busy_us += json_number_of(of, "busy_us");
	to->requests += sum(json_member(of, "requests"));
}

static void print_load(const struct load *load, const struct span *span, const char *who)
{
	printf("%5.1f  %s: %" PRIu64 " requests\n", percent_of(load->busy_us, span), who, load->requests);
}

static void print_rest(struct json_value *const *rows, size_t count, const struct span *span)
{
	struct load rest = { 0 };
	char who[FIGURE];

	for (size_t i = 0; i < count; i++)
		add_load(&rest, rows[i]);
	snprintf(who, sizeof(who), "%zu others", count);
	if (count)
		print_load(&rest, span, who);
}

/* What domain 0 had done in all and none of its connections has: programs that ask once and leave, in crowds. */
static void print_gone(const struct json_value *reading, const struct span *span)
{
	const struct json_value *domain = json_member(reading, "domains")->first;
	struct load all = { 0 }, there = { 0 };

	while (domain && json_number_of(domain, "domain"))
		domain = domain->next;
	if (!domain)
		return;
	add_load(&all, domain);
	for (const struct json_value *each = json_member(reading, "connections")->first; each;
	     each = each->next)
		if (!json_number_of(each, "domain"))
			add_load(&there, each);
	if (all.requests <= there.requests || all.busy_us < there.busy_us)
		return;
	all.requests -= there.requests;
	all.busy_us -= there.busy_us;
	print_load(&all, span, "clients of domain 0 that have left");
}

static size_t count_of(const struct json_value *array)
{
	size_t count = 0;

	for (const struct json_value *each = array->first; each; each = each->next)
		count++;
	return count;
}

static void print_connections(const struct json_value *reading, const struct span *span)
{
	const struct json_value *connections = json_member(reading, "connections");
	const size_t count = count_of(connections), shown = count < ROWS ? count : ROWS;
	struct json_value **rows = calloc(count + 1, sizeof(struct json_value *));
	size_t at = 0;

	if (!rows)
		return;
	for (struct json_value *each = connections->first; each; each = each->next)
		rows[at++] = each;
	qsort(rows, count, sizeof(struct json_value *), by_load);
	printf("\n%%time  %-24s %8s %8s %7s %7s %7s %7s %8s %8s  %s\n", "who", "requests", "a second",
	       "errors", "EAGAIN", "caused", "queued", "median", "99 %", "mostly");
	for (size_t i = 0; i < shown; i++)
		print_connection(rows[i], span);
	print_rest(rows + shown, count - shown, span);
	print_gone(reading, span);
	free(rows);
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
	char text[FIGURE];

	fputs("answered within:", stdout);
	for (const struct json_value *row = rows ? rows->first : NULL; row; row = row->next, bound *= 2)
		if (row->number)
			printf(" %s %" PRIu64, short_time(bound, text), row->number);
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

void stats_text(const struct json_value *reading, uint32_t domid)
{
	const struct span span = span_of(reading);

	print_store(json_member(reading, "store"), &span);
	print_connections(reading, &span);
	stats_sentences(reading);
	for (const struct json_value *each = json_member(reading, "domains")->first;
	     each && domid != UINT32_MAX; each = each->next)
		print_domain(each);
}
