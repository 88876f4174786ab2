/* SPDX-License-Identifier: MIT */
/* The simulator's scheduler: choices, replay, time, turns. */
#include <stdio.h>

#include "sim_world.h"

#define MSEC 1000000ull

/* -- a world with some of everything -------------------------------------------------------------- */

/*
 *      front (d1) --- event channel --- back (d0)      each kicks the other, as its timer says
 *      front      --- stream --- server (d1)           sends bytes, which the server counts
 */
struct party {
	struct sim_process *process;
	struct xenbus_host *host;
	struct xen_platform_evtchn *xce;
	struct xenbus_source events, stream;
	struct xenbus_timer timer;
	struct xenbus_work work;
	uint32_t port;
	int fd;
	unsigned int kicks, bytes, works;
};

struct town {
	struct noting noting;
	struct party front, back, server;
};

static void party_init(struct town *town, struct party *p, uint32_t domid, const char *name)
{
	p->process = start(town->noting.sim, domid, name);
	p->host = sim_process_host(p->process);
	p->fd = -1;
	assert_int_equal(xen_platform_evtchn_open(sim_process_platform(p->process), &p->xce), 0);
}

static void work_done(struct xenbus_work *work)
{
	((struct party *)((char *)work - offsetof(struct party, work)))->works++;
}

static void kicked(struct xenbus_source *source, unsigned int events)
{
	struct party *p = (struct party *)((char *)source - offsetof(struct party, events));
	int port = xen_platform_evtchn_pending(p->xce);

	assert_int_equal(port, p->port);
	xen_platform_evtchn_unmask(p->xce, p->port);
	p->kicks++;
	xenbus_work_post(p->host, &p->work);
}

static void arm(struct party *p)
{
	uint8_t byte;

	assert_int_equal(xenbus_host_random(p->host, &byte, 1), 0);
	xenbus_timer_set(p->host, &p->timer, xenbus_host_now(p->host) + byte * MSEC);
}

static void fired(struct xenbus_timer *timer)
{
	struct party *p = (struct party *)((char *)timer - offsetof(struct party, timer));

	xen_platform_evtchn_notify(p->xce, p->port);
	if (p->fd >= 0)
		assert_true(xenbus_stream_send(p->host, p->fd, "hello, world", 12) > 0);
	arm(p);
}

static void read_stream(struct xenbus_source *source, unsigned int events)
{
	struct party *p = (struct party *)((char *)source - offsetof(struct party, stream));
	char buf[64];
	ssize_t n = xenbus_stream_recv(p->host, p->fd, buf, sizeof(buf));

	assert_true(n > 0);
	p->bytes += (unsigned int)n;
}

static void accepted(void *ctx, int fd)
{
	struct party *p = ctx;

	p->fd = fd;
	p->stream.ready = read_stream;
	assert_int_equal(xenbus_source_add(p->host, &p->stream, fd, XENBUS_SOURCE_READ), 0);
}

static void wait_for_events(struct party *p)
{
	p->events.ready = kicked;
	p->timer.fire = fired;
	p->work.run = work_done;
	assert_int_equal(
		xenbus_source_add(p->host, &p->events, xen_platform_evtchn_fd(p->xce), XENBUS_SOURCE_READ),
		0);
	arm(p);
}

static void town_init(struct town *t, struct sim_config config)
{
	memset(t, 0, sizeof(*t));
	noting_init(&t->noting, config);
	party_init(t, &t->front, 1, "front");
	party_init(t, &t->back, 0, "back");
	party_init(t, &t->server, 1, "server");
	t->front.port = (uint32_t)xen_platform_evtchn_bind_unbound_port(t->front.xce, 0);
	t->back.port = (uint32_t)xen_platform_evtchn_bind_interdomain(t->back.xce, 1, t->front.port);
	wait_for_events(&t->front);
	wait_for_events(&t->back);
	assert_int_equal(sim_listen(t->server.process, "/socket", accepted, &t->server), 0);
	t->front.fd = xenbus_stream_connect(t->front.host, "/socket");
	assert_true(t->front.fd > 0);
}

static void party_end(struct party *p)
{
	xenbus_timer_cancel(p->host, &p->timer);
	xenbus_work_cancel(p->host, &p->work);
	xenbus_source_remove(p->host, &p->events);
	xenbus_source_remove(p->host, &p->stream);
	if (p->fd >= 0)
		xenbus_stream_close(p->host, p->fd);
	xen_platform_evtchn_close(p->xce);
	sim_process_free(p->process);
}

