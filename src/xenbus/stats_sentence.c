/* SPDX-License-Identifier: MIT */
#include "stats_sentence.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"

static bool is_plain(char c)
{
	return c >= ' ' && c < 0x7f && c != '\\';
}

void stats_print_escaped(const char *text)
{
	for (text = text ? text : "?"; *text; text++)
		if (is_plain(*text))
			putchar(*text);
		else
			printf("\\x%02x", (unsigned char)*text);
}

static void escape(char *buf, size_t size, const char *text)
{
	size_t at = 0;

	for (; *text && at + 5 < size; text++)
		at += (size_t)snprintf(buf + at, size - at, is_plain(*text) ? "%c" : "\\x%02x",
				       (unsigned char)*text);
	buf[at] = '\0';
}

const char *stats_program(const struct json_value *connection, char *buf, size_t size)
{
	const char *command = json_string_of(connection, "command"),
		   *name = json_string_of(connection, "connection");
	const struct json_value *ring = json_member(connection, "ring");
	const uint64_t pid = json_number_of(connection, "pid");
	char escaped[40];

	escape(escaped, sizeof(escaped), command ? command : name ? name : "?");
	if (ring && ring->truth)
		snprintf(buf, size, "domain %" PRIu64, json_number_of(connection, "domain"));
	else if (command)
		snprintf(buf, size, "%s (%" PRIu64 ")", escaped, pid);
	else if (pid)
		snprintf(buf, size, "process %" PRIu64, pid);
	else
		snprintf(buf, size, "socket %s", escaped);
	return buf;
}

/* -- conflicts ---------------------------------------------------------------------------------- */

static const struct json_value *connection_of(const struct json_value *reading, const char *name)
{
	const struct json_value *each = name ? json_member(reading, "connections")->first : NULL;

	for (; each; each = each->next) {
		const char *its = json_string_of(each, "connection");

		if (its && !strcmp(its, name))
			return each;
	}
	return NULL;
}

/* "domain 5", "domain 0's socket s17, qemu (1234)", "a client of domain 0 that has left". */
static void print_party(const struct json_value *reading, const struct json_value *party)
{
	const char *name = json_string_of(party, "connection");
	const struct json_value *connection = connection_of(reading, name);
	const uint64_t domid = json_number_of(party, "domain");
	char text[64];

	if (!party || party->type != JSON_OBJECT)
		fputs("somebody (not known any more)", stdout);
	else if (domid)
		printf("domain %" PRIu64, domid);
	else if (connection)
		printf("domain 0's %s", stats_program(connection, text, sizeof(text)));
	else if (name)
		fputs("domain 0", stdout);
	else
		fputs("a client of domain 0 that has left", stdout);
}

/* What happened: as who did it to the path, or by itself. */
static const struct {
	const char *kind, *behind, *alone;
} causes[] = {
	{ "written", " wrote", NULL },
	{ "permissions", " set the permissions of", NULL },
	{ "children", " made or removed children of", NULL },
	{ "removed", " removed", NULL },
	{ "created", " created", NULL },
	{ "owner-died", " died, and was to own", NULL },
	{ "quota", " may not have", NULL },
	{ "kept-long", NULL, "old versions were kept for too long" },
	{ "out-of-memory", NULL, "the store was out of memory" },
	{ "restarted", NULL, "the store was restarted" },
};

static void print_cause(const struct json_value *reading, const struct json_value *conflict)
{
	const char *kind = json_string_of(conflict, "kind"), *path = json_string_of(conflict, "path");
	const struct json_value *cut = json_member(conflict, "path_cut");
	size_t i = 0;

	while (i < sizeof(causes) / sizeof(causes[0]) && (!kind || strcmp(kind, causes[i].kind)))
		i++;
	if (i == sizeof(causes) / sizeof(causes[0])) {
		fputs("something happened to", stdout);
	} else if (!causes[i].behind) {
		fputs(causes[i].alone, stdout);
		return;
	} else {
		print_party(reading, json_member(conflict, "caused_by"));
		fputs(causes[i].behind, stdout);
	}
	putchar(' ');
	stats_print_escaped(path);
	if (cut && cut->truth)
		fputs("...", stdout);
}

