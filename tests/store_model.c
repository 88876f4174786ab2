/* SPDX-License-Identifier: MIT */
/*
 * Random requests of dom0, in and out of up to four transactions, against a model that is too simple to be
 * wrong: the store is an array of nodes, a transaction a copy of all of it, what an answer rests on a list
 * of stamps. Every answer must be equal. STORE_SEED and STORE_STEPS choose another walk.
 */
#include "store_world.h"

#define NODES 64
#define TXS 4
#define RESTS 512
#define REQUESTS 512

enum aspect { ALIVE, VALUE, PERMS, CHILDREN, ABSENT };

struct model_node {
	char path[32], value[16], perms[24];
	uint64_t alive, stamps[4]; /* incarnation; stamp by aspect */
};

struct model {
	struct model_node nodes[NODES]; /* in order of creation */
	size_t count;
};

struct rest {
	enum aspect aspect;
	char path[32];
	uint64_t stamp;
};

struct model_tx {
	bool open, wrote;
	uint32_t id;
	struct model base;  /* as of the start */
	struct model state; /* with its own writes */
	struct rest rests[RESTS];
	size_t rest_count;
	char requests[REQUESTS][64]; /* writes, to be repeated on the store at the end */
	size_t request_count;
};

struct walk {
	struct model now;
	struct model_tx tx[TXS];
	uint64_t stamp, random;
};

static uint32_t pick(struct walk *k, uint32_t below)
{
	k->random ^= k->random << 13;
	k->random ^= k->random >> 7;
	k->random ^= k->random << 17;
	return (uint32_t)(k->random >> 33) % below;
}

static struct model_node *at(struct model *m, const char *path)
{
	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->nodes[i].path, path))
			return &m->nodes[i];
	return NULL;
}

static void parent_of(const char *path, char *parent)
{
	const char *slash = strrchr(path, '/');
	const size_t len = (size_t)(slash - path);

	snprintf(parent, 32, "%.*s", len ? (int)len : 1, path);
}

/* An answer in @tx rested on that; own changes (nothing of the base left) rest on nothing. */
static void rest_on(struct model_tx *tx, enum aspect aspect, const char *path)
{
	struct model_node *base, *own;
	struct rest *r;

	if (!tx)
		return;
	base = at(&tx->base, path);
	own = at(&tx->state, path);
	if (aspect == ABSENT ? base != NULL : !base || !own || own->alive != base->alive)
		return;
	if (aspect != ABSENT && aspect != ALIVE && aspect != CHILDREN &&
	    own->stamps[aspect] != base->stamps[aspect])
		return;
	assert_true(tx->rest_count < RESTS);
	r = &tx->rests[tx->rest_count++];
	r->aspect = aspect;
	strcpy(r->path, path);
	r->stamp = aspect == ABSENT ? 0 : aspect == ALIVE ? base->alive : base->stamps[aspect];
}

/* The first missing name rests on its absence only if its parent is the base's. */
static void rest_on_missing(struct model_tx *tx, struct model *m, const char *path)
{
	char missing[32], above[32];
	const struct model_node *base, *own;

	if (!tx)
		return;
	strcpy(missing, path);
	parent_of(missing, above);
	while (!at(m, above)) {
		strcpy(missing, above);
		parent_of(missing, above);
	}
	base = at(&tx->base, above);
	own = at(m, above);
	if (base && base->alive == own->alive)
		rest_on(tx, ABSENT, missing);
	rest_on(tx, ALIVE, above);
	rest_on(tx, PERMS, above);
}

static bool rest_holds(struct model *now, const struct rest *r)
{
	const struct model_node *n = at(now, r->path);

	if (r->aspect == ABSENT)
		return !n;
	if (!n)
		return false;
	return (r->aspect == ALIVE ? n->alive : n->stamps[r->aspect]) == r->stamp;
}

static void touch_parent(struct walk *k, struct model *m, const char *path)
{
	char parent[32];

	parent_of(path, parent);
	at(m, parent)->stamps[CHILDREN] = ++k->stamp;
}

static void create(struct walk *k, struct model *m, const char *path, const char *value)
{
	char parent[32];
	struct model_node *n;

	parent_of(path, parent);
	if (!at(m, parent))
		create(k, m, parent, "");
	touch_parent(k, m, path);
	assert_true(m->count < NODES);
	n = &m->nodes[m->count++];
	*n = (struct model_node){ .alive = ++k->stamp };
	for (int i = 0; i < 4; i++)
		n->stamps[i] = ++k->stamp;
	strcpy(n->path, path);
	strcpy(n->value, value);
	strcpy(n->perms, at(m, parent)->perms);
}

