/* SPDX-License-Identifier: MIT */
#include "load_grammar.h"
#include <xenbus/store.h>
#include <xenbus/wire.h>

/* The numbers of the format, written down a second time. */
enum { END, GLOBAL, CONNECTION, WATCH, TRANSACTION, NODE, QUOTA, DOMAIN, WATCH_DEPTH };
#define HEADER 16
#define RECORD 8
#define NO_DOMID 0x7ff4u

static const char *const paths[] = { "/a", "/b", "/a/a", "/a/b", "/b/a", "/a/b/a" };
static const int8_t parents[] = { -1, -1, 0, 0, 1, 3 };

static void put(struct stream *s, const void *bytes, size_t len)
{
	fuzz_expect(s->len + len <= sizeof(s->bytes));
	memcpy(s->bytes + s->len, bytes, len);
	s->len += len;
}

static void put_number(struct stream *s, uint64_t number, size_t size)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	put(s, bytes, size);
}

static void begin(struct stream *s, uint32_t type)
{
	s->record = s->len;
	put_number(s, type, 4);
	put_number(s, 0, 4);
}

/* Claimed: stands in the dump as it stands here. */
static void end(struct stream *s, bool claimed)
{
	const size_t len = s->len - s->record - RECORD;

	for (size_t i = 0; i < 4; i++)
		s->bytes[s->record + 4 + i] = (uint8_t)(len >> (8 * i));
	if (claimed && !s->bad) {
		fuzz_expect(s->claim_count < CLAIMS);
		s->claims[s->claim_count++] = (struct claim){ s->record, RECORD + len };
	}
	put_number(s, 0, -len & 7);
}

/* Is what would be @wrong to be left out? Every other stream has no mistake. */
static bool avoids(struct stream *s, bool wrong, const char *what)
{
	if (wrong && !s->careful && !s->bad)
		s->mistake = what;
	s->bad |= wrong && !s->careful;
	return wrong && s->careful;
}

/* One in 32; the mistakes of content. */
static bool slips(struct choices *c, const struct stream *s)
{
	return choose(c) >= 0xf8 && !s->careful;
}

static void put_connection(struct choices *c, struct stream *s, uint32_t id, bool ring)
{
	static const uint16_t targets[] = { NO_DOMID, NO_DOMID, 5, 6 };
	const uint32_t domid = 1 + choose_below(c, 4), target = targets[choose_below(c, 4)];
	const uint32_t kind = slips(c, s) ? 2 : !ring;

	if (avoids(s, !id || s->conns >> id & 1, "connection twice, or 0"))
		return;
	if (avoids(s, ring && s->rings >> domid & 1, "two rings of a domain"))
		return;
	if (avoids(s, kind == 2, "a kind of connection that there is not"))
		return;
	begin(s, CONNECTION);
	put_number(s, id, 4);
	put_number(s, kind, 4);
	put_number(s, ring ? domid : UINT16_MAX, 2);
	put_number(s, ring ? target : UINT16_MAX, 2);
	put_number(s, ring ? choose(c) : 0, 4);
	put_number(s, 0, 8);
	end(s, true);
	s->conns |= (uint8_t)(1u << id);
	if (ring)
		s->rings |= (uint8_t)(1u << domid);
}

static void put_watch(struct choices *c, struct stream *s, uint32_t conn)
{
	static const char *const watched[] = { "/a", "/a/b", "x", "@releaseDomain", "/", "//", "/b/", "/c" };
	static const char *const tokens[] = { "", "t", "tt", "token" };
	const uint8_t k = choose(c), depth = choose_below(c, 4);
	const uint32_t which = (k % 8 == 5 || k % 8 == 6) && !slips(c, s) ? 0 : k % 8;
	const char *path = watched[which], *token = tokens[k / 8 % 4];
	const uint32_t bit = 1u << (which * 4 + k / 8 % 4);
	const bool cut = slips(c, s);

	if (avoids(s, !(s->conns >> conn & 1), "watch of no connection"))
		return;
	if (avoids(s, s->watches[conn] & bit, "watch twice"))
		return;
	if (avoids(s, !strcmp(path, "//") || !strcmp(path, "/b/"), "malformed watch path"))
		return;
	if (avoids(s, cut, "no NUL behind the token"))
		return;
	begin(s, depth < 3 ? WATCH_DEPTH : WATCH);
	put_number(s, conn, 4);
	put_number(s, strlen(path) + 1, 2);
	put_number(s, strlen(token) + 1, 2);
	if (depth < 3)
		put_number(s, depth, 4);
	put(s, path, strlen(path) + 1);
	put(s, cut ? "longer" : token, strlen(token) + 1);
	if (cut)
		s->bytes[s->len - 1] = 'x';
	end(s, true);
	s->watches[conn] |= bit;
}

