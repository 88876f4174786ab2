/* SPDX-License-Identifier: MIT */
/* Reading a migration stream. Nothing in it is trusted: it may come from another server, or a bad disk. */
#include "conn.h"
#include "domain.h"
#include "node.h"
#include "quota.h"
#include "stream.h"
#include "tx.h"
#include "watch.h"

struct load {
	struct store *s;
	const uint8_t *at; /* the open record's body */
	size_t left;
	bool has_instances;
	const char *why;
	int err;
};

static void fail(struct load *l, int err, const char *why)
{
	if (!l->err) {
		l->err = err;
		l->why = why;
	}
}

/* @len bytes of the body, or NULL: there are not so many. */
static const uint8_t *take(struct load *l, size_t len)
{
	const uint8_t *bytes = l->at;

	if (l->left < len)
		fail(l, -EINVAL, "record too short");
	if (l->err)
		return NULL;
	l->at += len;
	l->left -= len;
	return bytes;
}

static uint64_t take_number(struct load *l, size_t size)
{
	const uint8_t *bytes = take(l, size);
	uint64_t number = 0;

	for (size_t i = 0; bytes && i < size; i++)
		number |= (uint64_t)bytes[i] << (8 * i);
	return number;
}

static uint32_t take_u32(struct load *l)
{
	return (uint32_t)take_number(l, 4);
}

static uint16_t take_u16(struct load *l)
{
	return (uint16_t)take_number(l, 2);
}

/* A string of @len bytes, its NUL the last. */
static const char *take_string(struct load *l, size_t len)
{
	const char *string = (const char *)take(l, len);

	if (string && (!len || memchr(string, 0, len) != string + len - 1)) {
		fail(l, -EINVAL, "string without its NUL, or with two");
		return NULL;
	}
	return string;
}

static struct domain *need_domain(struct load *l, uint32_t domid)
{
	struct domain *domain = domain_lookup(l->s, domid);

	if (!domain && domid >= WIRE_DOMID_FIRST_RESERVED)
		fail(l, -EINVAL, "domid out of range");
	else if (!domain && domain_create(l->s, domid, &domain))
		fail(l, -ENOMEM, "out of memory");
	return l->err ? NULL : domain;
}

static void load_quota(struct load *l)
{
	const uint32_t count = (uint32_t)take_u16(l) + take_u16(l);
	const uint8_t *values = take(l, (size_t)count * 4);

	for (uint32_t i = 0; i < count && !l->err; i++) {
		struct wire_strings names = { (const char *)l->at, l->left };
		size_t len;
		const char *name = wire_next_string(&names, &len);
		const bool soft = name && len > 5 && !memcmp(name, "soft-", 5);
		uint32_t *field;

		if (!name) {
			fail(l, -EINVAL, "quota without a name");
			return;
		}
		field = quota_field(&l->s->config.quota, name + (soft ? 5 : 0), len - (soft ? 5 : 0), soft);
		if (field)
			*field = values[4 * i] | (uint32_t)values[4 * i + 1] << 8 |
				 (uint32_t)values[4 * i + 2] << 16 | (uint32_t)values[4 * i + 3] << 24;
		take(l, len + 1);
	}
}

static void load_instance(struct load *l)
{
	struct domain *domain = need_domain(l, take_u32(l));
	const uint32_t flags = take_u32(l), target = take_u32(l), port = take_u32(l);
	const uint64_t gfn = take_number(l, 8);

	if (l->err)
		return;
	domain->introduced = flags & STREAM_INTRODUCED;
	domain->shutdown = flags & STREAM_SHUTDOWN;
	domain->port = port;
	domain->gfn = gfn;
	if (target != WIRE_DOMID_INVALID)
		domain->target = need_domain(l, target);
}

static void load_instances(struct load *l)
{
	uint32_t count;

	l->has_instances = true;
	l->s->stamp = take_number(l, 8);
	l->s->next_conn = take_u32(l);
	count = take_u32(l);
	if (l->s->stamp == 0 || l->s->stamp > UINT64_MAX / 2)
		fail(l, -EINVAL, "impossible stamp");
	while (count-- && !l->err)
		load_instance(l);
}

