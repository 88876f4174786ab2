/* SPDX-License-Identifier: MIT */
/*
 * Domains of real Xen. Domain 0 is this process's own; 1 and 2 are guests whose domids XENBUS_CONTRACT_DOMIDS names,
 * where this program runs as `--partner` and does what it is told through the store.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xenbus/xen.h>

#include "fixture.h"
#include "hosts_here.h"
#include "xen/channel.h"
#include "xen/partner.h"
#include "xen/remote.h"

#define DOMAINS 3
#define WORLDS 64
#define AWAIT_MS 60000

const struct fixture_traits fixture_traits = { 0 };

/* What is no question to a hypervisor, and why. */
static const struct {
	const char *name, *why;
} not_here[] = {
	{ "too_many_mappings_are_refused",
	  "gntdev has no limit a handle, only what Xen's tables and memory hold" },
	{ "a_new_domain_with_an_old_domid_inherits_nothing",
	  "no toolstack gives a guest a domid that was in use" },
	{ "a_dead_domains_processes_are_told_so", "they end with it" },
	{ "the_store_ring_is_one_page_and_one_channel", "the guest's kernel owns its ring" },
	{ "the_store_ring_goes_from_one_process_to_the_next", "the guest's kernel owns its ring" },
	{ "store_rings_are_the_stores_and_their_domains", "asked of Xen's own by contract_real" },
	{ "a_killed_process_frees_the_store_ring", "the guest's kernel owns its ring" },
	{ "after_a_power_cut_every_call_says_so", "who would be there to ask?" },
};

struct fixture {
	struct xen_platform *worlds[WORLDS];
	struct hosts hosts;
	char dir[32];
	pid_t started;
	int started_in;
	long descriptors[DOMAINS], areas[DOMAINS]; /* before the test */
};

/* For the program's life. */
static struct {
	struct xen_platform *dom0;
	uint32_t domid[DOMAINS];
	struct channel *channel[DOMAINS]; /* NULL: domain 0; not given; ended */
	struct channel *gone[DOMAINS];	  /* of those that ended */
} machine;

static void die(const char *what)
{
	fprintf(stderr, "contract: %s\n", what);
	exit(99);
}

/* -- leaks -- */

static void count(int domain, long *descriptors, long *areas)
{
	struct message m = { .op = PARTNER_COUNT };

	if (domain == 0) {
		partner_count(descriptors, areas);
		return;
	}
	assert_int_equal(channel_call(machine.channel[domain], &m), 0);
	*descriptors = (long)m.arg[1];
	*areas = (long)m.arg[2];
}

