/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <stdbool.h>

static bool joins_last(const struct meter *m)
{
	return m->batch_count == METER_BATCHES ||
	       (m->batch_count && m->batches[m->batch_count - 1].heard_ns == m->read_ns);
}

static void open_batch(struct meter *m)
{
	if (!joins_last(m))
		m->batches[m->batch_count++] = (struct meter_batch){ .heard_ns = m->read_ns };
}

void meter_queued(struct meter *m, uint32_t replies, size_t bytes, uint32_t more)
{
	if (bytes > m->most_bytes)
		m->most_bytes = bytes;
	if (!more)
		return;
	if (replies > m->most_replies)
		m->most_replies = replies;
	open_batch(m);
	m->batches[m->batch_count - 1].replies++;
}

static unsigned int latency_row(uint64_t ns)
{
	const uint64_t us = ns / 1000;
	const unsigned int row = us ? 64u - (unsigned int)__builtin_clzll(us) : 0;

	return row < METER_LATENCIES ? row : METER_LATENCIES - 1;
}

static void close_first(struct meter *m)
{
	m->batch_count--;
	for (uint32_t i = 0; i < m->batch_count; i++)
		m->batches[i] = m->batches[i + 1];
}

void meter_handed_out(struct meter *m, uint64_t now_ns)
{
	while (m->taken && m->batch_count) {
		struct meter_batch *first = &m->batches[0];
		const uint32_t part = m->taken < first->replies ? m->taken : first->replies;

		m->sum.latency[latency_row(now_ns - first->heard_ns)] += part;
		first->replies -= part;
		m->taken -= part;
		if (!first->replies)
			close_first(m);
	}
	m->taken = 0;
}

void meter_add(struct meter_sum *to, const struct meter_sum *from)
{
	to->busy_ns += from->busy_ns;
	for (unsigned int i = 0; i < METER_LATENCIES; i++)
		to->latency[i] += from->latency[i];
}
