/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_PROCESS_H
#define XENSTORED_PROCESS_H
/* Being a daemon: the fork whose parent waits until we serve, the pid file, the service manager. */
#include <stdbool.h>

#include "log.h"

struct process {
	int ready_pipe;	      /* to the waiting parent; -1: none */
	int pid_fd;	      /* locked; -1: none */
	const char *pid_file; /* borrowed */
};

void process_init(struct process *process);
/* Forks; returns in the child only, still with its parent's terminal. The parent exits with 0 once the
 * child says process_ready(), with 1 if it ends before. -errno. */
int process_fork(struct process *process);
/* Locks @path and writes our id there. -EAGAIN another process holds it; other -errno; said in @log. */
int process_pid_file(struct process *process, const char *path, const struct log *log);
/* We serve: tells the service manager and lets the waiting parent go. Behind a fork the terminal is left,
 * and the folder too if @anywhere: no path in use is relative. */
void process_ready(struct process *process, bool anywhere);
/* The end: tells the service manager, removes the pid file. */
void process_end(struct process *process);

#endif
