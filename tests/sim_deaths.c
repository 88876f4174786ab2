/* SPDX-License-Identifier: MIT */
/* The simulator's faults: kill -9 anywhere, failing calls and allocations. */
#include <unistd.h>

#include "sim_scene.h"

/* -- kill -9 --------------------------------------------------------------------------------------------- */

/* Killed when it makes its 1st, 2nd, 3rd ... call: that one had no effect, and nothing of it is left. */
static void a_process_killed_in_a_call_leaves_nothing_behind(void **state)
{
	bool hit = true;

	for (uint64_t nth = 1; hit; nth++) {
		struct sim_counts before, after;
		struct scene s;
		int result;

		scene_init(&s, (struct sim_config){ .seed = nth });
		before = counts_of(&s);
		sim_kill_at_call(s.back.process, nth);
		result = scene_fill(&s);
		hit = sim_fault_hit(s.back.process);
		assert_int_equal(hit, sim_process_dead(s.back.process));
		if (hit) {
			assert_true(result == -ENOTCONN || result == -ECONNRESET);
			assert_int_equal(sim_calls(s.back.process), nth);
			after = counts_of(&s);
			assert_memory_equal(&after, &before, sizeof(after));
			/* Notified at the end of share and mapping, and as told to by their bytes. */
			assert_int_equal(s.front.shared[1], s.back.mapped ? 0 : 7);
			if (s.back.shared)
				assert_int_equal(xen_platform_evtchn_pending(s.front.xce), s.front.port);
			else
				assert_int_equal(xen_platform_evtchn_pending(s.front.xce), -EAGAIN);
		} else {
			assert_int_equal(result, 0);
			assert_int_equal(nth, 11);
		}
		body_empty(&s.back);
		sim_process_free(s.back.process);
		scene_deinit(&s);
	}
}

static void a_dead_process_sees_copies_of_what_it_shared(void **state)
{
	struct scene s;
	uint64_t now;

	scene_init(&s, (struct sim_config){ .seed = 1 });
	assert_int_equal(scene_fill(&s), 0);
	assert_int_equal(s.back.mapped[9], 7);
	now = xenbus_host_now(s.back.host);
	sim_process_kill(s.back.process);
	assert_int_equal(xenbus_host_now(s.back.host), now);
	assert_true(s.back.mapped[9] == 7 && s.back.mapped[1] == 7);
	s.back.mapped[9] = 1;
	s.back.shared[0] = 1;
	s.front.shared[10] = 2;
	assert_true(s.front.shared[9] == 7 && s.back.mapped[10] == 7);
	assert_int_equal(xen_platform_gnttab_unmap(s.back.xgt, s.back.mapped, 1), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_notify(s.back.xce, s.back.port), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_pending(s.back.xce), -ENOTCONN);
	assert_int_equal(xenbus_stream_send(s.back.host, s.back.fd, "x", 1), -ECONNRESET);
	body_empty(&s.back);
	sim_process_free(s.back.process);
	scene_deinit(&s);
}

/* What a dying one runs on: each kind of what it waits for tells it so. */
struct dying {
	struct body body;
	struct xenbus_work work;
	struct xenbus_timer timer;
	struct xenbus_file_io io;
	struct xenbus_source world;
	char order[16];
	unsigned int told;
	uint64_t fired_at;
};

#define DYING(object, member) ((struct dying *)((char *)(object)-offsetof(struct dying, member)))

static void dying_note(struct dying *d, char what)
{
	size_t n = strlen(d->order);

	assert_true(n < sizeof(d->order) - 1);
	d->order[n] = what;
}

static void dying_work(struct xenbus_work *work)
{
	dying_note(DYING(work, work), 'w');
}

static void dying_timer(struct xenbus_timer *timer)
{
	struct dying *d = DYING(timer, timer);

	dying_note(d, 't');
	d->fired_at = xenbus_host_now(d->body.host);
}

static void dying_io(struct xenbus_file_io *io)
{
	assert_int_equal(io->result, -EIO);
	dying_note(DYING(io, io), 'f');
}

