/* SPDX-License-Identifier: MIT */
#ifndef STORE_LIMIT_H
#define STORE_LIMIT_H
/*
 * Which limits hold for whom, and how far each domain has come.
 *
 *     limit of a domain = 0 (none) for a privileged one, else its own, if one was set, else the default as it is now
 *     domain.use[kind]:   most ever there (max), times refused
 *     store.past_max:     the same of domains that are gone
 */
#include "core.h"
#include "domain.h"

/* A domain's own limits; most domains have none and hold no memory for them. */
struct limits {
	uint32_t set; /* bits: kinds */
	uint32_t value[STORE_QUOTA_KINDS];
};

/* The kind of that name, "soft-memory" too; -ENOENT. */
int limit_kind(const char *name, size_t len);
/* As CONTROL's two tables have it: without "soft-". */
const char *limit_short_name(enum store_quota_kind kind);
const char *limit_description(enum store_quota_kind kind);
/* The error that a refusal ends with, an errno > 0; 0: nothing is refused for it. */
int limit_error(enum store_quota_kind kind);
uint32_t limit_default(const struct store *s, enum store_quota_kind kind);
void limit_set_default(struct store *s, enum store_quota_kind kind, uint32_t value);
static inline uint32_t limit_of(const struct store *s, const struct domain *d, enum store_quota_kind kind)
{
	if (domain_is_privileged(d))
		return 0;
	if (d->own && (d->own->set & 1u << kind))
		return d->own->value[kind];
	return limit_default(s, kind);
}
/* Is @figure more than the domain may have? */
bool limit_is_passed(const struct store *s, const struct domain *d, enum store_quota_kind kind,
		     uint64_t figure);
/* 0 or -ENOMEM. */
int limit_set_own(struct store *s, struct domain *d, enum store_quota_kind kind, uint32_t value);
/* The default holds again. */
void limit_unset_own(struct store *s, struct domain *d, enum store_quota_kind kind);
void limits_free(struct store *s, struct domain *d);

/* What SET_QUOTA and CONTROL say. Borrowed. */
struct limit_words {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};
/* Sets a limit of @domain or, NULL, a default: 0; -EINVAL no such quota, or no such number; -ENOMEM. A
 * privileged domain's is kept, and holds for nothing. op_limits.c */
int limit_set(struct store *s, struct domain *domain, const struct limit_words *words);

/* What @d has of it now. */
uint64_t limit_now(const struct domain *d, enum store_quota_kind kind);
/* Who grew in this input: the most it ever held is noted. */
void limit_note_memory(struct store *s);
/* The domain is no more: its maxima stay in the store's. */
void limit_bury(struct store *s, const struct domain *d);
/* Maxima begin again from what is now. */
void limit_reset_max(struct store *s);
/* Counts that @d was refused (or passed, or reached) a limit and, the first time by each limit, says so in the log: which quota,
 * in which request, on which path (@len bytes as they came; 0: none). */
void limit_tell(struct store *s, struct store_effects *out, struct domain *d, enum store_quota_kind kind,
		const char *what, uint32_t op, const char *path, size_t len);

#endif