static void add_connection(struct load *l, struct domain *domain, bool ring, uint32_t id)
{
	struct conn *conn;

	if (!id || conn_find(l->s, id) || (ring && domain->ring)) {
		fail(l, -EINVAL, "connection twice, or without an id");
		return;
	}
	if (conn_new_with_id(l->s, domain, ring, id, &conn)) {
		fail(l, -ENOMEM, "out of memory");
		return;
	}
	if (ring)
		domain->ring = conn;
	if (id > l->s->next_conn)
		l->s->next_conn = id;
}

static void load_connection(struct load *l)
{
	const uint32_t id = take_u32(l);
	const uint16_t type = take_u16(l);
	struct domain *domain;
	uint16_t domid, target;
	uint32_t port;

	take_u16(l);
	domid = take_u16(l);
	target = take_u16(l);
	port = take_u32(l);
	if (type > STREAM_SOCKET)
		fail(l, -EINVAL, "connection of an unknown kind");
	domain = need_domain(l, type == STREAM_RING ? domid : 0);
	if (l->err)
		return;
	if (type == STREAM_RING) {
		domain->introduced |= !l->has_instances;
		domain->port = port;
		if (target != WIRE_DOMID_INVALID)
			domain->target = need_domain(l, target);
	}
	if (!l->err)
		add_connection(l, domain, type == STREAM_RING, id);
}

static struct conn *take_conn(struct load *l)
{
	struct conn *conn = conn_find(l->s, take_u32(l));

	if (!conn)
		fail(l, -EINVAL, "record of an unknown connection");
	return conn;
}

static void fill_spec(struct load *l, const struct conn *conn, struct watch_spec *spec, char *buf)
{
	const char *path = spec->path;
	char home[WIRE_HOME_MAX];
	int kind;

	if (path[0] == '@')
		return;
	kind = wire_path_canonical(path, spec->path_len, conn->domain->domid, buf, &spec->path,
				   &spec->path_len);
	if (kind < 0)
		fail(l, -EINVAL, "malformed watch path");
	else if (kind == WIRE_PATH_RELATIVE)
		spec->home_len = (uint16_t)(wire_home(conn->domain->domid, home) + 1);
}

static void load_watch(struct load *l, bool extended)
{
	struct conn *conn = take_conn(l);
	const uint16_t path_len = take_u16(l), token_len = take_u16(l);
	const uint16_t depth = extended ? take_u16(l) : (uint16_t)WIRE_DEPTH_ALL;
	struct watch_spec spec = { .depth = depth };
	char buf[WIRE_ABS_PATH_MAX];
	struct watch *w;

	if (extended)
		take_u16(l);
	spec.path = take_string(l, path_len);
	spec.token = take_string(l, token_len);
	if (!l->err && path_len + token_len > WIRE_PAYLOAD_MAX)
		fail(l, -EINVAL, "watch too long");
	if (l->err)
		return;
	spec.path_len = path_len - 1u;
	spec.token_len = token_len - 1u;
	fill_spec(l, conn, &spec, buf);
	if (!l->err && (!spec.path_len || watch_find(l->s, conn, &spec)))
		fail(l, -EINVAL, "watch twice, or without a path");
	if (!l->err && watch_new(l->s, conn, &spec, &w))
		fail(l, -ENOMEM, "out of memory");
}

/* Its snapshot is gone with the process that held it. */
static void load_transaction(struct load *l)
{
	struct conn *conn = take_conn(l);
	const uint32_t id = take_u32(l);
	struct tx *tx;

	if (l->err)
		return;
	if (!id || tx_find(conn, id)) {
		fail(l, -EINVAL, "transaction twice, or without an id");
		return;
	}
	if (tx_new_with_id(l->s, conn, id, &tx)) {
		fail(l, -ENOMEM, "out of memory");
		return;
	}
	tx_doom(l->s, tx);
	if (id > conn->last_tx)
		conn->last_tx = id;
}

