/* SPDX-License-Identifier: MIT */
/*
 * store OPERATION COUNT NODES: COUNT times one operation on a store of NODES nodes, in process: what the
 * store itself costs, without sockets. scripts/bench runs it under callgrind with --toggle-collect=measured.
 * Prints one line of JSON. Without arguments: lists the operations.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xen/io/xs_wire.h>
#include <xenbus/store.h>

#define CHILDREN 32
#define GUEST 1
#define PATH_BYTES 64
#define DRAIN_EVERY 16 /* messages a daemon answers before it writes them out */

struct bench {
	struct store *store;
	struct store_effects effects;
	uint32_t dom0, guest;	   /* connections */
	char (*paths)[PATH_BYTES]; /* of the nodes */
	uint64_t nodes, messages, events;
	uint64_t owed[2]; /* bytes of output not yet drained: dom0's, the guest's */
	unsigned int since_drain;
	uint32_t tx; /* what the last TRANSACTION_START answered */
};

static bool domain_exists(void *ctx, uint32_t domid)
{
	return domid <= GUEST;
}

static void take_effects(struct bench *b)
{
	for (size_t i = 0; i < b->effects.count; i++) {
		const struct store_effect *effect = &b->effects.list[i];

		assert(effect->type != STORE_OUT_CLOSE);
		if (effect->type == STORE_OUT_EVENT)
			b->events++;
		if (effect->type == STORE_OUT_EVENT || effect->type == STORE_OUT_REPLY)
			b->owed[effect->conn == b->guest] += effect->len;
		if (effect->type == STORE_OUT_MAP_RING)
			b->guest = effect->conn;
	}
}

static void apply(struct bench *b, struct store_input *in)
{
	int err;

	store_effects_clear(&b->effects);
	err = store_apply(b->store, in, &b->effects);
	assert(err == 0);
	take_effects(b);
}

static void drain(struct bench *b)
{
	const uint32_t conns[2] = { b->dom0, b->guest };

	b->since_drain = 0;
	for (int i = 0; i < 2; i++) {
		struct store_input in = { .type = STORE_IN_DRAINED, .conn = conns[i], .bytes = b->owed[i] };

		if (b->owed[i])
			apply(b, &in);
		b->owed[i] = 0;
	}
}

/* One request; its reply must not be an error. */
static void request(struct bench *b, uint32_t conn, uint32_t op, uint32_t tx, const void *payload, size_t len)
{
	struct store_input in = { .type = STORE_IN_MESSAGE,
				  .conn = conn,
				  .op = op,
				  .tx_id = tx,
				  .len = (uint32_t)len,
				  .payload = payload };
	const struct xsd_sockmsg *header = NULL;

	apply(b, &in);
	b->messages++;
	for (size_t i = 0; i < b->effects.count; i++)
		if (b->effects.list[i].type == STORE_OUT_REPLY)
			header = (const struct xsd_sockmsg *)(b->effects.bytes + b->effects.list[i].offset);
	if (header && header->type == XS_ERROR) {
		fprintf(stderr, "operation %u: %s\n", op, (const char *)(header + 1));
		exit(1);
	}
	if (header && op == XS_TRANSACTION_START)
		b->tx = (uint32_t)strtoul((const char *)(header + 1), NULL, 10);
	if (++b->since_drain == DRAIN_EVERY)
		drain(b);
}

static void path_request(struct bench *b, uint32_t conn, uint32_t op, uint32_t tx, const char *path)
{
	request(b, conn, op, tx, path, strlen(path) + 1);
}

static void write_node(struct bench *b, uint32_t tx, const char *path)
{
	char payload[128];
	size_t len = strlen(path) + 1;

	memcpy(payload, path, len);
	memcpy(payload + len, "sixteen bytes...", 16);
	request(b, b->dom0, XS_WRITE, tx, payload, len + 16);
}

/* Made once, so that what is measured is the store. */
static const char *node(const struct bench *b, uint64_t i)
{
	return b->paths[i % b->nodes];
}

/* Nodes lie 100 in a directory, as devices do. */
static bool name_nodes(struct bench *b)
{
	b->paths = calloc(b->nodes, sizeof(*b->paths));
	for (uint64_t i = 0; b->paths && i < b->nodes; i++)
		snprintf(b->paths[i], sizeof(b->paths[i]), "/bench/d%llu/n%llu",
			 (unsigned long long)(i / 100), (unsigned long long)i);
	return b->paths != NULL;
}

static void prepare(struct bench *b)
{
	struct store_input connect = { .type = STORE_IN_CONNECT };
	struct store_input mapped = { .type = STORE_IN_MAPPED, .domid = GUEST };
	char path[64];

	apply(b, &connect);
	b->dom0 = connect.conn;
	for (uint64_t i = 0; i < b->nodes; i++)
		write_node(b, 0, node(b, i));
	for (int i = 0; i < CHILDREN; i++) {
		snprintf(path, sizeof(path), "/bench/dir/child%d", i);
		write_node(b, 0, path);
	}
	write_node(b, 0, "/local/domain/1/name");
	request(b, b->dom0, XS_SET_PERMS, 0, "/local/domain/1\0n1", sizeof("/local/domain/1\0n1"));
	request(b, b->dom0, XS_SET_PERMS, 0, "/local/domain/1/name\0n1", sizeof("/local/domain/1/name\0n1"));
	request(b, b->dom0, XS_INTRODUCE, 0, "1\000256\0007", sizeof("1\000256\0007"));
	apply(b, &mapped);
	assert(b->guest);
}

