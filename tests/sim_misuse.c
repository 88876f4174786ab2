/* SPDX-License-Identifier: MIT */
/* The simulator's checks: memory after its end, limits, and what no program that is right does. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim_scene.h"

static void never(struct xenbus_work *work)
{
	fail();
}

/* -- memory ---------------------------------------------------------------------------------------------------- */

static const struct sim *describing;
static int answer_fd;

static void describe(int signal, siginfo_t *info, void *context)
{
	char text[256];
	int len = sim_describe(describing, info->si_addr, text, sizeof(text));

	_exit(len > 0 && write(answer_fd, text, (size_t)len) == len ? 0 : 1);
}

/* What sim_describe() says of the fault that a write to @address is. */
static void fault_at(const struct sim *sim, uint8_t *address, char text[256])
{
	struct sigaction action = { .sa_sigaction = describe, .sa_flags = SA_SIGINFO };
	int p[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		describing = sim;
		answer_fd = p[1];
		sigaction(SIGSEGV, &action, NULL);
		*(volatile uint8_t *)address = 1;
		_exit(2);
	}
	close(p[1]);
	n = read(p[0], text, 255);
	assert_true(n > 0);
	text[n] = 0;
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void memory_that_was_given_up_is_a_fault_that_says_whose(void **state)
{
	char text[256], want[256];
	struct scene s;
	void *page;

	scene_init(&s, (struct sim_config){ .seed = 8 });
	assert_int_equal(scene_fill(&s), 0);
	fault_at(s.noting.sim, s.back.mapped + PAGE, text);
	snprintf(want, sizeof(want), "behind the last page of grant %u of d1, mapped by d1 back",
		 s.front.ref);
	assert_string_equal(text, want);
	assert_int_equal(xen_platform_gnttab_unmap(s.back.xgt, s.back.mapped, 1), 0);
	fault_at(s.noting.sim, s.back.mapped + 5, text);
	snprintf(want, sizeof(want), "page 0 of grant %u of d1, mapped by d1 back, unmapped at step 0",
		 s.front.ref);
	assert_string_equal(text, want);
	assert_int_equal(xen_platform_gntshr_unshare(s.back.xgs, s.back.shared, 1), 0);
	fault_at(s.noting.sim, s.back.shared, text);
	snprintf(want, sizeof(want), "page 0 of grant %u of d1, shared by d1 back, unshared at step 0",
		 s.back.ref);
	assert_string_equal(text, want);
	assert_int_equal(xen_platform_gnttab_map(s.back.xgt, 1, &s.front.ref, 1, PROT_READ, &page), 0);
	fault_at(s.noting.sim, page, text); /* for reading only */
	sim_process_kill(s.back.process);
	fault_at(s.noting.sim, page, text); /* and so is its copy */
	snprintf(want, sizeof(want), "page 0 of grant %u of d1, mapped by d1 back, a copy since its death",
		 s.front.ref);
	assert_string_equal(text, want);
	assert_int_equal(sim_describe(s.noting.sim, text, text, sizeof(text)), 0);
	s.back.mapped = s.back.shared = NULL;
	body_empty(&s.back);
	sim_process_free(s.back.process);
	scene_deinit(&s);
}

static void unsharing_what_ones_own_domain_maps_is_not_counted(void **state)
{
	struct scene s;

	scene_init(&s, (struct sim_config){ .seed = 9 });
	assert_int_equal(scene_fill(&s), 0);
	assert_int_equal(xen_platform_gntshr_unshare(s.front.xgs, s.front.shared, 1), 1);
	assert_int_equal(sim_unshared_mapped(s.noting.sim), 0);
	s.front.shared = NULL;
	body_empty(&s.back);
	sim_process_free(s.back.process);
	scene_deinit(&s);
}

static void unsharing_what_another_domain_maps_is_counted(void **state)
{
	struct body front, back;
	struct sim_counts c;
	struct noting n;
	uint32_t refs[3];
	void *ours, *theirs;

	noting_init(&n, (struct sim_config){ .seed = 9 });
	body_init(&front, n.sim, 1, "front");
	body_init(&back, n.sim, 0, "back");
	assert_int_equal(xen_platform_gntshr_open(front.platform, &front.xgs), 0);
	assert_int_equal(xen_platform_gnttab_open(back.platform, &back.xgt), 0);
	assert_int_equal(xen_platform_gntshr_share(front.xgs, 0, 3, true, refs, &ours), 0);
	assert_int_equal(xen_platform_gnttab_map(back.xgt, 1, refs, 2, RW, &theirs), 0);
	sim_world_counts(n.sim, &c);
	assert_true(c.pages == 3 && c.grants == 3 && c.mappings == 2 && c.handles == 2);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 3), 2);
	assert_int_equal(sim_unshared_mapped(n.sim), 2);
	sim_world_counts(n.sim, &c);
	assert_true(c.pages == 2 && c.grants == 0);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 2), 0);
	sim_world_counts(n.sim, &c);
	assert_int_equal(c.pages, 0);
	body_empty(&front);
	body_empty(&back);
	sim_process_free(front.process);
	sim_process_free(back.process);
	noting_deinit(&n);
}

