/* SPDX-License-Identifier: MIT */
#ifndef STORE_PERMS_H
#define STORE_PERMS_H
/*
 * Permission lists, interned: nodes with equal lists share one, by handle and reference count.
 * An entry names a domain instance, so a list can never come to mean a later domain of the same id.
 */
#include "core.h"

#define ACCESS_READ WIRE_PERM_READ
#define ACCESS_WRITE WIRE_PERM_WRITE
#define ACCESS_OWNER 4u

struct perm_entry {
	struct domain *who; /* NULL: nobody, for ever; or everybody, if domid is WIRE_DOMID_ANY */
	uint16_t domid;
	uint8_t access;
	bool nobody; /* WIRE_DOMID_ANY that its writer was not offered: as if it were not there */
};

struct perm_list {
	uint64_t hash;
	uint32_t refs, count, chain;
	struct perm_entry *entries; /* the first: the owner, and what everybody else may */
};

static inline struct perm_list *perms_at(const struct store *s, uint32_t perms)
{
	return SLAB_AT(&s->perms, struct perm_list, perms);
}

static inline struct domain *perms_owner(const struct store *s, uint32_t perms)
{
	return perms_at(s, perms)->entries[0].who;
}

/* Bytes that the list takes; its owner pays them, once, however many nodes share it. */
static inline uint64_t perms_bytes(const struct perm_list *list)
{
	return sizeof(*list) + list->count * sizeof(*list->entries);
}

int perms_init(struct store *s);
void perms_done(struct store *s);
/* The list of these entries, referenced once more: 0 and *@out; -ENOMEM. */
int perms_get(struct store *s, const struct perm_entry *entries, uint32_t count, uint32_t *out);
uint32_t perms_ref(struct store *s, uint32_t perms);
void perms_unref(struct store *s, uint32_t perms);
/* The list @perms with another owner, whose access for others stays. 0 and *@out referenced; -ENOMEM. */
int perms_with_owner(struct store *s, uint32_t perms, struct domain *owner, uint32_t *out);
/* ACCESS_ bits that @domain has by the list. */
unsigned perms_access(const struct store *s, uint32_t perms, const struct domain *domain);
/* Bytes that count as a node's for the node size quota. */
uint32_t perms_size(const struct store *s, uint32_t perms);
/* Reads "b0|r5|", @count strings, in @text; @any: WIRE_DOMID_ANY has its meaning. 0 and *@out referenced;
 * -EINVAL syntax; -ENOENT the owner is no domain; -ENOMEM. */
int perms_parse(struct store *s, struct wire_strings text, uint32_t count, bool any, uint32_t *out);

#endif
