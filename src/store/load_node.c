/* SPDX-License-Identifier: MIT */
/* NODE_DATA: the tree, and the lists of the special events. */
#include "domain.h"
#include "load.h"
#include "node.h"
#include "stream.h"
#include "watch.h"

static uint8_t access_of(struct load *l, uint8_t letter)
{
	for (uint8_t access = 0; access < 4; access++)
		if (wire_perm_letter(access) == (char)letter)
			return access;
	load_fail(l, -EINVAL, "unknown permission");
	return 0;
}

/* An entry that is not stale names the instance that lives; streams of servers without instances name
 * domains that we may not have met. An owner is believed to be there. */
static void load_entry(struct load *l, bool owner, struct perm_entry *e)
{
	const uint8_t letter = (uint8_t)load_number(l, 1), flags = (uint8_t)load_number(l, 1);

	*e = (struct perm_entry){ .domid = load_u16(l), .access = access_of(l, letter) };
	e->nobody = e->domid == WIRE_DOMID_ANY && (flags & STREAM_PERM_STALE);
	if (l->err || (flags & STREAM_PERM_STALE) || (e->domid == WIRE_DOMID_ANY && !owner))
		return;
	if (owner)
		e->who = load_domain(l, e->domid);
	else if (domain_mention(l->s, e->domid, &e->who) == -ENOMEM)
		load_fail(l, -ENOMEM, "out of memory");
}

static uint32_t load_perms(struct load *l, uint32_t count)
{
	struct perm_entry *entries = calloc(count + 1u, sizeof(*entries));
	uint32_t perms = 0;

	if (!entries)
		load_fail(l, -ENOMEM, "out of memory");
	if (!count)
		load_fail(l, -EINVAL, "node without permissions");
	for (uint32_t i = 0; i < count && !l->err; i++)
		load_entry(l, i == 0, &entries[i]);
	if (!l->err && perms_get(l->s, entries, count, &perms))
		load_fail(l, -ENOMEM, "out of memory");
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
				load_fail(l, -EINVAL, "node twice");
			return at;
		}
		if (!child) {
			load_fail(l, -EINVAL, "node without a parent");
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
	load_fail(l, -ENOMEM, "out of memory");
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
		load_fail(l, -EINVAL, "node of a dead domain");
		return;
	}
	if (kind != WIRE_PATH_ABSOLUTE || r->value_len > WIRE_PAYLOAD_MAX) {
		load_fail(l, -EINVAL, "malformed node");
		return;
	}
	if (blob_new(&l->s->blobs, r->value, r->value_len, &value))
		load_fail(l, -ENOMEM, "out of memory");
	else if (r->path_len == 1)
		set_root(l, r, value);
	else
		add_node(l, r, value);
}

/* What a transaction wrote is lost with its snapshot, so its records are passed over. */
void load_node(struct load *l)
{
	const bool in_tx = load_u32(l);
	struct node_record r = { 0 };
	uint32_t perm_count;

	load_u32(l);
	r.path_len = load_u16(l);
	r.value_len = load_u16(l);
	load_u16(l);
	perm_count = load_u16(l);
	if (in_tx || l->err)
		return;
	r.perms = load_perms(l, perm_count);
	r.path = load_string(l, r.path_len);
	r.value = (const char *)load_bytes(l, r.value_len);
	r.path_len--;
	if (!l->err)
		place_node(l, &r);
	perms_unref(l->s, r.perms);
}
