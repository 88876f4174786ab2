/* SPDX-License-Identifier: MIT */
/*
 * What can happen, and choosing among it.
 *
 *      of each process     its first posted work, each ready source, its earliest timer if due, its first file
 *                          transfer, each listener with a connection waiting, its loop's turn: its speed each
 *      of the scenario     each action: its weight
 *      of nobody           time moves on to the next timer, the less likely the further it is: see time_weight()
 *
 * Each step takes a microsecond, so that times differ. A process's speed is one of 1, 4, 16, 64, drawn again every 128
 * steps or so, for all at once: for as long one may be far ahead of another, and no order lasts.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "events.h"
#include "streams.h"

#define FRACTION 64u /* weights are multiples of it but time's */
#define ORDINARY 16u
#define SPEEDS_LAST 64u /* steps at least, and up to as many again and again */

/* -- gathering -- */

static void grow_moves(struct sim *sim)
{
	size_t capacity = sim->move_capacity ? 2 * sim->move_capacity : 64;
	struct sim_move *moves = realloc(sim->moves, capacity * sizeof(*moves));
	uint32_t *weights = realloc(sim->weights, capacity * sizeof(*weights));

	if (moves)
		sim->moves = moves;
	if (weights)
		sim->weights = weights;
	if (!moves || !weights)
		sim_give_up(sim, "no memory for what can happen");
	sim->move_capacity = capacity;
}

static void add_move(struct sim *sim, enum sim_move_kind kind, struct sim_process *process, void *object,
		     uint32_t weight)
{
	if (sim->move_count == sim->move_capacity)
		grow_moves(sim);
	if (sim->move_count == 65535)
		return;
	sim->moves[sim->move_count] = (struct sim_move){ kind, process, object };
	sim->weights[sim->move_count++] = weight;
}

static void collect_sources(struct sim *sim, struct sim_process *process, uint32_t weight)
{
	list_for_each (link, &process->sources) {
		struct xenbus_source *source = list_entry(link, struct xenbus_source, impl);

		if (sim_source_events(process, source))
			add_move(sim, SIM_MOVE_SOURCE, process, source, weight);
	}
}

static void collect_listeners(struct sim *sim, struct sim_process *process, uint32_t weight)
{
	list_for_each (link, &process->domain->listeners) {
		struct sim_listener *listener = list_entry(link, struct sim_listener, link);

		if (listener->process == process && listener->count)
			add_move(sim, SIM_MOVE_ACCEPT, process, listener, weight);
	}
}