static uint8_t access_of(struct load *l, uint8_t letter)
{
	for (uint8_t access = 0; access < 4; access++)
		if (wire_perm_letter(access) == (char)letter)
			return access;
	fail(l, -EINVAL, "unknown permission");
	return 0;
}

/* An entry that is not stale names the instance that lives; streams of servers without instances name
 * domains that we may not have met. An owner is believed to be there. */
static void load_entry(struct load *l, bool owner, struct perm_entry *e)
{
	const uint8_t letter = (uint8_t)take_number(l, 1), flags = (uint8_t)take_number(l, 1);

	*e = (struct perm_entry){ .domid = take_u16(l), .access = access_of(l, letter) };
	if (l->err || (flags & STREAM_PERM_STALE) || (e->domid == WIRE_DOMID_ANY && !owner))
		return;
	if (owner)
		e->who = need_domain(l, e->domid);
	else if (domain_mention(l->s, e->domid, &e->who) == -ENOMEM)
		fail(l, -ENOMEM, "out of memory");
}

static uint32_t load_perms(struct load *l, uint32_t count)
{
	struct perm_entry *entries = calloc(count + 1u, sizeof(*entries));
	uint32_t perms = 0;

	if (!entries)
		fail(l, -ENOMEM, "out of memory");
	if (!count)
		fail(l, -EINVAL, "node without permissions");
	for (uint32_t i = 0; i < count && !l->err; i++)
		load_entry(l, i == 0, &entries[i]);
	if (!l->err && perms_get(l->s, entries, count, &perms))
		fail(l, -ENOMEM, "out of memory");
	free(entries);
	return perms;
}

struct node_record {
	const char *path, *value;
	uint32_t path_len, value_len, perms;
};

static void set_root(struct load *l, const struct node_record *r, uint32_t value)
{
	node_set_value(l->s, l->s->root, value, r->value_len);
	node_set_perms(l->s, l->s->root, perms_ref(l->s, r->perms));
}

/* The parent of @path, and its last name. */
static uint32_t find_parent(struct load *l, const struct node_record *r, const char **name, size_t *name_len)
{
	struct wire_strings p = { r->path, r->path_len };
	uint32_t at = l->s->root;

	for (;;) {
		const char *next = wire_next_component(&p, name_len);
		uint32_t child;

		*name = next;
		child = node_find(l->s, at, next, *name_len, STAMP_NOW);
		if (!p.left) {
			if (child)
				fail(l, -EINVAL, "node twice");
			return at;
		}
		if (!child) {
			fail(l, -EINVAL, "node without a parent");
			return 0;
		}
		at = child;
	}
}

static void add_node(struct load *l, const struct node_record *r, uint32_t value)
{
	struct store *s = l->s;
	const char *name;
	size_t len;
	const uint32_t parent = find_parent(l, r, &name, &len);
	uint32_t blob = 0, node = 0;

	if (!l->err && !blob_new(&s->blobs, name, (uint32_t)len, &blob))
		node = node_new(s, blob, (uint32_t)len, value, r->value_len, r->perms);
	if (node) {
		perms_ref(s, r->perms);
		node_attach(s, parent, node);
		return;
	}
	blob_free(&s->blobs, blob, (uint32_t)len);
	blob_free(&s->blobs, value, r->value_len);
	fail(l, -ENOMEM, "out of memory");
}

static void load_special(struct load *l, const struct node_record *r)
{
	const int special = special_of(r->path, r->path_len);

	if (special < 0)
		return; /* another server's; it means nothing here */
	perms_unref(l->s, l->s->special[special]);
	l->s->special[special] = perms_ref(l->s, r->perms);
}

