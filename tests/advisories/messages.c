/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

/* -- 72 ----------------------------------------------------------------------------------------- */

enum { CHILDREN = 1200 };

/* Part after part, as a client does that E2BIG sends here. Returns how many names there were. */
static uint32_t list_in_parts(struct trial *t, const char *path)
{
	uint32_t names = 0, offset = 0;

	for (;;) {
		const char *part = ask(t, t->who, XS_DIRECTORY_PART, "%s|%u|", path, offset);
		const size_t gen = strlen(part) + 1;

		must(t, !was_refused(t), "DIRECTORY_PART: %s", part);
		must(t, t->reply.header.len <= PEER_PAYLOAD_MAX, "a part has more than 4096 bytes");
		must(t, t->reply.header.len > gen, "a part is empty");
		for (size_t i = gen; i < t->reply.header.len; i++) {
			if (!part[i] && (i == gen || !part[i - 1]))
				return names;
			names += !part[i];
		}
		offset += t->reply.header.len - (uint32_t)gen;
	}
}

void xsa_72(struct trial *t)
{
	ok(t, t->dom0, XS_MKDIR, "/big|");
	ok(t, t->dom0, XS_SET_PERMS, "/big|r0|");
	for (uint32_t i = 0; i < CHILDREN; i++)
		ok(t, t->dom0, XS_MKDIR, "/big/child-%04u|", i);
	ask(t, t->who, XS_DIRECTORY, "/big|");
	must(t, t->reply.header.len <= PEER_PAYLOAD_MAX, "a reply has more than 4096 bytes");
	must(t, was_refused(t), "1200 names are cut");
	must(t, list_in_parts(t, "/big") == CHILDREN, "DIRECTORY_PART loses names");
	ok(t, t->who, XS_GET_PERMS, "/big|");
}

/* -- 323 ---------------------------------------------------------------------------------------- */

/* Dom0 can name, and so remove, whatever is there. */
static void is_removable(struct trial *t, const char *path)
{
	ok(t, t->dom0, XS_READ, "%s|", path);
	ok(t, t->dom0, XS_RM, "%.20s|", path);
}

static void a_path_ends_at(struct trial *t, const char *prefix, size_t limit)
{
	char path[3200], absolute[3300];
	int home = 0;

	if (prefix[0] != '/')
		home = snprintf(absolute, sizeof(absolute), "/local/domain/%u/", t->ring ? WHO : 0);
	long_path(path, prefix, limit);
	strcpy(absolute + home, path);
	ask(t, t->who, XS_WRITE, "%s|v", path);
	must(t, !was_refused(t) || t->kind != PEER_OURS, "a path of %zu bytes from %s is refused", limit,
	     prefix);
	if (!was_refused(t))
		is_removable(t, absolute);
	long_path(path, prefix, limit + 1);
	ask(t, t->who, XS_WRITE, "%s|v", path);
	must(t, was_refused(t), "a path of %zu bytes from %s is taken", limit + 1, prefix);
	ask(t, t->who, XS_READ, "%s|", path);
	must(t, was_refused(t), "a path of %zu bytes from %s is taken", limit + 1, prefix);
	ask(t, t->who, XS_WATCH, "%s|token|", path);
	must(t, was_refused(t), "a watch of %zu bytes from %s is taken", limit + 1, prefix);
}

/* A guest's: 2048 bytes, its home not counted, however it names it. */
void xsa_323(struct trial *t)
{
	a_path_ends_at(t, "n", 2048);
	if (t->ring)
		a_path_ends_at(t, "/local/domain/7/", strlen("/local/domain/7/") + 2048);
	else
		a_path_ends_at(t, "/deep", 3072);
}

/* -- 324 ---------------------------------------------------------------------------------------- */

void xsa_324(struct trial *t)
{
	char token[4001], name[201], path[32];

	memset(token, 't', 4000);
	memset(name, 'n', 200);
	token[4000] = name[200] = '\0';
	snprintf(path, sizeof(path), "/local/domain/%u/w", t->ring ? WHO : 0);
	ok(t, t->dom0, XS_WRITE, "%s|v", path);
	ok(t, t->who, XS_WATCH, "%s|%s|", path, token);
	must(t, events(t, t->who, path) == 1, "a watch does not fire when set");
	ok(t, t->dom0, XS_WRITE, "%s/%s|v", path, name);
	ok(t, t->dom0, XS_RM, "%s/%s|", path, name);
	must(t, events(t, t->who, path) == 0, "an event has more than 4096 bytes");
	ok(t, t->dom0, XS_WRITE, "%s|v", path);
	must(t, events(t, t->who, path) == 1, "after a dropped event no other comes");
}

/* -- 418 ---------------------------------------------------------------------------------------- */

/* "/a/a/a...", 2 bytes a level. */
static void deep_path(char *buf, const char *prefix, uint32_t levels)
{
	size_t at = strlen(prefix);

	memcpy(buf, prefix, at);
	for (uint32_t i = 0; i < levels; i++) {
		buf[at++] = '/';
		buf[at++] = 'a';
	}
	buf[at] = '\0';
}

/* The server has a small stack, see the table. A guest's quota ends at 1000 nodes. */
void xsa_418(struct trial *t)
{
	const char *top = t->ring ? "top" : "/top";
	uint32_t levels = t->ring ? 950 : 1500, tx;
	char path[3100];

	do {
		deep_path(path, top, levels);
		ask(t, t->who, XS_WRITE, "%s|v", path);
		levels = levels * 2 / 3;
	} while (was_refused(t) && t->kind != PEER_OURS && levels > 300); /* the limit on its paths */
	must(t, !was_refused(t), "a deep path is refused: %s", t->reply.payload);
	ok(t, t->who, XS_WATCH, "%s|bottom|", path);
	ok(t, t->who, XS_RM, "%s|", top);
	refused(t, t->who, XS_READ, "ENOENT", "%s|", top);
	tx = start(t, t->who);
	ok_in(t, t->who, tx, XS_WRITE, "%s|v", path);
	ok_in(t, t->who, tx, XS_TRANSACTION_END, "T|");
	tx = start(t, t->who);
	ok_in(t, t->who, tx, XS_RM, "%s|", top);
	ok_in(t, t->who, tx, XS_TRANSACTION_END, "T|");
	refused(t, t->who, XS_READ, "ENOENT", "%s|", top);
	ok(t, t->who, XS_WRITE, "%s|v", path);
	if (t->ring)
		die(t, WHO);
	ok(t, t->dom0, XS_READ, "/|");
}

/* -- 481 ---------------------------------------------------------------------------------------- */

void xsa_481(struct trial *t)
{
	static const char *const paths[] = {
		"/local/domain/", "/local/domain/7/", "//", "/local//domain", "n/", "//local/domain/7"
	};
	static const uint32_t ops[] = { XS_READ, XS_DIRECTORY, XS_GET_PERMS, XS_MKDIR, XS_RM };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (size_t op = 0; op < sizeof(ops) / sizeof(ops[0]); op++)
			refused(t, t->who, ops[op], "EINVAL", "%s|", paths[i]);
		refused(t, t->who, XS_WATCH, "EINVAL", "%s|token|", paths[i]);
		refused(t, t->who, XS_WRITE, "EINVAL", "%s|v", paths[i]);
		refused(t, t->who, XS_SET_PERMS, "EINVAL", "%s|n%u|", paths[i], t->ring ? WHO : 0);
	}
}