static void put_transaction(struct choices *c, struct stream *s, uint32_t conn)
{
	const uint32_t id = choose(c) >= 0xf8 ? 0 : 1 + choose_below(c, 7);

	if (avoids(s, !(s->conns >> conn & 1), "transaction of no connection"))
		return;
	if (avoids(s, !id || s->txs[conn] >> id & 1, "transaction twice, or 0"))
		return;
	begin(s, TRANSACTION);
	put_number(s, conn, 4);
	put_number(s, id, 4);
	end(s, true);
	s->txs[conn] |= (uint8_t)(1u << id);
}

/* An owner that is stale is a dead one; another entry may be. */
static void put_perms(struct choices *c, struct stream *s, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t k = choose(c);
		const bool stale = i ? k & 4 : k >= 0xf8 && !s->careful;
		const char letter = k >= 0xf0 && k < 0xf4 && !s->careful ? 'x' : "nrwb"[k & 3];

		if (avoids(s, stale && !i, "node of a dead domain"))
			return;
		if (avoids(s, letter == 'x', "unknown permission"))
			return;
		put(s, &letter, 1);
		put_number(s, stale, 1);
		put_number(s, k / 8 % 8, 2);
	}
}

static void put_node_record(struct choices *c, struct stream *s, const char *path, bool in_tx)
{
	static const char value[48] = "value";
	const uint8_t k = choose(c);
	const uint32_t perms = k >= 0xf8 && !s->careful ? 0 : 1 + k % 3, len = k / 4 % 4 * 12;

	begin(s, NODE);
	put_number(s, in_tx, 4);
	put_number(s, in_tx, 4);
	put_number(s, strlen(path) + 1, 2);
	put_number(s, len, 2);
	put_number(s, 0, 2);
	put_number(s, perms, 2);
	if (!in_tx) {
		if (avoids(s, !perms, "node without permissions"))
			return;
		put_perms(c, s, perms);
	}
	put(s, path, strlen(path) + 1);
	put(s, value, len);
	end(s, !in_tx);
}

static void put_node(struct choices *c, struct stream *s)
{
	const uint8_t k = choose(c);
	uint32_t place = k % 6;

	if (k >= 0xf4) {
		put_node_record(c, s, paths[place], true); /* a transaction's: passed over */
		return;
	}
	if (k < 0xe8) /* the next that may come */
		while (place < 5 && (s->nodes >> place & 1))
			place++;
	if (k < 0xe8)
		while (parents[place] >= 0 && !(s->nodes >> parents[place] & 1))
			place = (uint32_t)parents[place];
	if (k < 0xe8 && (s->nodes >> place & 1))
		return;
	if (avoids(s, s->nodes >> place & 1, "node twice"))
		return;
	if (avoids(s, parents[place] >= 0 && !(s->nodes >> parents[place] & 1), "node without a parent"))
		return;
	put_node_record(c, s, paths[place], false);
	s->nodes |= (uint8_t)(1u << place);
}

static void put_names(struct stream *s, uint32_t kinds)
{
	for (uint32_t kind = 0; kind < STORE_QUOTA_KINDS; kind++) {
		const char *name = store_quota_name((enum store_quota_kind)kind);

		if (kinds >> kind & 1)
			put(s, name, strlen(name) + 1);
	}
}

