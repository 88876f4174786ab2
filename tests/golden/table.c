/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>

static const char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \n");
	len = strlen(text);
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\n'))
		text[--len] = '\0';
	return text;
}

static bool put(char *to, size_t size, const char *text)
{
	return snprintf(to, size, "%s", text) < (int)size;
}

/* "5 6 2", or "-". */
static bool parse_answers(struct golden_row *row, const char *text)
{
	char *end;

	row->count = 0;
	if (!strcmp(text, "-"))
		return true;
	for (; *text; text = end) {
		if (row->count == GOLDEN_ANSWERS)
			return false;
		row->answers[row->count++] = (unsigned int)strtoul(text, &end, 10);
		if (end == text)
			return false;
		end += strspn(end, " ");
	}
	return row->count != 0;
}

static bool parse(struct golden_row *row, char *line)
{
	const char *columns[5];

	for (int i = 0; i < 5; i++) {
		columns[i] = line ? strsep(&line, "|") : NULL;
		if (!columns[i])
			return false;
		columns[i] = trim((char *)(uintptr_t)columns[i]);
	}
	row->state = (unsigned int)strtoul(columns[3], NULL, 10);
	return line && put(row->before, sizeof(row->before), columns[0]) &&
	       put(row->event, sizeof(row->event), columns[1]) && parse_answers(row, columns[2]) &&
	       put(row->after, sizeof(row->after), columns[4]);
}

static int read_rows(struct golden_table *table, FILE *file, unsigned int *number)
{
	char line[512];

	table->count = 0;
	for (*number = 1; fgets(line, sizeof(line), file); (*number)++) {
		if (*line == '#')
			continue;
		if (table->count == GOLDEN_ROWS || !parse(&table->rows[table->count], line))
			return -EINVAL;
		table->count++;
	}
	return table->count ? 0 : -EINVAL;
}

int golden_table_read(struct golden_table *table, const char *driver, unsigned int *line)
{
	char path[1024];
	FILE *file;
	int err;

	snprintf(path, sizeof(path), "%s/%s.txt", GOLDEN_DIR, driver);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	err = read_rows(table, file, line);
	fclose(file);
	return err;
}

const struct golden_row *golden_table_find(const struct golden_table *table, const char *before,
					   const char *event)
{
	for (size_t i = 0; i < table->count; i++)
		if (!strcmp(table->rows[i].before, before) && !strcmp(table->rows[i].event, event))
			return &table->rows[i];
	return NULL;
}

unsigned int linux_peer_probe(struct linux_peer *peer)
{
	strcpy(peer->own, "waits");
	peer->online = true;
	peer->wrote = XenbusStateInitWait;
	return peer->wrote;
}

static const struct golden_row *row_of(const struct linux_peer *peer, const char *event)
{
	const struct golden_row *row = NULL;
	char offline[64];

	snprintf(offline, sizeof(offline), "online=0 %s", event);
	if (!peer->online)
		row = golden_table_find(peer->table, peer->own, offline);
	return row ? row : golden_table_find(peer->table, peer->own, event);
}

int linux_peer_event(struct linux_peer *peer, const char *event, unsigned int node,
		     unsigned int answers[GOLDEN_ANSWERS + 1])
{
	const struct golden_row *row;
	int count = 0;

	if (!*peer->own || !strcmp(peer->own, "gone"))
		return -ENODEV;
	row = row_of(peer, event);
	if (!row)
		return -ENOENT;
	strcpy(peer->own, row->after);
	for (unsigned int i = 0; i < row->count; i++)
		if (row->answers[i] != peer->wrote)
			node = peer->wrote = answers[count++] = row->answers[i];
	/* The bus says Closed for a driver that leaves while its node says Closing. */
	if (!strcmp(peer->own, "gone") && node == XenbusStateClosing)
		answers[count++] = XenbusStateClosed;
	return count;
}