static void place_node(struct load *l, const struct node_record *r)
{
	const int kind = wire_path_check(r->path, r->path_len);
	uint32_t value;

	if (kind == WIRE_PATH_SPECIAL) {
		load_special(l, r);
		return;
	}
	if (!perms_owner(l->s, r->perms)) {
		fail(l, -EINVAL, "node of a dead domain");
		return;
	}
	if (kind != WIRE_PATH_ABSOLUTE || r->value_len > WIRE_PAYLOAD_MAX) {
		fail(l, -EINVAL, "malformed node");
		return;
	}
	if (blob_new(&l->s->blobs, r->value, r->value_len, &value))
		fail(l, -ENOMEM, "out of memory");
	else if (r->path_len == 1)
		set_root(l, r, value);
	else
		add_node(l, r, value);
}

/* What a transaction wrote is lost with its snapshot, so its records are passed over. */
static void load_node(struct load *l)
{
	const bool in_tx = take_u32(l);
	struct node_record r = { 0 };
	uint32_t perm_count;

	take_u32(l);
	r.path_len = take_u16(l);
	r.value_len = take_u16(l);
	take_u16(l);
	perm_count = take_u16(l);
	if (in_tx || l->err)
		return;
	r.perms = load_perms(l, perm_count);
	r.path = take_string(l, r.path_len);
	r.value = (const char *)take(l, r.value_len);
	r.path_len--;
	if (!l->err)
		place_node(l, &r);
	perms_unref(l->s, r.perms);
}

static void load_record(struct load *l, uint32_t type)
{
	switch (type) {
	case STREAM_GLOBAL:
	case STREAM_DOMAIN:
		break; /* descriptors are the shell's; features are fixed, quotas global */
	case STREAM_CONNECTION:
		load_connection(l);
		break;
	case STREAM_WATCH:
	case STREAM_WATCH_EXTENDED:
		load_watch(l, type == STREAM_WATCH_EXTENDED);
		break;
	case STREAM_TRANSACTION:
		load_transaction(l);
		break;
	case STREAM_NODE:
		load_node(l);
		break;
	case STREAM_QUOTA:
		load_quota(l);
		break;
	case STREAM_INSTANCES:
		load_instances(l);
		break;
	default:
		fail(l, -EINVAL, "unknown record");
	}
}

static bool header_is_good(const uint8_t *data, size_t len)
{
	static const uint8_t versions[2][8] = { { 0, 0, 0, 1 }, { 0, 0, 0, 2 } };

	return len >= STREAM_HEADER_SIZE && !memcmp(data, STREAM_IDENT, 8) &&
	       (!memcmp(data + 8, versions[0], 8) || !memcmp(data + 8, versions[1], 8));
}

/* Makes the next record's body the open one. Returns its type, STREAM_END too when the stream is broken. */
static uint32_t open_record(struct load *l, const uint8_t **next, const uint8_t *stream_end)
{
	uint32_t type;
	size_t len, padded;

	l->at = *next;
	l->left = (size_t)(stream_end - *next);
	type = take_u32(l);
	len = take_u32(l);
	padded = len + (-len & 7);
	if (!l->err && padded > l->left)
		fail(l, -EINVAL, "record reaches past the end");
	if (l->err)
		return STREAM_END;
	l->left = len;
	*next = l->at + padded;
	return type;
}

/* What a fresh store has made by itself; the stream says what there is. */
static void clear_tree(struct store *s)
{
	while (node_at(s, s->root)->first)
		node_remove(s, node_at(s, s->root)->first);
	reclaim_all(s);
}

int store_load(struct store *s, const uint8_t *data, size_t len, const char **why)
{
	struct load l = { .s = s };
	const uint8_t *next = data + STREAM_HEADER_SIZE;
	uint32_t type;

	if (!header_is_good(data, len)) {
		*why = "not a stream of version 1 or 2, little-endian";
		return -EINVAL;
	}
	clear_tree(s);
	while ((type = open_record(&l, &next, data + len)) != STREAM_END)
		load_record(&l, type);
	*why = l.why;
	return l.err;
}