static void count_all(long *descriptors, long *areas)
{
	for (int d = 0; d < DOMAINS; d++)
		if (d == 0 || machine.channel[d])
			count(d, &descriptors[d], &areas[d]);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	strcpy(f->dir, "/tmp/contract-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	count_all(f->descriptors, f->areas);
	return 0;
}

int fixture_teardown(void **state)
{
	long descriptors[DOMAINS] = { 0 }, areas[DOMAINS] = { 0 };
	struct fixture *f = *state;

	if (f->started)
		fixture_kill(f);
	hosts_free(&f->hosts);
	for (int i = 0; i < WORLDS; i++)
		xen_platform_close(f->worlds[i]);
	count_all(descriptors, areas);
	for (int d = 0; d < DOMAINS; d++) {
		if (d && !machine.channel[d])
			continue;
		assert_int_equal(descriptors[d], f->descriptors[d]);
		assert_int_equal(areas[d], f->areas[d]);
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* -- domains and processes -- */

uint32_t fixture_domid(struct fixture *f, int domain)
{
	return machine.domid[domain];
}

struct xen_platform *fixture_open(struct fixture *f, int domain)
{
	const char *why;
	int i = 0;

	while (i < WORLDS && f->worlds[i])
		i++;
	assert_true(i < WORLDS);
	if (domain == 0) {
		assert_int_equal(xen_xen_open(&f->worlds[i], &why), 0);
	} else {
		if (!machine.channel[domain])
			fail_msg("domain %d is not there: run what ends it last", domain);
		f->worlds[i] = remote_open(&machine.channel[domain]);
	}
	assert_non_null(f->worlds[i]);
	return f->worlds[i];
}

void fixture_close(struct fixture *f, struct xen_platform *platform)
{
	hosts_forget(&f->hosts, platform);
	for (int i = 0; i < WORLDS; i++)
		if (f->worlds[i] == platform)
			f->worlds[i] = NULL;
	xen_platform_close(platform);
}

int fixture_start(struct fixture *f, int domain, int (*body)(struct xen_platform *, void *), void *arg,
		  size_t size)
{
	struct message m = { .op = PARTNER_START, .len = (uint32_t)size };
	int result;

	f->started_in = domain;
	if (domain == 0) {
		f->started = process_start(process_offset(body), arg, size, &result);
		assert_true(f->started > 0);
		return result;
	}
	m.arg[0] = process_offset(body);
	if (size)
		memcpy(m.data, arg, size);
	assert_int_equal(channel_call(machine.channel[domain], &m), 0);
	f->started = (pid_t)m.arg[1];
	assert_true(f->started > 0);
	return (int)m.arg[0];
}

void fixture_kill(struct fixture *f)
{
	struct message m = { .op = PARTNER_KILL, .arg = { f->started } };

	if (f->started_in == 0)
		process_kill(f->started);
	else
		assert_int_equal(channel_call(machine.channel[f->started_in], &m), 0);
	f->started = 0;
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* One that has pages mapped elsewhere stays as "dying". */
void fixture_end_domain(struct fixture *f, int domain)
{
	time_t end = seconds() + 60;
	char command[64];
	int info;

	snprintf(command, sizeof(command), "xl destroy %u", machine.domid[domain]);
	assert_int_equal(system(command), 0);
	do {
		info = xen_platform_domain_info(machine.dom0, machine.domid[domain]);
		if (info & XEN_PLATFORM_DOMAIN_DYING)
			end = end < seconds() + 3 ? end : seconds() + 3;
		poll(NULL, 0, 50);
	} while (info && seconds() < end);
	machine.gone[domain] = machine.channel[domain];
	machine.channel[domain] = NULL;
}

void fixture_new_domain(struct fixture *f, int domain)
{
	fail_msg("not on a machine");
}

uint32_t fixture_store_port(struct fixture *f, int domain)
{
	fail_msg("not on a machine");
	return 0;
}

void fixture_power_cut(struct fixture *f)
{
	fail_msg("not on a machine");
}

bool fixture_ended(struct xen_platform *platform)
{
	return false;
}

/* -- memory and events -- */

void fixture_read(struct xen_platform *platform, const void *addr, void *buf, size_t len)
{
	if (remote_is(platform))
		remote_read(platform, addr, buf, len);
	else
		memcpy(buf, addr, len);
}

void fixture_write(struct xen_platform *platform, void *addr, const void *buf, size_t len)
{
	if (remote_is(platform))
		remote_write(platform, addr, buf, len);
	else
		memcpy(addr, buf, len);
}

int fixture_protect(struct xen_platform *platform, void *addr, size_t len, int prot)
{
	if (remote_is(platform))
		return remote_protect(platform, addr, len, prot);
	return mprotect(addr, len, prot) ? -errno : 0;
}

static bool readable(struct xen_platform_evtchn *xce, int timeout_ms)
{
	struct pollfd p = { .events = POLLIN };

	if (remote_is(((struct xen_platform **)xce)[0]))
		return remote_readable(xce, timeout_ms);
	p.fd = xen_platform_evtchn_fd(xce);
	return poll(&p, 1, timeout_ms) == 1;
}

bool fixture_readable(struct xen_platform_evtchn *xce)
{
	return readable(xce, 0);
}

uint32_t fixture_await(struct xen_platform_evtchn *xce)
{
	int port;

	do {
		assert_true(readable(xce, AWAIT_MS / 3));
		port = xen_platform_evtchn_pending(xce);
	} while (port == -EAGAIN);
	assert_true(port > 0);
	return (uint32_t)port;
}

/* -- hosts: domain 0's own -- */

struct xenbus_host *fixture_host(struct fixture *f, struct xen_platform *platform)
{
	return hosts_get(&f->hosts, platform);
}

void fixture_turn(struct fixture *f)
{
	hosts_turn(&f->hosts);
}

const char *fixture_listen(struct fixture *f, struct xen_platform *platform,
			   void (*accepted)(void *ctx, int fd), void *ctx)
{
	return hosts_listen(&f->hosts, platform, f->dir, accepted, ctx);
}

const char *fixture_nobody(struct fixture *f)
{
	return hosts_nobody(&f->hosts, f->dir);
}

/* -- the program -- */

static void open_machine(void)
{
	const char *domids = getenv("XENBUS_CONTRACT_DOMIDS"), *why;
	char *end;

	if (xen_xen_open(&machine.dom0, &why))
		die(why);
	/* Asked once, for what the answers need to be open before leaks are counted. */
	if (xen_platform_domid(machine.dom0) != 0 || xen_platform_domain_info(machine.dom0, 0) <= 0)
		die("this is not domain 0");
	for (int d = 1; d < DOMAINS && domids && *domids; d++) {
		machine.domid[d] = (uint32_t)strtoul(domids, &end, 10);
		if (end == domids)
			die("XENBUS_CONTRACT_DOMIDS: up to two domids");
		domids = end;
		machine.channel[d] = channel_to(machine.dom0, machine.domid[d]);
	}
}

static void close_machine(void)
{
	struct message m = { .op = PARTNER_QUIT };

	for (int d = 1; d < DOMAINS; d++) {
		if (machine.gone[d])
			channel_close(machine.gone[d]);
		if (!machine.channel[d])
			continue;
		channel_call(machine.channel[d], &m);
		channel_close(machine.channel[d]);
	}
	xen_platform_close(machine.dom0);
}

static const char *why_not_here(const char *name)
{
	for (size_t i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++)
		if (!strcmp(not_here[i].name, name))
			return not_here[i].why;
	return NULL;
}

static int run_here(const struct CMUnitTest *tests, size_t count)
{
	struct CMUnitTest *here = calloc(count, sizeof(*here));
	size_t kept = 0;
	int failed;

	assert_non_null(here);
	for (size_t i = 0; i < count; i++) {
		const char *why = why_not_here(tests[i].name);

		if (why)
			printf("not on real Xen: %s: %s\n", tests[i].name, why);
		else
			here[kept++] = tests[i];
	}
	open_machine();
	failed = kept ? _cmocka_run_group_tests("contract", here, kept, NULL, NULL) : 0;
	close_machine();
	free(here);
	return failed;
}

int fixture_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	if (argc == 2 && !strcmp(argv[1], "--partner"))
		return partner_serve();
	if (argc == 4 && !strcmp(argv[1], "--process"))
		return process_main(argv[2], argv[3]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return run_here(tests, count);
}
