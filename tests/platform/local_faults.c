/* SPDX-License-Identifier: MIT */
/* Fail the 1st, 2nd, 3rd ... allocation or system call, of the process and of the broker: each call of the
 * seam is all or nothing, and the broker lives. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults.h"
#include "fixture_local.h"

#define RW (PROT_READ | PROT_WRITE)
#define MANY 70 /* more segments than fit one message */

struct side {
	struct xen_platform *platform;
	struct xen_platform_evtchn *xce;
	struct xen_platform_gnttab *xgt;
	struct xen_platform_gntshr *xgs;
};

static int side_open(struct side *s, int fd)
{
	const char *why;
	int err = xen_local_open_fd(fd, &s->platform, &why);

	if (!err)
		err = xen_platform_evtchn_open(s->platform, &s->xce);
	if (!err)
		err = xen_platform_gnttab_open(s->platform, &s->xgt);
	return err ? err : xen_platform_gntshr_open(s->platform, &s->xgs);
}

static void side_close(struct side *s)
{
	xen_platform_gntshr_close(s->xgs);
	xen_platform_gnttab_close(s->xgt);
	xen_platform_evtchn_close(s->xce);
	xen_platform_close(s->platform);
}

static int talk(struct fixture *fx, struct side *front, struct side *back)
{
	uint32_t dom1 = fixture_domid(fx, 1), port, refs[MANY];
	void *page, *pages, *ring;
	int err, remote, local;

	remote = xen_platform_evtchn_bind_unbound_port(front->xce, 0);
	if (remote < 0)
		return remote;
	local = xen_platform_evtchn_bind_interdomain(back->xce, dom1, (uint32_t)remote);
	if (local < 0)
		return local;
	for (int i = 0; i < MANY; i++) {
		err = xen_platform_gntshr_share_notify(front->xgs, 0, i & 1, 0, front->xce, (uint32_t)remote,
						       &refs[i], &page);
		if (err)
			return err;
	}
	err = xen_platform_gnttab_map(back->xgt, dom1, refs, MANY, PROT_READ, &pages);
	if (err)
		return err;
	err = xen_platform_gnttab_map_notify(back->xgt, dom1, refs[1], RW, 1, back->xce, (uint32_t)local,
					     &page);
	if (err)
		return err;
	err = xen_platform_store_ring(front->platform, front->xce, &ring, &port);
	if (err)
		return err;
	xen_platform_store_ring_release(front->platform, ring);
	err = xen_platform_foreign_store_ring(back->platform, dom1, &ring, &port);
	if (err)
		return err;
	xen_platform_foreign_store_ring_release(back->platform, dom1, ring);
	return xen_platform_gnttab_unmap(back->xgt, pages, MANY);
}

static int scenario(struct fixture *fx)
{
	struct side front = { 0 }, back = { 0 };
	int err = side_open(&front, fixture_local_fd(fx, 1));

	if (!err)
		err = side_open(&back, fixture_local_fd(fx, 0));
	if (!err)
		err = talk(fx, &front, &back);
	side_close(&front);
	side_close(&back);
	return err;
}

static int entries_of(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Shared mappings are the pages of others and our own. */
static int shared_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int n = 0;

	while (fgets(line, sizeof(line), maps))
		n += strstr(line, "memfd:xen-grant") != NULL;
	fclose(maps);
	return n;
}

static void assert_nothing_is_held(struct fixture *fx, const struct xen_local_stats *before, int descriptors)
{
	struct xen_local_stats now;

	fixture_local_await(fx, before->connections);
	now = fixture_local_stats(fx);
	assert_memory_equal(&now, before, sizeof(now));
	assert_int_equal(entries_of("/proc/self/fd"), descriptors);
	assert_int_equal(shared_mappings(), 0);
}

static void sweep(struct fixture *fx, enum faulty who)
{
	struct xen_local_stats before = fixture_local_stats(fx);
	int descriptors = entries_of("/proc/self/fd"), nth = 1, err;
	bool hit;

	do {
		faults_arm(who, nth++);
		err = scenario(fx);
		hit = faults_disarm(who);
		assert_true(err == 0 || (hit && err < 0));
		assert_nothing_is_held(fx, &before, descriptors);
	} while (hit);
	assert_int_equal(err, 0);
	assert_true(nth > 300);
}