/* -- the operations --------------------------------------------------------------------------------- */

static void op_read(struct bench *b, uint64_t i)
{
	path_request(b, b->dom0, XS_READ, 0, node(b, i * 7));
}

static void op_read_guest(struct bench *b, uint64_t i)
{
	path_request(b, b->guest, XS_READ, 0, "name");
}

static void op_write(struct bench *b, uint64_t i)
{
	write_node(b, 0, node(b, i * 7));
}

static void op_directory(struct bench *b, uint64_t i)
{
	path_request(b, b->dom0, XS_DIRECTORY, 0, "/bench/dir");
}

static void op_get_perms(struct bench *b, uint64_t i)
{
	path_request(b, b->dom0, XS_GET_PERMS, 0, node(b, i * 7));
}

static void op_create_remove(struct bench *b, uint64_t i)
{
	write_node(b, 0, "/bench/new");
	path_request(b, b->dom0, XS_RM, 0, "/bench/new");
}

static void op_transaction(struct bench *b, uint64_t i)
{
	uint32_t tx;

	request(b, b->dom0, XS_TRANSACTION_START, 0, "", 1);
	tx = b->tx;
	for (uint64_t j = 0; j < 4; j++) {
		path_request(b, b->dom0, XS_READ, tx, node(b, i * 8 + j));
		write_node(b, tx, node(b, i * 8 + 4 + j));
	}
	request(b, b->dom0, XS_TRANSACTION_END, tx, "T", 2);
}

static void set_watch(struct bench *b, const char *path, const char *token)
{
	char payload[160];
	size_t len = strlen(path) + 1;

	memcpy(payload, path, len);
	strcpy(payload + len, token);
	request(b, b->dom0, XS_WATCH, 0, payload, len + strlen(token) + 1);
}

static void watch_bench(struct bench *b)
{
	set_watch(b, "/bench", "token");
}

/* A thousand watches that no write of ours matches: they must cost nothing. */
static void watch_elsewhere(struct bench *b)
{
	char path[64], token[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/elsewhere/%d/state", i);
		snprintf(token, sizeof(token), "%d", i);
		set_watch(b, path, token);
	}
}

static const struct operation {
	const char *name;
	void (*once)(struct bench *b, uint64_t i);
	void (*before)(struct bench *b);
} operations[] = {
	{ "read", op_read, NULL },
	{ "read-by-guest", op_read_guest, NULL },
	{ "write", op_write, NULL },
	{ "write-1000-watches-elsewhere", op_write, watch_elsewhere },
	{ "write-and-event", op_write, watch_bench },
	{ "directory-of-32", op_directory, NULL },
	{ "get-perms", op_get_perms, NULL },
	{ "create-and-remove", op_create_remove, NULL },
	{ "transaction-4-reads-4-writes", op_transaction, NULL },
};

void measured(struct bench *b, const struct operation *op, uint64_t count);
/* callgrind counts inside of this function and nowhere else. */
__attribute__((noinline)) void measured(struct bench *b, const struct operation *op, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		op->once(b, i);
	drain(b);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int run(const struct operation *op, uint64_t count, uint64_t nodes)
{
	struct store_config config = { .hash_seed = { 1, 2 }, .domain_exists = domain_exists };
	struct bench b = { .nodes = nodes };
	uint64_t messages, events;
	struct store_stats stats;
	double start, end;

	store_quota_defaults(&config.quota);
	if (!name_nodes(&b) || store_new(&config, &b.store) < 0)
		return 1;
	prepare(&b);
	if (op->before)
		op->before(&b);
	messages = b.messages;
	events = b.events;
	start = seconds();
	measured(&b, op, count);
	end = seconds();
	store_stats(b.store, &stats);
	printf("{\"operation\": \"%s\", \"nodes\": %llu, \"count\": %llu, \"requests\": %llu, \"events\": %llu, "
	       "\"seconds\": %.6f, \"bytes_a_node\": %.1f}\n",
	       op->name, (unsigned long long)nodes, (unsigned long long)count,
	       (unsigned long long)(b.messages - messages), (unsigned long long)(b.events - events),
	       end - start, (double)stats.bytes / (double)stats.nodes);
	store_effects_free(&b.effects);
	store_free(b.store);
	free(b.paths);
	return 0;
}

int main(int argc, char **argv)
{
	const size_t known = sizeof(operations) / sizeof(operations[0]);

	for (size_t i = 0; i < known; i++) {
		if (argc == 1)
			puts(operations[i].name);
		else if (argc == 4 && strcmp(argv[1], operations[i].name) == 0)
			return run(&operations[i], strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
	}
	if (argc == 1)
		return 0;
	fprintf(stderr, "usage: store [OPERATION COUNT NODES]\n");
	return 2;
}
