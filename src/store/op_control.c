/* SPDX-License-Identifier: MIT */
/* CONTROL: what the store can say and do about itself; the rest is the shell's. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "limit.h"
#include "request.h"

struct text {
	char bytes[WIRE_PAYLOAD_MAX];
	size_t len;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *format, ...)
{
	const size_t room = sizeof(t->bytes) - t->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(t->bytes + t->len, room, format, args);
	va_end(args);
	if (len > 0)
		t->len += (size_t)len < room ? (size_t)len : room - 1;
}

static int reply_text(struct request *rq, const struct text *t)
{
	return reply(rq, t->bytes, t->len + 1);
}

/* What follows the command's name. */
typedef int control_command(struct request *rq, struct wire_strings args);

static int control_check(struct request *rq, struct wire_strings args)
{
	const char *wrong;

	if (args.left)
		return -EINVAL;
	wrong = store_check(rq->s);
	if (wrong)
		effect_log(rq->out, "check: %s", wrong);
	return wrong ? reply_string(rq, wrong) : reply_ok(rq);
}

static int control_print(struct request *rq, struct wire_strings args)
{
	char escaped[384];
	size_t len;
	const char *string = wire_next_string(&args, &len);

	if (!string || args.left)
		return -EINVAL;
	effect_log(rq->out, "control: %s", effect_escape(escaped, sizeof(escaped), string, len));
	return reply_ok(rq);
}

/* A row for each kind, the soft ones or the others. */
static int quota_rows(struct request *rq, const char *title, bool soft, bool maxima)
{
	struct text t = { .len = 0 };

	put(&t, "%s:\n", title);
	for (int i = 0; i < STORE_QUOTA_KINDS; i++) {
		const enum store_quota_kind kind = (enum store_quota_kind)i;

		if (soft != (kind == STORE_QUOTA_MEMORY_SOFT))
			continue;
		put(&t, "%-17s: %8" PRIu64 " %s\n", limit_short_name(kind),
		    maxima ? store_quota_max(rq->s, kind) : limit_default(rq->s, kind),
		    limit_description(kind));
	}
	if (!soft && !maxima)
		put(&t, "%-17s: %8" PRIu64 " %s\n", "versions", rq->s->config.quota.versions,
		    "Bytes of old versions that all transactions keep");
	return reply_text(rq, &t);
}

/* The domain that a word names, made if it exists: 0; -EINVAL; -ENOENT; -ENOMEM. */
static int mention(struct request *rq, const char *text, size_t len, struct domain **out)
{
	uint32_t domid;

	if (request_domid(text, len, &domid))
		return -EINVAL;
	return domain_mention(rq->s, domid, out);
}

/* "set|name|value|" of the default, or with "domid|" behind of that domain. */
static int quota_set(struct request *rq, struct wire_strings args, bool soft)
{
	const size_t count = wire_count_strings(args.at, args.left);
	const char *strings[3];
	size_t lens[3];
	struct domain *domain = NULL;
	struct limit_words words;
	int err;

	if (count < 2 || count > 3 || wire_split(args.at, args.left, count, strings, lens))
		return -EINVAL;
	words = (struct limit_words){ strings[0], lens[0], strings[1], lens[1] };
	if (soft && limit_kind(strings[0], lens[0]) != STORE_QUOTA_MEMORY)
		return -EINVAL;
	if (soft)
		words.name = store_quota_name(STORE_QUOTA_MEMORY_SOFT);
	words.name_len = strlen(words.name);
	err = count == 3 ? mention(rq, strings[2], lens[2], &domain) : 0;
	if (!err)
		err = limit_set(rq->s, domain, &words);
	return err ? err : reply_ok(rq);
}

/* "unset|name|domid|": the default holds for it again. */
static int quota_unset(struct request *rq, struct wire_strings args, bool soft)
{
	const char *strings[2];
	size_t lens[2];
	struct domain *domain;
	int kind, err;

	if (wire_split(args.at, args.left, 2, strings, lens))
		return -EINVAL;
	kind = limit_kind(strings[0], lens[0]);
	if (kind < 0 || (soft && kind != STORE_QUOTA_MEMORY))
		return -EINVAL;
	err = mention(rq, strings[1], lens[1], &domain);
	if (err)
		return err;
	limit_unset_own(rq->s, domain, soft ? STORE_QUOTA_MEMORY_SOFT : (enum store_quota_kind)kind);
	return reply_ok(rq);
}

