/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_STATS_JSON_H
#define XENSTORED_STATS_JSON_H
/* What stats.c has gathered, as JSON. Any of the first three fits into one answer, whatever its figures are. */
#include <sys/types.h>

#include <xenbus/store_stats.h>

#include "json.h"
#include "meter.h"

/* The answer, without brackets and "next" round one entity. */
#define STATS_ENTITY_MAX (4096u - 64u)

struct stats_queue {
	uint64_t requests;     /* read, whole, and not worked off */
	uint64_t unread;       /* bytes in a ring that were not read */
	uint64_t replies;      /* queued and not taken */
	uint64_t bytes;	       /* of replies and events */
	uint64_t most_replies; /* there were, queued at a time */
	uint64_t most_bytes;
	bool paused; /* no request is read before it takes replies */
};

struct stats_conn {
	struct store_conn_stats store;
	struct meter_sum meter;
	struct stats_queue queue;
	uint64_t passed;	/* most requests of one other connection served while one of its waited */
	const char *name;	/* "s17", "d5" */
	pid_t pid;		/* 0: not known */
	const char *command;	/* of it; NULL: not known */
	const char *cause_name; /* of the connection that made its last transaction fail; NULL: gone */
};

struct stats_domain {
	struct store_domain_stats store;
	struct store_traffic traffic;
	struct meter_sum meter;
	struct stats_queue queue; /* of its connections, summed; the most of any */
	uint64_t instance, connections, passed;
};

struct stats_conflict {
	const struct store_cause *cause;
	uint32_t loser;			     /* domain */
	const char *loser_name, *cause_name; /* of the connections; NULL: gone */
};

struct stats_store {
	struct store_stats store;
	const char *version;
	pid_t pid;
	uint64_t uptime_us, cpu_us, busy_us;
	uint64_t passed, passed_guest;
};

/* Each an object, an element of a list. */
void stats_json_conn(struct json *j, const struct stats_conn *c);
void stats_json_domain(struct json *j, const struct stats_domain *d);
void stats_json_conflict(struct json *j, const struct stats_conflict *c);
void stats_json_store(struct json *j, const struct stats_store *s);

#endif
