/* SPDX-License-Identifier: MIT */
/* The contract of ends: notifications, closed handles, kill -9, the death of a domain, a power cut; and the
 * store ring, which outlives the processes that use it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "ends.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGE XEN_PLATFORM_PAGE_SIZE
#define NO_OFFSET UINT32_MAX

static void assert_quiet(struct end *e)
{
	assert_int_equal(xen_platform_evtchn_pending(e->xce), -EAGAIN);
}

static void take(struct end *e)
{
	assert_int_equal(fixture_await(e->xce), e->port);
	assert_int_equal(xen_platform_evtchn_unmask(e->xce, e->port), 0);
}

/* -- notifications: how one process learns of the other's end -- */

static void the_end_of_a_mapping_clears_the_byte_then_notifies(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	void *theirs;
	uint8_t *ours;
	uint32_t ref;

	ends_bind(&front, &back);
	ours = end_share(&front, &back, 1, true, &ref);
	end_fill(&front, ours, 1);
	for (int closes = 0; closes < 2; closes++) {
		end_set(&front, ours + 4095, 1);
		assert_int_equal(xen_platform_gnttab_map_notify(back.xgt, front.domid, ref, RW, 4095,
								back.xce, back.port, &theirs),
				 0);
		assert_quiet(&front);
		assert_int_equal(end_get(&front, ours + 4095), 1);
		if (closes) {
			xen_platform_gnttab_close(back.xgt);
			assert_int_equal(xen_platform_gnttab_open(back.platform, &back.xgt), 0);
		} else {
			assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), 0);
		}
		take(&front);
		assert_int_equal(end_get(&front, ours + 4095), 0);
		assert_int_equal(end_get(&front, ours + 4094), 1);
		assert_quiet(&front);
	}
	end_close(&front);
	end_close(&back);
}

/* Read-only for the peer, which the world must be able to write to all the same. */
static void the_end_of_a_share_clears_the_byte_then_notifies(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	uint8_t *theirs;
	void *ours;
	uint32_t ref;

	ends_bind(&front, &back);
	for (int i = 0; i < 4; i++) {
		bool writable = i & 1, closes = i & 2;

		assert_int_equal(xen_platform_gntshr_share_notify(front.xgs, back.domid, writable, 17,
								  front.xce, front.port, &ref, &ours),
				 0);
		end_fill(&front, ours, 1);
		assert_int_equal(end_map(&back, &front, &ref, 1, PROT_READ, &theirs), 0);
		if (closes) {
			xen_platform_gntshr_close(front.xgs);
			assert_int_equal(xen_platform_gntshr_open(front.platform, &front.xgs), 0);
		} else {
			assert_int_equal(end_unshare(&front, ours, 1, 1), 1);
		}
		take(&back);
		assert_int_equal(end_get(&back, theirs + 17), 0);
		assert_true(end_get(&back, theirs + 16) == 1 && end_get(&back, theirs + 18) == 1);
		assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), 0);
	}
	end_close(&front);
	end_close(&back);
}

static void either_part_of_a_notification_may_be_absent(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	void *theirs;
	uint8_t *ours;
	uint32_t ref;

	ends_bind(&front, &back);
	ours = end_share(&front, &back, 1, true, &ref);
	end_set(&front, ours, 1);
	assert_int_equal(xen_platform_gnttab_map_notify(back.xgt, front.domid, ref, RW, 0, NULL, 0, &theirs),
			 0);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), 0);
	assert_int_equal(end_get(&front, ours), 0);
	assert_quiet(&front);
	end_set(&front, ours, 1);
	assert_int_equal(xen_platform_gnttab_map_notify(back.xgt, front.domid, ref, PROT_READ, NO_OFFSET,
							back.xce, back.port, &theirs),
			 0);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), 0);
	take(&front);
	assert_int_equal(end_get(&front, ours), 1);
	end_close(&front);
	end_close(&back);
}

static void a_notification_that_makes_no_sense_is_refused(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0), sibling = end_open(*state, 0);
	struct xen_platform_gnttab *xgt = back.xgt;
	uint32_t ref, domid = front.domid;
	void *page;

	ends_bind(&front, &back);
	end_share(&front, &back, 1, true, &ref);