static void dying_world(struct xenbus_source *source, unsigned int events)
{
	struct dying *d = DYING(source, world);

	assert_true(events & XENBUS_SOURCE_HANGUP);
	xenbus_source_remove(d->body.host, source);
	dying_note(d, 'W');
}

static void dying_events(struct xenbus_source *source, unsigned int events)
{
	struct dying *d = DYING(source, body.events);

	assert_int_equal(xen_platform_evtchn_pending(d->body.xce), -ENOTCONN);
	xenbus_source_remove(d->body.host, source);
	dying_note(d, 'e');
}

static void dying_stream(struct xenbus_source *source, unsigned int events)
{
	struct dying *d = DYING(source, body.stream);
	char c;

	assert_true(events & XENBUS_SOURCE_HANGUP);
	assert_int_equal(xenbus_stream_recv(d->body.host, source->fd, &c, 1), -ECONNRESET);
	xenbus_source_remove(d->body.host, source);
	dying_note(d, 's');
}

static void told(void *ctx, struct sim_process *process)
{
	struct dying *d = ctx;

	assert_true(sim_process_dead(process));
	d->told++;
}

static void arm_all(struct dying *d, int file)
{
	struct body *b = &d->body;

	d->work.run = dying_work;
	d->timer.fire = dying_timer;
	d->world.ready = dying_world;
	b->events.ready = dying_events;
	b->stream.ready = dying_stream;
	d->io = (struct xenbus_file_io){
		.done = dying_io, .op = XENBUS_FILE_WRITE, .fd = file, .data = d->order
	};
	d->io.len = 1;
	xenbus_work_post(b->host, &d->work);
	xenbus_timer_set(b->host, &d->timer, xenbus_host_now(b->host) + 3600 * 1000 * MSEC);
	assert_int_equal(
		xenbus_source_add(b->host, &d->world, xen_platform_fd(b->platform), XENBUS_SOURCE_READ), 0);
	assert_int_equal(xenbus_file_submit(b->host, &d->io), 0);
}

/* Returns how much of its file's transfer was done without it. */
static off_t die_and_run_to_the_end(uint64_t seed)
{
	struct sim_process_config config = { .domid = 1, .name = "dying" };
	int file = memfd_create("file", MFD_CLOEXEC);
	struct dying d = { 0 };
	struct scene s;
	uint64_t steps, now;
	off_t done;

	scene_init(&s, (struct sim_config){ .seed = seed });
	config.died = told;
	config.ctx = &d;
	assert_int_equal(sim_process_start(s.noting.sim, &config, &d.body.process), 0);
	d.body.host = sim_process_host(d.body.process);
	d.body.platform = sim_process_platform(d.body.process);
	d.body.events.ready = d.body.stream.ready = ready;
	assert_int_equal(body_fill(&d.body, XEN_PLATFORM_DOMID_SELF, s.front.port, s.front.ref), 0);
	arm_all(&d, file);
	sim_process_kill(d.body.process);
	assert_int_equal(d.told, 1);
	steps = sim_steps(s.noting.sim);
	now = sim_now(s.noting.sim);
	for (int i = 0; i < 6; i++) {
		uint64_t before = xenbus_host_now(d.body.host);

		assert_int_equal(xenbus_host_dispatch(d.body.host, -1), 1);
		assert_true(xenbus_host_now(d.body.host) > before);
	}
	assert_int_equal(xenbus_host_dispatch(d.body.host, -1), -EDEADLK);
	assert_int_equal(strlen(d.order), 6);
	for (const char *c = "wtfWes"; *c; c++)
		assert_non_null(strchr(d.order, *c));
	assert_true(d.fired_at >= now + 3600 * 1000 * MSEC);
	assert_true(sim_steps(s.noting.sim) == steps && sim_now(s.noting.sim) == now);
	done = lseek(file, 0, SEEK_END);
	body_empty(&d.body);
	sim_process_free(d.body.process);
	sim_process_free(s.back.process);
	close(file);
	scene_deinit(&s);
	return done;
}

