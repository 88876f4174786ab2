/* SPDX-License-Identifier: MIT */
/* GET_FEATURE, SET_FEATURE, GET_QUOTA, SET_QUOTA. */
#include "limit.h"
#include "request.h"

#define VERSIONS "versions" /* the limit that holds for all domains together */

/* The payload's strings, at most @max: their number; -EINVAL. An empty payload and one empty string are none. */
static int take_strings(const struct request *rq, size_t max, const char **strings, size_t *lens)
{
	const size_t count = wire_count_strings(rq->in->payload, rq->in->len);

	if (!rq->in->len || (rq->in->len == 1 && count == 1))
		return 0;
	if (!count || count > max || wire_split(rq->in->payload, rq->in->len, count, strings, lens))
		return -EINVAL;
	return (int)count;
}

static int reply_number(struct request *rq, uint64_t number)
{
	char text[WIRE_NUMBER_MAX + 1];

	text[wire_put_number(text, number)] = '\0';
	return reply_string(rq, text);
}

/* A domain that exists: 0 and *@out, NULL if the store has nothing to do with it yet; -EINVAL; -ENOENT. */
static int find_domain(const struct request *rq, const char *text, size_t len, struct domain **out)
{
	uint32_t domid;

	if (request_domid(text, len, &domid))
		return -EINVAL;
	*out = domain_lookup(rq->s, domid);
	return *out || domain_exists(rq->s, domid) ? 0 : -ENOENT;
}

int op_get_feature(struct request *rq)
{
	const char *text;
	size_t len;
	struct domain *domain;
	const int count = take_strings(rq, 1, &text, &len);
	int err;

	if (!count)
		return reply_number(rq, request_features(rq));
	if (!domain_is_privileged(rq->dom))
		return -EACCES;
	err = count < 0 ? count : find_domain(rq, text, len, &domain);
	return err ? err : reply_number(rq, domain ? domain->features : WIRE_FEATURES_ALL);
}

/* What a domain is offered stands before it can see it: its ring page tells it once. */
int op_set_feature(struct request *rq)
{
	const char *strings[2];
	size_t lens[2];
	struct domain *domain;
	uint64_t features;
	uint32_t domid;
	int err;

	if (wire_split(rq->in->payload, rq->in->len, 2, strings, lens) ||
	    request_domid(strings[0], lens[0], &domid) ||
	    wire_number(strings[1], lens[1], UINT32_MAX, &features))
		return -EINVAL;
	err = domain_mention(rq->s, domid, &domain);
	if (!err && (domain->introduced || domain->intro.pending))
		err = -EBUSY;
	if (!err && (features & ~WIRE_FEATURES_ALL))
		err = -EINVAL;
	if (err)
		return err;
	domain->features = (uint32_t)features;
	return reply_ok(rq);
}

static int reply_names(struct request *rq)
{
	struct message m;

	message_begin(&m, rq->out);
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++) {
		const char *name = store_quota_name((enum store_quota_kind)kind);

		message_put(&m, name, strlen(name));
		message_put(&m, " ", 1);
	}
	message_put(&m, VERSIONS, sizeof(VERSIONS));
	return reply_finish(rq, &m);
}

static bool is_versions(const char *name, size_t len)
{
	return len == sizeof(VERSIONS) - 1 && !memcmp(name, VERSIONS, len);
}

int op_get_quota(struct request *rq)
{
	const char *strings[2];
	size_t lens[2];
	struct domain *domain = NULL;
	const int count = take_strings(rq, 2, strings, lens);
	int err = 0, kind;

	if (!count)
		return reply_names(rq);
	if (count < 0)
		return count;
	if (count == 1 && is_versions(strings[0], lens[0]))
		return reply_number(rq, rq->s->config.quota.versions);
	kind = limit_kind(strings[count - 1], lens[count - 1]);
	if (kind < 0)
		return -EINVAL;
	if (count == 2)
		err = find_domain(rq, strings[0], lens[0], &domain);
	if (err)
		return err;
	return reply_number(rq, domain ? limit_of(rq->s, domain, (enum store_quota_kind)kind)
				       : limit_default(rq->s, (enum store_quota_kind)kind));
}

int limit_set(struct store *s, struct domain *domain, const struct limit_words *words)
{
	const uint64_t max = is_versions(words->name, words->name_len) ? UINT64_MAX : UINT32_MAX;
	const int kind = limit_kind(words->name, words->name_len);
	uint64_t value;
	int err = 0;

	if (wire_number(words->value, words->value_len, max, &value))
		return -EINVAL;
	if (max == UINT64_MAX && !domain)
		s->config.quota.versions = value;
	else if (kind < 0)
		return -EINVAL;
	else if (domain)
		err = limit_set_own(s, domain, (enum store_quota_kind)kind, (uint32_t)value);
	else
		limit_set_default(s, (enum store_quota_kind)kind, (uint32_t)value);
	s->overdrawn = true; /* what old versions take may be too much now */
	return err;
}

int op_set_quota(struct request *rq)
{
	const char *strings[3];
	size_t lens[3];
	struct domain *domain = NULL;
	const int count = take_strings(rq, 3, strings, lens);
	struct limit_words words;
	uint32_t domid;
	int err = 0;

	if (count < 2 || (count == 3 && request_domid(strings[0], lens[0], &domid)))
		return -EINVAL;
	words = (struct limit_words){ strings[count - 2], lens[count - 2], strings[count - 1],
				      lens[count - 1] };
	if (count == 3)
		err = domain_mention(rq->s, domid, &domain);
	if (!err)
		err = limit_set(rq->s, domain, &words);
	return err ? err : reply_ok(rq);
}
