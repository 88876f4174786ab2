/* SPDX-License-Identifier: MIT */
#include "stats_figure.h"

#include <inttypes.h>
#include <stdio.h>

#include "json_read.h"

uint64_t stats_sum(const struct json_value *of)
{
	uint64_t total = 0;

	for (const struct json_value *each = of ? of->first : NULL; each; each = each->next)
		total += each->number;
	return total;
}

const char *stats_short_number(uint64_t number, char buf[STATS_FIGURE])
{
	static const char units[] = " kMGTPE";
	double value = (double)number;
	int unit = 0;

	if (number < 100000) {
		snprintf(buf, STATS_FIGURE, "%" PRIu64, number);
		return buf;
	}
	for (; value >= 1000; unit++)
		value /= 1000;
	snprintf(buf, STATS_FIGURE,
		 value < 10    ? "%.2f%c"
		 : value < 100 ? "%.1f%c"
			       : "%.0f%c",
		 value, units[unit]);
	return buf;
}

const char *stats_short_time(uint64_t us, char buf[STATS_FIGURE])
{
	if (!us)
		return "-";
	if (us < 10000)
		snprintf(buf, STATS_FIGURE, "%" PRIu64 " us", us);
	else if (us < 10000000)
		snprintf(buf, STATS_FIGURE, "%" PRIu64 " ms", us / 1000);
	else
		snprintf(buf, STATS_FIGURE, "%" PRIu64 " s", us / 1000000);
	return buf;
}

struct stats_span stats_span_of(const struct json_value *reading)
{
	const struct json_value *interval = json_member(reading, "interval_us");
	const bool given = interval && interval->type == JSON_NUMBER;
	const uint64_t us =
		given ? interval->number : json_number_of(json_member(reading, "store"), "uptime_us");

	return (struct stats_span){ us ? (double)us / 1e6 : 1e-6, !given };
}

double stats_percent(uint64_t us, const struct stats_span *span)
{
	return (double)us / 1e4 / span->seconds;
}
