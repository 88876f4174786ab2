/* SPDX-License-Identifier: MIT */
/* Counting what a process and the world hold. */
#include "events.h"
#include "grants.h"
#include "streams.h"

static size_t length(const struct list *head)
{
	size_t n = 0;

	list_for_each (link, head)
		n++;
	return n;
}

static size_t count_ports(const struct sim_process *process)
{
	size_t n = 0;

	list_for_each (link, &process->evtchns)
		list_for_each (port, &list_entry(link, struct sim_evtchn, link)->ports)
			n += list_entry(port, struct sim_port, link)->domain->store_port !=
			     list_entry(port, struct sim_port, link);
	return n;
}

static size_t count_grants(const struct sim_process *process)
{
	size_t n = 0;

	list_for_each (link, &process->gntshrs)
		list_for_each (share, &list_entry(link, struct sim_gntshr, link)->shares)
			n += list_entry(share, struct sim_share, link)->count;
	return n;
}

static size_t count_mappings(const struct sim_process *process)
{
	size_t n = process->foreign.pages;

	list_for_each (link, &process->gnttabs)
		n += list_entry(link, struct sim_gnttab, link)->pages;
	return n;
}

static size_t count_streams(const struct sim_process *process)
{
	size_t n = 0;

	list_for_each (link, &process->streams)
		n += list_entry(link, struct sim_end, link)->accepted;
	return n;
}

void sim_process_counts(const struct sim_process *process, struct sim_counts *out)
{
	*out = (struct sim_counts){
		.handles = length(&process->evtchns) + length(&process->gnttabs) + length(&process->gntshrs),
		.ports = count_ports(process),
		.grants = count_grants(process),
		.mappings = count_mappings(process),
		.pages = count_grants(process),
		.streams = count_streams(process),
		.sources = length(&process->sources),
		.timers = process->timers.count,
		.works = length(&process->works),
		.files = length(&process->files),
	};
}

static size_t live_pages(const struct sim *sim)
{
	size_t n = 0;

	list_for_each (link, &sim->segments) {
		const struct sim_segment *segment = list_entry(link, struct sim_segment, link);

		for (uint32_t i = 0; i < segment->pages; i++)
			n += segment->granted ? !segment->store : segment->mapped[i] != 0;
	}
	return n;
}

void sim_world_counts(const struct sim *sim, struct sim_counts *out)
{
	*out = (struct sim_counts){ .pages = live_pages(sim) };
	list_for_each (link, &sim->processes) {
		const struct sim_process *process = list_entry(link, struct sim_process, link);
		struct sim_counts c;

		sim_process_counts(process, &c);
		out->files += c.files;
		if (process->dead)
			continue;
		out->handles += c.handles;
		out->ports += c.ports;
		out->grants += c.grants;
		out->mappings += c.mappings;
		out->streams += c.streams;
		out->sources += c.sources;
		out->timers += c.timers;
		out->works += c.works;
	}
}