static bool is_under(const char *path, const char *top)
{
	const size_t len = strlen(top);

	return !strncmp(path, top, len) && (!path[len] || path[len] == '/');
}

static void erase(struct walk *k, struct model *m, const char *path)
{
	size_t kept = 0;

	touch_parent(k, m, path);
	for (size_t i = 0; i < m->count; i++)
		if (!is_under(m->nodes[i].path, path))
			m->nodes[kept++] = m->nodes[i];
	m->count = kept;
}

static void list_children(const struct model *m, const char *path, char *answer)
{
	const size_t len = strcmp(path, "/") ? strlen(path) : 0;

	answer[0] = '\0';
	for (size_t i = 0; i < m->count; i++) {
		const char *p = m->nodes[i].path;

		if (strlen(p) > len + 1 && !strncmp(p, path, len) && p[len] == '/' &&
		    !strchr(p + len + 1, '/'))
			sprintf(answer + strlen(answer), "%s|", p + len + 1);
	}
}

static void model_read(struct model_tx *tx, struct model *m, char op, const char *path, char *answer)
{
	const struct model_node *n = at(m, path);

	if (!n) {
		rest_on_missing(tx, m, path);
		strcpy(answer, "ENOENT|");
		return;
	}
	rest_on(tx, ALIVE, path);
	if (op == 'r') {
		rest_on(tx, VALUE, path);
		strcpy(answer, n->value);
	} else if (op == 'p') {
		rest_on(tx, PERMS, path);
		strcpy(answer, n->perms);
	} else {
		rest_on(tx, CHILDREN, path);
		list_children(m, path, answer);
	}
}

static void model_remove(struct walk *k, struct model_tx *tx, struct model *m, const char *path, char *answer)
{
	char parent[32];

	parent_of(path, parent);
	if (!at(m, path)) {
		rest_on_missing(tx, m, path);
		strcpy(answer, at(m, parent) ? "OK|" : "ENOENT|");
		return;
	}
	rest_on(tx, ALIVE, path);
	rest_on(tx, PERMS, path);
	erase(k, m, path);
	if (tx)
		tx->wrote = true;
}

static void model_change(struct walk *k, struct model_tx *tx, struct model *m, char op, const char *path,
			 const char *arg, char *answer)
{
	struct model_node *n = at(m, path);

	if (!n && op == 's') {
		rest_on_missing(tx, m, path);
		strcpy(answer, "ENOENT|");
		return;
	}
	if (tx && !(n && op == 'm'))
		tx->wrote = true;
	if (!n) {
		rest_on_missing(tx, m, path);
		create(k, m, path, op == 'w' ? arg : "");
		return;
	}
	rest_on(tx, ALIVE, path);
	rest_on(tx, PERMS, path);
	if (op == 'w') {
		strcpy(n->value, arg);
		n->stamps[VALUE] = ++k->stamp;
	} else if (op == 's') {
		strcpy(n->perms, arg);
		n->stamps[PERMS] = ++k->stamp;
	}
}

/* What the model answers; it changes as the store must. */
static void model_ask(struct walk *k, struct model_tx *tx, char op, const char *path, const char *arg,
		      char *answer)
{
	struct model *m = tx ? &tx->state : &k->now;

	strcpy(answer, "OK|");
	if (strchr("rdp", op))
		model_read(tx, m, op, path, answer);
	else if (op == 'x')
		model_remove(k, tx, m, path, answer);
	else
		model_change(k, tx, m, op, path, arg, answer);
}

static const char *wire_request(char op, const char *path, const char *arg, char *request)
{
	static const char *const names[] = {
		['r'] = "READ",	 ['d'] = "DIRECTORY", ['p'] = "GET_PERMS", ['x'] = "RM",
		['w'] = "WRITE", ['m'] = "MKDIR",     ['s'] = "SET_PERMS"
	};

	snprintf(request, 64, "%s %s|%s", names[(unsigned char)op], path, strchr("ws", op) ? arg : "");
	return request;
}

static void random_path(struct walk *k, char *path)
{
	const uint32_t depth = 1 + pick(k, 3);

	path[0] = '\0';
	for (uint32_t i = 0; i < depth; i++)
		sprintf(path + strlen(path), "/%c", (char)('a' + pick(k, 3)));
}

