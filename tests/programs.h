/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PROGRAMS_H
#define TESTS_PROGRAMS_H
/*
 * A local world as `xenbus up` makes it, with the shipped programs in it, seen and disturbed from outside. Failures
 * are cmocka's.
 *
 *     this test --+-- xenbus run --- alice-back      domain 0
 *                 +-- xenbus run     alice-front     domain 1, the broker's child
 *                 +-- broker, xenstored              ours by adoption
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenbus/local.h>

#include "command.h"

#define PROGRAMS_PIDS 64

struct programs {
	char top[32], dir[48], store_path[64]; /* dir is below top */
	struct xen_local *local;
	pid_t broker, store;
	pid_t pids[PROGRAMS_PIDS]; /* of all that was started */
	size_t started;
};

struct program {
	const char *name, *domid;
	char log[64];	/* standard output and errors, its launcher's too */
	pid_t launcher; /* xenbus run */
	pid_t pid;
};

/* A world of its own for each test; in the end no process and no file of it is left. */
int programs_setup(void **state);
int programs_teardown(void **state);
/* Looks again who the broker and the store are: after one was started anew. */
void programs_learn(struct programs *w);

/* Calls @is(@arg) until it is true; fails after a minute. */
void await(bool (*is)(void *arg), void *arg, const char *what);

/* build/@name with @args (NULL-terminated, may be NULL) in domain @domid; returns when it runs. DEATHS_LAUNCH in the
 * environment is its launch's token. */
void program_start(struct programs *w, struct program *p, const char *name, const char *domid,
		   const char *const *args);
/* Returns when its launcher has ended: its exit status. */
int program_wait(struct program *p);
/* SIGSTOP, and returns when it has stopped. */
void process_stop(pid_t pid);
/* Does @path contain @text? */
bool file_says(const char *path, const char *text);
bool program_said(const struct program *p, const char *text);
/* Bytes it has read from files so far. */
uint64_t process_read(pid_t pid);

/* The node's value, or NULL; freed by the caller. */
char *store_read(struct programs *w, const char *path);

void store_mkdir(struct programs *w, const char *path);

/* What is held by everybody but the victims. */
#define CENSUS_PROCESSES 3
enum {
	STORE_BYTES,
	STORE_NODES,
	STORE_WATCHES,
	STORE_TRANSACTIONS,
	STORE_CONNECTIONS,
	STORE_DOMAINS,
	STORE_COUNTS
};
struct census {
	struct xen_local_stats world;
	unsigned long long store[STORE_COUNTS];
	unsigned int fds[CENSUS_PROCESSES]; /* broker, xenstored, @survivor */
};
/* With two programs that wait for devices: when they do and nothing else is under way. */
void census_settle(struct programs *w, pid_t survivor, struct census *out);
/* Waits until no count is above that of @base: what was let go may still be on its way. */
void census_await(struct programs *w, pid_t survivor, const struct census *base, const char *when);

#endif