void sim_collect(struct sim *sim, struct sim_process *process)
{
	uint32_t weight = process->speed * FRACTION;
	struct xenbus_timer *timer = process->timers.first;

	if (process->dead || process->domain->shutdown)
		return;
	if (!list_empty(&process->works))
		add_move(sim, SIM_MOVE_WORK, process, list_first(&process->works, struct xenbus_work, impl),
			 weight);
	collect_sources(sim, process, weight);
	if (timer && timer->deadline_ns <= sim->now)
		add_move(sim, SIM_MOVE_TIMER, process, timer, weight);
	collect_listeners(sim, process, weight);
	if (!list_empty(&process->files)) {
		struct xenbus_file_io *io = list_first(&process->files, struct xenbus_file_io, impl);

		if (sim_file_ready(io))
			add_move(sim, SIM_MOVE_FILE, process, io, weight);
	}
	if (process->loop_at <= sim->now)
		add_move(sim, SIM_MOVE_LOOP, process, NULL, weight);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* UINT64_MAX: nobody waits for any time to come. */
static uint64_t next_deadline(const struct sim *sim)
{
	uint64_t next = sim->waiting_until > sim->now ? sim->waiting_until : UINT64_MAX;

	list_for_each (link, &sim->processes) {
		const struct sim_process *process = list_entry(link, struct sim_process, link);

		if (process->dead || process->domain->shutdown)
			continue;
		if (process->timers.first && process->timers.first->deadline_ns > sim->now)
			next = earlier(next, process->timers.first->deadline_ns);
		if (process->loop_at > sim->now)
			next = earlier(next, process->loop_at);
	}
	return next;
}

/* While others could do something, a pause of their machine: 50 ms are nothing rare, a second is. What takes longer
 * is what deadlines are there for to tell from a death: it passes only when nothing else can happen. */
static uint32_t time_weight(uint64_t total, uint64_t pause_ns)
{
	if (!total)
		return ORDINARY * FRACTION;
	if (pause_ns <= 50 * SIM_MSEC)
		return (uint32_t)(total / FRACTION);
	return pause_ns <= SIM_SEC ? (uint32_t)(total / (16 * FRACTION)) : 0;
}

static void collect_all(struct sim *sim)
{
	uint64_t total = 0;

	sim->move_count = 0;
	list_for_each (link, &sim->processes)
		sim_collect(sim, list_entry(link, struct sim_process, link));
	for (size_t i = 0; i < sim->move_count; i++)
		total += sim->weights[i];
	list_for_each (link, &sim->actions) {
		struct sim_action *action = list_entry(link, struct sim_action, impl);

		add_move(sim, SIM_MOVE_ACTION, NULL, action,
			 (action->weight ? action->weight : 1) * FRACTION);
	}
	sim->next = next_deadline(sim);
	if (sim->next != UINT64_MAX && time_weight(total, sim->next - sim->now))
		add_move(sim, SIM_MOVE_TIME, NULL, NULL, time_weight(total, sim->next - sim->now));
}

/* -- taking -- */

static void tell_move(struct sim *sim, const struct sim_move *move)
{
	static const char *const words[] = {
		[SIM_MOVE_WORK] = "work",     [SIM_MOVE_TIMER] = "timer", [SIM_MOVE_FILE] = "file",
		[SIM_MOVE_ACCEPT] = "accept", [SIM_MOVE_LOOP] = "turn",
	};
	static const char *const sources[] = { [SIM_TOKEN_EVTCHN] = "event",
					       [SIM_TOKEN_STREAM] = "stream",
					       [SIM_TOKEN_WORLD] = "end of the world" };

	if (!sim->config.step)
		return;
	if (move->kind == SIM_MOVE_ACTION)
		sim_tell(sim, NULL, "%s", ((struct sim_action *)move->object)->name);
	else if (move->kind == SIM_MOVE_TIME)
		sim_tell(sim, NULL, "time %llu us", (unsigned long long)(sim->next / SIM_USEC));
	else if (move->kind == SIM_MOVE_SOURCE)
		sim_tell(sim, move->process, "%s",
			 sources[sim_token_of(move->process, ((struct xenbus_source *)move->object)->fd)
					 ->kind]);
	else
		sim_tell(sim, move->process, "%s", words[move->kind]);
}

static void run_loop(struct sim_process *process)
{
	int wait_ms;

	if (!process->config.loop || process->dead)
		return;
	wait_ms = process->config.loop(process->config.ctx);
	process->loop_at = wait_ms < 0 ? UINT64_MAX : process->sim->now + (uint64_t)wait_ms * SIM_MSEC;
}

static void run_callback(const struct sim_move *move)
{
	struct sim_process *process = move->process;
	int64_t result;

	switch (move->kind) {
	case SIM_MOVE_WORK:
		sim_run_work(process, move->object);
		break;
	case SIM_MOVE_SOURCE:
		sim_run_source(process, move->object);
		break;
	case SIM_MOVE_TIMER:
		sim_run_timer(process, move->object);
		break;
	case SIM_MOVE_ACCEPT:
		sim_accept(process, move->object);
		break;
	case SIM_MOVE_FILE:
		if (!sim_file_perform(move->object, &result))
			return;
		sim_finish_file(process, move->object, result);
		break;
	default:
		break;
	}
	process->callbacks++;
	run_loop(process);
}

static void run_move(struct sim *sim, const struct sim_move *move)
{
	if (move->kind == SIM_MOVE_ACTION) {
		struct sim_action *action = move->object;

		sim_action_cancel(sim, action);
		action->run(action);
	} else if (move->kind == SIM_MOVE_TIME) {
		if (sim->next > sim->now)
			sim->now = sim->next;
	} else {
		sim->current = move->process;
		run_callback(move);
		sim->current = NULL;
	}
}

static void draw_speeds(struct sim *sim)
{
	if (sim->steps < sim->speeds_until)
		return;
	sim->speeds_until = sim->steps + SPEEDS_LAST + sim_random_below(&sim->speeding, 2 * SPEEDS_LAST);
	list_for_each (link, &sim->processes)
		list_entry(link, struct sim_process, link)->speed =
			1u << 2 * sim_random_below(&sim->speeding, 4);
}

static void look(struct sim *sim)
{
	sim->looking = true;
	for (size_t i = 0; i < sim->observer_count; i++)
		sim->observers[i].look(sim->observers[i].ctx);
	sim->looking = false;
}

void sim_take_move(struct sim *sim)
{
	const struct sim_move move = sim->moves[sim_pick(sim, (unsigned int)sim->move_count, sim->weights)];

	assert(!sim->current && !sim->looking);
	sim->steps++;
	sim->now += SIM_USEC;
	sim->deadlocks = 0;
	draw_speeds(sim);
	tell_move(sim, &move);
	sim->depth++;
	run_move(sim, &move);
	sim_tell_deaths(sim);
	sim->depth--;
	look(sim);
}

bool sim_step(struct sim *sim)
{
	collect_all(sim);
	if (!sim->move_count)
		return sim_tell_deaths(sim);
	sim_take_move(sim);
	return true;
}

int sim_run(struct sim *sim, bool (*until)(void *ctx), void *ctx, uint64_t max)
{
	for (uint64_t i = 0; !until(ctx); i++) {
		if (i == max)
			return -ETIMEDOUT;
		if (!sim_step(sim))
			return -EDEADLK;
	}
	return 0;
}

/* -- the scenario's actions -- */

void sim_action_add(struct sim *sim, struct sim_action *action)
{
	if (!action->impl[0])
		sim_link(&sim->actions, action->impl);
}

void sim_action_cancel(struct sim *sim, struct sim_action *action)
{
	if (action->impl[0])
		sim_unlink(action->impl);
}
