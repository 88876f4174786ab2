/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STATS_READING_H
#define XENBUS_STATS_READING_H
/*
 * What xenstored counts at a moment, gathered page by page (CONTROL "stats", see xenstored(8)):
 *
 *     {"interval_us":null, "store":{...}, "domains":[...], "connections":[...], "conflicts":[...]}
 *
 * or how much of it there was in a while: the counts are differences then, and interval_us is the time between. What is
 * no count (open transactions, queues, nodes) is of the later moment.
 */
#include "json_read.h"

struct xenstore;

/* 0 and *@out; -EINVAL: the store has no such command; -EPROTO: it answered what is no answer; other -errno. */
int stats_read(struct xenstore *xs, struct json_value **out);
/* Makes @now what it is more than @before. -ESTALE: it is of another process. */
int stats_subtract(struct json_value *now, const struct json_value *before);
/* Drops what does not concern the domain: others' connections, and conflicts that it neither lost nor caused. */
void stats_keep_domain(struct json_value *reading, uint32_t domid);

#endif
