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
	const char *wrong = store_check(rq->s);

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

static int control_memreport(struct request *rq, struct wire_strings args)
{
	struct store_stats st;

	if (args.left)
		return -EINVAL;
	store_stats(rq->s, &st);
	effect_log(rq->out,
		   "memory: %" PRIu64 " bytes; %" PRIu64 " nodes, %" PRIu64 " watches, %" PRIu64
		   " transactions, %" PRIu64 " connections, %" PRIu64 " domains, %" PRIu64
		   " bytes of old versions",
		   st.bytes, st.nodes, st.watches, st.transactions, st.connections, st.domains,
		   st.version_bytes);
	return reply_ok(rq);
}

static int quota_list(struct request *rq, bool soft)
{
	struct text t = { .len = 0 };

	put(&t, "Quota settings:\n");
	for (int i = 0; i < STORE_QUOTA_KINDS; i++) {
		const enum store_quota_kind kind = (enum store_quota_kind)i;

		if (soft == (kind == STORE_QUOTA_MEMORY_SOFT))
			put(&t, "%-17s: %8" PRIu32 " %s\n", store_quota_name(kind) + (soft ? 5 : 0),
			    limit_default(rq->s, kind), limit_description(kind));
	}
	return reply_text(rq, &t);
}

static int quota_set(struct request *rq, struct wire_strings args, bool soft)
{
	const char *strings[2];
	size_t lens[2];
	uint64_t value;
	int kind;

	if (wire_split(args.at, args.left, 2, strings, lens) ||
	    wire_number(strings[1], lens[1], UINT32_MAX, &value))
		return -EINVAL;
	kind = limit_kind(strings[0], lens[0]);
	if (soft)
		kind = kind == STORE_QUOTA_MEMORY ? STORE_QUOTA_MEMORY_SOFT : -1;
	if (kind < 0)
		return -EINVAL;
	limit_set_default(rq->s, (enum store_quota_kind)kind, (uint32_t)value);
	return reply_ok(rq);
}

static int quota_of_domain(struct request *rq, const char *text, size_t len)
{
	struct store_domain_stats st;
	struct text t = { .len = 0 };
	uint64_t domid;

	if (wire_number(text, len, UINT16_MAX, &domid))
		return -EINVAL;
	if (store_domain_stats(rq->s, (uint32_t)domid, &st))
		return -ENOENT;
	put(&t, "Domain %u:\n", st.domid);
	put(&t, "%-16s: %8" PRIu32 "\n", "nodes", st.nodes);
	put(&t, "%-16s: %8" PRIu32 "\n", "watches", st.watches);
	put(&t, "%-16s: %8" PRIu32 "\n", "transactions", st.transactions);
	put(&t, "%-16s: %8" PRIu64 "\n", "memory", st.memory);
	return reply_text(rq, &t);
}

static int quota_command(struct request *rq, struct wire_strings args, bool soft)
{
	size_t len;
	const char *word = wire_next_string(&args, &len);

	if (!word)
		return args.left ? -EINVAL : quota_list(rq, soft);
	if (len == 3 && !memcmp(word, "set", 3))
		return quota_set(rq, args, soft);
	if (soft || args.left)
		return -EINVAL;
	return quota_of_domain(rq, word, len);
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
	{ "memreport", "", control_memreport },
	{ "print", "<string>", control_print },
	{ "quota", "[set <name> <val>|<domid>]", control_quota },
	{ "quota-soft", "[set <name> <val>]", control_quota_soft },
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