static void town_deinit(struct town *t)
{
	party_end(&t->front);
	party_end(&t->back);
	party_end(&t->server);
	noting_deinit(&t->noting);
}

static void town_run(struct town *t, unsigned int steps)
{
	while (steps--)
		assert_true(sim_step(t->noting.sim));
}

static void assert_same_run(struct town *a, struct town *b)
{
	const struct sim_choices *x = sim_choices(a->noting.sim), *y = sim_choices(b->noting.sim);

	assert_string_equal(a->noting.text, b->noting.text);
	assert_int_equal(x->count, y->count);
	assert_memory_equal(x->made, y->made, x->count * sizeof(x->made[0]));
	assert_int_equal(sim_now(a->noting.sim), sim_now(b->noting.sim));
	assert_int_equal(a->server.bytes, b->server.bytes);
}

/* -- choices ---------------------------------------------------------------------------------------- */

static void two_runs_of_one_seed_are_the_same(void **state)
{
	for (uint64_t seed = 0; seed < 5; seed++) {
		struct town a, b;
		void *shift = malloc(12345 * (seed + 1)); /* so that addresses differ, too */

		town_init(&a, (struct sim_config){ .seed = seed });
		town_init(&b, (struct sim_config){ .seed = seed });
		free(shift);
		town_run(&a, 2000);
		town_run(&b, 2000);
		assert_same_run(&a, &b);
		assert_true(a.front.kicks > 10 && a.back.kicks > 10 && a.server.bytes > 100);
		town_deinit(&a);
		town_deinit(&b);
	}
}

static void another_seed_is_another_run(void **state)
{
	struct town a, b;

	town_init(&a, (struct sim_config){ .seed = 1 });
	town_init(&b, (struct sim_config){ .seed = 2 });
	town_run(&a, 200);
	town_run(&b, 200);
	assert_string_not_equal(a.noting.text, b.noting.text);
	town_deinit(&a);
	town_deinit(&b);
}

static void recorded_choices_replay_the_run(void **state)
{
	struct town a, b;
	struct sim_choices kept;

	town_init(&a, (struct sim_config){ .seed = 3 });
	town_run(&a, 2000);
	kept = *sim_choices(a.noting.sim);
	town_init(&b, (struct sim_config){ .seed = 3, .replay = &kept });
	town_run(&b, 2000);
	assert_same_run(&a, &b);
	assert_false(sim_diverged(b.noting.sim));
	town_deinit(&a);
	town_deinit(&b);
}

/* Of another seed, but for its random bytes: those here say how long the timers run. */
static void behind_the_end_of_a_replay_the_seed_chooses(void **state)
{
	struct town a, b;
	struct sim_choices some;

	town_init(&a, (struct sim_config){ .seed = 3 });
	town_run(&a, 1000);
	some = *sim_choices(a.noting.sim);
	some.count /= 2;
	town_init(&b, (struct sim_config){ .seed = 3, .replay = &some });
	town_run(&b, 1000);
	assert_memory_equal(sim_choices(b.noting.sim)->made, some.made, some.count * sizeof(some.made[0]));
	assert_true(sim_choices(b.noting.sim)->count > some.count);
	assert_false(sim_diverged(b.noting.sim));
	town_deinit(&a);
	town_deinit(&b);
}

static void a_replay_of_something_else_diverges(void **state)
{
	uint32_t made[] = { 7u << 16 | 6, 2u << 16 | 1 };
	struct sim_choices other = { made, 2, 2 };
	struct noting n;

	noting_init(&n, (struct sim_config){ .replay = &other });
	assert_int_equal(sim_choose(n.sim, 1), 0); /* no choice at all: not recorded, not replayed */
	assert_int_equal(sim_choose(n.sim, 7), 6);
	assert_false(sim_diverged(n.sim));
	assert_int_equal(sim_choose(n.sim, 3), 1);
	assert_true(sim_diverged(n.sim));
	assert_int_equal(sim_choices(n.sim)->count, 2);
	assert_int_equal(sim_choices(n.sim)->made[1], 3u << 16 | 1);
	noting_deinit(&n);
}

static void choices_are_within_bounds_and_even(void **state)
{
	unsigned int taken[10] = { 0 };
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 9 });
	for (int i = 0; i < 10000; i++) {
		unsigned int c = sim_choose(n.sim, 10);

		assert_true(c < 10);
		taken[c]++;
	}
	for (int i = 0; i < 10; i++)
		assert_true(taken[i] > 850 && taken[i] < 1150);
	assert_true(sim_choose(n.sim, 65535) < 65535);
	noting_deinit(&n);
}

