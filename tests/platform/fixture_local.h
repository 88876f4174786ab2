/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLATFORM_FIXTURE_LOCAL_H
#define TESTS_PLATFORM_FIXTURE_LOCAL_H
/* What only tests of the local world itself may know. */
#include <sys/types.h>

#include <xenbus/local.h>

#include "fixture.h"

struct xen_local *fixture_local_tool(struct fixture *f);
/* The domain descriptor of @domain. */
int fixture_local_fd(struct fixture *f, int domain);
const char *fixture_local_rundir(struct fixture *f);
struct xen_local_stats fixture_local_stats(struct fixture *f);
/* Waits until a process has gone from the broker: @connections are left. */
void fixture_local_await(struct fixture *f, uint32_t connections);
/* xen_local_down(), at which the broker must end well. */
void fixture_local_down(struct fixture *f);

#endif
