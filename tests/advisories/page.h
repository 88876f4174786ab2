/* SPDX-License-Identifier: MIT */
#ifndef ADVISORIES_PAGE_H
#define ADVISORIES_PAGE_H
/* docs/advisories.md: the rows of its table, as reviewed. */
#include <stdbool.h>
#include <stddef.h>

#include "../peers/peer.h"

enum { PAGE_ROWS = 64, PAGE_CELLS = 5 };

struct page {
	char *text;
	char *cells[PAGE_ROWS][PAGE_CELLS]; /* name, claim, ours, C, ox */
	size_t rows;
};

/* A page that cannot be read has no rows. */
void page_read(struct page *page, const char *path);
void page_free(struct page *page);
size_t page_rows(const struct page *page);
bool page_claims(const struct page *page, const char *name, const char *claim);
const char *page_says(const struct page *page, const char *name, enum peer_kind kind);
/* Is @result what the page says? What it says "not always" of may also be otherwise. */
bool page_agrees(const struct page *page, const char *name, enum peer_kind kind, const char *result);

#endif
