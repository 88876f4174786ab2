/* SPDX-License-Identifier: MIT */
/*
 * golden vbd|vif DOMID REF... PORT: what dom0's backend of that class answers to who writes the frontend's nodes by hand,
 * for guest DOMID, which granted the pages REF and offers PORT. GOLDEN_TAP in the environment: the store is ours, and
 * tells what is written to it.
 */
#include <stdlib.h>
#include <string.h>

#include "golden_side.h"

const char *golden_own(const struct golden *g)
{
	return g->side->is_backend ? g->back : g->front;
}

void golden_error_node(const struct golden *g, char path[GOLDEN_PATH])
{
	if (g->side->is_backend)
		snprintf(path, GOLDEN_PATH, "/local/domain/0/error/backend/%s/%u/%u", g->class, g->domid,
			 g->device);
	else
		snprintf(path, GOLDEN_PATH, "/local/domain/%u/error/device/%s/%u", g->domid, g->class,
			 g->device);
}

void golden_place(struct golden *g, unsigned int device)
{
	g->device = device;
	g->own = 0;
	g->side->place(g);
}

/* -- events --------------------------------------------------------------------------------------- */

static void do_word(struct golden *g, const char *word)
{
	const char *value = strchr(word, '=');

	if (!strncmp(word, "frontend=", 9))
		golden_write(g->store, g->front, "state", "%s", value + 1);
	else if (!strncmp(word, "backend=", 8))
		golden_write(g->store, g->back, "state", "%s", value + 1);
	else if (!strncmp(word, "online=", 7))
		golden_write(g->store, g->back, "online", "%s", value + 1);
	else if (!strcmp(word, "no-keys"))
		g->side->no_keys(g);
	else if (strstr(word, "keys"))
		g->side->keys(g, *word == 'k');
	else if (!strcmp(word, "disk"))
		golden_write(g->store, g->back, "physical-device", "%s", g->disk);
	else if (!strcmp(word, "frontend-removed"))
		golden_remove(g->store, g->front, "");
	else if (!strcmp(word, "backend-removed"))
		golden_remove(g->store, g->back, "");
	else
		golden_die("what is %s?", word);
}

static void do_words(struct golden *g, const char *event)
{
	char copy[GOLDEN_TEXT], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", event);
	while ((word = strsep(&rest, " "))) {
		if (strncmp(word, "both-", 5) != 0) {
			do_word(g, word);
			continue;
		}
		golden_remove(g->store, g->front, "");
		golden_remove(g->store, g->back, "");
		if (!strcmp(word, "both-replaced"))
			g->side->make(g);
	}
}

void golden_do(struct golden *g, const char *event)
{
	do {
		golden_begin(g->store);
		do_words(g, event);
	} while (!golden_commit(g->store));
}

/* -- answers -------------------------------------------------------------------------------------- */

static void take_answers(struct golden *g)
{
	const char *own = golden_own(g);
	unsigned int states[GOLDEN_WRITES], count;
	char writer[16];
	size_t len = 0;

	snprintf(g->answers, GOLDEN_TEXT, "?");
	if (!g->tap)
		return;
	snprintf(writer, sizeof(writer), "d%u", g->side->is_backend ? 0 : g->domid);
	/* Of the path, what is below the domain's home: it may be written either way. */
	count = golden_tap_states(g->tap, g->store, writer,
				  strstr(own, g->side->is_backend ? "backend/" : "device/"), states);
	snprintf(g->answers, GOLDEN_TEXT, "-");
	for (unsigned int i = 0; i < count; i++)
		len += (size_t)snprintf(g->answers + len, GOLDEN_TEXT - len, "%s%u", i ? " " : "", states[i]);
	if (count && !g->side->is_aside(g, states[count - 1]))
		g->own = states[count - 1];
}

static void settle(struct golden *g)
{
	g->side->settle(g);
	take_answers(g);
}

