/* SPDX-License-Identifier: MIT */
/*
 * store_load() of whatever: refused, or a store in order, whose dump is loaded to the same dump, and that lives on.
 * An input that begins as a stream does is one; of any other a stream is made (load_grammar.h), of which is known
 * whether it is to be taken, and what must have come of it.
 */
#include "load_grammar.h"
#include <errno.h>
#include <xenbus/store.h>
#include <xenbus/wire.h>

static bool domain_exists(void *ctx, uint32_t domid)
{
	return domid < 8;
}

static void check(const struct store *store, const char *when)
{
	const char *wrong = store_check(store);

	if (wrong)
		fuzz_fail("store_check %s: %s", when, wrong);
}

/* @made: what the stream claimed; or NULL. */
static void compare_with_its_dump(const struct store_config *config, struct store *store,
				  const struct stream *made)
{
	uint8_t *first, *second;
	size_t first_len, second_len;
	struct store *copy;
	const char *why = "";

	fuzz_expect(!store_dump(store, &first, &first_len));
	if (made && judge_dump(made, first, first_len))
		fuzz_fail("%s", judge_dump(made, first, first_len));
	fuzz_expect(!store_new(config, &copy));
	if (store_load(copy, first, first_len, &why))
		fuzz_fail("what was dumped after a load is not loaded: %s", why);
	check(copy, "after the second load");
	fuzz_expect(!store_dump(copy, &second, &second_len));
	if (first_len != second_len || memcmp(first, second, first_len))
		fuzz_fail("a loaded dump dumps other bytes");
	free(first);
	free(second);
	store_free(copy);
}

static void apply(struct store *store, struct store_input *in)
{
	struct store_effects fx = { 0 };

	store_apply(store, in, &fx);
	store_effects_free(&fx);
}

/* Domains die, a client comes and removes what there is, until nothing is to be done. */
static void live_on(struct store *store)
{
	struct store_input in = { .type = STORE_IN_CONNECT };
	static const char *const tops[] = { "/tool", "/local", "/a" };
	uint32_t conn;

	apply(store, &in);
	conn = in.conn;
	for (uint32_t i = 0; i < 3; i++) {
		in = (struct store_input){ .type = STORE_IN_MESSAGE,
					   .conn = conn,
					   .op = XS_RM,
					   .payload = tops[i],
					   .len = (uint32_t)strlen(tops[i]) + 1 };
		apply(store, &in);
		in = (struct store_input){ .type = STORE_IN_DOMAIN_DEAD, .domid = i + 1 };
		apply(store, &in);
		in = (struct store_input){ .type = STORE_IN_RING_RESET, .conn = i + 1 };
		apply(store, &in);
		check(store, "while living on");
	}
	in = (struct store_input){ .type = STORE_IN_TICK };
	for (uint32_t i = 0; store_deadline(store) == 0; i++) {
		fuzz_expect(i < 100000);
		apply(store, &in);
	}
	check(store, "in the end");
}

static void load(const uint8_t *data, size_t size, const struct stream *made)
{
	struct store_config config = { .hash_seed = { 1, 2 }, .domain_exists = domain_exists };
	struct store *store;
	const char *why = NULL;
	int err;

	store_quota_defaults(&config.quota);
	fuzz_expect(!store_new(&config, &store));
	err = store_load(store, data, size, &why);
	fuzz_expect(!err || (err == -EINVAL && why));
	if (made && !err && made->bad)
		fuzz_fail("taken, but: %s", made->mistake);
	if (made && err && !made->bad)
		fuzz_fail("refused, but nothing was wrong: %s", why);
	if (!err) {
		check(store, "after load");
		compare_with_its_dump(&config, store, made);
		live_on(store);
	}
	store_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stream made;
	struct choices choices = { data, size };
	uint8_t *exact;

	if (!size || data[0] == 'x') {
		load(data, size, NULL);
		return 0;
	}
	make_stream(&choices, &made);
	/* To the byte, for the sanitizer. */
	exact = malloc(made.len);
	fuzz_expect(exact);
	memcpy(exact, made.bytes, made.len);
	load(exact, made.len, &made);
	free(exact);
	return 0;
}