#define MAP(prot, offset, xce, port) \
	xen_platform_gnttab_map_notify(xgt, domid, ref, prot, offset, xce, port, &page)
	assert_int_equal(MAP(RW, PAGE, NULL, 0), -EINVAL);
	assert_int_equal(MAP(PROT_READ, 0, NULL, 0), -EINVAL);
	assert_int_equal(MAP(RW, 0, NULL, back.port), -EINVAL);
	assert_int_equal(MAP(RW, 0, back.xce, back.port + 1), -EINVAL);
	assert_int_equal(MAP(RW, 0, sibling.xce, back.port), -EINVAL);
	assert_int_equal(xen_platform_gntshr_share_notify(back.xgs, 0, true, PAGE, NULL, 0, &ref, &page),
			 -EINVAL);
	assert_int_equal(xen_platform_gntshr_share_notify(back.xgs, 0, true, 0, back.xce, 99, &ref, &page),
			 -EINVAL);
	end_close(&front);
	end_close(&back);
	end_close(&sibling);
}

/* The notification holds the channel: in whichever order a dying process's handles are closed. */
static void a_notification_is_sent_though_its_port_was_closed_first(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	void *theirs;
	uint8_t *ours;
	uint32_t ref;

	ends_bind(&front, &back);
	ours = end_share(&front, &back, 1, true, &ref);
	end_set(&front, ours + 3, 1);
	assert_int_equal(xen_platform_gnttab_map_notify(back.xgt, front.domid, ref, RW, 3, back.xce,
							back.port, &theirs),
			 0);
	assert_int_equal(xen_platform_evtchn_unbind(back.xce, back.port), 0);
	assert_quiet(&front);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), 0);
	take(&front);
	assert_int_equal(end_get(&front, ours + 3), 0);
	end_close(&front);
	end_close(&back);
}

/* -- kill -9 -- */

struct dying {
	uint32_t peer, port, ref; /* of the one that lives */
	uint32_t its_ref;	  /* the dying one's, through shared memory */
};

static int die_as_mapper(struct xen_platform *platform, void *arg)
{
	struct dying *d = arg;
	struct xen_platform_evtchn *xce;
	struct xen_platform_gnttab *xgt;
	void *page;
	int port;

	if (xen_platform_evtchn_open(platform, &xce) || xen_platform_gnttab_open(platform, &xgt))
		return -1;
	port = xen_platform_evtchn_bind_interdomain(xce, d->peer, d->port);
	if (port < 0)
		return port;
	return xen_platform_gnttab_map_notify(xgt, d->peer, d->ref, RW, 100, xce, (uint32_t)port, &page);
}

static void a_killed_mapper_is_noticed(void **state)
{
	struct fixture *fx = *state;
	struct end front = end_open(fx, 1);
	struct end back = { .domid = fixture_domid(fx, 0) };
	struct dying d = { .peer = front.domid };
	uint8_t *ours = end_share(&front, &back, 1, true, &d.ref);

	front.port = d.port = (uint32_t)xen_platform_evtchn_bind_unbound_port(front.xce, back.domid);
	end_set(&front, ours + 100, 1);
	assert_int_equal(fixture_start(fx, 0, die_as_mapper, &d, sizeof(d)), 0);
	assert_quiet(&front);
	assert_int_equal(end_get(&front, ours + 100), 1);
	fixture_kill(fx);
	take(&front);
	assert_int_equal(end_get(&front, ours + 100), 0);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 1), 0);
	end_close(&front);
}

static int die_as_granter(struct xen_platform *platform, void *arg)
{
	struct dying *d = arg;
	struct xen_platform_evtchn *xce;
	struct xen_platform_gntshr *xgs;
	void *page;
	uint32_t ref;
	int port, err;

	if (xen_platform_evtchn_open(platform, &xce) || xen_platform_gntshr_open(platform, &xgs))
		return -1;
	port = xen_platform_evtchn_bind_interdomain(xce, d->peer, d->port);
	if (port < 0)
		return port;
	err = xen_platform_gntshr_share_notify(xgs, d->peer, false, 100, xce, (uint32_t)port, &ref, &page);
	if (!err)
		memset(page, 5, PAGE);
	return err ? err : (int)ref;
}