/* -- limits ------------------------------------------------------------------------------------------------------ */

/* The store's port is one of domain 1's. */
static void limits_are_those_of_the_configuration(void **state)
{
	struct body front, back;
	struct noting n;
	uint32_t refs[3];
	void *page;

	noting_init(&n, (struct sim_config){ .seed = 9, .ports = 3, .grants = 2, .mapped_pages = 2 });
	body_init(&front, n.sim, 1, "front");
	body_init(&back, n.sim, 0, "back");
	assert_int_equal(xen_platform_evtchn_open(front.platform, &front.xce), 0);
	assert_int_equal(xen_platform_gntshr_open(front.platform, &front.xgs), 0);
	assert_int_equal(xen_platform_gnttab_open(back.platform, &back.xgt), 0);
	for (int i = 0; i < 2; i++)
		assert_true(xen_platform_evtchn_bind_unbound_port(front.xce, 0) > 0);
	assert_int_equal(xen_platform_evtchn_bind_unbound_port(front.xce, 0), -ENOSPC);
	assert_int_equal(xen_platform_gntshr_share(front.xgs, 0, 3, true, refs, &page), -ENOSPC);
	assert_int_equal(xen_platform_gntshr_share(front.xgs, 0, 2, true, refs, &page), 0);
	refs[2] = refs[0];
	assert_int_equal(xen_platform_gnttab_map(back.xgt, 1, refs, 3, RW, &page), -ENOSPC);
	assert_int_equal(xen_platform_gnttab_map(back.xgt, 1, refs, 2, RW, &page), 0);
	body_empty(&front);
	body_empty(&back);
	sim_process_free(front.process);
	sim_process_free(back.process);
	noting_deinit(&n);
}

/* -- what no program that is right does -------------------------------------------------------------------------- */

static void misuse_is_reported(void **state)
{
	struct scene s;
	struct noting *n = &s.noting;
	int fd;

	scene_init(&s, (struct sim_config){ .seed = 10 });
	assert_int_equal(scene_fill(&s), 0);
	assert_int_equal(xen_platform_evtchn_notify(s.back.xce, s.front.port), -EINVAL);
	expect_violations(n, 1, "d1 back: notify of port");
	assert_int_equal(xen_platform_evtchn_unmask(s.back.xce, 999), -EINVAL);
	expect_violations(n, 1, "d1 back: unmask of port 999");
	assert_int_equal(xen_platform_evtchn_unbind(s.back.xce, 0), -EINVAL);
	expect_violations(n, 1, "d1 back: unbind of port 0");
	assert_int_equal(xen_platform_gnttab_unmap(s.back.xgt, s.back.shared, 1), -EINVAL);
	expect_violations(n, 1, "d1 back: unmap");
	assert_int_equal(xen_platform_gntshr_unshare(s.back.xgs, s.back.mapped, 1), -EINVAL);
	expect_violations(n, 1, "d1 back: unshare");
	assert_int_equal(xenbus_stream_send(s.front.host, s.back.fd, "x", 1), -EBADF);
	expect_violations(n, 1, "d1 front: send");
	assert_int_equal(xenbus_source_add(s.front.host, &s.front.stream, s.back.fd, XENBUS_SOURCE_READ),
			 -EBADF);
	expect_violations(n, 1, "d1 front: waits for a descriptor that is not its own");
	fd = s.back.fd;
	xenbus_stream_close(s.back.host, fd);
	expect_violations(n, 1, "d1 back: closes what it waits for");
	xenbus_stream_close(s.back.host, fd);
	expect_violations(n, 1, "d1 back: close of a stream");
	s.back.fd = 0;
	body_empty(&s.back);
	sim_process_free(s.back.process);
	scene_deinit(&s);
}

static void fires(struct xenbus_timer *timer)
{
}

static void never_fires(struct xenbus_timer *timer)
{
	fail();
}