static void a_dead_process_dispatched_runs_to_its_end_alone(void **state)
{
	bool seen[2] = { false, false };

	for (uint64_t seed = 0; seed < 8; seed++) {
		off_t done = die_and_run_to_the_end(seed);

		assert_true(done == 0 || done == 1);
		seen[done] = true;
	}
	assert_true(seen[0] && seen[1]);
}

/* Neither listens to what it is told. */
static void stubborn(struct xenbus_source *source, unsigned int events)
{
	++*(unsigned int *)(source + 1);
}

static void every_source_of_a_dead_process_gets_its_turn(void **state)
{
	struct {
		struct xenbus_source source;
		unsigned int times;
	} world = { .source.ready = stubborn }, events = world;
	struct scene s;

	scene_init(&s, (struct sim_config){ .seed = 2 });
	assert_int_equal(xen_platform_evtchn_open(s.back.platform, &s.back.xce), 0);
	assert_int_equal(xenbus_source_add(s.back.host, &world.source, xen_platform_fd(s.back.platform),
					   XENBUS_SOURCE_READ),
			 0);
	assert_int_equal(xenbus_source_add(s.back.host, &events.source, xen_platform_evtchn_fd(s.back.xce),
					   XENBUS_SOURCE_READ),
			 0);
	sim_process_kill(s.back.process);
	for (int i = 0; i < 20; i++)
		assert_int_equal(xenbus_host_dispatch(s.back.host, -1), 1);
	assert_true(world.times == 10 && events.times == 10);
	xenbus_source_remove(s.back.host, &world.source);
	xenbus_source_remove(s.back.host, &events.source);
	body_empty(&s.back);
	sim_process_free(s.back.process);
	scene_deinit(&s);
}

struct reposting {
	struct xenbus_work work;
	struct xenbus_timer timer;
	struct xenbus_host *host;
	bool fired;
};

static void repost(struct xenbus_work *work)
{
	xenbus_work_post(((struct reposting *)work)->host, work);
}

static void reposting_fire(struct xenbus_timer *timer)
{
	((struct reposting *)((char *)timer - offsetof(struct reposting, timer)))->fired = true;
}

static void work_without_end_does_not_hold_a_dead_process(void **state)
{
	struct reposting r = { .work.run = repost, .timer.fire = reposting_fire };
	struct scene s;

	scene_init(&s, (struct sim_config){ .seed = 2 });
	r.host = s.back.host;
	xenbus_work_post(r.host, &r.work);
	xenbus_timer_set(r.host, &r.timer, xenbus_host_now(r.host) + 1000 * MSEC);
	sim_process_kill(s.back.process);
	for (int i = 0; i < 4; i++)
		assert_int_equal(xenbus_host_dispatch(r.host, -1), 1);
	assert_true(r.fired);
	xenbus_work_cancel(r.host, &r.work);
	sim_process_free(s.back.process);
	scene_deinit(&s);
}

static void a_dead_holder_of_the_store_ring_keeps_a_copy(void **state)
{
	struct sim_process *guest, *dom0;
	struct xen_platform_evtchn *xce;
	uint8_t *store;
	struct noting n;
	void *ours, *theirs;
	uint32_t port;

	noting_init(&n, (struct sim_config){ .seed = 3 });
	guest = start(n.sim, 1, "guest");
	dom0 = start(n.sim, 0, "xenstored");
	assert_int_equal(xen_platform_evtchn_open(sim_process_platform(guest), &xce), 0);
	assert_int_equal(xen_platform_store_ring(sim_process_platform(guest), xce, &ours, &port), 0);
	assert_int_equal(xen_platform_foreign_store_ring(sim_process_platform(dom0), 1, &theirs, &port), 0);
	store = theirs;
	strcpy(ours, "sent");
	sim_process_kill(guest);
	assert_string_equal(ours, "sent");
	strcpy(ours, "late");
	assert_string_equal((char *)store, "sent");
	xen_platform_store_ring_release(sim_process_platform(guest), ours);
	xen_platform_evtchn_close(xce);
	xen_platform_foreign_store_ring_release(sim_process_platform(dom0), 1, theirs);
	sim_process_free(guest);
	sim_process_free(dom0);
	noting_deinit(&n);
}

