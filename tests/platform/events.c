/* SPDX-License-Identifier: MIT */
/* The contract of event channels: <xenbus/platform.h>, in whichever world the fixture is linked for. */
#include <errno.h>

#include "fixture.h"

static struct xen_platform_evtchn *open_evtchn(struct xen_platform *platform)
{
	struct xen_platform_evtchn *xce = NULL;

	assert_int_equal(xen_platform_evtchn_open(platform, &xce), 0);
	return xce;
}

static void assert_quiet(struct xen_platform_evtchn *xce)
{
	assert_int_equal(xen_platform_evtchn_pending(xce), -EAGAIN);
	assert_false(fixture_readable(xce));
}

static void take(struct xen_platform_evtchn *xce, uint32_t port)
{
	assert_int_equal(fixture_await(xce), port);
	assert_int_equal(xen_platform_evtchn_unmask(xce, port), 0);
}

/* Of many notifications, some may have come while the first was on its way. */
static void take_merged(struct xen_platform_evtchn *xce, uint32_t port)
{
	int again;

	take(xce, port);
	if (fixture_traits.merges_all)
		return;
	again = xen_platform_evtchn_pending(xce);
	assert_true(again == -EAGAIN || again == (int)port);
	if (again > 0)
		assert_int_equal(xen_platform_evtchn_unmask(xce, port), 0);
}

/* Domain 1 offers, domain 0 binds; the event of binding is taken. */
struct pair {
	struct xen_platform *front, *back;
	struct xen_platform_evtchn *f, *b;
	uint32_t fport, bport;
};

static struct pair new_pair(struct fixture *fx)
{
	struct pair p = { .front = fixture_open(fx, 1), .back = fixture_open(fx, 0) };
	int port;

	p.f = open_evtchn(p.front);
	p.b = open_evtchn(p.back);
	port = xen_platform_evtchn_bind_unbound_port(p.f, 0);
	assert_true(port > 0);
	p.fport = (uint32_t)port;
	port = xen_platform_evtchn_bind_interdomain(p.b, fixture_domid(fx, 1), p.fport);
	assert_true(port > 0);
	p.bport = (uint32_t)port;
	take(p.b, p.bport);
	return p;
}

static void free_pair(struct pair *p)
{
	xen_platform_evtchn_close(p->f);
	xen_platform_evtchn_close(p->b);
}

static void binding_raises_one_event_at_the_binder_only(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform_evtchn *f = open_evtchn(fixture_open(fx, 1));
	struct xen_platform_evtchn *b = open_evtchn(fixture_open(fx, 0));
	int fport = xen_platform_evtchn_bind_unbound_port(f, 0), bport;

	assert_quiet(f);
	assert_int_equal(xen_platform_evtchn_notify(f, (uint32_t)fport), 0); /* nobody there yet */
	bport = xen_platform_evtchn_bind_interdomain(b, fixture_domid(fx, 1), (uint32_t)fport);
	assert_true(fport > 0 && bport > 0);
	take(b, (uint32_t)bport);
	assert_quiet(b);
	assert_quiet(f);
	xen_platform_evtchn_close(f);
	xen_platform_evtchn_close(b);
}

static void many_notifications_are_one_event(void **state)
{
	struct pair p = new_pair(*state);

	for (int i = 0; i < 1000; i++)
		assert_int_equal(xen_platform_evtchn_notify(p.b, p.bport), 0);
	take_merged(p.f, p.fport);
	assert_quiet(p.f);
	assert_quiet(p.b);
	assert_int_equal(xen_platform_evtchn_notify(p.f, p.fport), 0);
	take(p.b, p.bport);
	assert_quiet(p.b);
	free_pair(&p);
}

static void a_taken_port_is_masked_until_unmasked(void **state)
{
	struct pair p = new_pair(*state);

	assert_int_equal(xen_platform_evtchn_notify(p.b, p.bport), 0);
	assert_int_equal(fixture_await(p.f), p.fport);
	assert_int_equal(xen_platform_evtchn_notify(p.b, p.bport), 0);
	assert_quiet(p.f); /* masked, though pending */
	assert_int_equal(xen_platform_evtchn_unmask(p.f, p.fport), 0);
	take(p.f, p.fport);
	assert_quiet(p.f);
	/* Unmasking what is not masked changes nothing. */
	assert_int_equal(xen_platform_evtchn_unmask(p.f, p.fport), 0);
	assert_quiet(p.f);
	assert_int_equal(xen_platform_evtchn_notify(p.b, p.bport), 0);
	assert_int_equal(xen_platform_evtchn_unmask(p.f, p.fport), 0);
	take(p.f, p.fport);
	assert_quiet(p.f);
	free_pair(&p);
}

