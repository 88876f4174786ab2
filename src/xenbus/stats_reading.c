/* SPDX-License-Identifier: MIT */
#include "stats_reading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <xenbus/client.h>
#include <xenbus/wire.h>

/* -- asking ------------------------------------------------------------------------------------- */

/* "stats", @what (NULL: nothing) and @from. 0 and *@out, an object. */
static int ask(struct xenstore *xs, const char *what, uint64_t from, struct json_value **out)
{
	char payload[64], *reply;
	int len = snprintf(payload, sizeof(payload), "stats%c%s%c%" PRIu64, 0, what ? what : "", 0, from);
	const struct iovec iov = { payload, what ? (size_t)len + 1 : sizeof("stats") };
	size_t size;
	int err = xenstore_call(xs, XS_CONTROL, XBT_NULL, &iov, 1, &reply, &size);

	if (err)
		return err;
	err = json_read(reply, size && !reply[size - 1] ? size - 1 : size, out);
	free(reply);
	if (!err && (*out)->type == JSON_OBJECT)
		return 0;
	if (!err)
		json_free(*out);
	return err == -ENOMEM ? err : -EPROTO;
}

/* Moves the elements of @from, an array, to the end of @to. */
static void move_all(struct json_value *to, struct json_value *from)
{
	if (!from->first)
		return;
	if (to->last)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	from->first = from->last = NULL;
}

static bool are_objects(const struct json_value *array)
{
	for (const struct json_value *each = array->first; each; each = each->next)
		if (each->type != JSON_OBJECT)
			return false;
	return true;
}

/* One page, and where the next begins; 0: that was the last. */
static int read_page(struct xenstore *xs, const char *what, struct json_value *all, uint64_t *from)
{
	struct json_value *page, *part;
	uint64_t next;
	int err = ask(xs, what, *from, &page);

	if (err)
		return err;
	part = json_member(page, what);
	next = json_number_of(page, "next");
	if (!part || part->type != JSON_ARRAY || !are_objects(part) || (next && next <= *from))
		err = -EPROTO;
	else
		move_all(all, part);
	*from = next;
	json_free(page);
	return err;
}

static int read_list(struct xenstore *xs, const char *what, struct json_value *reading)
{
	struct json_value *all = json_new(JSON_ARRAY);
	uint64_t from = 0;
	int err = json_append(reading, what, all);

	if (err)
		return err;
	do
		err = read_page(xs, what, all, &from);
	while (!err && from);
	return err;
}

int stats_read(struct xenstore *xs, struct json_value **out)
{
	static const char *const lists[] = { "domains", "connections", "conflicts" };
	struct json_value *store;
	int err = ask(xs, NULL, 0, &store);

	*out = NULL;
	if (err)
		return err;
	*out = json_new(JSON_OBJECT);
	if (!*out) {
		json_free(store);
		return -ENOMEM;
	}
	err = json_append(*out, "interval_us", json_new(JSON_NULL));
	if (err)
		json_free(store);
	else
		err = json_append(*out, "store", store);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && !err; i++)
		err = read_list(xs, lists[i], *out);
	if (err) {
		json_free(*out);
		*out = NULL;
	}
	return err;
}

/* -- the difference ----------------------------------------------------------------------------- */

static bool is_one_of(const char *key, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(key, names[i]))
			return true;
	return false;
}

/* Members that count, with all in them. */
static bool is_count(const char *key)
{
	static const char *const names[] = { "requests",  "errors",	"events",  "committed",
					     "conflicts", "blamed",	"doomed",  "busy_us",
					     "cpu_us",	  "latency_us", "refused", "count" };

	return is_one_of(key, names, sizeof(names) / sizeof(names[0]));
}

/* Members that are of one moment, with all in them. */
static bool is_state(const char *key)
{
	return !strcmp(key, "queue") || !strcmp(key, "last_conflict");
}

/* @before NULL: there was none. */
static void subtract(struct json_value *now, const struct json_value *before, bool counts)
{
	const struct json_value *other = before ? before->first : NULL;

	if (counts && now->type == JSON_NUMBER && before && before->number <= now->number)
		now->number -= before->number;
	for (struct json_value *child = now->first; child; child = child->next) {
		if (child->key && is_state(child->key))
			continue;
		if (child->key)
			other = json_member(before, child->key);
		subtract(child, other, counts || (child->key && is_count(child->key)));
		if (!child->key && other)
			other = other->next;
	}
}

