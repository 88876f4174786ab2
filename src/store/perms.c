/* SPDX-License-Identifier: MIT */
#include "perms.h"
#include <base/siphash.h>
#include "domain.h"

static uint32_t *perms_chain(void *ctx, uint32_t perms)
{
	return &perms_at(ctx, perms)->chain;
}

static uint64_t perms_item_hash(void *ctx, uint32_t perms)
{
	return perms_at(ctx, perms)->hash;
}

static struct index_items items(struct store *s)
{
	return (struct index_items){ s, perms_chain, perms_item_hash };
}

int perms_init(struct store *s)
{
	slab_init(&s->perms, &s->mem, sizeof(struct perm_list));
	return index_init(&s->perms_index, &s->mem);
}

void perms_done(struct store *s)
{
	assert(!s->perms.live);
	index_done(&s->perms_index);
	slab_done(&s->perms);
}

static uint64_t hash_entries(const struct store *s, const struct perm_entry *entries, uint32_t count)
{
	uint64_t hash = count;

	for (uint32_t i = 0; i < count; i++) {
		const uint64_t words[2] = { entries[i].who ? entries[i].who->instance : 0,
					    (uint64_t)entries[i].domid << 8 | entries[i].access |
						    (uint64_t)entries[i].nobody << 32 };

		hash = siphash(s->config.hash_seed, hash, words, sizeof(words));
	}
	return hash;
}

static bool entries_equal(const struct perm_entry *a, const struct perm_entry *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (a[i].who != b[i].who || a[i].domid != b[i].domid || a[i].access != b[i].access ||
		    a[i].nobody != b[i].nobody)
			return false;
	return true;
}

static uint32_t find(const struct store *s, uint64_t hash, const struct perm_entry *entries, uint32_t count)
{
	uint32_t perms = *index_bucket(&s->perms_index, hash);

	while (perms) {
		const struct perm_list *list = perms_at(s, perms);

		if (list->hash == hash && list->count == count &&
		    entries_equal(list->entries, entries, count))
			break;
		perms = list->chain;
	}
	return perms;
}

static uint32_t add(struct store *s, uint64_t hash, const struct perm_entry *entries, uint32_t count)
{
	const struct index_items it = items(s);
	const uint32_t perms = slab_alloc(&s->perms);
	struct perm_list *list;

	if (!perms)
		return 0;
	list = perms_at(s, perms);
	list->entries = mem_alloc(&s->mem, count * sizeof(*entries));
	if (!list->entries) {
		slab_free(&s->perms, perms);
		return 0;
	}
	memcpy(list->entries, entries, count * sizeof(*entries));
	list->hash = hash;
	list->count = count;
	for (uint32_t i = 0; i < count; i++)
		if (entries[i].who) {
			domain_ref(entries[i].who);
			entries[i].who->perm_entries++;
		}
	if (entries[0].who)
		domain_hold(s, entries[0].who, perms_bytes(list));
	index_add(&s->perms_index, &it, perms);
	return perms;
}

int perms_get(struct store *s, const struct perm_entry *entries, uint32_t count, uint32_t *out)
{
	const uint64_t hash = hash_entries(s, entries, count);
	uint32_t perms = find(s, hash, entries, count);

	assert(count);
	if (!perms)
		perms = add(s, hash, entries, count);
	if (!perms)
		return -ENOMEM;
	perms_at(s, perms)->refs++;
	*out = perms;
	return 0;
}

uint32_t perms_ref(struct store *s, uint32_t perms)
{
	perms_at(s, perms)->refs++;
	return perms;
}

void perms_unref(struct store *s, uint32_t perms)
{
	const struct index_items it = items(s);
	struct perm_list *list;

	if (!perms)
		return;
	list = perms_at(s, perms);
	assert(list->refs);
	if (--list->refs)
		return;
	index_remove(&s->perms_index, &it, perms);
	if (list->entries[0].who)
		domain_let_go(list->entries[0].who, perms_bytes(list));
	for (uint32_t i = 0; i < list->count; i++)
		if (list->entries[i].who) {
			list->entries[i].who->perm_entries--;
			domain_unref(s, list->entries[i].who);
		}
	mem_free(&s->mem, list->entries, list->count * sizeof(*list->entries));
	slab_free(&s->perms, perms);
}

int perms_with_owner(struct store *s, uint32_t perms, struct domain *owner, uint32_t *out)
{
	const struct perm_list *list = perms_at(s, perms);
	const size_t size = list->count * sizeof(struct perm_entry);
	struct perm_entry *entries;
	int err;

	if (list->entries[0].who == owner) {
		*out = perms_ref(s, perms);
		return 0;
	}
	entries = mem_alloc(&s->mem, size);
	if (!entries)
		return -ENOMEM;
	memcpy(entries, list->entries, size);
	entries[0].who = owner;
	entries[0].domid = (uint16_t)owner->domid;
	err = perms_get(s, entries, list->count, out);
	mem_free(&s->mem, entries, size);
	return err;
}

static bool matches(const struct perm_entry *e, const struct domain *domain)
{
	if (!e->who)
		return e->domid == WIRE_DOMID_ANY && !e->nobody;
	return e->who == domain || e->who == domain->target;
}

unsigned perms_access(const struct store *s, uint32_t perms, const struct domain *domain)
{
	const struct perm_list *list = perms_at(s, perms);
	const struct perm_entry *e = list->entries;

	if (domain_is_privileged(domain) || (e->who && (e->who == domain || e->who == domain->target)))
		return ACCESS_READ | ACCESS_WRITE | ACCESS_OWNER;
	for (uint32_t i = 1; i < list->count; i++)
		if (matches(&e[i], domain))
			return e[i].access;
	return e[0].access;
}

uint32_t perms_size(const struct store *s, uint32_t perms)
{
	return perms_at(s, perms)->count * 8;
}

/* Entries of a domain that is not there stay nobody's for ever; an owner must be there. */
static int resolve(struct store *s, const struct wire_perm *perm, bool owner, bool any,
		   struct perm_entry *out)
{
	int err;

	*out = (struct perm_entry){ .domid = perm->domid, .access = perm->access };
	if (perm->domid == WIRE_DOMID_ANY && !owner) {
		out->nobody = !any;
		return 0;
	}
	err = domain_mention(s, perm->domid, &out->who);
	return err == -ENOENT && !owner ? 0 : err;
}

int perms_parse(struct store *s, struct wire_strings text, uint32_t count, bool any, uint32_t *out)
{
	const size_t size = count * sizeof(struct perm_entry);
	struct perm_entry *entries = mem_alloc(&s->mem, size);
	int err = entries ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < count && !err; i++) {
		struct wire_perm perm;
		size_t len;
		const char *word = wire_next_string(&text, &len);

		err = word ? wire_perm_parse(word, len, &perm) : -EINVAL;
		if (!err)
			err = resolve(s, &perm, i == 0, any, &entries[i]);
	}
	if (!err)
		err = perms_get(s, entries, count, out);
	mem_free(&s->mem, entries, size);
	return err;
}