/* What it says of a node is true of any: "FRONTEND" and "BACKEND" for their paths. */
static void read_error(struct golden *g, char error[GOLDEN_TEXT])
{
	char path[GOLDEN_PATH], text[GOLDEN_TEXT], *at, *back;

	golden_error_node(g, path);
	golden_read(g->store, path, "error", text);
	back = strstr(text, g->back);
	at = back ? back : strstr(text, g->front);
	if (!at)
		snprintf(error, GOLDEN_TEXT, "%s", *text ? text : "-");
	else
		snprintf(error, GOLDEN_TEXT, "%.*s%s%s", (int)(at - text), text,
			 back ? "BACKEND" : "FRONTEND", at + strlen(back ? g->back : g->front));
}

/* -- rows ------------------------------------------------------------------------------------------- */

static const char *after(struct golden *g)
{
	return g->side->is_present(g) ? g->side->names[g->own <= 6 ? g->own : 0] : "gone";
}

static void print_row(struct golden *g, const struct golden_before *before, const char *event)
{
	unsigned int state = golden_state(g->store, golden_own(g)), warnings = golden_kernel_warnings();
	char error[GOLDEN_TEXT], now[12] = "-";

	read_error(g, error);
	if (state)
		snprintf(now, sizeof(now), "%u", state);
	printf("%-12s | %-25s | %-7s | %-5s | %-12s | %s%s\n", before->name, event, g->answers, now, after(g),
	       error, warnings ? " (and a WARNING in the kernel's log)" : "");
}

/* The device of the last row goes, and the next one comes. */
static void next_device(struct golden *g, bool incomplete)
{
	struct golden last = *g;
	char path[GOLDEN_PATH];

	golden_error_node(g, path);
	golden_remove(g->store, path, "");
	g->incomplete = incomplete;
	golden_place(g, g->device + 1);
	do {
		golden_begin(g->store);
		if (last.device != GOLDEN_SENTINEL)
			do_words(&last, "both-removed");
		g->side->make(g);
	} while (!golden_commit(g->store));
	settle(g);
	if (last.device != GOLDEN_SENTINEL && g->side->is_present(&last))
		golden_die("%s does not leave the kernel", golden_own(&last));
}

static void row(struct golden *g, const struct golden_before *before, const char *event)
{
	char copy[GOLDEN_TEXT], path[GOLDEN_PATH], *rest = copy, *earlier;

	next_device(g, before->incomplete);
	snprintf(copy, sizeof(copy), "%s", before->events);
	while (*before->events && (earlier = strsep(&rest, ";"))) {
		golden_do(g, earlier);
		settle(g);
	}
	golden_error_node(g, path);
	golden_remove(g->store, path, "");
	golden_kernel_warnings();
	golden_do(g, event);
	settle(g);
	print_row(g, before, event);
}

static bool is_wanted(const struct golden *g, const struct golden_before *before, const char *event)
{
	if (before->class && strcmp(before->class, g->class) != 0)
		return false;
	if (before->few && (strstr(event, "online") || strstr(event, "no-keys") || strstr(event, "-removed")))
		return false;
	return strcmp(event, "disk") != 0 || before->incomplete;
}

static void rows(struct golden *g)
{
	golden_place(g, GOLDEN_SENTINEL);
	g->side->begin(g);
	for (const struct golden_before *before = g->side->befores; before->name; before++) {
		for (const char *const *event = g->side->events; *event; event++)
			if (is_wanted(g, before, *event))
				row(g, before, *event);
		fflush(stdout);
	}
	golden_do(g, "both-removed");
	settle(g);
	golden_place(g, GOLDEN_SENTINEL);
	g->side->end(g);
}

int main(int argc, char **argv)
{
	struct golden g = { .disk = getenv("GOLDEN_DISK") };

	if (argc < 5)
		golden_die("vbd|vif DOMID REF... PORT");
	g.side = &golden_backend;
	g.class = argv[1];
	g.domid = (unsigned int)strtoul(argv[2], NULL, 10);
	g.refs = argv + 3;
	g.store = golden_store_open();
	g.tap = getenv("GOLDEN_TAP") ? golden_tap_open(g.store) : NULL;
	rows(&g);
	golden_tap_close(g.tap);
	golden_store_close(g.store);
	return 0;
}
