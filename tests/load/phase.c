/* SPDX-License-Identifier: MIT */
/* The driver: everybody's answers, and between them the hostile one. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../proc_view.h"
#include "load.h"

enum {
	BATCH = 256,
	STEP_EVERY = 64,  /* answers between two steps of the hostile one */
	PATIENCE_S = 60,  /* without any answer: somebody hangs */
	RSS_EVERY = 4096, /* answers */
};

struct drive {
	struct load *load;
	struct hostile *hostile;
	unsigned int since_step;
	uint64_t last_ns; /* when an answer came */
};

static void answered(struct drive *d, int count)
{
	if (count <= 0)
		return;
	d->last_ns = load_now_ns();
	d->since_step += (unsigned int)count;
	if (d->since_step < STEP_EVERY)
		return;
	d->since_step = 0;
	if (d->hostile)
		hostile_step(d->hostile);
}

static int take_of_sockets(struct drive *d)
{
	struct epoll_event ready[BATCH];
	int n = epoll_wait(d->load->epoll, ready, BATCH, 0);

	for (int i = 0; i < n; i++)
		answered(d, victim_take(ready[i].data.ptr));
	return n;
}

static int take_of_guests(struct drive *d)
{
	int all = 0;

	for (unsigned int i = 0; i < d->load->guests; i++) {
		int count = victim_take(&d->load->victims[i]);

		answered(d, count);
		all += count;
	}
	return all;
}

static void note_rss(struct load *load)
{
	long rss = peer_rss(load->peer);

	if (rss > load->now.rss_kib)
		load->now.rss_kib = rss;
}

static bool goes_on(struct drive *d)
{
	if (d->load->wrongs || peer_has_ended(d->load->peer))
		return false;
	if (load_now_ns() - d->last_ns < PATIENCE_S * UINT64_C(1000000000))
		return true;
	load_wrong(d->load, "%u are still waiting, and no answer comes", d->load->busy);
	return false;
}

static bool is_anyone_waiting(const struct load *load)
{
	for (unsigned int i = 0; i < load->count; i++)
		if (load->victims[i].waiting)
			return true;
	return false;
}

static void drive(struct load *load, struct hostile *hostile)
{
	struct drive d = { .load = load, .hostile = hostile, .last_ns = load_now_ns() };
	uint64_t looked = 0;

	while (goes_on(&d) && (load->busy || is_anyone_waiting(load))) {
		int count = take_of_sockets(&d) + take_of_guests(&d);

		if (hostile)
			hostile_step(hostile);
		if (load->now.ops - looked > RSS_EVERY) {
			looked = load->now.ops;
			note_rss(load);
		}
		if (!count)
			sched_yield();
	}
	note_rss(load);
}

static int by_size(const void *a, const void *b)
{
	const uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;

	return one < two ? -1 : one > two;
}

static void summarise(struct load *load)
{
	const size_t n = load->latency_count;

	qsort(load->latencies, n, sizeof(*load->latencies), by_size);
	load->now.p50_ns = n ? load->latencies[n / 2] : 0;
	load->now.p99_ns = n ? load->latencies[n - 1 - n / 100] : 0;
}

static void prepare(struct load *load, unsigned int goal)
{
	const size_t room = (size_t)load->count * goal * 2;

	if (room > load->latency_room) {
		load->latencies = realloc(load->latencies, room * sizeof(*load->latencies));
		if (!load->latencies)
			abort();
		load->latency_room = room;
	}
	load->latency_count = 0;
	load->now = (struct load_figures){ 0 };
	load->goal = goal;
	load->busy = load->count;
}

/* The counters' nodes say how many were acknowledged, whoever heard of his last. */
static void note_counters(struct load *load)
{
	char path[32], value[24];

	for (unsigned int i = 0; i < load->counters; i++) {
		snprintf(path, sizeof(path), "/load/counter%u", i);
		snprintf(value, sizeof(value), "%llu", (unsigned long long)load->counted[i]);
		model_write(&load->model, path, value, strlen(value), NULL);
	}
}

struct load_figures load_phase(struct load *load, unsigned int goal, struct hostile *hostile)
{
	uint64_t cpu;

	prepare(load, goal);
	load_passed(load, NULL, NULL, true);
	cpu = proc_cpu_ns(peer_pid(load->peer));
	for (unsigned int i = 0; i < load->count; i++) {
		load->victims[i].answers = 0;
		victim_ask(&load->victims[i]);
	}
	drive(load, hostile);
	load->now.store_ns = proc_cpu_ns(peer_pid(load->peer)) - cpu;
	load_passed(load, &load->now.passed, &load->now.passed_guest, false);
	summarise(load);
	note_counters(load);
	return load->now;
}
