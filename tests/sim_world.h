/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H
/* A simulated world that notes what happens in it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xenbus/host.h>
#include <xenbus/platform.h>
#include <xenbus/sim.h>

struct noting {
	struct sim *sim;
	char *text; /* each step on a line */
	size_t len, capacity;
	unsigned int violations;
	char violation[512]; /* the last */
};

static inline void note_step(void *ctx, const char *text)
{
	struct noting *n = ctx;
	size_t len = strlen(text);

	while (n->len + len + 2 > n->capacity) {
		n->capacity = n->capacity ? 2 * n->capacity : 65536;
		n->text = realloc(n->text, n->capacity);
		assert_non_null(n->text);
	}
	memcpy(n->text + n->len, text, len);
	memcpy(n->text + n->len + len, "\n", 2);
	n->len += len + 1;
}

static inline void note_violation(void *ctx, const char *text)
{
	struct noting *n = ctx;

	n->violations++;
	strncpy(n->violation, text, sizeof(n->violation) - 1);
}

/* @config but for what is noted; domains 1 and 2 exist. */
static inline void noting_init(struct noting *n, struct sim_config config)
{
	struct sim_store store;

	*n = (struct noting){ 0 };
	config.violation = note_violation;
	config.step = note_step;
	config.ctx = n;
	assert_int_equal(sim_new(&config, &n->sim), 0);
	for (uint32_t domid = 1; domid < 3; domid++)
		assert_int_equal(sim_domain_create(n->sim, domid, &store), 0);
}

/* Nothing is left in the world, and nothing was done that should not. */
static inline void noting_deinit(struct noting *n)
{
	struct sim_counts counts, none = { 0 };

	sim_world_counts(n->sim, &counts);
	assert_memory_equal(&counts, &none, sizeof(none));
	assert_string_equal(n->violation, "");
	assert_int_equal(n->violations, 0);
	sim_free(n->sim);
	free(n->text);
}

static inline struct sim_process *start(struct sim *sim, uint32_t domid, const char *name)
{
	const struct sim_process_config config = { .domid = domid, .name = name };
	struct sim_process *process;

	assert_int_equal(sim_process_start(sim, &config, &process), 0);
	return process;
}

/* The violations so far were expected: this many, the last of which says @text. */
static inline void expect_violations(struct noting *n, unsigned int count, const char *text)
{
	assert_int_equal(n->violations, count);
	assert_non_null(strstr(n->violation, text));
	n->violations = 0;
	n->violation[0] = 0;
}

#endif