static void a_killed_granter_is_noticed(void **state)
{
	struct fixture *fx = *state;
	struct end back = end_open(fx, 0), front = { .domid = fixture_domid(fx, 1) };
	struct dying d = { .peer = back.domid };
	uint8_t *theirs, *again;
	uint32_t ref;
	int result;

	back.port = d.port = (uint32_t)xen_platform_evtchn_bind_unbound_port(back.xce, front.domid);
	result = fixture_start(fx, 1, die_as_granter, &d, sizeof(d));
	assert_true(result >= 8);
	ref = (uint32_t)result;
	assert_int_equal(end_map(&back, &front, &ref, 1, PROT_READ, &theirs), 0);
	assert_true(end_get(&back, theirs + 99) == 5 && end_get(&back, theirs + 100) == 5);
	assert_quiet(&back);
	fixture_kill(fx);
	take(&back);
	assert_true(end_get(&back, theirs + 99) == 5 && end_get(&back, theirs + 100) == 0);
	if (fixture_traits.revokes_mapped)
		assert_int_equal(end_map(&back, &front, &ref, 1, PROT_READ, &again), -EINVAL);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), 0);
	end_close(&back);
}

/* -- the death of a domain -- */

static void a_dead_domains_pages_stay_readable_and_cannot_be_mapped_anew(void **state)
{
	struct fixture *fx = *state;
	struct end front = end_open(fx, 1), back = end_open(fx, 0);
	void *ours;
	uint8_t *theirs, *again;
	uint32_t ref;

	ends_bind(&front, &back);
	assert_int_equal(
		xen_platform_gntshr_share_notify(front.xgs, 0, true, 0, front.xce, front.port, &ref, &ours),
		0);
	end_fill(&front, ours, 8);
	assert_int_equal(end_map(&back, &front, &ref, 1, PROT_READ, &theirs), 0);
	fixture_end_domain(fx, 1);
	if (fixture_traits.death_is_an_end)
		take(&back);
	assert_int_equal(end_get(&back, theirs), fixture_traits.death_is_an_end ? 0 : 8);
	assert_int_equal(end_get(&back, theirs + 1), 8);
	if (fixture_traits.revokes_mapped)
		assert_int_equal(end_map(&back, &front, &ref, 1, PROT_READ, &again), -ESRCH);
	assert_int_equal(xen_platform_evtchn_notify(back.xce, back.port), 0);
	if (fixture_traits.checks_peer)
		assert_int_equal(xen_platform_evtchn_bind_unbound_port(back.xce, front.domid), -ESRCH);
	end_close(&front);
	end_close(&back);
}

static void a_dead_domains_processes_are_told_so(void **state)
{
	struct fixture *fx = *state;
	struct end front = end_open(fx, 1);
	uint32_t ref;
	void *page;

	assert_false(fixture_ended(front.platform));
	fixture_end_domain(fx, 1);
	while (!fixture_ended(front.platform))
		;
	assert_int_equal(xen_platform_evtchn_pending(front.xce), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_bind_unbound_port(front.xce, 0), -ENOTCONN);
	assert_int_equal(xen_platform_gntshr_share(front.xgs, 0, 1, true, &ref, &page), -ENOTCONN);
	assert_true(fixture_ended(front.platform)); /* for ever */
	end_close(&front);
}

/* -- the store ring -- */