static void ask(struct world *w, uint32_t c, struct walk *k, struct model_tx *tx)
{
	static const char ops[] = "rrddpxwwwwmms";
	const char op = ops[pick(k, sizeof(ops) - 1)];
	char path[32], arg[24] = "", request[64], wanted[512];
	const char *answer;

	random_path(k, path);
	if (op == 'w')
		snprintf(arg, sizeof(arg), "v%u", pick(k, 5));
	if (op == 's')
		strcpy(arg, pick(k, 2) ? "n0|r7|" : "b0|");
	wire_request(op, path, arg, request);
	model_ask(k, tx, op, path, arg, wanted);
	answer = world_ask(w, c, tx ? tx->id : 0, request);
	if (strcmp(answer, wanted))
		fail_msg("%s%s: %s instead of %s", tx ? "in a transaction, " : "", request, answer, wanted);
	if (tx && strchr("xwms", op)) {
		assert_true(tx->request_count < REQUESTS);
		snprintf(tx->requests[tx->request_count++], 64, "%c%s %s", op, path, arg);
	}
}

static void begin(struct world *w, uint32_t c, struct walk *k, struct model_tx *tx)
{
	tx->open = true;
	tx->wrote = false;
	tx->rest_count = tx->request_count = 0;
	tx->base = tx->state = k->now;
	tx->id = world_begin(w, c);
}

/* Have @a's and @b's node of that path the same children, by incarnation? */
static bool same_children(struct model *a, struct model *b, const char *path)
{
	char parent[32];
	size_t in_a = 0, in_both = 0, in_b = 0;

	for (size_t i = 1; i < a->count; i++) {
		const struct model_node *n = &a->nodes[i], *other = at(b, n->path);

		parent_of(n->path, parent);
		if (strcmp(parent, path))
			continue;
		in_a++;
		in_both += other && other->alive == n->alive;
	}
	for (size_t i = 1; i < b->count; i++) {
		parent_of(b->nodes[i].path, parent);
		in_b += !strcmp(parent, path);
	}
	return in_a == in_b && in_a == in_both;
}

/* Does what the transaction did once more, on the store as it is now. What it made and removed again was
 * never there. */
static void repeat(struct walk *k, struct model_tx *tx)
{
	struct model before = k->now;

	for (size_t i = 0; i < tx->request_count; i++) {
		char path[32], arg[24] = "", answer[512];

		sscanf(tx->requests[i] + 1, "%31s %23s", path, arg);
		model_ask(k, NULL, tx->requests[i][0], path, arg, answer);
	}
	for (size_t i = 0; i < k->now.count; i++) {
		struct model_node *n = &k->now.nodes[i], *old = at(&before, n->path);

		if (old && old->alive == n->alive && same_children(&before, &k->now, n->path))
			n->stamps[CHILDREN] = old->stamps[CHILDREN];
	}
}

static void end(struct world *w, uint32_t c, struct walk *k, struct model_tx *tx)
{
	bool holds = true;

	tx->open = false;
	if (pick(k, 5) == 0) {
		says_in(w, c, tx->id, "TRANSACTION_END F|", "OK|");
		return;
	}
	for (size_t i = 0; i < tx->rest_count; i++)
		holds = holds && rest_holds(&k->now, &tx->rests[i]);
	if (tx->wrote && !holds) {
		says_in(w, c, tx->id, "TRANSACTION_END T|", "EAGAIN|");
		return;
	}
	says_in(w, c, tx->id, "TRANSACTION_END T|", "OK|");
	if (tx->wrote)
		repeat(k, tx);
}

static void step(struct world *w, uint32_t c, struct walk *k)
{
	struct model_tx *tx = &k->tx[pick(k, TXS)];
	const uint32_t choice = pick(k, 100);

	if (choice < 40)
		ask(w, c, k, NULL);
	else if (!tx->open)
		begin(w, c, k, tx);
	else if (choice < 50 || tx->rest_count > RESTS - 8 || tx->request_count == REQUESTS)
		end(w, c, k, tx);
	else
		ask(w, c, k, tx);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void run(uint64_t seed, uint64_t steps)
{
	struct walk *k = calloc(1, sizeof(*k));
	struct world *w = world_new();
	const uint32_t c = world_connect(w);

	w->exists[7] = true;
	says(w, c, "RM /tool|", "OK|");
	k->random = seed * 0x9e3779b97f4a7c15u + 1;
	k->now.nodes[0] = (struct model_node){ .path = "/", .perms = "n0|", .alive = ++k->stamp };
	k->now.count = 1;
	for (uint64_t i = 0; i < steps; i++) {
		step(w, c, k);
		if (i % 64 == 0 && store_check(w->store))
			fail_msg("seed %llu, step %llu: %s", (unsigned long long)seed, (unsigned long long)i,
				 store_check(w->store));
	}
	world_end(w);
	free(k);
}

static void every_answer_is_the_models(void **state)
{
	const uint64_t first = from_environment("STORE_SEED", 1);
	const uint64_t steps = from_environment("STORE_STEPS", 3000);

	for (uint64_t seed = first; seed < first + 40; seed++)
		run(seed, steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_is_the_models),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
