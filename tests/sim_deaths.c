/* SPDX-License-Identifier: MIT */
/* The simulator's faults: kill -9 anywhere, failing calls and allocations, memory after its end, misuse. */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim_world.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGE XEN_PLATFORM_PAGE_SIZE
#define MSEC 1000000ull

/* A process that has one of each. */
struct body {
	struct sim_process *process;
	struct xenbus_host *host;
	struct xen_platform *platform;
	struct xen_platform_evtchn *xce;
	struct xen_platform_gnttab *xgt;
	struct xen_platform_gntshr *xgs;
	struct xenbus_source events, stream;
	uint32_t port, ref;
	uint8_t *shared, *mapped;
	int fd;
};

static void ready(struct xenbus_source *source, unsigned int events)
{
}

/* What the sweeps below fail: calls in a fixed order, of which each may fail. 0, or what failed; then some is left. */
static int body_fill(struct body *b, uint32_t peer, uint32_t remote_port, uint32_t remote_ref)
{
	void *page;
	int err = xen_platform_evtchn_open(b->platform, &b->xce);

	if (!err)
		err = xen_platform_gnttab_open(b->platform, &b->xgt);
	if (!err)
		err = xen_platform_gntshr_open(b->platform, &b->xgs);
	if (!err)
		err = xen_platform_evtchn_bind_interdomain(b->xce, peer, remote_port);
	if (err > 0) {
		b->port = (uint32_t)err;
		err = xenbus_source_add(b->host, &b->events, xen_platform_evtchn_fd(b->xce),
					XENBUS_SOURCE_READ);
	}
	if (!err)
		err = xen_platform_gntshr_share_notify(b->xgs, peer, true, 0, b->xce, b->port, &b->ref,
						       &page);
	if (!err) {
		b->shared = page;
		err = xen_platform_gnttab_map_notify(b->xgt, peer, remote_ref, RW, 1, b->xce, b->port, &page);
	}
	if (!err) {
		b->mapped = page;
		err = xenbus_stream_connect(b->host, "/socket");
	}
	if (err < 0)
		return err;
	b->fd = err;
	err = xenbus_source_add(b->host, &b->stream, b->fd, XENBUS_SOURCE_READ);
	return err ? err : xen_platform_evtchn_notify(b->xce, b->port);
}

/* In the order of a careful program, alive or dead. */
static void body_empty(struct body *b)
{
	xenbus_source_remove(b->host, &b->stream);
	if (b->fd > 0)
		xenbus_stream_close(b->host, b->fd);
	if (b->mapped)
		xen_platform_gnttab_unmap(b->xgt, b->mapped, 1);
	if (b->shared)
		xen_platform_gntshr_unshare(b->xgs, b->shared, 1);
	xenbus_source_remove(b->host, &b->events);
	if (b->port)
		xen_platform_evtchn_unbind(b->xce, b->port);
	xen_platform_gntshr_close(b->xgs);
	xen_platform_gnttab_close(b->xgt);
	xen_platform_evtchn_close(b->xce);
}

static void body_init(struct body *b, struct sim *sim, uint32_t domid, const char *name)
{
	*b = (struct body){ .process = start(sim, domid, name) };
	b->host = sim_process_host(b->process);
	b->platform = sim_process_platform(b->process);
	b->events.ready = b->stream.ready = ready;
}

/* Front in domain 1, offering a port, a page and a socket; another process of its domain to fill. */
struct scene {
	struct noting noting;
	struct body front, back;
	int accepted;
};

static void accept_one(void *ctx, int fd)
{
	struct scene *s = ctx;

	s->accepted++;
	xenbus_stream_close(s->front.host, fd);
}

static void scene_init(struct scene *s, struct sim_config config)
{
	void *page;

	memset(s, 0, sizeof(*s));
	noting_init(&s->noting, config);
	body_init(&s->front, s->noting.sim, 1, "front");
	assert_int_equal(xen_platform_evtchn_open(s->front.platform, &s->front.xce), 0);
	assert_int_equal(xen_platform_gntshr_open(s->front.platform, &s->front.xgs), 0);
	s->front.port =
		(uint32_t)xen_platform_evtchn_bind_unbound_port(s->front.xce, XEN_PLATFORM_DOMID_SELF);
	assert_int_equal(xen_platform_gntshr_share(s->front.xgs, XEN_PLATFORM_DOMID_SELF, 1, true,
						   &s->front.ref, &page),
			 0);
	s->front.shared = page;
	memset(page, 7, PAGE);
	assert_int_equal(sim_listen(s->front.process, "/socket", accept_one, s), 0);
	body_init(&s->back, s->noting.sim, 1, "back");
}

static int scene_fill(struct scene *s)
{
	return body_fill(&s->back, XEN_PLATFORM_DOMID_SELF, s->front.port, s->front.ref);
}

static void scene_deinit(struct scene *s)
{
	body_empty(&s->front);
	sim_process_free(s->front.process);
	noting_deinit(&s->noting);
}

static struct sim_counts counts_of(const struct scene *s)
{
	struct sim_counts c;

	sim_world_counts(s->noting.sim, &c);
	return c;
}

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

	scene_init(&s, (struct sim_config){ .seed = 1 });
	assert_int_equal(scene_fill(&s), 0);
	assert_int_equal(s.back.mapped[9], 7);
	sim_process_kill(s.back.process);
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
	for (int i = 0; i < 6; i++)
		assert_int_equal(xenbus_host_dispatch(d.body.host, -1), 1);
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
	assert_int_equal(sim_describe(s.noting.sim, text, text, sizeof(text)), 0);
	s.back.mapped = s.back.shared = NULL;
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

static void what_a_process_leaves_at_its_end_is_reported_and_cleared_away(void **state)
{
	struct sim_counts before, after;
	struct scene s;

	scene_init(&s, (struct sim_config){ .seed = 11 });
	before = counts_of(&s);
	assert_int_equal(scene_fill(&s), 0);
	sim_process_free(s.back.process);
	expect_violations(&s.noting, 1,
			  "leaves 3 handles, 1 ports, 1 grants, 1 mappings, 1 streams, 2 sources, 0 timers");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_killed_in_a_call_leaves_nothing_behind),
		cmocka_unit_test(a_dead_process_sees_copies_of_what_it_shared),
		cmocka_unit_test(a_dead_process_dispatched_runs_to_its_end_alone),
		cmocka_unit_test(a_death_is_told_once_after_its_step),
		cmocka_unit_test(the_end_of_a_domain_kills_its_processes),
		cmocka_unit_test(a_domain_that_was_shut_down_gets_no_turns),
		cmocka_unit_test(a_failed_call_has_no_effect),
		cmocka_unit_test(calls_fail_at_random_up_to_a_number),
		cmocka_unit_test(the_nth_allocation_of_a_callback_fails),
		cmocka_unit_test(memory_that_was_given_up_is_a_fault_that_says_whose),
		cmocka_unit_test(unsharing_what_another_domain_maps_is_counted),
		cmocka_unit_test(misuse_is_reported),
		cmocka_unit_test(what_a_process_leaves_at_its_end_is_reported_and_cleared_away),
		cmocka_unit_test(a_callback_that_reaches_into_another_process_or_waits_is_reported),
		cmocka_unit_test(a_stuck_world_and_an_unheard_violation_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