/* -- who is told of it, and when -- */

struct mourner {
	struct xenbus_work work;
	struct sim *sim;
	struct sim_process *victim;
	unsigned int told;
	bool freed;
};

static void kill_victim(struct xenbus_work *work)
{
	struct mourner *m = (struct mourner *)work;

	sim_process_kill(m->victim);
	assert_true(sim_process_dead(m->victim));
	assert_int_equal(m->told, 0); /* not in the middle of somebody's callback */
}

static void mourn(void *ctx, struct sim_process *process)
{
	struct mourner *m = ctx;

	m->told++;
	assert_null(sim_current(m->sim));
	sim_process_free(process);
	m->freed = true;
}

static void a_death_is_told_once_after_its_step(void **state)
{
	for (int own = 0; own < 2; own++) {
		struct mourner m = { .work.run = kill_victim };
		const struct sim_process_config config = {
			.domid = 1, .name = "victim", .died = mourn, .ctx = &m
		};
		struct sim_process *other;
		struct noting n;

		noting_init(&n, (struct sim_config){ .seed = 3 });
		m.sim = n.sim;
		assert_int_equal(sim_process_start(n.sim, &config, &m.victim), 0);
		other = start(n.sim, 0, "killer");
		xenbus_work_post(sim_process_host(own ? m.victim : other), &m.work);
		assert_true(sim_step(n.sim));
		assert_true(m.told == 1 && m.freed);
		assert_false(sim_step(n.sim));
		sim_process_free(other);
		noting_deinit(&n);
	}
}

struct assassin {
	struct sim_action action;
	struct mourner *mourner;
};

static void kill_by_action(struct sim_action *action)
{
	struct mourner *m = ((struct assassin *)action)->mourner;

	sim_process_kill(m->victim);
	assert_int_equal(m->told, 0);
}

/* Outside of any step, at once. */
static void a_death_by_an_action_is_told_after_it(void **state)
{
	struct mourner m = { 0 };
	struct assassin a = { .action = { .name = "kill", .run = kill_by_action }, .mourner = &m };
	const struct sim_process_config config = { .domid = 1, .name = "victim", .died = mourn, .ctx = &m };
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 3 });
	m.sim = n.sim;
	assert_int_equal(sim_process_start(n.sim, &config, &m.victim), 0);
	sim_action_add(n.sim, &a.action);
	assert_true(sim_step(n.sim));
	assert_int_equal(m.told, 1);
	assert_int_equal(sim_process_start(n.sim, &config, &m.victim), 0);
	sim_process_kill(m.victim);
	assert_int_equal(m.told, 2);
	noting_deinit(&n);
}

/* One is dispatched from the top when it is killed: its owner is told when that is over. */
static void a_death_is_not_told_under_who_waits_for_it(void **state)
{
	struct mourner m = { .work.run = kill_victim };
	const struct sim_process_config config = { .domid = 1, .name = "victim", .died = mourn, .ctx = &m };
	struct sim_process *other;
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 3 });
	m.sim = n.sim;
	assert_int_equal(sim_process_start(n.sim, &config, &m.victim), 0);
	other = start(n.sim, 0, "killer");
	xenbus_work_post(sim_process_host(other), &m.work);
	assert_int_equal(xenbus_host_dispatch(sim_process_host(m.victim), -1), 0);
	assert_true(sim_process_dead(m.victim));
	assert_int_equal(m.told, 0);
	assert_true(sim_step(n.sim));
	assert_int_equal(m.told, 1);
	sim_process_free(other);
	noting_deinit(&n);
}

struct family {
	struct sim_process *members[3];
	unsigned int told;
};

