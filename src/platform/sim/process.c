/* SPDX-License-Identifier: MIT */
/* Processes: started, killed, freed. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "events.h"
#include "grants.h"
#include "streams.h"

#define STREAM_OF_BYTES 16u /* of the seed; each process has its own after it */

/* -- beginning -- */

static void init_lists(struct sim_process *process)
{
	list_init(&process->works);
	list_init(&process->sources);
	list_init(&process->files);
	list_init(&process->streams);
	list_init(&process->evtchns);
	list_init(&process->gnttabs);
	list_init(&process->gntshrs);
	list_init(&process->views);
	sim_gnttab_init(&process->foreign, process);
}

int sim_process_start(struct sim *sim, const struct sim_process_config *config, struct sim_process **out)
{
	struct sim_domain *domain =
		config->domid < XEN_PLATFORM_DOMID_FIRST_RESERVED ? sim->domains[config->domid] : NULL;
	struct sim_process *process;

	if (!domain)
		return -ESRCH;
	process = calloc(1, sizeof(*process));
	if (!process)
		return -ENOMEM;
	process->sim = sim;
	if (sim_token_add(process, &process->world, SIM_TOKEN_WORLD)) {
		free(process);
		return -ENOMEM;
	}
	process->host.ops = &sim_host_ops;
	process->platform.ops = &sim_platform_ops;
	process->domain = domain;
	process->domid = config->domid;
	process->config = *config;
	snprintf(process->name, sizeof(process->name), "%s", config->name);
	init_lists(process);
	process->random = sim_random_stream(sim->config.seed, STREAM_OF_BYTES + sim->started++);
	process->speed = 1u << 2 * sim_random_below(&sim->speeding, 4);
	process->loop_at = config->loop ? 0 : UINT64_MAX;
	list_add_tail(&sim->processes, &process->link);
	*out = process;
	return 0;
}

struct xenbus_host *sim_process_host(struct sim_process *process)
{
	return &process->host;
}

struct xen_platform *sim_process_platform(struct sim_process *process)
{
	return &process->platform;
}

const char *sim_process_name(const struct sim_process *process)
{
	return process->name;
}

struct sim_process *sim_process_of(struct xen_platform *platform)
{
	assert(platform->ops == &sim_platform_ops);
	return sim_of_platform(platform);
}

/* -- death -- */

static void leave_world(struct sim_process *process)
{
	sim_gnttab_end(&process->foreign, true);
	list_for_each (link, &process->gnttabs)
		sim_gnttab_end(list_entry(link, struct sim_gnttab, link), true);
	list_for_each (link, &process->gntshrs)
		sim_gntshr_end(list_entry(link, struct sim_gntshr, link), true);
	list_for_each (link, &process->evtchns)
		sim_evtchn_end(list_entry(link, struct sim_evtchn, link));
	if (process->domain->store_view && process->domain->store_view->process == process) {
		sim_view_privatise(process->domain->store_view);
		process->domain->store_view = NULL;
	}
	sim_streams_end(process);
	process->dead_now = process->sim->now;
	process->dead = true;
	process->domain = NULL;
}

/* Transfers that it began may go on to their end without it: so many of them, in their order. */
static void let_files_go_on(struct sim_process *process)
{
	struct list *link = process->files.next;
	unsigned int n = 0;
	int64_t result;

	list_for_each (file, &process->files)
		n++;
	for (n = sim_choose(process->sim, n + 1); n; n--, link = link->next)
		sim_file_perform(list_entry(link, struct xenbus_file_io, impl), &result);
}

void sim_process_die(struct sim_process *process)
{
	bool inside = process->sim->inside;

	if (process->dead)
		return;
	process->sim->inside = true;
	if (!process->told) /* killed, so its memory is there yet */
		let_files_go_on(process);
	leave_world(process);
	process->sim->inside = inside;
}

bool sim_tell_deaths(struct sim *sim)
{
	bool told = false;
	struct list *link = sim->processes.next;

	while (link != &sim->processes) {
		struct sim_process *process = list_entry(link, struct sim_process, link);

		link = link->next;
		if (!process->dead || process->told || process->dispatching)
			continue;
		process->told = told = true;
		if (!process->config.died)
			continue;
		process->config.died(process->config.ctx, process);
		link = sim->processes.next; /* it may have freed others */
	}
	return told;
}

void sim_process_kill(struct sim_process *process)
{
	struct sim *sim = process->sim;

	if (!process->dead)
		sim_tell(sim, process, "is killed");
	sim_process_die(process);
	if (!sim->depth && !sim->current && !sim->inside)
		sim_tell_deaths(sim);
}

bool sim_process_dead(const struct sim_process *process)
{
	return process->dead;
}

/* -- the end -- */

static void tell_leaks(struct sim_process *process)
{
	bool ring = process->domain && process->domain->store_view &&
		    process->domain->store_view->process == process;
	struct sim_counts c;

	sim_process_counts(process, &c);
	if (c.handles || c.ports || c.grants || c.mappings || c.streams || c.sources || c.timers || c.works ||
	    c.files || ring)
		sim_violation(
			process->sim, process,
			"leaves %zu handles, %zu ports, %zu grants, %zu mappings, %zu streams, %zu sources, "
			"%zu timers, %zu works, %zu files%s",
			c.handles, c.ports, c.grants, c.mappings, c.streams, c.sources, c.timers, c.works,
			c.files, ring ? " and the store ring" : "");
}

static void clear_impl(struct list *head)
{
	while (!list_empty(head))
		sim_unlink((void **)head->next);
}

static void clear_away(struct sim_process *process)
{
	clear_impl(&process->sources);
	clear_impl(&process->works);
	clear_impl(&process->files);
	while (process->timers.first)
		timers_del(&process->timers, process->timers.first);
	while (!list_empty(&process->streams))
		sim_end_free(list_first(&process->streams, struct sim_end, link));
	while (!list_empty(&process->evtchns))
		sim_evtchn_free(list_first(&process->evtchns, struct sim_evtchn, link));
	while (!list_empty(&process->gnttabs))
		sim_gnttab_free(list_first(&process->gnttabs, struct sim_gnttab, link));
	while (!list_empty(&process->gntshrs))
		sim_gntshr_free(list_first(&process->gntshrs, struct sim_gntshr, link));
	while (!list_empty(&process->views))
		sim_view_end(list_first(&process->views, struct sim_view, link));
	sim_token_del(&process->world);
}

void sim_process_free(struct sim_process *process)
{
	if (!process)
		return;
	assert(!process->freed && process->sim->current != process);
	tell_leaks(process);
	process->told = true;
	sim_process_die(process);
	clear_away(process);
	process->freed = true;
	list_del(&process->link);
	list_add_tail(&process->sim->graves, &process->link);
}

void sim_processes_free(struct sim *sim)
{
	while (!list_empty(&sim->graves)) {
		struct sim_process *process = list_first(&sim->graves, struct sim_process, link);

		list_del(&process->link);
		free(process);
	}
}
