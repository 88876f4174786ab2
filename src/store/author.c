/* SPDX-License-Identifier: MIT */
#include "author.h"
#include <xenbus/store_stats.h>
#include "core.h"

static struct author_run *run_at(const struct store *s, uint32_t i)
{
	return &s->authors.runs[(s->authors.first + i) % AUTHOR_RUNS];
}

static bool is_same(const struct author *a, const struct author *b)
{
	return a->domid == b->domid && a->conn == b->conn;
}

void author_note(struct store *s)
{
	struct authors *a = &s->authors;

	if (!a->runs)
		a->runs = mem_zalloc(&s->mem, AUTHOR_RUNS * sizeof(*a->runs));
	if (!a->runs || (a->count && is_same(&run_at(s, a->count - 1)->who, &s->author)))
		return;
	if (a->count == AUTHOR_RUNS)
		a->first = (a->first + 1) % AUTHOR_RUNS;
	else
		a->count++;
	*run_at(s, a->count - 1) = (struct author_run){ s->stamp, s->author };
}

struct author author_of(const struct store *s, uint64_t stamp)
{
	for (uint32_t i = s->authors.count; i--;)
		if (run_at(s, i)->from <= stamp)
			return run_at(s, i)->who;
	return (struct author){ STORE_DOMID_NONE, STORE_CONN_NONE };
}

void authors_forget(struct store *s)
{
	s->authors.first = s->authors.count = 0;
}

void authors_done(struct store *s)
{
	mem_free(&s->mem, s->authors.runs, AUTHOR_RUNS * sizeof(*s->authors.runs));
	s->authors = (struct authors){ 0 };
}
