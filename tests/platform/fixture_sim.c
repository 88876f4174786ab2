/* SPDX-License-Identifier: MIT */
/* Domains of the simulator. A process of its own is one in this process; all of them run when the test calls. */
#include <stdlib.h>
#include <string.h>

#include <xenbus/host.h>
#include <xenbus/platform_ops.h>
#include <xenbus/sim.h>

#include "fixture.h"

#define DOMAINS 3
#define WORLDS 64

struct fixture {
	struct sim *sim;
	struct sim_store store[DOMAINS];
	struct sim_process *worlds[WORLDS];
	struct sim_process *started;
	bool ended[DOMAINS];
};

/* The tests do on purpose what no program that is right does: the answer is what they look at. */
static void tolerate(void *ctx, const char *text)
{
}

int fixture_setup(void **state)
{
	struct sim_config config = { .seed = 1, .violation = tolerate };
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	assert_int_equal(sim_new(&config, &f->sim), 0);
	for (int d = 1; d < DOMAINS; d++)
		assert_int_equal(sim_domain_create(f->sim, (uint32_t)d, &f->store[d]), 0);
	return 0;
}

/* sim_process_free() ends what was left open, as a process's exit does. */
static void end_process(struct fixture *f, struct sim_process **process)
{
	sim_process_free(*process);
	*process = NULL;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	struct sim_counts counts, none = { 0 };

	end_process(f, &f->started);
	for (int i = 0; i < WORLDS; i++)
		end_process(f, &f->worlds[i]);
	sim_world_counts(f->sim, &counts);
	assert_memory_equal(&counts, &none, sizeof(none));
	sim_free(f->sim);
	free(f);
	return 0;
}

uint32_t fixture_domid(struct fixture *f, int domain)
{
	return (uint32_t)domain;
}

static struct sim_process *start(struct fixture *f, int domain)
{
	const struct sim_process_config config = { .domid = (uint32_t)domain, .name = "test" };
	struct sim_process *process;

	assert_int_equal(sim_process_start(f->sim, &config, &process), 0);
	return process;
}

struct xen_platform *fixture_open(struct fixture *f, int domain)
{
	for (int i = 0; i < WORLDS; i++) {
		if (f->worlds[i])
			continue;
		f->worlds[i] = start(f, domain);
		return sim_process_platform(f->worlds[i]);
	}
	fail_msg("more worlds than the fixture holds");
	return NULL;
}

void fixture_close(struct fixture *f, struct xen_platform *platform)
{
	for (int i = 0; i < WORLDS; i++)
		if (f->worlds[i] && sim_process_platform(f->worlds[i]) == platform)
			end_process(f, &f->worlds[i]);
}

struct xenbus_host *fixture_host(struct fixture *f, struct xen_platform *platform)
{
	return sim_process_host(sim_process_of(platform));
}

void fixture_turn(struct fixture *f)
{
	sim_step(f->sim);
}

const char *fixture_listen(struct fixture *f, struct xen_platform *platform,
			   void (*accepted)(void *ctx, int fd), void *ctx)
{
	assert_int_equal(sim_listen(sim_process_of(platform), "/socket", accepted, ctx), 0);
	return "/socket";
}

const char *fixture_nobody(struct fixture *f)
{
	return "/nobody";
}

int fixture_start(struct fixture *f, int domain, int (*body)(struct xen_platform *, void *), void *arg,
		  size_t size)
{
	f->started = start(f, domain);
	return body(sim_process_platform(f->started), arg);
}

void fixture_kill(struct fixture *f)
{
	sim_process_kill(f->started);
	end_process(f, &f->started);
}

void fixture_end_domain(struct fixture *f, int domain)
{
	assert_int_equal(sim_domain_destroy(f->sim, (uint32_t)domain), 0);
}

void fixture_new_domain(struct fixture *f, int domain)
{
	assert_int_equal(sim_domain_create(f->sim, (uint32_t)domain, &f->store[domain]), 0);
}

uint32_t fixture_store_port(struct fixture *f, int domain)
{
	return f->store[domain].port;
}

void fixture_power_cut(struct fixture *f)
{
	for (int i = 0; i < WORLDS; i++)
		if (f->worlds[i])
			sim_process_kill(f->worlds[i]);
}

/* -- what a process waits for -- */

struct awaited {
	struct xenbus_source source;
	bool ready;
};

static void seen(struct xenbus_source *source, unsigned int events)
{
	((struct awaited *)source)->ready = true;
}

static bool readable(struct xen_platform *platform, int fd)
{
	struct xenbus_host *host = sim_process_host(sim_process_of(platform));
	struct awaited a = { .source.ready = seen };

	if (sim_process_dead(sim_process_of(platform)))
		return true;
	assert_int_equal(xenbus_source_add(host, &a.source, fd, XENBUS_SOURCE_READ), 0);
	xenbus_host_dispatch(host, 0);
	xenbus_source_remove(host, &a.source);
	return a.ready;
}

bool fixture_readable(struct xen_platform_evtchn *xce)
{
	return readable(xce->platform, xen_platform_evtchn_fd(xce));
}

bool fixture_ended(struct xen_platform *platform)
{
	return readable(platform, xen_platform_fd(platform));
}

/* What was notified is pending at once: only its reader's turn is left to choose. */
uint32_t fixture_await(struct xen_platform_evtchn *xce)
{
	int port = xen_platform_evtchn_pending(xce);

	assert_true(port > 0);
	return (uint32_t)port;
}