/* Limits and features of its own. */
static void put_domain(struct choices *c, struct stream *s)
{
	const uint32_t domid = choose_below(c, 8), kinds = choose(c) & ((1u << STORE_QUOTA_KINDS) - 1);
	const uint32_t features = choose(c) & WIRE_FEATURES_ALL;

	if (s->domains >> domid & 1 || (!kinds && features == WIRE_FEATURES_ALL))
		return;
	begin(s, DOMAIN);
	put_number(s, domid, 2);
	put_number(s, (uint64_t)__builtin_popcount(kinds), 2);
	put_number(s, features, 4);
	for (uint32_t kind = 0; kind < STORE_QUOTA_KINDS; kind++)
		if (kinds >> kind & 1)
			put_number(s, choose(c), 4);
	put_names(s, kinds);
	end(s, true);
	s->domains |= (uint8_t)(1u << domid);
}

static void put_quota(struct choices *c, struct stream *s)
{
	begin(s, QUOTA);
	put_number(s, STORE_QUOTA_KINDS, 4);
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++)
		put_number(s, choose(c), 4);
	put_names(s, UINT32_MAX);
	end(s, true);
}

static void put_something(struct choices *c, struct stream *s)
{
	const uint8_t k = choose(c);
	const uint32_t conn = k >= 0xf0 ? choose_below(c, 8) : 1u + k / 16 % 2; /* 1 and 2 are there */

	switch (k % 8) {
	case 0:
		put_connection(c, s, k >= 0xf0 ? conn : s->conns & 8 ? 4 : 3, k & 16);
		break;
	case 1:
	case 2:
		put_watch(c, s, conn);
		break;
	case 3:
		put_transaction(c, s, conn);
		break;
	case 4:
		put_domain(c, s);
		break;
	case 5:
		if (avoids(s, k >= 0xf8 && !s->careful, "unknown record"))
			return;
		begin(s, k >= 0xf8 && !s->careful ? 99 : GLOBAL);
		put_number(s, UINT64_MAX, 8);
		end(s, false);
		break;
	default:
		put_node(c, s);
	}
}

/* Two connections, one of them a ring's, the root and the limits; a depth, so that the dump is of version 2, too. */
void make_stream(struct choices *c, struct stream *s)
{
	memset(s, 0, sizeof(*s));
	s->careful = choose(c) & 1;
	put(s, "xenstore\0\0\0\2\0\0\0\0", HEADER);
	put_quota(c, s);
	put_connection(c, s, 1, false);
	put_connection(c, s, 2, true);
	begin(s, WATCH_DEPTH);
	put(s, "\1\0\0\0\3\0\6\0\1\0\0\0/v\0depth\0", 21);
	end(s, true);
	begin(s, NODE);
	put(s, "\0\0\0\0\0\0\0\0\2\0\0\0\0\0\1\0n\0\0\0/\0", 22);
	end(s, true);
	for (int i = 0; i < 40 && c->left; i++)
		put_something(c, s);
	begin(s, END);
	end(s, false);
	if (slips(c, s)) {
		s->len -= RECORD;
		if (avoids(s, true, "no end"))
			return;
	}
}

static uint32_t number_at(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool is_claimed(const struct stream *s, const uint8_t *record, size_t len)
{
	for (size_t i = 0; i < s->claim_count; i++)
		if (s->claims[i].len == len && !memcmp(s->bytes + s->claims[i].at, record, len))
			return true;
	return false;
}

const char *judge_dump(const struct stream *s, const uint8_t *dump, size_t len)
{
	size_t kept = 0;

	for (size_t at = HEADER; at < len;) {
		const uint32_t type = number_at(dump + at), body = number_at(dump + at + 4);
		const bool special =
			type == NODE && dump[at + RECORD + 16 + dump[at + RECORD + 14] * 4u] == '@';

		if (type >= CONNECTION && type <= WATCH_DEPTH && !special) {
			if (!is_claimed(s, dump + at, RECORD + body))
				return "the dump has a record that was not loaded";
			kept++;
		}
		at += RECORD + body + (-body & 7);
	}
	return kept == s->claim_count ? NULL : "the dump lacks a record that was loaded";
}