/* -- replay files ------------------------------------------------------------------------------------- */

static void choices_go_through_a_file_unchanged(void **state)
{
	struct sim_choices back = { 0 };
	FILE *file = tmpfile();
	struct town t;

	assert_non_null(file);
	town_init(&t, (struct sim_config){ .seed = 4 });
	town_run(&t, 3000);
	assert_int_equal(sim_choices_write(sim_choices(t.noting.sim), file), 0);
	rewind(file);
	assert_int_equal(sim_choices_read(file, &back), 0);
	assert_int_equal(back.count, sim_choices(t.noting.sim)->count);
	assert_memory_equal(back.made, sim_choices(t.noting.sim)->made, back.count * sizeof(back.made[0]));
	sim_choices_free(&back);
	fclose(file);
	town_deinit(&t);
}

static int read_text(const char *text, struct sim_choices *out)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int err = sim_choices_read(file, out);

	fclose(file);
	return err;
}

static void a_malformed_file_is_refused(void **state)
{
	static const char *const bad[] = {
		"\n",
		"choices\n",
		"choices 1\n",
		"choices 1",
		"choices 1 \n3 1\n",
		"choices 99999999999\n",
		"choices 1\n3 3\n",
		"choices 1\n1 0\n",
		"choices 1\n65536 0\n",
		"choices 1\n3 -1\n",
		"choices 1\n3 1 \n",
		"choices 1\n3 1 x0\n",
		"choices 1\n3 1 x2\n",
		"choices 2\n3 1\n",
		"choices 1\n3 1",
		"choices 1\n3 1\n3 1\n",
		"choices 2\n3 1 x-1\n",
		"choices 1\n3 1 5\n",
	};
	struct sim_choices c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_text(bad[i], &c) != -EINVAL)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(read_text("choices 5\n3 1\n2 0 x4\n", &c), 0);
	assert_int_equal(c.count, 5);
	assert_int_equal(c.made[0], 3u << 16 | 1);
	assert_int_equal(c.made[4], 2u << 16);
	sim_choices_free(&c);
	assert_int_equal(read_text("choices 0\n", &c), 0);
	sim_choices_free(&c);
}

static void a_full_disk_is_told(void **state)
{
	uint32_t made[] = { 3u << 16 };
	const struct sim_choices c = { made, 1, 1 };
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	assert_int_equal(sim_choices_write(&c, full), -ENOSPC);
	fclose(full);
}

/* -- turns and time ------------------------------------------------------------------------------------- */

struct ticking {
	struct xenbus_timer timer;
	struct xenbus_host *host;
	uint64_t asked, at;
};

static void tick(struct xenbus_timer *timer)
{
	struct ticking *t = (struct ticking *)timer;

	t->at = xenbus_host_now(t->host);
}

/* A day passes at once, and no timer is early or overtakes an earlier one by more than the steps between. */
static void time_moves_on_to_the_next_timer_of_any_process(void **state)
{
	struct noting n;
	struct sim_process *p[2];
	struct ticking t[6];
	uint64_t begin;

	noting_init(&n, (struct sim_config){ .seed = 5 });
	begin = sim_now(n.sim);
	for (uint32_t i = 0; i < 2; i++)
		p[i] = start(n.sim, i, "sleeper");
	for (unsigned int i = 0; i < 6; i++) {
		t[i] = (struct ticking){ .timer.fire = tick, .host = sim_process_host(p[i % 2]) };
		t[i].asked = begin + (i + 1) * 4 * 3600 * 1000 * MSEC;
		xenbus_timer_set(t[i].host, &t[i].timer, t[i].asked);
	}
	while (sim_step(n.sim))
		;
	for (int i = 0; i < 6; i++) {
		assert_true(t[i].at >= t[i].asked && t[i].at < t[i].asked + MSEC);
		assert_int_equal(t[i].timer.deadline_ns, 0);
	}
	assert_int_equal(sim_steps(n.sim), 12);
	for (int i = 0; i < 2; i++)
		sim_process_free(p[i]);
	noting_deinit(&n);
}

struct busy {
	struct xenbus_work work;
	struct xenbus_host *host;
	unsigned int ran;
};

static void again(struct xenbus_work *work)
{
	struct busy *b = (struct busy *)work;

	b->ran++;
	xenbus_work_post(b->host, work);
}