static int quota_max(struct request *rq, struct wire_strings args, bool soft)
{
	size_t len;
	const char *word = wire_next_string(&args, &len);

	if (!word)
		return args.left ? -EINVAL : quota_rows(rq, "Most of any domain", soft, true);
	if (strcmp(word, "-r") || args.left)
		return -EINVAL;
	limit_reset_max(rq->s);
	return reply_ok(rq);
}

static void put_use(struct text *t, enum store_quota_kind kind, const struct store_quota_use *use)
{
	put(t, "%-16s: %8" PRIu64 " (most %" PRIu64 ", limit %" PRIu32 "%s, refused %" PRIu64 ")\n",
	    limit_short_name(kind), use->now, use->max, use->limit, use->own ? " of its own" : "",
	    use->refused);
}

static int quota_of_domain(struct request *rq, const char *text, size_t len, bool soft)
{
	struct store_domain_stats st;
	struct text t = { .len = 0 };
	uint32_t domid;

	if (request_domid(text, len, &domid))
		return -EINVAL;
	if (store_domain_stats(rq->s, domid, &st))
		return -ENOENT;
	put(&t, "Domain %u:\n", st.domid);
	for (int i = 0; i < STORE_QUOTA_KINDS; i++) {
		const enum store_quota_kind kind = (enum store_quota_kind)i;

		if (soft == (kind == STORE_QUOTA_MEMORY_SOFT))
			put_use(&t, kind, &st.quota[kind]);
	}
	return reply_text(rq, &t);
}

static int quota_command(struct request *rq, struct wire_strings args, bool soft)
{
	size_t len;
	const char *word = wire_next_string(&args, &len);

	if (!word)
		return args.left ? -EINVAL : quota_rows(rq, "Quota settings", soft, false);
	if (!strcmp(word, "set"))
		return quota_set(rq, args, soft);
	if (!strcmp(word, "unset"))
		return quota_unset(rq, args, soft);
	if (!strcmp(word, "max"))
		return quota_max(rq, args, soft);
	return args.left ? -EINVAL : quota_of_domain(rq, word, len, soft);
}

static int control_quota(struct request *rq, struct wire_strings args)
{
	return quota_command(rq, args, false);
}

static int control_quota_soft(struct request *rq, struct wire_strings args)
{
	return quota_command(rq, args, true);
}

static control_command control_help;

static const struct {
	const char *name, *args;
	control_command *run;
} commands[] = {
	{ "check", "", control_check },
	{ "print", "<string>", control_print },
	{ "quota", "[set <name> <val> [<domid>]|unset <name> <domid>|<domid>|max [-r]]", control_quota },
	{ "quota-soft", "[set <name> <val> [<domid>]|unset <name> <domid>|<domid>|max [-r]]",
	  control_quota_soft },
	{ "help", "", control_help },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/* The shell's answer to "help" lists its own commands. */
static int shell_help(struct request *rq, char *buf, size_t size)
{
	if (!rq->s->config.control)
		return 0;
	return rq->s->config.control(rq->s->config.ctx, "help", "", 0, buf, size);
}

static int control_help(struct request *rq, struct wire_strings args)
{
	struct text t = { .len = 0 };
	char more[2048];
	int len;

	if (args.left)
		return -EINVAL;
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		put(&t, "%s\t%s\n", commands[i].name, commands[i].args);
	len = shell_help(rq, more, sizeof(more));
	if (len > 0)
		put(&t, "%.*s", len, more);
	return reply_text(rq, &t);
}

static int shell_command(struct request *rq, const char *name, struct wire_strings args)
{
	struct text t;
	int len;

	if (!rq->s->config.control)
		return -EINVAL;
	len = rq->s->config.control(rq->s->config.ctx, name, args.at, args.left, t.bytes, sizeof(t.bytes));
	return len < 0 ? len : reply(rq, t.bytes, (size_t)len);
}

int op_control(struct request *rq)
{
	struct wire_strings args = { rq->in->payload, rq->in->len };
	size_t len;
	const char *name = wire_next_string(&args, &len);

	if (!name)
		return -EINVAL;
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].run(rq, args);
	return shell_command(rq, name, args);
}
