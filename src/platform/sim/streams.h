/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_SIM_STREAMS_H
#define PLATFORM_SIM_STREAMS_H
/* Streams, drawn in streams.c. */
#include "sim_impl.h"

#define SIM_STREAM_BYTES 65536u

struct sim_end {
	struct sim_token token;
	struct list link;     /* process->streams */
	struct sim_end *peer; /* NULL: closed */
	int error;	      /* told once to the next call */
	bool accepted;	      /* its owner knows of it */
	struct list waiting;  /* listener->waiting until then */
	uint32_t used, first;
	uint8_t data[SIM_STREAM_BYTES]; /* on their way to this end */
};

struct sim_listener {
	struct list link;	     /* domain->listeners */
	struct sim_process *process; /* NULL: it ended, the name is left */
	struct list waiting;	     /* of sim_end.waiting */
	uint32_t count;
	void (*accepted)(void *ctx, int fd);
	void *ctx;
	char path[];
};

/* What happens to them when their process ends: closed for the others. */
void sim_streams_end(struct sim_process *process);
void sim_end_free(struct sim_end *end);
unsigned int sim_end_events(const struct sim_end *end);
void sim_listeners_free(struct sim_domain *domain);
/* The first connection that waits becomes @process's. */
void sim_accept(struct sim_process *process, struct sim_listener *listener);
int sim_stream_connect(struct sim_process *process, const char *path);
ssize_t sim_stream_send(struct sim_process *process, int fd, const void *data, size_t len);
ssize_t sim_stream_recv(struct sim_process *process, int fd, void *buf, size_t size);
void sim_stream_close(struct sim_process *process, int fd);

#endif
