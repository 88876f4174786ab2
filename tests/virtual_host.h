/* SPDX-License-Identifier: MIT */
#ifndef TESTS_VIRTUAL_HOST_H
#define TESTS_VIRTUAL_HOST_H
/*
 * A host for tests in one thread: real descriptors, virtual time. When nothing is ready the other side of the
 * test runs (idle), and when that has nothing to do either, time jumps to the next timer. So nothing sleeps,
 * and a wait that cannot end is -EDEADLK instead of a hang.
 */
#include <stdbool.h>
#include <base/list.h>
#include <xenbus/host_ops.h>

struct virtual_host {
	struct xenbus_host base;
	uint64_t now_ns;
	/* Lets the peer do what it can; true: something happened. May be NULL. */
	bool (*idle)(void *ctx);
	void *ctx;
	int fail_source_add; /* the nth call from now fails with -ENOMEM; 0: none */
	struct list sources, timers, works;
};

void virtual_host_init(struct virtual_host *host);
/* Asserts that nothing is armed. */
void virtual_host_deinit(struct virtual_host *host);
/* Dispatches until nothing can happen without time moving. */
void virtual_host_settle(struct virtual_host *host);

#endif