static bool same_number(const struct json_value *a, const struct json_value *b, const char *key)
{
	return json_number_of(a, key) == json_number_of(b, key);
}

static bool same_string(const struct json_value *a, const struct json_value *b, const char *key)
{
	const char *one = json_string_of(a, key), *other = json_string_of(b, key);

	return one && other ? !strcmp(one, other) : one == other;
}

static bool same_domain(const struct json_value *a, const struct json_value *b)
{
	return same_number(a, b, "domain") && same_number(a, b, "instance");
}

static bool same_connection(const struct json_value *a, const struct json_value *b)
{
	return same_number(a, b, "id");
}

static bool same_conflict(const struct json_value *a, const struct json_value *b)
{
	return same_number(json_member(a, "lost_by"), json_member(b, "lost_by"), "domain") &&
	       same_number(json_member(a, "caused_by"), json_member(b, "caused_by"), "domain") &&
	       same_string(a, b, "kind") && same_string(a, b, "path") && same_string(a, b, "quota");
}

/* Those of before are in the same order but for conflicts, of which there are few a domain: so the search goes on
 * from the last match, and seldom far. */
static const struct json_value *find(const struct json_value *array, const struct json_value *hint,
				     const struct json_value *one,
				     bool (*same)(const struct json_value *a, const struct json_value *b))
{
	const struct json_value *each = hint ? hint : array->first;

	for (; each; each = each->next)
		if (same(each, one))
			return each;
	for (each = array->first; each && each != hint; each = each->next)
		if (same(each, one))
			return each;
	return NULL;
}

static void subtract_list(struct json_value *now, const struct json_value *before,
			  bool (*same)(const struct json_value *a, const struct json_value *b))
{
	const struct json_value *hint = NULL;

	for (struct json_value *each = now->first; each; each = each->next) {
		const struct json_value *match = find(before, hint, each, same);

		subtract(each, match, false);
		if (match)
			hint = match->next;
	}
}

int stats_subtract(struct json_value *now, const struct json_value *before)
{
	struct json_value *store = json_member(now, "store"), *interval = json_member(now, "interval_us");
	const struct json_value *store_before = json_member(before, "store");

	if (!same_number(store, store_before, "pid") ||
	    json_number_of(store, "uptime_us") < json_number_of(store_before, "uptime_us"))
		return -ESTALE;
	interval->type = JSON_NUMBER;
	interval->number = json_number_of(store, "uptime_us") - json_number_of(store_before, "uptime_us");
	subtract(store, store_before, false);
	subtract_list(json_member(now, "domains"), json_member(before, "domains"), same_domain);
	subtract_list(json_member(now, "connections"), json_member(before, "connections"), same_connection);
	subtract_list(json_member(now, "conflicts"), json_member(before, "conflicts"), same_conflict);
	return 0;
}

/* -- one domain --------------------------------------------------------------------------------- */

static bool concerns(const struct json_value *one, uint32_t domid)
{
	static const char *const parties[] = { "lost_by", "caused_by" };

	if (json_member(one, "domain"))
		return json_number_of(one, "domain") == domid;
	for (size_t i = 0; i < 2; i++) {
		const struct json_value *party = json_member(one, parties[i]);

		if (party && party->type == JSON_OBJECT && json_number_of(party, "domain") == domid)
			return true;
	}
	return false;
}

static void keep(struct json_value *array, uint32_t domid)
{
	struct json_value *each = array->first;

	array->first = array->last = NULL;
	while (each) {
		struct json_value *next = each->next;

		each->next = NULL;
		if (concerns(each, domid))
			(void)json_append(array, NULL, each);
		else
			json_free(each);
		each = next;
	}
}

void stats_keep_domain(struct json_value *reading, uint32_t domid)
{
	keep(json_member(reading, "domains"), domid);
	keep(json_member(reading, "connections"), domid);
	keep(json_member(reading, "conflicts"), domid);
}