static void print_conflict(const struct json_value *reading, const struct json_value *conflict)
{
	const struct json_value *lost_by = json_member(conflict, "lost_by");
	const uint64_t count = json_number_of(conflict, "count");
	const char *quota = json_string_of(conflict, "quota");

	fputs("  ", stdout);
	print_cause(reading, conflict);
	if (quota) {
		fputs(" (limit: ", stdout);
		stats_print_escaped(quota);
		putchar(')');
	}
	printf(": %" PRIu64 " transaction%s of domain %" PRIu64 " failed", count, count == 1 ? "" : "s",
	       json_number_of(lost_by, "domain"));
	if (lost_by && !json_number_of(lost_by, "domain")) {
		fputs(", the last of ", stdout);
		print_party(reading, lost_by);
	}
	putchar('\n');
}

static int by_count(const void *a, const void *b)
{
	const uint64_t one = json_number_of(*(struct json_value *const *)a, "count");
	const uint64_t other = json_number_of(*(struct json_value *const *)b, "count");

	return one == other ? 0 : one > other ? -1 : 1;
}

/* Only what happened in the time of the reading. */
static void print_conflicts(const struct json_value *reading)
{
	const struct json_value *all = json_member(reading, "conflicts");
	struct json_value **rows;
	size_t count = 0;

	for (struct json_value *each = all->first; each; each = each->next)
		count += json_number_of(each, "count") != 0;
	rows = count ? calloc(count, sizeof(struct json_value *)) : NULL;
	if (!rows)
		return;
	count = 0;
	for (struct json_value *each = all->first; each; each = each->next)
		if (json_number_of(each, "count"))
			rows[count++] = each;
	qsort(rows, count, sizeof(struct json_value *), by_count);
	puts("\nWhy transactions failed with EAGAIN:");
	for (size_t i = 0; i < count; i++)
		print_conflict(reading, rows[i]);
	free(rows);
}

/* -- limits and readers ------------------------------------------------------------------------- */

static void heading(bool *said, const char *text)
{
	if (!*said)
		puts(text);
	*said = true;
}

/* Refused in the time of the reading, or close to it now. */
static bool is_tight(const struct json_value *quota)
{
	const uint64_t limit = json_number_of(quota, "limit"), now = json_number_of(quota, "now");

	return json_number_of(quota, "refused") || (limit && now >= limit - limit / 10);
}

static void print_limits(const struct json_value *domains)
{
	bool said = false;

	for (const struct json_value *domain = domains->first; domain; domain = domain->next) {
		const struct json_value *quotas = json_member(domain, "quota");

		for (const struct json_value *each = quotas ? quotas->first : NULL; each; each = each->next) {
			if (!is_tight(each))
				continue;
			heading(&said, "\nWho is at a limit:");
			printf("  domain %" PRIu64 ": ", json_number_of(domain, "domain"));
			stats_print_escaped(each->key);
			printf(" %" PRIu64 " of %" PRIu64 ", the most %" PRIu64
			       "; reached or refused %" PRIu64 " times\n",
			       json_number_of(each, "now"), json_number_of(each, "limit"),
			       json_number_of(each, "max"), json_number_of(each, "refused"));
		}
	}
}

static void print_stalled(const struct json_value *connections)
{
	bool said = false;
	char text[64];

	for (const struct json_value *each = connections->first; each; each = each->next) {
		const struct json_value *queue = json_member(each, "queue"),
					*paused = json_member(queue, "paused");

		if (!paused || !paused->truth)
			continue;
		heading(&said, "\nWho does not take what it is sent, and is not served until it does:");
		printf("  %s: %" PRIu64 " replies, %" PRIu64 " bytes with events; %" PRIu64
		       " bytes of requests wait in its ring\n",
		       stats_program(each, text, sizeof(text)), json_number_of(queue, "replies"),
		       json_number_of(queue, "bytes"), json_number_of(queue, "unread_bytes"));
	}
}

void stats_sentences(const struct json_value *reading)
{
	print_conflicts(reading);
	print_limits(json_member(reading, "domains"));
	print_stalled(json_member(reading, "connections"));
}