static void busy_start(struct busy *b, struct sim_process *process)
{
	*b = (struct busy){ .work.run = again, .host = sim_process_host(process) };
	xenbus_work_post(b->host, &b->work);
}

/* In some stretches one process is far ahead, in others the other. */
static void speeds_differ_and_change(void **state)
{
	unsigned int a_ahead = 0, b_ahead = 0;
	struct sim_process *p[2];
	struct busy a, b;
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 6 });
	p[0] = start(n.sim, 0, "a");
	p[1] = start(n.sim, 1, "b");
	busy_start(&a, p[0]);
	busy_start(&b, p[1]);
	for (int stretch = 0; stretch < 200; stretch++) {
		unsigned int a0 = a.ran, b0 = b.ran;

		for (int i = 0; i < 64; i++)
			sim_step(n.sim);
		a_ahead += a.ran - a0 > 4 * (b.ran - b0);
		b_ahead += b.ran - b0 > 4 * (a.ran - a0);
	}
	assert_true(a_ahead > 20 && b_ahead > 20);
	assert_true(a.ran > 1000 && b.ran > 1000);
	xenbus_work_cancel(a.host, &a.work);
	xenbus_work_cancel(b.host, &b.work);
	sim_process_free(p[0]);
	sim_process_free(p[1]);
	noting_deinit(&n);
}

/* Who is always busy does not stop the clock for the others. */
static void time_passes_though_somebody_is_busy(void **state)
{
	struct sim_process *p[2];
	struct ticking t;
	struct busy b;
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 7 });
	p[0] = start(n.sim, 0, "busy");
	p[1] = start(n.sim, 1, "sleeper");
	busy_start(&b, p[0]);
	t = (struct ticking){ .timer.fire = tick, .host = sim_process_host(p[1]) };
	xenbus_timer_set(t.host, &t.timer, sim_now(n.sim) + 40 * MSEC);
	for (int i = 0; i < 2000; i++)
		sim_step(n.sim);
	assert_true(t.at);
	xenbus_work_cancel(b.host, &b.work);
	sim_process_free(p[0]);
	sim_process_free(p[1]);
	noting_deinit(&n);
}

/* -- the loop that is not xenbus_host_run()'s ------------------------------------------------------------ */

struct looping {
	struct xenbus_work work;
	unsigned int turns, works;
	int wants;
	uint64_t last;
	struct xenbus_host *host;
};

static int turn(void *ctx)
{
	struct looping *l = ctx;

	l->turns++;
	l->last = xenbus_host_now(l->host);
	return l->wants;
}

static void loop_work(struct xenbus_work *work)
{
	((struct looping *)work)->works++;
}

static void a_loop_of_its_own_gets_its_turns(void **state)
{
	struct looping l = { .work.run = loop_work, .wants = -1 };
	const struct sim_process_config config = { .domid = 0, .name = "daemon", .loop = turn, .ctx = &l };
	struct sim_process *p;
	struct noting n;
	uint64_t asked, begin;

	noting_init(&n, (struct sim_config){ .seed = 8 });
	assert_int_equal(sim_process_start(n.sim, &config, &p), 0);
	l.host = sim_process_host(p);
	begin = sim_now(n.sim);
	assert_true(sim_step(n.sim)); /* the first, with nothing to do yet */
	assert_int_equal(l.turns, 1);
	assert_true(sim_now(n.sim) > begin);
	assert_false(sim_step(n.sim));
	l.wants = 5;
	xenbus_work_post(l.host, &l.work);
	assert_true(sim_step(n.sim)); /* a callback, and a turn in the same step */
	assert_int_equal(l.works, 1);
	assert_int_equal(l.turns, 2);
	asked = l.last + 5 * MSEC;
	l.wants = 0;
	assert_int_equal(xenbus_host_dispatch(l.host, -1), 1);
	assert_true(l.turns == 3 && l.last >= asked);
	for (int i = 0; i < 10; i++)
		assert_int_equal(xenbus_host_dispatch(l.host, 0), 1);
	assert_int_equal(l.turns, 13);
	sim_process_free(p);
	noting_deinit(&n);
}

/* -- actions, observers, runs ----------------------------------------------------------------------------- */

struct acting {
	struct sim_action action;
	struct sim *sim;
	unsigned int ran, times;
};

static void act(struct sim_action *action)
{
	struct acting *a = (struct acting *)action;

	assert_null(sim_current(a->sim));
	if (++a->ran < a->times)
		sim_action_add(a->sim, action);
}

