/* SPDX-License-Identifier: MIT */
#include "stats_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "stats_figure.h"
#include "stats_sentence.h"

#define ROWS 20u  /* connections shown; the others are summed up */
#define WIDE 112u /* what all columns need */

/* In microseconds, at most: of @percent of the requests. 0: there were none. */
static uint64_t latency(const struct json_value *connection, unsigned int percent)
{
	const struct json_value *rows = json_member(connection, "latency_us");
	const uint64_t all = stats_sum(rows);
	uint64_t seen = 0, bound = 1;

	for (const struct json_value *row = rows ? rows->first : NULL; row && all; row = row->next) {
		seen += row->number;
		if (seen >= (all * percent + 99) / 100)
			return bound;
		bound *= 2;
	}
	return 0;
}

static int by_load(const void *a, const void *b)
{
	const struct json_value *one = *(struct json_value *const *)a,
				*other = *(struct json_value *const *)b;
	const uint64_t keys[][2] = {
		{ json_number_of(one, "busy_us"), json_number_of(other, "busy_us") },
		{ stats_sum(json_member(one, "requests")), stats_sum(json_member(other, "requests")) },
		{ json_number_of(other, "id"), json_number_of(one, "id") }, /* the older first */
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] > keys[i][1] ? -1 : 1;
	return 0;
}

/* -- columns ------------------------------------------------------------------------------------ */

static const char *requests_of(const struct json_value *c, const struct stats_span *span, char *buf)
{
	return stats_short_number(stats_sum(json_member(c, "requests")), buf);
}

static const char *rate_of(const struct json_value *c, const struct stats_span *span, char *buf)
{
	const double requests = (double)stats_sum(json_member(c, "requests"));

	return stats_short_number((uint64_t)(requests / span->seconds), buf);
}

static const char *errors_of(const struct json_value *c, const struct stats_span *span, char *buf)
{
	return stats_short_number(stats_sum(json_member(c, "errors")), buf);
}

static const char *lost_by(const struct json_value *c, const struct stats_span *span, char *buf)
{
	return stats_short_number(json_number_of(json_member(c, "transactions"), "conflicts"), buf);
}

static const char *caused_by(const struct json_value *c, const struct stats_span *span, char *buf)
{
	return stats_short_number(json_number_of(json_member(c, "transactions"), "blamed"), buf);
}

static const char *queued_of(const struct json_value *c, const struct stats_span *span, char *buf)
{
	return stats_short_number(json_number_of(json_member(c, "queue"), "bytes"), buf);
}

static const char *median_of(const struct json_value *c, const struct stats_span *span, char *buf)
{
	return stats_short_time(latency(c, 50), buf);
}

static const char *longest_of(const struct json_value *c, const struct stats_span *span, char *buf)
{
	return stats_short_time(latency(c, 99), buf);
}

static const struct {
	const char *title;
	const char *(*figure)(const struct json_value *connection, const struct stats_span *span, char *buf);
	int width, narrow; /* 0: left out */
} columns[] = {
	{ "requests", requests_of, 8, 0 }, { "a second", rate_of, 8, 8 }, { "errors", errors_of, 7, 6 },
	{ "EAGAIN", lost_by, 7, 6 },	   { "caused", caused_by, 7, 6 }, { "queued", queued_of, 7, 0 },
	{ "median", median_of, 8, 0 },	   { "99 %", longest_of, 8, 7 },
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* The operation asked for most, and its part; where it is narrow in ten characters. */
static void print_mostly(const struct json_value *requests, bool wide)
{
	const struct json_value *most = requests ? requests->first : NULL;
	const char *name;
	char cut[11];

	for (const struct json_value *each = most; each; each = each->next)
		if (each->number > most->number)
			most = each;
	if (!most || !most->number) {
		puts("-");
		return;
	}
	name = most->key ? most->key : "?";
	if (wide) {
		stats_print_escaped(name);
		printf(" %.0f %%\n", 100.0 * (double)most->number / (double)stats_sum(requests));
		return;
	}
	if (!strncmp(name, "TRANSACTION_", 12))
		name += 12;
	snprintf(cut, sizeof(cut), "%s", name);
	stats_print_escaped(cut);
	putchar('\n');
}

static void print_heads(bool wide)
{
	printf("\n%%time  %-24s", "who");
	for (size_t i = 0; i < COLUMNS; i++)
		if (wide || columns[i].narrow)
			printf(" %*s", wide ? columns[i].width : columns[i].narrow, columns[i].title);
	printf("%s%s\n", wide ? "  " : " ", "mostly");
}

static void print_connection(const struct json_value *connection, const struct stats_span *span, bool wide)
{
	char text[64];

	printf("%5.1f  %-24.24s", stats_percent(json_number_of(connection, "busy_us"), span),
	       stats_program(connection, text, sizeof(text)));
	for (size_t i = 0; i < COLUMNS; i++)
		if (wide || columns[i].narrow)
			printf(" %*s", wide ? columns[i].width : columns[i].narrow,
			       columns[i].figure(connection, span, text));
	fputs(wide ? "  " : " ", stdout);
	print_mostly(json_member(connection, "requests"), wide);
}

/* -- and the others ----------------------------------------------------------------------------- */

struct load {
	uint64_t busy_us, requests;
};

static void add_load(struct load *to, const struct json_value *of)
{
	to->busy_us += json_number_of(of, "busy_us");
	to->requests += stats_sum(json_member(of, "requests"));
}

static void print_load(const struct load *load, const struct stats_span *span, const char *who)
{
	printf("%5.1f  %s: %" PRIu64 " requests\n", stats_percent(load->busy_us, span), who, load->requests);
}

static void print_rest(struct json_value *const *rows, size_t count, const struct stats_span *span)
{
	struct load rest = { 0 };
	char who[STATS_FIGURE];

	for (size_t i = 0; i < count; i++)
		add_load(&rest, rows[i]);
	snprintf(who, sizeof(who), "%zu others", count);
	if (count)
		print_load(&rest, span, who);
}

/* What domain 0 had done in all and none of its connections has: programs that ask once and leave, in crowds. */
static void print_gone(const struct json_value *reading, const struct stats_span *span)
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

void stats_table(const struct json_value *reading, const struct stats_span *span, unsigned int width)
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
	print_heads(width >= WIDE);
	for (size_t i = 0; i < shown; i++)
		print_connection(rows[i], span, width >= WIDE);
	print_rest(rows + shown, count - shown, span);
	print_gone(reading, span);
	free(rows);
}
