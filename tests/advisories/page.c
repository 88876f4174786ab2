/* SPDX-License-Identifier: MIT */
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "| a | b | c |" becomes its cells, in place. Returns how many. */
static size_t split(char *line, char **cells)
{
	size_t count = 0;
	char *at = line + 2, *end;

	while (count < PAGE_CELLS && (end = strstr(at, " |"))) {
		*end = '\0';
		cells[count++] = at;
		at = end + 2;
		at += *at == ' ';
	}
	return count;
}

static void take_line(struct page *page, char *line)
{
	if (page->rows == PAGE_ROWS || (strncmp(line, "| xsa-", 6) && strncmp(line, "| defect-", 9)))
		return;
	if (split(line, page->cells[page->rows]) == PAGE_CELLS)
		page->rows++;
}

void page_read(struct page *page, const char *path)
{
	FILE *file = fopen(path, "r");
	size_t size = 0;
	char *rest, *line;

	*page = (struct page){ 0 };
	if (!file)
		return;
	if (getdelim(&page->text, &size, '\0', file) > 0)
		for (line = strtok_r(page->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			take_line(page, line);
	fclose(file);
}

void page_free(struct page *page)
{
	free(page->text);
	*page = (struct page){ 0 };
}

size_t page_rows(const struct page *page)
{
	return page->rows;
}

static char *const *find(const struct page *page, const char *name)
{
	for (size_t i = 0; i < page->rows; i++)
		if (!strcmp(page->cells[i][0], name))
			return page->cells[i];
	return NULL;
}

bool page_claims(const struct page *page, const char *name, const char *claim)
{
	char *const *cells = find(page, name);

	return cells && !strcmp(cells[1], claim);
}

const char *page_says(const struct page *page, const char *name, enum peer_kind kind)
{
	char *const *cells = find(page, name);

	return cells ? cells[2 + kind] : "nothing";
}

bool page_agrees(const struct page *page, const char *name, enum peer_kind kind, const char *result)
{
	const char *says = page_says(page, name, kind);

	return strstr(says, "not always") || !strcmp(says, result);
}