static void what_a_process_leaves_at_its_end_is_reported_and_cleared_away(void **state)
{
	struct xen_platform *platform;
	struct xen_platform_gnttab *xgt;
	struct xenbus_timer timer[2] = { { .fire = never_fires }, { .fire = never_fires } };
	struct xenbus_work work = { .run = never };
	struct sim_counts before, after;
	struct scene s;

	scene_init(&s, (struct sim_config){ .seed = 11 });
	before = counts_of(&s);
	platform = s.back.platform;
	assert_int_equal(scene_fill(&s), 0);
	xenbus_work_post(s.back.host, &work);
	for (int i = 0; i < 2; i++)
		xenbus_timer_set(s.back.host, &timer[i], MSEC);
	sim_process_free(s.back.process);
	expect_violations(
		&s.noting, 1,
		"leaves 3 handles, 1 ports, 1 grants, 1 mappings, 1 streams, 2 sources, 2 timers, 1 works, 0 files");
	assert_true(!timer[0].deadline_ns && !timer[1].deadline_ns && !work.impl[0] &&
		    !s.back.events.impl[0]);
	assert_int_equal(xen_platform_gnttab_open(platform, &xgt), -ENOTCONN);
	expect_violations(&s.noting, 1, "d1 back: gnttab_open after its end");
	after = counts_of(&s);
	assert_memory_equal(&before, &after, sizeof(before));
	scene_deinit(&s);
}

struct meddling {
	struct xenbus_work work;
	struct body *other;
	int dispatched;
};

static void meddle(struct xenbus_work *work)
{
	struct meddling *m = (struct meddling *)work;

	xen_platform_evtchn_notify(m->other->xce, m->other->port);
}

static void wait_inside(struct xenbus_work *work)
{
	struct meddling *m = (struct meddling *)work;

	m->dispatched = xenbus_host_dispatch(m->other->host, -1);
}

static void a_callback_that_reaches_into_another_process_or_waits_is_reported(void **state)
{
	struct meddling m = { .work.run = meddle };
	struct scene s;

	scene_init(&s, (struct sim_config){ .seed = 12 });
	m.other = &s.front;
	xenbus_work_post(s.back.host, &m.work);
	assert_true(sim_step(s.noting.sim));
	expect_violations(&s.noting, 1, "d1 front: notify by a callback of back");
	m.work.run = wait_inside;
	m.other = &s.back;
	xenbus_work_post(s.back.host, &m.work);
	assert_true(sim_step(s.noting.sim));
	expect_violations(&s.noting, 1, "d1 back: waits within a callback");
	assert_int_equal(m.dispatched, -EDEADLK);
	sim_process_free(s.back.process);
	scene_deinit(&s);
}

/* @body ends in abort(), after it said @text. */
static void assert_aborts(void (*body)(void), const char *text)
{
	char said[512] = "";
	int p[2], status;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGABRT, SIG_DFL);
		dup2(p[1], STDERR_FILENO);
		body();
		_exit(0);
	}
	close(p[1]);
	assert_true(read(p[0], said, sizeof(said) - 1) > 0);
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(said, text));
}

static struct sim_process *lonely_process(void)
{
	struct sim_config config = { .seed = 77 };
	struct sim *sim;

	assert_int_equal(sim_new(&config, &sim), 0);
	return start(sim, 0, "lonely");
}

static void wait_for_ever(void)
{
	struct xenbus_host *host = sim_process_host(lonely_process());

	for (;;)
		xenbus_host_dispatch(host, -1);
}

static void forget(void)
{
	static struct xenbus_work work = { .run = never };
	struct sim_process *p = lonely_process();

	xenbus_work_post(sim_process_host(p), &work);
	sim_process_free(p);
}

static void a_stuck_world_and_an_unheard_violation_abort(void **state)
{
	assert_aborts(wait_for_ever, "sim, seed 77, step 0: the world is stuck");
	assert_aborts(forget, "sim, seed 77, step 0: d0 lonely: leaves");
}

/* Only who does it 10000 times with nothing in between is stopped. */
static void a_wait_in_vain_is_forgiven_when_something_happens(void **state)
{
	struct sim_process *p;
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 1 });
	p = start(n.sim, 0, "waiting");
	for (int round = 0; round < 2; round++) {
		struct xenbus_timer timer = { .fire = fires };

		for (int i = 0; i < 9000; i++)
			assert_int_equal(xenbus_host_dispatch(sim_process_host(p), -1), -EDEADLK);
		xenbus_timer_set(sim_process_host(p), &timer, 1);
		assert_int_equal(xenbus_host_dispatch(sim_process_host(p), -1), 1);
	}
	sim_process_free(p);
	noting_deinit(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_that_was_given_up_is_a_fault_that_says_whose),
		cmocka_unit_test(unsharing_what_another_domain_maps_is_counted),
		cmocka_unit_test(unsharing_what_ones_own_domain_maps_is_not_counted),
		cmocka_unit_test(limits_are_those_of_the_configuration),
		cmocka_unit_test(misuse_is_reported),
		cmocka_unit_test(what_a_process_leaves_at_its_end_is_reported_and_cleared_away),
		cmocka_unit_test(a_callback_that_reaches_into_another_process_or_waits_is_reported),
		cmocka_unit_test(a_wait_in_vain_is_forgiven_when_something_happens),
		cmocka_unit_test(a_stuck_world_and_an_unheard_violation_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
