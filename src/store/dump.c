/* SPDX-License-Identifier: MIT */
#include "conn.h"
#include "domain.h"
#include "dump.h"
#include "node.h"
#include "stream.h"
#include "tx.h"
#include "watch.h"

void dump_bytes(struct dump *d, const void *bytes, size_t len)
{
	if (d->failed || !len)
		return;
	if (d->room - d->len < len) {
		const size_t room = (d->len + len) * 2 + 4096;
		uint8_t *data = realloc(d->data, room);

		if (!data) {
			d->failed = true;
			return;
		}
		d->data = data;
		d->room = room;
	}
	memcpy(d->data + d->len, bytes, len);
	d->len += len;
}

static void dump_number(struct dump *d, uint64_t number, size_t size)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	dump_bytes(d, bytes, size);
}

static void dump_u8(struct dump *d, uint8_t n)
{
	dump_number(d, n, 1);
}

void dump_u16(struct dump *d, size_t n)
{
	dump_number(d, n, 2);
}

void dump_u32(struct dump *d, uint32_t n)
{
	dump_number(d, n, 4);
}

void dump_u64(struct dump *d, uint64_t n)
{
	dump_number(d, n, 8);
}

void dump_begin(struct dump *d, enum stream_type type)
{
	d->record = d->len;
	dump_u32(d, (uint32_t)type);
	dump_u32(d, 0);
}

void dump_end(struct dump *d)
{
	const uint8_t zeros[8] = { 0 };
	const size_t len = d->len - d->record - STREAM_RECORD_SIZE;

	if (d->failed)
		return;
	for (size_t i = 0; i < 4; i++)
		d->data[d->record + 4 + i] = (uint8_t)(len >> (8 * i));
	dump_bytes(d, zeros, -len & 7);
}

static bool has_depth(const struct store *s)
{
	for (uint32_t i = 0; i < s->conn_buckets; i++)
		for (const struct conn *conn = s->conns[i]; conn; conn = conn->chain)
			list_for_each (pos, &conn->watches)
				if (list_entry(pos, struct watch, on_conn)->depth != WIRE_DEPTH_ALL)
					return true;
	return false;
}

static bool has_features(const struct store *s)
{
	for (const struct domain *d = domain_at_or_after(s, 0); d; d = domain_at_or_after(s, d->domid + 1))
		if (d->features != WIRE_FEATURES_ALL)
			return true;
	return false;
}

/* The header alone is big-endian. */
static void put_header(struct dump *d)
{
	const uint8_t version[8] = { 0, 0, 0, d->version, 0, 0, 0, 0 };

	dump_bytes(d, STREAM_IDENT, 8);
	dump_bytes(d, version, sizeof(version));
}

static void put_global(struct dump *d)
{
	dump_begin(d, STREAM_GLOBAL);
	dump_u32(d,
		 UINT32_MAX); /* the shell's descriptors; it has records of its own for what it must keep */
	dump_u32(d, UINT32_MAX);
	dump_end(d);
}

static void put_instances(struct dump *d)
{
	const struct store *s = d->s;

	dump_begin(d, STREAM_INSTANCES);
	dump_u64(d, s->stamp);
	dump_u64(d, s->config.quota.versions);
	dump_u32(d, s->next_conn);
	dump_u32(d, s->domain_count);
	for (const struct domain *dom = domain_at_or_after(s, 0); dom;
	     dom = domain_at_or_after(s, dom->domid + 1)) {
		dump_u32(d, dom->domid);
		dump_u32(d,
			 (dom->introduced ? STREAM_INTRODUCED : 0) | (dom->shutdown ? STREAM_SHUTDOWN : 0));
		dump_u32(d, dom->target ? dom->target->domid : WIRE_DOMID_INVALID);
		dump_u32(d, dom->port);
		dump_u64(d, dom->gfn);
	}
	dump_end(d);
}

static void put_connection(struct dump *d, const struct conn *conn)
{
	const struct domain *dom = conn->domain;

	dump_begin(d, STREAM_CONNECTION);
	dump_u32(d, conn->id);
	dump_u16(d, conn->ring ? STREAM_RING : STREAM_SOCKET);
	dump_u16(d, 0);
	if (conn->ring) {
		dump_u16(d, dom->domid);
		dump_u16(d, dom->target ? dom->target->domid : WIRE_DOMID_INVALID);
		dump_u32(d, dom->port);
	} else {
		dump_u32(d, UINT32_MAX);
		dump_u32(d, 0);
	}
	dump_u16(d, 0); /* what is on its way is the shell's */
	dump_u16(d, 0);
	dump_u32(d, 0);
	dump_end(d);
}

