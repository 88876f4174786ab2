/* SPDX-License-Identifier: MIT */
/*
 * xenbus_host_dispatch() on a process's host, which only the top calls.
 *
 *      0           one of its own callbacks that are ready, chosen; the world stands still. 0: there is none
 *      > 0         steps of the world until it has had a callback (1), or until so much virtual time passed (0)
 *      -1          likewise; -EDEADLK: nothing can happen any more
 *
 * A dead process is alone: one of its own callbacks runs, kind by kind in turn and each kind in order, so that what it
 * waits for is told of the end: handles ready, streams hung up, transfers failed with EIO, and timers at once, by a
 * clock of its own that jumps from one to the next.
 */
#include <errno.h>

#include "sim_impl.h"

#define DEADLOCKS_MOST 10000u
#define STEPS_MOST 4000000u
#define DEAD_MOST 1000000u

static int deadlock(struct sim *sim)
{
	if (++sim->deadlocks >= DEADLOCKS_MOST)
		sim_give_up(sim, "the world is stuck: who waits goes on waiting, and nothing can happen");
	return -EDEADLK;
}

/* -- alone, after death -- */

static bool dead_work(struct sim_process *process)
{
	if (list_empty(&process->works))
		return false;
	sim_run_work(process, list_first(&process->works, struct xenbus_work, impl));
	return true;
}

/* The first that is ready goes to the end of the list, so that each gets its turn. */
static bool dead_source(struct sim_process *process)
{
	list_for_each (link, &process->sources) {
		struct xenbus_source *source = list_entry(link, struct xenbus_source, impl);

		if (!sim_source_events(process, source))
			continue;
		list_del(link);
		list_add_tail(&process->sources, link);
		sim_run_source(process, source);
		return true;
	}
	return false;
}

static bool dead_file(struct sim_process *process)
{
	if (list_empty(&process->files))
		return false;
	sim_finish_file(process, list_first(&process->files, struct xenbus_file_io, impl), -EIO);
	return true;
}

static bool dead_timer(struct sim_process *process)
{
	struct xenbus_timer *timer = process->timers.first;

	if (!timer)
		return false;
	if (process->dead_now < timer->deadline_ns)
		process->dead_now = timer->deadline_ns;
	sim_run_timer(process, timer);
	return true;
}

static int dispatch_dead(struct sim_process *process)
{
	static bool (*const kinds[])(struct sim_process *) = { dead_work, dead_source, dead_file,
							       dead_timer };
	const unsigned int n = sizeof(kinds) / sizeof(kinds[0]);
	struct sim *sim = process->sim;
	bool ran = false;

	if (process->dead_turn >= DEAD_MOST)
		sim_give_up(sim, "a dead process does not come to an end");
	process->dead_now += SIM_USEC;
	sim->current = process;
	for (unsigned int i = 0; i < n && !ran; i++)
		ran = kinds[process->dead_turn++ % n](process);
	sim->current = NULL;
	if (!ran)
		return deadlock(sim);
	sim->deadlocks = 0;
	process->callbacks++;
	return 1;
}

/* -- alive -- */

static int dispatch_own(struct sim_process *process)
{
	struct sim *sim = process->sim;
	uint64_t before = process->callbacks;

	sim->move_count = 0;
	sim_collect(sim, process);
	if (!sim->move_count)
		return 0;
	sim_take_move(sim);
	return process->callbacks != before;
}

static int step_until(struct sim_process *process, uint64_t deadline)
{
	struct sim *sim = process->sim;
	uint64_t before = process->callbacks;

	for (unsigned int i = 0; i < STEPS_MOST; i++) {
		if (process->callbacks != before)
			return 1;
		if (process->dead || sim->now >= deadline)
			return 0;
		if (process->domain->shutdown && deadline == UINT64_MAX)
			return deadlock(sim);
		if (!sim_step(sim))
			return deadlock(sim);
	}
	sim_give_up(sim, "the world is stuck: it goes on and on without a callback that is waited for");
}

static int dispatch_world(struct sim_process *process, int timeout_ms)
{
	struct sim *sim = process->sim;
	uint64_t outer = sim->waiting_until;
	uint64_t deadline = timeout_ms < 0 ? UINT64_MAX : sim->now + (uint64_t)timeout_ms * SIM_MSEC;
	int ran;

	if (deadline < outer)
		sim->waiting_until = deadline;
	ran = step_until(process, deadline);
	sim->waiting_until = outer;
	return ran;
}

int sim_dispatch(struct xenbus_host *host, int timeout_ms)
{
	struct sim_process *process = sim_of_host(host);
	struct sim *sim = process->sim;
	struct sim_process *at_top = sim->at_top;
	int ran;

	if (sim->current || sim->looking) {
		sim_violation(sim, process, "waits within a callback");
		return deadlock(sim);
	}
	if (process->dead)
		return dispatch_dead(process);
	sim->at_top = NULL;
	process->dispatching++;
	ran = timeout_ms ? dispatch_world(process, timeout_ms) : dispatch_own(process);
	process->dispatching--;
	sim->at_top = at_top;
	return ran;
}