/* Frees all: who is freed needs no telling any more. */
static void free_family(void *ctx, struct sim_process *process)
{
	struct family *f = ctx;

	f->told++;
	for (int i = 0; i < 3; i++)
		sim_process_free(f->members[i]);
}

static void who_is_told_of_one_death_may_free_others(void **state)
{
	struct family f = { 0 };
	const struct sim_process_config config = {
		.domid = 2, .name = "kin", .died = free_family, .ctx = &f
	};
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 3 });
	for (int i = 0; i < 3; i++)
		assert_int_equal(sim_process_start(n.sim, &config, &f.members[i]), 0);
	assert_int_equal(sim_domain_destroy(n.sim, 2), 0);
	assert_int_equal(f.told, 1);
	noting_deinit(&n);
}

static void the_end_of_a_domain_kills_its_processes(void **state)
{
	struct mourner m = { 0 };
	struct sim_process_config config = { .domid = 2, .name = "guest", .died = mourn, .ctx = &m };
	struct sim_process *dom0, *guest[2];
	struct xen_platform_evtchn *xce;
	struct sim_store store;
	struct noting n;
	int virq;

	noting_init(&n, (struct sim_config){ .seed = 4 });
	m.sim = n.sim;
	dom0 = start(n.sim, 0, "toolstack");
	assert_int_equal(xen_platform_evtchn_open(sim_process_platform(dom0), &xce), 0);
	virq = xen_platform_evtchn_bind_virq(xce, 3);
	for (int i = 0; i < 2; i++)
		assert_int_equal(sim_process_start(n.sim, &config, &guest[i]), 0);
	assert_int_equal(sim_domain_destroy(n.sim, 0), -EINVAL);
	assert_int_equal(sim_domain_destroy(n.sim, 3), -ESRCH);
	assert_int_equal(sim_domain_create(n.sim, 2, &store), -EEXIST);
	assert_int_equal(sim_domain_destroy(n.sim, 2), 0);
	assert_int_equal(m.told, 2);
	assert_int_equal(xen_platform_evtchn_pending(xce), virq);
	assert_int_equal(sim_process_start(n.sim, &config, &guest[0]), -ESRCH);
	assert_int_equal(sim_domain_create(n.sim, 2, &store), 0);
	xen_platform_evtchn_close(xce);
	sim_process_free(dom0);
	noting_deinit(&n);
}

static void never(struct xenbus_work *work)
{
	fail();
}

static void a_domain_that_was_shut_down_gets_no_turns(void **state)
{
	struct xenbus_work work = { .run = never };
	struct sim_process *dom0, *guest;
	struct xen_platform_evtchn *xce;
	struct noting n;
	int virq;

	noting_init(&n, (struct sim_config){ .seed = 5 });
	dom0 = start(n.sim, 0, "toolstack");
	guest = start(n.sim, 1, "guest");
	assert_int_equal(xen_platform_evtchn_open(sim_process_platform(dom0), &xce), 0);
	virq = xen_platform_evtchn_bind_virq(xce, 3);
	xenbus_work_post(sim_process_host(guest), &work);
	assert_int_equal(sim_domain_shutdown(n.sim, 1), 0);
	assert_int_equal(sim_domain_shutdown(n.sim, 3), -ESRCH);
	assert_false(sim_step(n.sim));
	assert_int_equal(xenbus_host_dispatch(sim_process_host(guest), -1), -EDEADLK);
	assert_false(sim_process_dead(guest));
	assert_int_equal(xen_platform_evtchn_pending(xce), virq);
	assert_int_equal(xen_platform_domain_info(sim_process_platform(dom0), 1),
			 XEN_PLATFORM_DOMAIN_EXISTS | XEN_PLATFORM_DOMAIN_SHUTDOWN);
	xenbus_work_cancel(sim_process_host(guest), &work);
	xen_platform_evtchn_close(xce);
	sim_process_free(dom0);
	sim_process_free(guest);
	noting_deinit(&n);
}

/* -- failing calls and allocations ------------------------------------------------------------------------- */

