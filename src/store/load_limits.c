/* SPDX-License-Identifier: MIT */
/* GLOBAL_QUOTA_DATA, DOMAIN_DATA, USE: values, then their names; a name that means nothing here is passed over. */
#include "limit.h"
#include "load.h"
#include "stream.h"

/* @count values of @size bytes each lie in front of as many names. */
struct named {
	const uint8_t *values;
	size_t size;
	uint32_t count;
};

static struct named take_values(struct load *l, uint32_t count, size_t size)
{
	struct named n = { .size = size, .count = count };

	if (count > l->left / size)
		load_fail(l, -EINVAL, "record too short");
	n.values = load_bytes(l, count * size);
	return n;
}

/* The next name's kind, or -ENOENT: an unknown one, or the record is broken. */
static int take_kind(struct load *l)
{
	struct wire_strings names = { (const char *)l->at, l->left };
	size_t len;
	const char *name = l->err ? NULL : wire_next_string(&names, &len);

	if (!name) {
		load_fail(l, -EINVAL, "quota without a name");
		return -ENOENT;
	}
	load_bytes(l, len + 1);
	return limit_kind(name, len);
}

static uint64_t value_of(const struct named *n, uint32_t i, size_t offset, size_t size)
{
	uint64_t number = 0;

	for (size_t byte = 0; byte < size; byte++)
		number |= (uint64_t)n->values[i * n->size + offset + byte] << (8 * byte);
	return number;
}

void load_default_limits(struct load *l)
{
	const uint32_t count = (uint32_t)load_u16(l) + load_u16(l);
	const struct named n = take_values(l, count, 4);

	for (uint32_t i = 0; i < count && !l->err; i++) {
		const int kind = take_kind(l);

		if (kind >= 0)
			limit_set_default(l->s, (enum store_quota_kind)kind, (uint32_t)value_of(&n, i, 0, 4));
	}
}

void load_domain_data(struct load *l)
{
	const uint32_t domid = load_u16(l), count = load_u16(l), features = load_u32(l);
	const struct named n = take_values(l, count, 4);
	struct domain *domain = load_domain(l, domid);

	if (!l->err && l->version >= 2)
		domain->features = features & WIRE_FEATURES_ALL;
	for (uint32_t i = 0; i < count && !l->err; i++) {
		const int kind = take_kind(l);

		if (kind >= 0 &&
		    limit_set_own(l->s, domain, (enum store_quota_kind)kind, (uint32_t)value_of(&n, i, 0, 4)))
			load_fail(l, -ENOMEM, "out of memory");
	}
}

void load_use(struct load *l)
{
	const uint32_t domid = load_u32(l), count = load_u32(l);
	const struct named n = take_values(l, count, 16);
	struct domain *domain = domid == STREAM_PAST ? NULL : load_domain(l, domid);

	for (uint32_t i = 0; i < count && !l->err; i++) {
		const int kind = take_kind(l);
		const struct usage use = { value_of(&n, i, 0, 8), value_of(&n, i, 8, 8) };

		if (kind >= 0 && domain)
			domain->use[kind] = use;
		else if (kind >= 0)
			l->s->past_max[kind] = use.max;
	}
}
