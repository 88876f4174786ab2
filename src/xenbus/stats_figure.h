/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STATS_FIGURE_H
#define XENBUS_STATS_FIGURE_H
/* Figures of the store's statistics as people read them. */
#include <stdbool.h>
#include <stdint.h>

struct json_value;

#define STATS_FIGURE 32u /* bytes of a figure as text */

/* What a reading is about. */
struct stats_span {
	double seconds;
	bool since_start;
};

struct stats_span stats_span_of(const struct json_value *reading);
/* Of one processor. */
double stats_percent(uint64_t us, const struct stats_span *span);
/* Of the members of an object or array; NULL: 0. */
uint64_t stats_sum(const struct json_value *of);
/* "12", "1.20M": at most five characters. Returns @buf. */
const char *stats_short_number(uint64_t number, char buf[STATS_FIGURE]);
/* "16 us", "12 ms": at most seven characters; "-" for 0. Valid as long as @buf. */
const char *stats_short_time(uint64_t us, char buf[STATS_FIGURE]);

#endif
