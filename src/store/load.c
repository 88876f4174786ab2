/* SPDX-License-Identifier: MIT */
/* Reading a migration stream. Nothing in it is trusted: it may come from another server, or a bad disk. */
#include "conn.h"
#include "domain.h"
#include "load.h"
#include "node.h"
#include "stream.h"
#include "tx.h"
#include "watch.h"

void load_fail(struct load *l, int err, const char *why)
{
	if (!l->err) {
		l->err = err;
		l->why = why;
	}
}

const uint8_t *load_bytes(struct load *l, size_t len)
{
	const uint8_t *bytes = l->at;

	if (l->left < len)
		load_fail(l, -EINVAL, "record too short");
	if (l->err)
		return NULL;
	l->at += len;
	l->left -= len;
	return bytes;
}

uint64_t load_number(struct load *l, size_t size)
{
	const uint8_t *bytes = load_bytes(l, size);
	uint64_t number = 0;

	for (size_t i = 0; bytes && i < size; i++)
		number |= (uint64_t)bytes[i] << (8 * i);
	return number;
}

uint32_t load_u32(struct load *l)
{
	return (uint32_t)load_number(l, 4);
}

uint16_t load_u16(struct load *l)
{
	return (uint16_t)load_number(l, 2);
}

const char *load_string(struct load *l, size_t len)
{
	const char *string = (const char *)load_bytes(l, len);

	if (string && (!len || memchr(string, 0, len) != string + len - 1)) {
		load_fail(l, -EINVAL, "string without its NUL, or with two");
		return NULL;
	}
	return string;
}

struct domain *load_domain(struct load *l, uint32_t domid)
{
	struct domain *domain = domain_lookup(l->s, domid);

	if (!domain && domid >= WIRE_DOMID_FIRST_RESERVED)
		load_fail(l, -EINVAL, "domid out of range");
	else if (!domain && domain_create(l->s, domid, &domain))
		load_fail(l, -ENOMEM, "out of memory");
	return l->err ? NULL : domain;
}

static void load_instance(struct load *l)
{
	struct domain *domain = load_domain(l, load_u32(l));
	const uint32_t flags = load_u32(l), target = load_u32(l), port = load_u32(l);
	const uint64_t gfn = load_number(l, 8);

	if (l->err)
		return;
	domain->introduced = flags & STREAM_INTRODUCED;
	domain->shutdown = flags & STREAM_SHUTDOWN;
	domain->port = port;
	domain->gfn = gfn;
	if (target != WIRE_DOMID_INVALID)
		domain->target = load_domain(l, target);
}

static void load_instances(struct load *l)
{
	const uint64_t stamp = load_number(l, 8), versions = load_number(l, 8);
	const uint32_t next_conn = load_u32(l);
	uint32_t count = load_u32(l);

	if (stamp < l->s->stamp || stamp > UINT64_MAX / 2 || l->has_instances)
		load_fail(l, -EINVAL, "instances twice, or of an impossible stamp");
	if (l->err)
		return;
	l->has_instances = true;
	l->s->stamp = stamp;
	l->s->config.quota.versions = versions;
	l->s->next_conn = next_conn;
	while (count-- && !l->err)
		load_instance(l);
}

static void add_connection(struct load *l, struct domain *domain, bool ring, uint32_t id)
{
	struct conn *conn;

	if (!id || conn_find(l->s, id) || (ring && domain->ring)) {
		load_fail(l, -EINVAL, "connection twice, or without an id");
		return;
	}
	if (conn_new_with_id(l->s, domain, ring, id, &conn)) {
		load_fail(l, -ENOMEM, "out of memory");
		return;
	}
	if (ring)
		domain->ring = conn;
	if (id > l->s->next_conn)
		l->s->next_conn = id;
}

static void load_connection(struct load *l)
{
	const uint32_t id = load_u32(l);
	const uint16_t type = load_u16(l);
	struct domain *domain;
	uint16_t domid, target;
	uint32_t port;

	load_u16(l);
	domid = load_u16(l);
	target = load_u16(l);
	port = load_u32(l);
	if (type > STREAM_SOCKET)
		load_fail(l, -EINVAL, "connection of an unknown kind");
	domain = load_domain(l, type == STREAM_RING ? domid : 0);
	if (l->err)
		return;
	if (type == STREAM_RING) {
		domain->introduced |= !l->has_instances;
		domain->port = port;
		if (target != WIRE_DOMID_INVALID)
			domain->target = load_domain(l, target);
	}
	if (!l->err)
		add_connection(l, domain, type == STREAM_RING, id);
}

static struct conn *take_conn(struct load *l)
{
	struct conn *conn = conn_find(l->s, load_u32(l));

	if (!conn)
		load_fail(l, -EINVAL, "record of an unknown connection");
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
		load_fail(l, -EINVAL, "malformed watch path");
	else if (kind == WIRE_PATH_RELATIVE)
		spec->home_len = (uint16_t)(wire_home(conn->domain->domid, home) + 1);
}

static void load_watch(struct load *l, bool extended)
{
	struct conn *conn = take_conn(l);
	const uint16_t path_len = load_u16(l), token_len = load_u16(l);
	const uint16_t depth = extended ? load_u16(l) : (uint16_t)WIRE_DEPTH_ALL;
	struct watch_spec spec = { .depth = depth };
	char buf[WIRE_ABS_PATH_MAX];
	struct watch *w;

	if (extended)
		load_u16(l);
	spec.path = load_string(l, path_len);
	spec.token = load_string(l, token_len);
	if (!l->err && path_len + token_len > WIRE_PAYLOAD_MAX)
		load_fail(l, -EINVAL, "watch too long");
	if (l->err)
		return;
	spec.path_len = path_len - 1u;
	spec.token_len = token_len - 1u;
	fill_spec(l, conn, &spec, buf);
	if (!l->err && (!spec.path_len || watch_find(l->s, conn, &spec)))
		load_fail(l, -EINVAL, "watch twice, or without a path");
	if (!l->err && watch_new(l->s, conn, &spec, &w))
		load_fail(l, -ENOMEM, "out of memory");
}

/* Its snapshot is gone with the process that held it. */
static void load_transaction(struct load *l)
{
	struct conn *conn = take_conn(l);
	const uint32_t id = load_u32(l);
	struct tx *tx;

	if (l->err)
		return;
	if (!id || tx_find(conn, id)) {
		load_fail(l, -EINVAL, "transaction twice, or without an id");
		return;
	}
	if (tx_new_with_id(l->s, conn, id, &tx)) {
		load_fail(l, -ENOMEM, "out of memory");
		return;
	}
	tx_doom(l->s, tx, objection_to_all(STORE_CONFLICT_RESTARTED, NULL));
	if (id > conn->last_tx)
		conn->last_tx = id;
}

static void load_record(struct load *l, uint32_t type)
{
	switch (type) {
	case STREAM_GLOBAL:
		break; /* descriptors are the shell's */
	case STREAM_DOMAIN:
		load_domain_data(l);
		break;
	case STREAM_USE:
		load_use(l);
		break;
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
		load_default_limits(l);
		break;
	case STREAM_INSTANCES:
		load_instances(l);
		break;
	default:
		load_fail(l, -EINVAL, "unknown record");
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
	type = load_u32(l);
	len = load_u32(l);
	padded = len + (-len & 7);
	if (!l->err && padded > l->left)
		load_fail(l, -EINVAL, "record reaches past the end");
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
	l.version = data[11];
	while ((type = open_record(&l, &next, data + len)) != STREAM_END)
		load_record(&l, type);
	*why = l.why;
	return l.err;
}