/* One port that is never quiet does not hide another. */
static void every_pending_port_gets_its_turn(void **state)
{
	struct fixture *fx = *state;
	struct pair p = new_pair(fx);
	int other = xen_platform_evtchn_bind_unbound_port(p.f, 0), remote;
	bool seen = false;

	remote = xen_platform_evtchn_bind_interdomain(p.b, fixture_domid(fx, 1), (uint32_t)other);
	take(p.b, (uint32_t)remote);
	assert_int_equal(xen_platform_evtchn_notify(p.b, (uint32_t)remote), 0);
	for (int i = 0; i < 3 && !seen; i++) {
		assert_int_equal(xen_platform_evtchn_notify(p.b, p.bport), 0);
		uint32_t port = fixture_await(p.f);

		seen = port == (uint32_t)other;
		assert_int_equal(xen_platform_evtchn_unmask(p.f, port), 0);
	}
	assert_true(seen);
	free_pair(&p);
}

static void only_the_domain_it_was_offered_to_may_bind(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform_evtchn *f = open_evtchn(fixture_open(fx, 1));
	struct xen_platform_evtchn *b = open_evtchn(fixture_open(fx, 0));
	struct xen_platform_evtchn *other = open_evtchn(fixture_open(fx, 2));
	int port = xen_platform_evtchn_bind_unbound_port(f, 0);
	uint32_t dom1 = fixture_domid(fx, 1);

	assert_int_equal(xen_platform_evtchn_bind_interdomain(other, dom1, (uint32_t)port), -EINVAL);
	assert_int_equal(xen_platform_evtchn_bind_interdomain(b, dom1, (uint32_t)port + 1), -EINVAL);
	assert_int_equal(xen_platform_evtchn_bind_interdomain(b, dom1, UINT32_MAX), -EINVAL);
	assert_int_equal(xen_platform_evtchn_bind_interdomain(b, 0x7fe0, (uint32_t)port), -ESRCH);
	assert_int_equal(xen_platform_evtchn_bind_interdomain(b, UINT32_MAX, (uint32_t)port), -ESRCH);
	if (fixture_traits.checks_peer)
		assert_int_equal(xen_platform_evtchn_bind_unbound_port(f, 0x7fe0), -ESRCH);
	assert_true(xen_platform_evtchn_bind_interdomain(b, dom1, (uint32_t)port) > 0);
	/* Bound already. */
	assert_int_equal(xen_platform_evtchn_bind_interdomain(b, dom1, (uint32_t)port), -EINVAL);
	xen_platform_evtchn_close(f);
	xen_platform_evtchn_close(b);
	xen_platform_evtchn_close(other);
}

static void a_domain_may_bind_to_itself(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform_evtchn *a = open_evtchn(fixture_open(fx, 0));
	struct xen_platform_evtchn *b = open_evtchn(fixture_open(fx, 0));
	int aport = xen_platform_evtchn_bind_unbound_port(a, XEN_PLATFORM_DOMID_SELF);
	int bport = xen_platform_evtchn_bind_interdomain(b, XEN_PLATFORM_DOMID_SELF, (uint32_t)aport);

	assert_true(aport > 0 && bport > 0 && aport != bport);
	take(b, (uint32_t)bport);
	assert_int_equal(xen_platform_evtchn_notify(b, (uint32_t)bport), 0);
	take(a, (uint32_t)aport);
	xen_platform_evtchn_close(a);
	xen_platform_evtchn_close(b);
}