static void the_process_holds_nothing_after_any_failure(void **state)
{
	sweep(*state, FAULTY_CLIENT);
}

static void the_broker_holds_nothing_after_any_failure(void **state)
{
	sweep(*state, FAULTY_BROKER);
}

/* -- one call at a time, and nothing closed after it -- */

struct call {
	struct side front, back;
	uint32_t dom1, offered, refs[MANY];
};

static int try_bind_unbound(struct call *c)
{
	int port = xen_platform_evtchn_bind_unbound_port(c->front.xce, 0);

	return port < 0 ? port : xen_platform_evtchn_unbind(c->front.xce, (uint32_t)port);
}

static int try_bind_interdomain(struct call *c)
{
	int port = xen_platform_evtchn_bind_interdomain(c->back.xce, c->dom1, c->offered);

	return port < 0 ? port : xen_platform_evtchn_unbind(c->back.xce, (uint32_t)port);
}

static int try_bind_virq(struct call *c)
{
	int port = xen_platform_evtchn_bind_virq(c->back.xce, 3);

	return port < 0 ? port : xen_platform_evtchn_unbind(c->back.xce, (uint32_t)port);
}

static int try_share(struct call *c)
{
	uint32_t ref;
	void *page;
	int err = xen_platform_gntshr_share_notify(c->front.xgs, 0, false, 0, c->front.xce, c->offered, &ref,
						   &page);

	return err ? err : xen_platform_gntshr_unshare(c->front.xgs, page, 1);
}

static int try_map(struct call *c)
{
	void *page;
	int err = xen_platform_gnttab_map(c->back.xgt, c->dom1, c->refs, MANY, PROT_READ, &page);

	return err ? err : xen_platform_gnttab_unmap(c->back.xgt, page, MANY);
}

static int try_map_notify(struct call *c)
{
	void *page;
	int err = xen_platform_gnttab_map_notify(c->back.xgt, c->dom1, c->refs[0], RW, 0, NULL, 0, &page);

	return err ? err : xen_platform_gnttab_unmap(c->back.xgt, page, 1);
}

static int try_store_ring(struct call *c)
{
	uint32_t port;
	void *page;
	int err = xen_platform_store_ring(c->front.platform, c->front.xce, &page, &port);

	if (err)
		return err;
	xen_platform_store_ring_release(c->front.platform, page);
	return xen_platform_evtchn_unbind(c->front.xce, port);
}

static int try_opens(struct call *c)
{
	struct xen_platform_evtchn *xce;
	struct xen_platform_gnttab *xgt;
	struct xen_platform_gntshr *xgs;
	int err = xen_platform_evtchn_open(c->front.platform, &xce);

	if (err)
		return err;
	xen_platform_evtchn_close(xce);
	err = xen_platform_gnttab_open(c->front.platform, &xgt);
	if (err)
		return err;
	xen_platform_gnttab_close(xgt);
	err = xen_platform_gntshr_open(c->front.platform, &xgs);
	if (!err)
		xen_platform_gntshr_close(xgs);
	return err;
}