/* The 1st, 2nd, 3rd ... call that can fail does: it had no effect. */
static void a_failed_call_has_no_effect(void **state)
{
	bool hit = true;

	for (uint64_t nth = 1; hit; nth++) {
		struct sim_counts after;
		struct scene s;
		int result;

		scene_init(&s, (struct sim_config){ .seed = nth });
		sim_fail_call(s.back.process, nth);
		result = scene_fill(&s);
		hit = sim_fault_hit(s.back.process);
		assert_int_equal(hit, result < 0);
		sim_process_counts(s.back.process, &after);
		assert_int_equal(after.handles, nth > 3 ? 3 : nth - 1);
		assert_int_equal(after.ports, nth > 4);
		assert_int_equal(after.grants, nth > 6);
		assert_int_equal(after.mappings, nth > 7);
		assert_int_equal(after.streams, nth > 8);
		assert_int_equal(after.sources, (nth > 5) + (nth > 9));
		assert_int_equal(xen_platform_evtchn_pending(s.front.xce), hit ? -EAGAIN : (int)s.front.port);
		sim_fail_call(s.back.process, 1);
		assert_false(sim_fault_hit(s.back.process));
		sim_fail_call(s.back.process, 0);
		if (hit)
			assert_non_null(strstr(s.noting.text, " fails with error "));
		else
			assert_int_equal(nth, 10);
		body_empty(&s.back);
		sim_process_free(s.back.process);
		scene_deinit(&s);
	}
}

static void calls_fail_at_random_up_to_a_number(void **state)
{
	unsigned int failed = 0;
	struct sim_process *p;
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 6, .fail_one_in = 4, .failures = 5 });
	p = start(n.sim, 0, "unlucky");
	for (int i = 0; i < 200; i++) {
		struct xen_platform_gnttab *xgt;
		int err = xen_platform_gnttab_open(sim_process_platform(p), &xgt);

		failed += err == -ENOMEM;
		if (!err)
			xen_platform_gnttab_close(xgt);
	}
	assert_int_equal(failed, 5);
	sim_process_free(p);
	noting_deinit(&n);
}

struct allocating {
	struct xenbus_work work;
	struct xen_platform *platform;
	struct sim *sim;
	int failed_at;
};

/* What an allocator before malloc would ask, four times; a call through the seam counts for nobody. */
static void allocate(struct xenbus_work *work)
{
	struct allocating *a = (struct allocating *)work;
	struct xen_platform_gnttab *xgt;

	a->failed_at = 0;
	for (int i = 1; i <= 4; i++) {
		if (sim_alloc_fails(a->sim))
			a->failed_at = i;
		assert_int_equal(xen_platform_gnttab_open(a->platform, &xgt), 0);
		xen_platform_gnttab_close(xgt);
	}
}

static void the_nth_allocation_of_a_callback_fails(void **state)
{
	struct allocating a = { .work.run = allocate };
	struct sim_process *p;
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 7 });
	p = start(n.sim, 0, "poor");
	a.sim = n.sim;
	a.platform = sim_process_platform(p);
	assert_false(sim_alloc_fails(NULL));
	sim_fail_alloc(p, 6);
	assert_false(sim_alloc_fails(n.sim));
	for (int round = 0; round < 3; round++) {
		xenbus_work_post(sim_process_host(p), &a.work);
		assert_true(sim_step(n.sim));
		assert_int_equal(a.failed_at, round == 1 ? 2 : 0);
		assert_int_equal(sim_fault_hit(p), round >= 1);
	}
	sim_fail_alloc(p, 1);
	assert_false(sim_fault_hit(p));
	sim_fail_alloc(p, 0);
	xenbus_work_post(sim_process_host(p), &a.work);
	assert_true(sim_step(n.sim));
	assert_int_equal(a.failed_at, 0);
	sim_process_free(p);
	noting_deinit(&n);
}

static void look_and_allocate(void *ctx)
{
	assert_false(sim_alloc_fails(ctx));
}