static void what_is_not_the_handles_port_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct pair p = new_pair(fx);
	struct xen_platform_evtchn *sibling = open_evtchn(p.front);

	for (int i = 0; i < 3; i++) {
		uint32_t port = (uint32_t[]){ 0, p.fport, 77777 }[i];

		assert_int_equal(xen_platform_evtchn_notify(sibling, port), -EINVAL);
		assert_int_equal(xen_platform_evtchn_unmask(sibling, port), -EINVAL);
		assert_int_equal(xen_platform_evtchn_unbind(sibling, port), -EINVAL);
	}
	assert_int_equal(xen_platform_evtchn_unbind(p.f, p.fport), 0);
	assert_int_equal(xen_platform_evtchn_unbind(p.f, p.fport), -EINVAL);
	assert_int_equal(xen_platform_evtchn_notify(p.f, p.fport), -EINVAL);
	xen_platform_evtchn_close(sibling);
	free_pair(&p);
}

static void notifying_a_closed_peer_is_silent(void **state)
{
	struct fixture *fx = *state;
	struct pair p = new_pair(fx);

	assert_int_equal(xen_platform_evtchn_notify(p.b, p.bport), 0);
	assert_int_equal(xen_platform_evtchn_unbind(p.f, p.fport), 0);
	assert_quiet(p.f); /* what was pending went with the port */
	assert_int_equal(xen_platform_evtchn_notify(p.b, p.bport), 0);
	assert_quiet(p.b);
	free_pair(&p);
}

static void what_was_notified_before_a_close_still_arrives(void **state)
{
	struct pair p = new_pair(*state);

	assert_int_equal(xen_platform_evtchn_notify(p.b, p.bport), 0);
	assert_int_equal(xen_platform_evtchn_unbind(p.b, p.bport), 0);
	take(p.f, p.fport);
	assert_quiet(p.f);
	assert_int_equal(xen_platform_evtchn_notify(p.f, p.fport), 0); /* nobody there any more */
	free_pair(&p);
}

/* The end that stays is unbound again: offered to the domain of the one that left, and to nobody else. */
static void after_a_close_only_the_closers_domain_may_bind_again(void **state)
{
	struct fixture *fx = *state;
	struct pair p = new_pair(fx);
	struct xen_platform_evtchn *third = open_evtchn(fixture_open(fx, 2));
	uint32_t dom1 = fixture_domid(fx, 1);
	int again;

	xen_platform_evtchn_close(p.b);
	p.b = open_evtchn(p.back);
	assert_int_equal(xen_platform_evtchn_bind_interdomain(third, dom1, p.fport), -EINVAL);
	again = xen_platform_evtchn_bind_interdomain(p.b, dom1, p.fport);
	assert_true(again > 0);
	take(p.b, (uint32_t)again);
	assert_int_equal(xen_platform_evtchn_notify(p.f, p.fport), 0);
	take(p.b, (uint32_t)again);
	assert_int_equal(xen_platform_evtchn_notify(p.b, (uint32_t)again), 0);
	take(p.f, p.fport);
	xen_platform_evtchn_close(third);
	free_pair(&p);
}

static int offer(struct xen_platform *platform, void *arg)
{
	struct xen_platform_evtchn *xce;
	int err = xen_platform_evtchn_open(platform, &xce);

	return err ? err : xen_platform_evtchn_bind_unbound_port(xce, 0);
}

static void a_killed_process_leaves_its_ports(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform_evtchn *b = open_evtchn(fixture_open(fx, 0));
	uint32_t dom1 = fixture_domid(fx, 1);
	int bound = fixture_start(fx, 1, offer, NULL, 0), port;

	assert_true(bound > 0);
	port = xen_platform_evtchn_bind_interdomain(b, dom1, (uint32_t)bound);
	assert_true(port > 0);
	take(b, (uint32_t)port);
	fixture_kill(fx);
	assert_int_equal(xen_platform_evtchn_notify(b, (uint32_t)port), 0);
	assert_int_equal(xen_platform_evtchn_bind_interdomain(b, dom1, (uint32_t)bound), -EINVAL);
	assert_quiet(b);
	xen_platform_evtchn_close(b);
}

static void port_numbers_are_not_reused_at_once(void **state)
{
	struct xen_platform_evtchn *f = open_evtchn(fixture_open(*state, 1));
	int first = xen_platform_evtchn_bind_unbound_port(f, 0), second;

	assert_int_equal(xen_platform_evtchn_unbind(f, (uint32_t)first), 0);
	second = xen_platform_evtchn_bind_unbound_port(f, 0);
	assert_true(second > 0 && (second != first || !fixture_traits.new_numbers));
	xen_platform_evtchn_close(f);
}

