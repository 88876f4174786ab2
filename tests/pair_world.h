/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PAIR_WORLD_H
#define TESTS_PAIR_WORLD_H
/*
 * Two domains meet, whole: broker and xenstored as processes of their own, domain 0 and domain 1 as two buses on
 * one loop in the test's process. Failures are cmocka's.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/local.h>
#include <xenbus/platform.h>
#include <xenbus/toolstack.h>
#include <xenbus/xenbus.h>

#define PAIR_FRONT 1u
#define PAIR_LOG 16384u

struct pair_world {
	char dir[64]; /* the run directory */
	pid_t broker, store;
	int store_log; /* where it is kept; -1: it goes to our stderr */
	struct xen_local *local;
	struct xenbus_host *host;
	struct xen_platform *platform[2]; /* of domain 0 and 1 */
	struct xenbus *bus[2];
	struct xenbus_device *dev[2]; /* the one that changed last, of each domain's end; may be gone */
	struct xenbus_toolstack_device device;
	struct xen_local_stats before; /* what the world held when it was fresh */
	/* As xenbus_config.changed of both buses, where set before they are opened. */
	void (*changed)(struct pair_world *w, struct xenbus_device *dev);
	void *changed_ctx;  /* its own */
	char log[PAIR_LOG]; /* all lines of both buses */
	size_t log_len;
};

int pair_setup(void **state);
/* The same, with a store that is given @options (NULL-terminated; NULL: none) and whose log is kept, not shown. */
int pair_setup_store(void **state, const char *const *options);
int pair_teardown(void **state);

/* Opens the bus of @domain (0 or 1). */
void pair_open_bus(struct pair_world *w, unsigned int domain);
/* Closes it, after a look at what it still holds: no more than devices that are Closed. */
void pair_close_bus(struct pair_world *w, unsigned int domain);
/* Starts a process of @domain that runs @body with a world of its own, and is killed in the end. Returns
 * its pid. */
pid_t pair_start(struct pair_world *w, unsigned int domain, void (*body)(struct pair_world *w, void *arg),
		 void *arg);
void pair_kill(pid_t pid);

/* The toolstack's part, from domain 0. */
void pair_attach(struct pair_world *w);
int pair_detach(struct pair_world *w, bool force);
/* A state as the store has it now. */
unsigned int pair_state(struct pair_world *w, unsigned int domain);
/* 0: whichever. */
void pair_await_states(struct pair_world *w, unsigned int front, unsigned int back);

/* Runs the loop until @condition says so; fails after 30 s. */
void pair_run_until(struct pair_world *w, bool (*condition)(struct pair_world *w, void *arg), void *arg);
/* Shared pages, mappings and ports of both buses: none. */
void pair_holds_nothing(struct pair_world *w);

#endif
