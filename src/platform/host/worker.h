/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_HOST_WORKER_H
#define PLATFORM_HOST_WORKER_H
/*
 * File transfers off the loop: one thread, started by the first, does them in order of submission.
 *
 *      loop: worker_submit --> todo --> thread: read, write, fsync --> done --> loop: worker_take
 *                                                                       `--> eventfd @kick
 */
#include <pthread.h>
#include <stdbool.h>

#include <base/list.h>
#include <xenbus/host.h>

struct worker {
	pthread_t thread;
	bool started;
	int kick; /* borrowed: written when something is done */

	pthread_mutex_t lock; /* the rest */
	pthread_cond_t more;
	bool stop;
	struct list todo, done; /* of struct xenbus_file_io, impl[0..1] */
};

void worker_init(struct worker *worker, int kick);
/* Nothing may be under way. */
void worker_deinit(struct worker *worker);
/* 0, or -errno where the thread cannot be started. */
int worker_submit(struct worker *worker, struct xenbus_file_io *io);
/* Moves what is done to the end of @done. */
void worker_take(struct worker *worker, struct list *done);

#endif
