/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_HOST_LOOP_H
#define PLATFORM_HOST_LOOP_H
#include <stdbool.h>
#include <sys/epoll.h>

#include <base/list.h>
#include <xenbus/host_ops.h>

#include "timers.h"
#include "worker.h"

#define BATCH_MIN 64

struct loop {
	struct xenbus_host host;
	int epoll, timerfd, kick;
	bool foreign, dispatching;
	struct timers timers;
	uint64_t programmed; /* deadline the timerfd holds, 0: none */
	struct list posted;  /* of struct xenbus_work, impl[0..1] */
	struct worker worker;
	struct epoll_event *
		batch; /* room for all that can be ready at once; [batch_at, batch_len) are still to be run */
	int batch_size, batch_at, batch_len;
	int sources;
};

static inline struct loop *loop_of(struct xenbus_host *host)
{
	return (struct loop *)host;
}

/* sources.c */
/* Makes the batch at least @size long. 0 or -ENOMEM. */
int loop_make_room(struct loop *loop, int size);
int loop_source_add(struct xenbus_host *host, struct xenbus_source *source, int fd, unsigned int events);
int loop_source_modify(struct xenbus_host *host, struct xenbus_source *source, unsigned int events);
void loop_source_remove(struct xenbus_host *host, struct xenbus_source *source);
/* Calls @source for what epoll @got; returns whether it was called: 0 or 1. */
int loop_source_run(struct xenbus_source *source, uint32_t got);

#endif
