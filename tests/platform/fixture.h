/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLATFORM_FIXTURE_H
#define TESTS_PLATFORM_FIXTURE_H
/*
 * What the contract tests need of a world besides xen_platform_*: domains 0, 1 and 2, as many processes in
 * each as a test wants, and their sudden ends. One implementation for each world; the tests know no other way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <xenbus/host.h>
#include <xenbus/platform.h>

struct fixture;

/* Domains are numbered by the test: 0, 1, 2. fixture_domid() tells their domids. */
int fixture_setup(void **state);
/* Closes the worlds that the test left open, then checks that the world holds nothing of them. */
int fixture_teardown(void **state);

uint32_t fixture_domid(struct fixture *f, int domain);
/* Another process of @domain, in this one. Closed by the fixture, or by fixture_close(). */
struct xen_platform *fixture_open(struct fixture *f, int domain);
/* As xen_platform_close(): what the test left open in it ends as if the process had. */
void fixture_close(struct fixture *f, struct xen_platform *platform);
/* The host of @platform's process; the fixture's, as long as the process lives. */
struct xenbus_host *fixture_host(struct fixture *f, struct xen_platform *platform);
/* Lets something happen that can, to any of the hosts asked for; it may take a moment to wait for it. */
void fixture_turn(struct fixture *f);
/* Clients of @platform's domain that connect to the path returned reach @accepted, on the host of its process, which owns
 * the descriptor it gets. Once for each fixture; until its end. */
const char *fixture_listen(struct fixture *f, struct xen_platform *platform,
			   void (*accepted)(void *ctx, int fd), void *ctx);
/* A path of the same kind where nobody listens. */
const char *fixture_nobody(struct fixture *f);
/* A process of its own of @domain that runs @body with a copy of the @size bytes at @arg and then waits to be killed.
 * Returns what @body returned, when it has. */
int fixture_start(struct fixture *f, int domain, int (*body)(struct xen_platform *platform, void *arg),
		  void *arg, size_t size);
/* kill -9 for the process started last; returns when the world has seen it. */
void fixture_kill(struct fixture *f);
/* The domain ends, and with it all its processes. */
void fixture_end_domain(struct fixture *f, int domain);
/* A new domain with the domid of the one that ended. */
void fixture_new_domain(struct fixture *f, int domain);
/* The store event channel of @domain, offered to domain 0. */
uint32_t fixture_store_port(struct fixture *f, int domain);
/* The world itself ends. */
void fixture_power_cut(struct fixture *f);

/* The memory at @addr in @platform's process, where the test may not reach. */
void fixture_read(struct xen_platform *platform, const void *addr, void *buf, size_t len);
void fixture_write(struct xen_platform *platform, void *addr, const void *buf, size_t len);
/* mprotect() there: 0 or -errno. */
int fixture_protect(struct xen_platform *platform, void *addr, size_t len, int prot);

/* Whether the descriptor of @xce is readable now. */
bool fixture_readable(struct xen_platform_evtchn *xce);
/* Whether @platform's process has been told that its domain or the world ended. */
bool fixture_ended(struct xen_platform *platform);
/* Waits until a port of @xce is pending and takes it. */
uint32_t fixture_await(struct xen_platform_evtchn *xce);

/* What <xenbus/platform.h> says that worlds may differ in. */
extern const struct fixture_traits {
	bool merges_all; /* what was notified before an event was taken does not raise another */
	bool checks_peer; /* a port for a domain that is not there is refused, and so is a share; a map says -ESRCH */
	bool dom_exc_free;   /* VIRQ_DOM_EXC is the test's to bind: no xenstored has it */
	bool counts_mapped;  /* unshare tells how many of the pages the peer has mapped */
	bool revokes_mapped; /* what the peer has mapped it cannot map once more after the share's end */
	bool keeps_rights;   /* mprotect() cannot make a read-only mapping writable */
	bool new_numbers;    /* of ports and grants: not the one that was just given back */
	bool death_is_an_end; /* a destroyed domain's shares end as a process's do: its notifications are delivered */
} fixture_traits;

/* The program: runs @tests, or what else the world wants of it. Returns its exit status. */
int fixture_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count);

#define CONTRACT(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define CONTRACT_MAIN(argc, argv, tests) fixture_main(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]))

#endif