/* A domain that takes all it may is refused; others are not; what it gives back can be had again. */
static void exhaustion_is_refused_and_harms_nobody_else(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform_evtchn *f = open_evtchn(fixture_open(fx, 1));
	struct xen_platform_evtchn *other = open_evtchn(fixture_open(fx, 2));
	int port, last = 0, n = 0;

	while ((port = xen_platform_evtchn_bind_unbound_port(f, 0)) > 0) {
		last = port;
		assert_true(++n < 100000);
	}
	assert_int_equal(port, -ENOSPC);
	assert_true(xen_platform_evtchn_bind_unbound_port(other, 0) > 0);
	assert_int_equal(xen_platform_evtchn_unbind(f, (uint32_t)last), 0);
	assert_true(xen_platform_evtchn_bind_unbound_port(f, 0) > 0);
	xen_platform_evtchn_close(f);
	xen_platform_evtchn_close(other);
}

#define VIRQ_TIMER 0
#define VIRQ_DOM_EXC 3

/* It goes to one, on a machine to its xenstored. */
static int bind_dom_exc(struct xen_platform_evtchn *xce)
{
	int port = xen_platform_evtchn_bind_virq(xce, VIRQ_DOM_EXC);

	assert_int_equal(port < 0 ? port : 0, fixture_traits.dom_exc_free ? 0 : -EEXIST);
	return port;
}

static void the_virq_of_a_domains_death_has_one_listener(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform *dom0 = fixture_open(fx, 0);
	struct xen_platform_evtchn *b = open_evtchn(dom0), *second = open_evtchn(dom0);
	struct xen_platform_evtchn *f = open_evtchn(fixture_open(fx, 1));
	int port = bind_dom_exc(b);

	assert_int_equal(xen_platform_evtchn_bind_virq(second, VIRQ_DOM_EXC), -EEXIST);
	assert_int_equal(xen_platform_evtchn_bind_virq(b, VIRQ_TIMER), -EINVAL);
	if (port > 0) {
		assert_int_equal(xen_platform_evtchn_bind_virq(f, VIRQ_DOM_EXC), -EPERM);
		assert_int_equal(xen_platform_evtchn_notify(b, (uint32_t)port), -EINVAL);
		assert_quiet(b);
		assert_int_equal(xen_platform_evtchn_unbind(b, (uint32_t)port), 0);
		assert_true(xen_platform_evtchn_bind_virq(second, VIRQ_DOM_EXC) > 0);
	}
	xen_platform_evtchn_close(f);
	xen_platform_evtchn_close(b);
	xen_platform_evtchn_close(second);
}

static void the_death_of_a_domain_is_told_to_dom0(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform *dom0 = fixture_open(fx, 0);
	struct xen_platform_evtchn *b = open_evtchn(dom0);
	uint32_t dom2 = fixture_domid(fx, 2);
	int port = bind_dom_exc(b);

	assert_int_equal(xen_platform_domain_info(dom0, dom2), XEN_PLATFORM_DOMAIN_EXISTS);
	assert_quiet(b);
	fixture_end_domain(fx, 2);
	if (port > 0)
		take(b, (uint32_t)port);
	assert_int_equal(xen_platform_domain_info(dom0, dom2), 0);
	assert_quiet(b);
	xen_platform_evtchn_close(b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(binding_raises_one_event_at_the_binder_only),
		CONTRACT(many_notifications_are_one_event),
		CONTRACT(a_taken_port_is_masked_until_unmasked),
		CONTRACT(every_pending_port_gets_its_turn),
		CONTRACT(only_the_domain_it_was_offered_to_may_bind),
		CONTRACT(a_domain_may_bind_to_itself),
		CONTRACT(what_is_not_the_handles_port_is_refused),
		CONTRACT(notifying_a_closed_peer_is_silent),
		CONTRACT(what_was_notified_before_a_close_still_arrives),
		CONTRACT(after_a_close_only_the_closers_domain_may_bind_again),
		CONTRACT(a_killed_process_leaves_its_ports),
		CONTRACT(port_numbers_are_not_reused_at_once),
		CONTRACT(exhaustion_is_refused_and_harms_nobody_else),
		CONTRACT(the_virq_of_a_domains_death_has_one_listener),
		CONTRACT(the_death_of_a_domain_is_told_to_dom0),
	};

	return CONTRACT_MAIN(argc, argv, tests);
}