static void the_store_ring_is_one_page_and_one_channel(void **state)
{
	struct fixture *fx = *state;
	struct end store = end_open(fx, 0), guest = end_open(fx, 1);
	void *ours, *theirs;
	uint32_t port = 12345;

	assert_int_equal(xen_platform_foreign_store_ring(store.platform, guest.domid, &theirs, &port), 0);
	assert_int_equal(port, 12345);
	store.port = (uint32_t)xen_platform_evtchn_bind_interdomain(store.xce, guest.domid,
								    fixture_store_port(fx, 1));
	take(&store);
	assert_int_equal(xen_platform_store_ring(guest.platform, guest.xce, &ours, &guest.port), 0);
	take(&guest); /* it may have been late */
	strcpy(ours, "request");
	assert_int_equal(xen_platform_evtchn_notify(guest.xce, guest.port), 0);
	take(&store);
	assert_string_equal(theirs, "request");
	assert_int_equal(xen_platform_evtchn_notify(store.xce, store.port), 0);
	take(&guest);
	xen_platform_store_ring_release(guest.platform, ours);
	xen_platform_foreign_store_ring_release(store.platform, guest.domid, theirs);
	end_close(&store);
	end_close(&guest);
}

static void the_store_ring_goes_from_one_process_to_the_next(void **state)
{
	struct fixture *fx = *state;
	struct end store = end_open(fx, 0), first = end_open(fx, 1), next = end_open(fx, 1);
	void *ours, *theirs;

	assert_int_equal(xen_platform_store_ring(first.platform, first.xce, &ours, &first.port), 0);
	assert_int_equal(xen_platform_store_ring(next.platform, next.xce, &theirs, &next.port), -EBUSY);
	store.port = (uint32_t)xen_platform_evtchn_bind_interdomain(store.xce, first.domid, first.port);
	take(&store);
	assert_int_equal(xen_platform_evtchn_notify(store.xce, store.port), 0);
	assert_int_equal(fixture_await(first.xce), first.port); /* and so it is masked when it is let go */
	strcpy(ours, "stays");
	xen_platform_store_ring_release(first.platform, ours);
	assert_int_equal(xen_platform_evtchn_unbind(first.xce, first.port), 0);
	assert_int_equal(xen_platform_store_ring(next.platform, next.xce, &theirs, &next.port), 0);
	assert_int_equal(next.port, first.port);
	assert_string_equal(theirs, "stays");
	take(&next);
	assert_int_equal(xen_platform_evtchn_notify(store.xce, store.port), 0);
	take(&next);
	/* The store restarts: it may bind the same port again. */
	xen_platform_evtchn_close(store.xce);
	assert_int_equal(xen_platform_evtchn_open(store.platform, &store.xce), 0);
	store.port = (uint32_t)xen_platform_evtchn_bind_interdomain(store.xce, next.domid, next.port);
	take(&store);
	assert_int_equal(xen_platform_evtchn_notify(next.xce, next.port), 0);
	take(&store);
	xen_platform_store_ring_release(next.platform, theirs);
	end_close(&store);
	end_close(&first);
	end_close(&next);
}

static void store_rings_are_the_stores_and_their_domains(void **state)
{
	struct fixture *fx = *state;
	struct end dom0 = end_open(fx, 0), guest = end_open(fx, 1), other = end_open(fx, 2);
	uint32_t port, ref = 1;
	uint8_t *page;
	void *ring;

	assert_int_equal(xen_platform_foreign_store_ring(other.platform, guest.domid, &ring, &port), -EPERM);
	assert_int_equal(end_map(&other, &guest, &ref, 1, PROT_READ, &page), -EINVAL);
	assert_int_equal(xen_platform_foreign_store_ring(dom0.platform, 0x7fe0, &ring, &port), -ESRCH);
	assert_int_equal(xen_platform_foreign_store_ring(dom0.platform, 0, &ring, &port), -ENOENT);
	assert_int_equal(
		xen_platform_evtchn_bind_interdomain(other.xce, guest.domid, fixture_store_port(fx, 1)),
		-EINVAL);
	assert_int_equal(xen_platform_domain_info(other.platform, guest.domid), -EPERM);
	assert_int_equal(xen_platform_domain_info(dom0.platform, 0x7fe0), 0);
	assert_int_equal(xen_platform_domain_info(dom0.platform, 0), XEN_PLATFORM_DOMAIN_EXISTS);
	assert_int_equal(xen_platform_domid(guest.platform), fixture_domid(fx, 1));
	end_close(&dom0);
	end_close(&guest);
	end_close(&other);
}