static void put_watch(struct dump *d, const struct conn *conn, const struct watch *w)
{
	dump_begin(d, w->depth == WIRE_DEPTH_ALL ? STREAM_WATCH : STREAM_WATCH_EXTENDED);
	dump_u32(d, conn->id);
	dump_u16(d, w->path_len - w->home_len + 1);
	dump_u16(d, w->token_len + 1);
	if (w->depth != WIRE_DEPTH_ALL) {
		dump_u16(d, w->depth);
		dump_u16(d, 0);
	}
	dump_bytes(d, w->text + w->home_len, w->path_len - w->home_len + 1);
	dump_bytes(d, watch_token(w), w->token_len + 1);
	dump_end(d);
}

static void put_claims(struct dump *d, const struct conn *conn)
{
	put_connection(d, conn);
	list_for_each (pos, &conn->watches)
		put_watch(d, conn, list_entry(pos, struct watch, on_conn));
	list_for_each (pos, &conn->txs) {
		dump_begin(d, STREAM_TRANSACTION);
		dump_u32(d, conn->id);
		dump_u32(d, list_entry(pos, struct tx, on_conn)->id);
		dump_end(d);
	}
}

static int by_id(const void *a, const void *b)
{
	const struct conn *const *x = a, *const *y = b;

	return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

static void put_connections(struct dump *d)
{
	const struct store *s = d->s;
	const struct conn **all = calloc(s->conn_count + 1, sizeof(struct conn *));
	uint32_t count = 0;

	if (!all) {
		d->failed = true;
		return;
	}
	for (uint32_t i = 0; i < s->conn_buckets; i++)
		for (const struct conn *conn = s->conns[i]; conn; conn = conn->chain)
			all[count++] = conn;
	qsort(all, count, sizeof(*all), by_id);
	for (uint32_t i = 0; i < count; i++)
		put_claims(d, all[i]);
	free(all);
}

static bool is_stale(const struct perm_entry *e)
{
	return e->who ? !e->who->alive : e->domid != WIRE_DOMID_ANY || e->nobody;
}

static void put_perms(struct dump *d, uint32_t perms)
{
	const struct perm_list *list = perms_at(d->s, perms);

	for (uint32_t i = 0; i < list->count; i++) {
		const struct perm_entry *e = &list->entries[i];

		dump_u8(d, (uint8_t)wire_perm_letter(e->access));
		dump_u8(d, is_stale(e) ? STREAM_PERM_STALE : 0);
		dump_u16(d, e->domid);
	}
}

static void put_node_record(struct dump *d, const char *path, size_t path_len, const char *value,
			    uint32_t value_len, uint32_t perms)
{
	dump_begin(d, STREAM_NODE);
	dump_u32(d, 0);
	dump_u32(d, 0);
	dump_u16(d, path_len + 1);
	dump_u16(d, value_len);
	dump_u16(d, 0);
	dump_u16(d, perms_at(d->s, perms)->count);
	put_perms(d, perms);
	dump_bytes(d, path, path_len);
	dump_u8(d, 0);
	dump_bytes(d, value, value_len);
	dump_end(d);
}

static void put_node(struct dump *d, uint32_t node)
{
	const struct node *n = node_at(d->s, node);
	char path[WIRE_ABS_PATH_MAX];
	const size_t len = node_path(d->s, node, path);

	put_node_record(d, path, len, blob_at(&d->s->blobs, n->value), n->value_len, n->perms);
}

static uint32_t skip_dead(const struct store *s, uint32_t at)
{
	while (at && (node_at(s, at)->flags & NODE_DEAD))
		at = node_at(s, at)->next;
	return at;
}

static void put_tree(struct dump *d)
{
	const struct store *s = d->s;
	uint32_t at = s->root;

	while (at) {
		uint32_t next;

		put_node(d, at);
		next = skip_dead(s, node_at(s, at)->first);
		while (!next && at != s->root) {
			next = skip_dead(s, node_at(s, at)->next);
			at = node_at(s, at)->parent;
		}
		at = next;
	}
}

int store_dump(const struct store *s, uint8_t **data, size_t *len)
{
	struct dump d = { .s = s, .version = has_depth(s) || has_features(s) ? 2 : 1 };

	put_header(&d);
	put_global(&d);
	dump_default_limits(&d);
	put_instances(&d);
	dump_domains(&d);
	put_connections(&d);
	put_tree(&d);
	for (int i = 0; i < SPECIAL_COUNT; i++)
		put_node_record(&d, special_names[i], strlen(special_names[i]), "", 0, s->special[i]);
	dump_uses(&d);
	dump_begin(&d, STREAM_END);
	dump_end(&d);
	if (d.failed) {
		free(d.data);
		return -ENOMEM;
	}
	*data = d.data;
	*len = d.len;
	return 0;
}
