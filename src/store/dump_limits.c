/* SPDX-License-Identifier: MIT */
/* Limits, features and maxima in a stream: values, then the names of what they are values of. */
#include "domain.h"
#include "dump.h"
#include "limit.h"

#define ALL_KINDS ((1u << STORE_QUOTA_KINDS) - 1)

static void put_names(struct dump *d, uint32_t kinds)
{
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++) {
		const char *name = store_quota_name((enum store_quota_kind)kind);

		if (kinds & 1u << kind)
			dump_bytes(d, name, strlen(name) + 1);
	}
}

void dump_default_limits(struct dump *d)
{
	dump_begin(d, STREAM_QUOTA);
	dump_u16(d, STORE_QUOTA_KINDS);
	dump_u16(d, 0);
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++)
		dump_u32(d, limit_default(d->s, (enum store_quota_kind)kind));
	put_names(d, ALL_KINDS);
	dump_end(d);
}

static void put_domain(struct dump *d, const struct domain *domain)
{
	const uint32_t set = domain->own ? domain->own->set : 0;

	if (!set && domain->features == WIRE_FEATURES_ALL)
		return;
	dump_begin(d, STREAM_DOMAIN);
	dump_u16(d, domain->domid);
	dump_u16(d, (size_t)__builtin_popcount(set));
	dump_u32(d, d->version >= 2 ? domain->features : 0);
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++)
		if (set & 1u << kind)
			dump_u32(d, domain->own->value[kind]);
	put_names(d, set);
	dump_end(d);
}

void dump_domains(struct dump *d)
{
	const struct store *s = d->s;

	for (const struct domain *domain = domain_at_or_after(s, 0); domain;
	     domain = domain_at_or_after(s, domain->domid + 1))
		put_domain(d, domain);
}

static void put_use(struct dump *d, uint32_t domid, const struct usage *use)
{
	dump_begin(d, STREAM_USE);
	dump_u32(d, domid);
	dump_u32(d, STORE_QUOTA_KINDS);
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++) {
		dump_u64(d, use[kind].max);
		dump_u64(d, use[kind].refused);
	}
	put_names(d, ALL_KINDS);
	dump_end(d);
}

void dump_uses(struct dump *d)
{
	const struct store *s = d->s;
	struct usage past[STORE_QUOTA_KINDS] = { 0 };

	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++)
		past[kind].max = s->past_max[kind];
	put_use(d, STREAM_PAST, past);
	for (const struct domain *domain = domain_at_or_after(s, 0); domain;
	     domain = domain_at_or_after(s, domain->domid + 1))
		put_use(d, domain->domid, domain->use);
}