static int hold_store_ring(struct xen_platform *platform, void *arg)
{
	struct xen_platform_evtchn *xce;
	uint32_t port;
	void *page;
	int err = xen_platform_evtchn_open(platform, &xce);

	return err ? err : xen_platform_store_ring(platform, xce, &page, &port);
}

static void a_killed_process_frees_the_store_ring(void **state)
{
	struct fixture *fx = *state;
	struct end guest = end_open(fx, 1);
	void *page;

	assert_int_equal(fixture_start(fx, 1, hold_store_ring, NULL, 0), 0);
	assert_int_equal(xen_platform_store_ring(guest.platform, guest.xce, &page, &guest.port), -EBUSY);
	fixture_kill(fx);
	assert_int_equal(xen_platform_store_ring(guest.platform, guest.xce, &page, &guest.port), 0);
	xen_platform_store_ring_release(guest.platform, page);
	end_close(&guest);
}

/* -- the power cut -- */

static void after_a_power_cut_every_call_says_so(void **state)
{
	struct fixture *fx = *state;
	struct end front = end_open(fx, 1), back = end_open(fx, 0), late;
	uint8_t *ours, *theirs;
	uint32_t ref;
	void *page;

	ends_bind(&front, &back);
	ours = end_share(&front, &back, 1, true, &ref);
	assert_int_equal(end_map(&back, &front, &ref, 1, RW, &theirs), 0);
	late = front;
	fixture_power_cut(fx);
	while (!fixture_ended(front.platform) || !fixture_readable(front.xce))
		;
	assert_int_equal(xen_platform_evtchn_pending(front.xce), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_notify(front.xce, front.port), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_unmask(front.xce, front.port), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_bind_unbound_port(front.xce, 0), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_bind_interdomain(front.xce, 0, 1), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_bind_virq(back.xce, 3), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_unbind(front.xce, front.port), -ENOTCONN);
	assert_int_equal(xen_platform_gntshr_share(front.xgs, 0, 1, true, &ref, &page), -ENOTCONN);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 1), -ENOTCONN);
	assert_int_equal(xen_platform_gnttab_map(back.xgt, 1, &ref, 1, RW, &page), -ENOTCONN);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), -ENOTCONN);
	assert_int_equal(xen_platform_domain_info(back.platform, 1), -ENOTCONN);
	assert_int_equal(xen_platform_store_ring(front.platform, front.xce, &page, &ref), -ENOTCONN);
	assert_int_equal(xen_platform_foreign_store_ring(back.platform, 1, &page, &ref), -ENOTCONN);
	assert_int_equal(xen_platform_evtchn_open(front.platform, &late.xce), -ENOTCONN);
	assert_int_equal(xen_platform_gnttab_open(front.platform, &late.xgt), -ENOTCONN);
	assert_int_equal(xen_platform_gntshr_open(front.platform, &late.xgs), -ENOTCONN);
	assert_true(fixture_ended(front.platform) && fixture_readable(front.xce));
	end_close(&front);
	end_close(&back);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(the_end_of_a_mapping_clears_the_byte_then_notifies),
		CONTRACT(the_end_of_a_share_clears_the_byte_then_notifies),
		CONTRACT(either_part_of_a_notification_may_be_absent),
		CONTRACT(a_notification_that_makes_no_sense_is_refused),
		CONTRACT(a_notification_is_sent_though_its_port_was_closed_first),
		CONTRACT(a_killed_mapper_is_noticed),
		CONTRACT(a_killed_granter_is_noticed),
		CONTRACT(a_dead_domains_pages_stay_readable_and_cannot_be_mapped_anew),
		CONTRACT(a_dead_domains_processes_are_told_so),
		CONTRACT(the_store_ring_is_one_page_and_one_channel),
		CONTRACT(the_store_ring_goes_from_one_process_to_the_next),
		CONTRACT(store_rings_are_the_stores_and_their_domains),
		CONTRACT(a_killed_process_frees_the_store_ring),
		CONTRACT(after_a_power_cut_every_call_says_so),
	};

	return CONTRACT_MAIN(argc, argv, tests);
}
