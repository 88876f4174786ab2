/* SPDX-License-Identifier: MIT */
/*
 * Choices: taken from the replay while it lasts, then from the seed; each is recorded. A choice among one is none.
 *
 * The recorded ones hold no weights, only how many alternatives there were and which was taken. So a list of them
 * may be cut and changed (to find a shorter one that still fails), and remains a run.
 */
#include <assert.h>
#include <stdlib.h>

#include "sim_impl.h"

#define GOLDEN 0x9e3779b97f4a7c15ull

/* splitmix64 (Steele, Lea, Flood): one word of state, all seeds good. */
uint64_t sim_random_next(struct sim_random *random)
{
	uint64_t z = random->state += GOLDEN;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

uint64_t sim_random_below(struct sim_random *random, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)sim_random_next(random) * n) >> 64);
}

struct sim_random sim_random_stream(uint64_t seed, uint64_t stream)
{
	struct sim_random r = { seed };
	uint64_t a = sim_random_next(&r);

	r.state = a ^ (stream * 0xd6e8feb86659fd93ull);
	r.state = sim_random_next(&r);
	return r;
}

static void record(struct sim *sim, unsigned int n, unsigned int taken)
{
	struct sim_choices *c = &sim->choices;

	if (c->count == c->capacity) {
		size_t capacity = c->capacity ? 2 * c->capacity : 1024;
		uint32_t *made = realloc(c->made, capacity * sizeof(*made));

		if (!made)
			sim_give_up(sim, "no memory for the choices");
		c->made = made;
		c->capacity = capacity;
	}
	c->made[c->count++] = n << 16 | taken;
}

static unsigned int draw(struct sim *sim, unsigned int n, const uint32_t *weights)
{
	uint64_t total = 0, at;
	unsigned int i;

	if (!weights)
		return (unsigned int)sim_random_below(&sim->choosing, n);
	for (i = 0; i < n; i++)
		total += weights[i];
	at = sim_random_below(&sim->choosing, total);
	for (i = 0; at >= weights[i]; i++)
		at -= weights[i];
	return i;
}

static unsigned int replay(struct sim *sim, unsigned int n)
{
	uint32_t made = sim->config.replay->made[sim->replayed++];
	unsigned int taken = made & 0xffff;

	if (made >> 16 != n)
		sim->diverged = true;
	return taken % n;
}

unsigned int sim_pick(struct sim *sim, unsigned int n, const uint32_t *weights)
{
	unsigned int taken;

	assert(n && n < 65536);
	if (n == 1)
		return 0;
	if (sim->config.replay && sim->replayed < sim->config.replay->count)
		taken = replay(sim, n);
	else
		taken = draw(sim, n, weights);
	record(sim, n, taken);
	return taken;
}

bool sim_pick_one_in(struct sim *sim, uint32_t n)
{
	const uint32_t weights[2] = { n - 1, 1 };

	return n == 1 || sim_pick(sim, 2, weights) == 1;
}

unsigned int sim_choose(struct sim *sim, unsigned int n)
{
	return sim_pick(sim, n, NULL);
}

const struct sim_choices *sim_choices(const struct sim *sim)
{
	return &sim->choices;
}

bool sim_diverged(const struct sim *sim)
{
	return sim->diverged;
}