/* What the world's steps allocate while it waits is not its own. */
static void an_allocation_at_the_top_is_whose_it_is_said_to_be(void **state)
{
	struct allocating a = { .work.run = allocate };
	struct sim_process *p, *other;
	struct noting n;

	noting_init(&n, (struct sim_config){ .seed = 7 });
	p = start(n.sim, 0, "starting");
	other = start(n.sim, 0, "other");
	a.sim = n.sim;
	a.platform = sim_process_platform(other);
	assert_int_equal(sim_observe(n.sim, look_and_allocate, n.sim), 0);
	sim_fail_alloc(p, 2);
	sim_alloc_at_top(n.sim, p);
	assert_false(sim_alloc_fails(n.sim));
	a.failed_at = -1;
	xenbus_work_post(sim_process_host(other), &a.work);
	assert_int_equal(xenbus_host_dispatch(sim_process_host(p), 1), 0);
	assert_int_equal(a.failed_at, 0);
	assert_true(sim_alloc_fails(n.sim));
	assert_true(sim_fault_hit(p));
	sim_fail_alloc(p, 1);
	sim_alloc_at_top(n.sim, NULL);
	assert_false(sim_alloc_fails(n.sim));
	sim_process_free(other);
	sim_process_free(p);
	noting_deinit(&n);
}

struct asking {
	struct xenbus_work work;
	struct sim *sim;
	struct xen_platform *platform;
	unsigned int told;
};

/* As an allocation that the simulator makes while it answers a call. */
static void ask_within(void *ctx, const char *text)
{
	struct asking *a = ctx;

	a->told++;
	assert_false(sim_alloc_fails(a->sim));
}

static void fail_one(struct xenbus_work *work)
{
	struct asking *a = (struct asking *)work;
	struct xen_platform_gnttab *xgt;

	sim_fail_alloc(sim_current(a->sim), 1);
	sim_fail_call(sim_current(a->sim), 1);
	assert_int_equal(xen_platform_gnttab_open(a->platform, &xgt), -ENOMEM);
	assert_int_equal(a->told, 2);
	assert_true(sim_alloc_fails(a->sim));
}

static void an_allocation_within_the_simulator_is_its_own(void **state)
{
	struct asking a = { .work.run = fail_one };
	const struct sim_config config = { .seed = 7, .step = ask_within, .ctx = &a };
	struct sim_process *p;

	assert_int_equal(sim_new(&config, &a.sim), 0);
	p = start(a.sim, 0, "asking");
	a.platform = sim_process_platform(p);
	xenbus_work_post(sim_process_host(p), &a.work);
	assert_true(sim_step(a.sim));
	sim_process_free(p);
	sim_free(a.sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_killed_in_a_call_leaves_nothing_behind),
		cmocka_unit_test(a_dead_process_sees_copies_of_what_it_shared),
		cmocka_unit_test(a_dead_process_dispatched_runs_to_its_end_alone),
		cmocka_unit_test(every_source_of_a_dead_process_gets_its_turn),
		cmocka_unit_test(work_without_end_does_not_hold_a_dead_process),
		cmocka_unit_test(a_dead_holder_of_the_store_ring_keeps_a_copy),
		cmocka_unit_test(a_death_is_told_once_after_its_step),
		cmocka_unit_test(a_death_by_an_action_is_told_after_it),
		cmocka_unit_test(a_death_is_not_told_under_who_waits_for_it),
		cmocka_unit_test(who_is_told_of_one_death_may_free_others),
		cmocka_unit_test(the_end_of_a_domain_kills_its_processes),
		cmocka_unit_test(a_domain_that_was_shut_down_gets_no_turns),
		cmocka_unit_test(a_failed_call_has_no_effect),
		cmocka_unit_test(calls_fail_at_random_up_to_a_number),
		cmocka_unit_test(the_nth_allocation_of_a_callback_fails),
		cmocka_unit_test(an_allocation_at_the_top_is_whose_it_is_said_to_be),
		cmocka_unit_test(an_allocation_within_the_simulator_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
