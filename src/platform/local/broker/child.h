/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_CHILD_H
#define PLATFORM_LOCAL_BROKER_CHILD_H
/* fork and exec, and the opposite. */
#include <sys/resource.h>
#include <sys/types.h>

struct spawn_text;

struct child {
	pid_t pid;
	int report; /* end of file when exec has happened, else an int: the errno; the caller closes it */
};

/* Starts @text with @stdio[3] and the domain descriptor, in a session of its own; it is killed when this
 * process dies. 0 or -errno. */
int child_start(struct child *child, const struct spawn_text *text, const int *stdio, int domain_descriptor,
		const struct rlimit *nofile);
/* Kills @leader, which is not reaped yet, and all processes of its session. */
void child_kill_session(pid_t leader);

#endif
