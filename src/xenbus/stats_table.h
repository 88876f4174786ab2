/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STATS_TABLE_H
#define XENBUS_STATS_TABLE_H
/* Who takes the store's time: a line a connection, the busiest first, on standard output. */
struct json_value;
struct stats_span;

/* @width: columns of the terminal; where not all fit, those are left out that a culprit is not found by. */
void stats_table(const struct json_value *reading, const struct stats_span *span, unsigned int width);

#endif