static void call_open(struct fixture *fx, struct call *c)
{
	void *page;

	memset(c, 0, sizeof(*c));
	c->dom1 = fixture_domid(fx, 1);
	assert_int_equal(side_open(&c->front, fixture_local_fd(fx, 1)), 0);
	assert_int_equal(side_open(&c->back, fixture_local_fd(fx, 0)), 0);
	c->offered = (uint32_t)xen_platform_evtchn_bind_unbound_port(c->front.xce, 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(xen_platform_gntshr_share(c->front.xgs, 0, 1, true, &c->refs[i], &page), 0);
	assert_int_equal(try_map(c), 0); /* what is made once and kept is there */
}

static void call_close(struct fixture *fx, struct call *c, uint32_t connections)
{
	side_close(&c->front);
	side_close(&c->back);
	fixture_local_await(fx, connections);
}

static bool world_lost(const struct call *c)
{
	struct pollfd p[2] = { { .fd = xen_platform_fd(c->front.platform), .events = POLLIN },
			       { .fd = xen_platform_fd(c->back.platform), .events = POLLIN } };

	return poll(p, 2, 0) > 0;
}

/* Where the world is lost, a new one is opened; after any other error all is as before. */
static void sweep_call(struct fixture *fx, enum faulty who, int (*try)(struct call *))
{
	uint32_t connections = fixture_local_stats(fx).connections;
	struct xen_local_stats before, after;
	struct call c;
	bool hit = true;

	call_open(fx, &c);
	for (int nth = 1, err; hit; nth++) {
		int descriptors = entries_of("/proc/self/fd"), mappings = shared_mappings();

		before = fixture_local_stats(fx);
		faults_arm(who, nth);
		err = try(&c);
		hit = faults_disarm(who);
		assert_true(err == 0 || (hit && err < 0));
		if (world_lost(&c)) {
			assert_true(err == 0 || err == -ENOTCONN);
			call_close(fx, &c, connections);
			call_open(fx, &c);
			continue;
		}
		after = fixture_local_stats(fx);
		assert_memory_equal(&after, &before, sizeof(after));
		assert_int_equal(entries_of("/proc/self/fd"), descriptors);
		assert_int_equal(shared_mappings(), mappings);
	}
	call_close(fx, &c, connections);
}

static void each_call_is_all_or_nothing(void **state)
{
	int (*const calls[])(
		struct call *) = { try_bind_unbound, try_bind_interdomain, try_bind_virq,  try_share,
				   try_map,	     try_map_notify,	   try_store_ring, try_opens };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		sweep_call(*state, FAULTY_CLIENT, calls[i]);
		sweep_call(*state, FAULTY_BROKER, calls[i]);
	}
}

/* -- the toolstack's calls -- */

static int run_true(struct xen_local *tool, uint32_t domid)
{
	const char *argv[] = { "true", NULL };
	struct xen_local_spawn s = { .argv = argv, .stdio = { -1, -1, -1 } };
	struct pollfd p = { .fd = xen_local_fd(tool), .events = POLLIN };
	struct xen_local_exit exit;
	int err = xen_local_domain_spawn(tool, domid, &s);

	if (err < 0)
		return err;
	while ((err = xen_local_exit(tool, &exit)) == -EAGAIN)
		poll(&p, 1, -1);
	return err;
}

static int use_tool(struct xen_local *tool)
{
	struct xen_local_domain list[4];
	struct xen_local_store store;
	int domid = xen_local_domain_create(tool, 50, &store), err, fd;

	if (domid < 0)
		return domid;
	fd = xen_local_domain_fd(tool, 50);
	if (fd < 0)
		return fd;
	close(fd);
	err = xen_local_domains(tool, 0, list, 4);
	if (err >= 0)
		err = run_true(tool, 50);
	domid = err ? err : xen_local_domain_create(tool, 51, &store);
	if (domid < 0)
		return domid;
	return xen_local_domain_destroy(tool, 51);
}

static void the_toolstack_holds_nothing_after_any_failure(void **state)
{
	struct fixture *fx = *state;
	struct xen_local_stats before = fixture_local_stats(fx);
	int descriptors = entries_of("/proc/self/fd");

	for (int who = 0; who < 2; who++) {
		bool hit = true;

		for (int nth = 1; hit; nth++) {
			struct xen_local *tool = NULL;
			int err;

			faults_arm((enum faulty)who, nth);
			err = xen_local_connect(fixture_local_rundir(fx), &tool);
			if (!err)
				err = use_tool(tool);
			hit = faults_disarm((enum faulty)who);
			assert_true(err == 0 || (hit && err < 0));
			xen_local_disconnect(tool);
			fixture_local_await(fx, before.connections); /* its last request is served */
			xen_local_domain_destroy(fixture_local_tool(fx), 50);
			xen_local_domain_destroy(fixture_local_tool(fx), 51);
			while (fixture_local_stats(fx).descriptors != before.descriptors)
				poll(NULL, 0, 1); /* a process is being reaped */
			assert_nothing_is_held(fx, &before, descriptors);
		}
	}
}

int main(void)
{
#define LOCAL(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		LOCAL(the_process_holds_nothing_after_any_failure),
		LOCAL(the_broker_holds_nothing_after_any_failure),
		LOCAL(each_call_is_all_or_nothing),
		LOCAL(the_toolstack_holds_nothing_after_any_failure),
	};

	faults_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
