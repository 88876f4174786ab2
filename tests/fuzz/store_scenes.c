/* SPDX-License-Identifier: MIT */
#include "store_run.h"
#include <stdarg.h>

/* A payload of the text, whose '|' are NULs. */
static __attribute__((format(printf, 5, 6))) void say(struct run *r, uint32_t conn, uint32_t op, uint32_t tx,
						      const char *format, ...)
{
	char text[256];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fuzz_expect(len > 0 && len < (int)sizeof(text));
	for (int i = 0; i < len; i++)
		text[i] = (char)(text[i] == '|' ? 0 : text[i]);
	run_ask(r, conn, op, tx, text, (size_t)len);
}

/* Who takes part, by id: clients come and go meanwhile. */
static uint32_t someone(struct run *r)
{
	return r->clients[choose_below(r->choices, (uint32_t)r->client_count)].id;
}

static const char *some_top(struct run *r)
{
	static const char *const tops[] = { "/a", "/local/domain/1", "/local/domain/2", "/tool" };

	return tops[choose_below(r->choices, 4)];
}

/* Returns the id of a transaction that @conn has begun, or of its latest, or 0. */
static uint32_t begin(struct run *r, uint32_t conn)
{
	const struct client *c;

	say(r, conn, XS_TRANSACTION_START, 0, "|");
	c = run_client(r, conn);
	return c && c->tx_count ? c->txs[(c->tx_count - 1) % 4] : 0;
}

static void meddle(struct run *r, uint32_t conn, const char *top)
{
	switch (choose_below(r->choices, 8)) {
	case 0:
		say(r, conn, XS_WRITE, 0, "%s/d/x/y|other", top);
		break;
	case 1:
		say(r, conn, XS_RM, 0, "%s/d/x|", top);
		break;
	case 2:
		say(r, conn, XS_SET_PERMS, 0, "%s/d/x|b0|r1|", top);
		break;
	case 3:
		say(r, conn, XS_WRITE, 0, "%s/d/z|new", top);
	}
}

/* "TOP/d/x/y" is watched at one of its names, and a transaction removes it at one. */
static void remove_in_transaction(struct run *r)
{
	static const char *const names[] = { "", "/d", "/d/x", "/d/x/y" };
	const uint32_t who = someone(r), watcher = someone(r);
	const char *top = some_top(r);
	const uint32_t watched = choose(r->choices), removed = choose(r->choices);
	uint32_t tx;

	say(r, who, XS_WRITE, 0, "%s/d/x/y|v", top);
	if (watched & 0x80)
		say(r, watcher, XS_WATCH, 0, "%s%s|s%u|%u|", top, names[watched & 3], watched & 4,
		    watched / 8 & 3);
	else
		say(r, watcher, XS_WATCH, 0, "%s%s|s%u|", top, names[watched & 3], watched & 4);
	tx = begin(r, who);
	if (removed & 0x10)
		say(r, who, XS_DIRECTORY, tx, "%s/d|", top);
	say(r, who, XS_RM, tx, "%s%s|", top, names[1 + removed % 3]);
	if (removed & 0x20)
		say(r, who, XS_WRITE, tx, "%s/d/x|again", top);
	if (removed & 0x40)
		meddle(r, watcher, top);
	say(r, who, XS_TRANSACTION_END, tx, "T|");
}

/* A stub acts for a domain that dies, and what named that domain stays. */
static void lose_target(struct run *r)
{
	const uint32_t stub = 1 + choose_below(r->choices, 3), target = 1 + choose_below(r->choices, 4);
	const uint32_t toolstack = someone(r);
	const char *top = some_top(r);

	say(r, toolstack, XS_INTRODUCE, 0, "%u|1|1|", stub);
	say(r, toolstack, XS_INTRODUCE, 0, "%u|1|1|", target);
	say(r, toolstack, XS_SET_TARGET, 0, "%u|%u|", stub, target);
	say(r, toolstack, XS_WRITE, 0, "%s/t|v", top);
	say(r, toolstack, XS_SET_PERMS, 0, "%s/t|n0|b%u|", top, target);
	run_domain(r, STORE_IN_DOMAIN_DEAD, target);
	run_drain(r);
	if (choose_below(r->choices, 2))
		say(r, toolstack, XS_INTRODUCE, 0, "%u|1|1|", target);
	for (size_t i = 0; i < r->client_count; i++)
		say(r, r->clients[i].id, XS_READ, 0, "%s/t|", top);
}

void run_scene(struct run *r)
{
	if (!r->client_count)
		return;
	if (choose_below(r->choices, 4))
		remove_in_transaction(r);
	else
		lose_target(r);
}
