/* SPDX-License-Identifier: MIT */
/* The world itself: made, looked at, and what it says. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "events.h"
#include "grants.h"

enum streams { STREAM_OF_CHOICES, STREAM_OF_SPEEDS };

/* -- beginning and end -- */

static void init(struct sim *sim, const struct sim_config *config)
{
	sim->config = *config;
	sim->choosing = sim_random_stream(config->seed, STREAM_OF_CHOICES);
	sim->speeding = sim_random_stream(config->seed, STREAM_OF_SPEEDS);
	sim->now = SIM_SEC;
	sim->waiting_until = UINT64_MAX;
	list_init(&sim->processes);
	list_init(&sim->graves);
	list_init(&sim->segments);
	list_init(&sim->actions);
	numbers_init(&sim->tokens, 1, 1u << 20);
}

int sim_new(const struct sim_config *config, struct sim **out)
{
	struct sim_domain *dom0;
	struct sim *sim;
	int err;

	if (sysconf(_SC_PAGESIZE) != XEN_PLATFORM_PAGE_SIZE)
		return -ENOTSUP;
	sim = calloc(1, sizeof(*sim));
	if (!sim)
		return -ENOMEM;
	init(sim, config);
	err = sim_arena_init(&sim->arena);
	if (err)
		goto free_sim;
	err = sim_domain_new(sim, 0, &dom0);
	if (err)
		goto free_arena;
	*out = sim;
	return 0;

free_arena:
	sim_arena_deinit(&sim->arena);
free_sim:
	free(sim);
	return err;
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	assert(list_empty(&sim->processes));
	for (uint32_t domid = 0; domid < XEN_PLATFORM_DOMID_FIRST_RESERVED; domid++)
		if (sim->domains[domid])
			sim_domain_free(sim->domains[domid]);
	assert(list_empty(&sim->segments));
	sim_processes_free(sim);
	sim_arena_deinit(&sim->arena);
	numbers_deinit(&sim->tokens);
	sim_choices_free(&sim->choices);
	free(sim->observers);
	free(sim->moves);
	free(sim->weights);
	free(sim);
}

int sim_observe(struct sim *sim, void (*look)(void *ctx), void *ctx)
{
	struct sim_observer *observers =
		realloc(sim->observers, (sim->observer_count + 1) * sizeof(*observers));

	if (!observers)
		return -ENOMEM;
	sim->observers = observers;
	observers[sim->observer_count++] = (struct sim_observer){ look, ctx };
	return 0;
}

/* -- looking -- */

uint64_t sim_now(const struct sim *sim)
{
	return sim->now;
}

uint64_t sim_steps(const struct sim *sim)
{
	return sim->steps;
}

struct sim_process *sim_current(const struct sim *sim)
{
	return sim->current;
}

uint64_t sim_unshared_mapped(const struct sim *sim)
{
	return sim->unshared_mapped;
}

/* -- saying -- */

#define TEXT_MAX 512

static void compose(char text[TEXT_MAX], const struct sim_process *process, const char *format, va_list args)
{
	int n = process ? snprintf(text, TEXT_MAX, "d%u %s: ", process->domid, process->name) : 0;

	vsnprintf(text + n, (size_t)(TEXT_MAX - n), format, args);
}

void sim_tell(struct sim *sim, const struct sim_process *process, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	if (!sim->config.step)
		return;
	va_start(args, format);
	compose(text, process, format, args);
	va_end(args);
	sim->config.step(sim->config.ctx, text);
}

static void say(const struct sim *sim, const char *text)
{
	fprintf(stderr, "sim, seed %llu, step %llu: %s\n", (unsigned long long)sim->config.seed,
		(unsigned long long)sim->steps, text);
}

void sim_violation(struct sim *sim, const struct sim_process *process, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	compose(text, process, format, args);
	va_end(args);
	if (sim->config.violation) {
		sim->config.violation(sim->config.ctx, text);
		return;
	}
	say(sim, text);
	abort();
}

_Noreturn void sim_give_up(struct sim *sim, const char *text)
{
	say(sim, text);
	if (sim->config.violation)
		sim->config.violation(sim->config.ctx, text);
	abort();
}