static void count_looks(void *ctx)
{
	++*(unsigned int *)ctx;
}

static void actions_run_once_for_each_time_they_are_added(void **state)
{
	struct acting a = { .action = { .name = "detach", .run = act }, .times = 3 };
	struct acting never = a;
	unsigned int looks = 0;
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 9 });
	assert_int_equal(sim_observe(n.sim, count_looks, &looks), 0);
	a.sim = never.sim = n.sim;
	sim_action_add(n.sim, &a.action);
	sim_action_add(n.sim, &a.action);
	sim_action_add(n.sim, &never.action);
	sim_action_cancel(n.sim, &never.action);
	sim_action_cancel(n.sim, &never.action);
	while (sim_step(n.sim))
		;
	assert_int_equal(a.ran, 3);
	assert_int_equal(never.ran, 0);
	assert_int_equal(looks, sim_steps(n.sim));
	assert_non_null(strstr(n.text, "detach\n"));
	noting_deinit(&n);
}

static bool twice(void *ctx)
{
	return ((struct busy *)ctx)->ran >= 2;
}

static void run_ends_by_its_condition_its_limit_or_a_standstill(void **state)
{
	struct sim_process *p;
	struct busy b = { 0 };
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 10 });
	p = start(n.sim, 0, "a");
	assert_int_equal(sim_run(n.sim, twice, &b, 100), -EDEADLK);
	busy_start(&b, p);
	assert_int_equal(sim_run(n.sim, twice, &b, 1), -ETIMEDOUT);
	assert_int_equal(sim_run(n.sim, twice, &b, 100), 0);
	assert_int_equal(b.ran, 2);
	xenbus_work_cancel(b.host, &b.work);
	sim_process_free(p);
	noting_deinit(&n);
}

/* -- dispatching from the top ------------------------------------------------------------------------------- */

static void a_dispatch_steps_the_world_until_the_process_had_its_turn(void **state)
{
	struct sim_process *p[2];
	struct noting n;
	struct busy b;
	struct ticking t;
	uint64_t begin;

	noting_init(&n, (struct sim_config){ .seed = 11 });
	p[0] = start(n.sim, 0, "a");
	p[1] = start(n.sim, 1, "b");
	t = (struct ticking){ .timer.fire = tick, .host = sim_process_host(p[0]) };
	assert_int_equal(xenbus_host_dispatch(t.host, 0), 0);
	assert_int_equal(xenbus_host_dispatch(t.host, -1), -EDEADLK);
	busy_start(&b, p[1]);
	xenbus_timer_set(t.host, &t.timer, sim_now(n.sim) + 50 * MSEC);
	assert_int_equal(xenbus_host_dispatch(t.host, 0), 0);
	begin = sim_now(n.sim);
	assert_int_equal(xenbus_host_dispatch(t.host, 20), 0);
	assert_true(sim_now(n.sim) >= begin + 20 * MSEC && !t.at);
	assert_int_equal(xenbus_host_dispatch(t.host, -1), 1);
	assert_true(t.at && b.ran);
	xenbus_work_cancel(b.host, &b.work);
	begin = sim_now(n.sim);
	assert_int_equal(xenbus_host_dispatch(t.host, 20), 0);
	assert_true(sim_now(n.sim) >= begin + 20 * MSEC);
	assert_int_equal(xenbus_host_fd(t.host), -ENOSYS);
	sim_process_free(p[0]);
	sim_process_free(p[1]);
	noting_deinit(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_runs_of_one_seed_are_the_same),
		cmocka_unit_test(another_seed_is_another_run),
		cmocka_unit_test(recorded_choices_replay_the_run),
		cmocka_unit_test(behind_the_end_of_a_replay_the_seed_chooses),
		cmocka_unit_test(a_replay_of_something_else_diverges),
		cmocka_unit_test(choices_are_within_bounds_and_even),
		cmocka_unit_test(choices_go_through_a_file_unchanged),
		cmocka_unit_test(a_malformed_file_is_refused),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(time_moves_on_to_the_next_timer_of_any_process),
		cmocka_unit_test(speeds_differ_and_change),
		cmocka_unit_test(time_passes_though_somebody_is_busy),
		cmocka_unit_test(a_loop_of_its_own_gets_its_turns),
		cmocka_unit_test(actions_run_once_for_each_time_they_are_added),
		cmocka_unit_test(run_ends_by_its_condition_its_limit_or_a_standstill),
		cmocka_unit_test(a_dispatch_steps_the_world_until_the_process_had_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
