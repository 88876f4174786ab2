/* SPDX-License-Identifier: MIT */
/* The contract of grants: who may map what, and what an end of it does to the other side. */
#include <errno.h>
#include <sys/mman.h>

#include "ends.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGE XEN_PLATFORM_PAGE_SIZE

static void a_granted_page_is_one_memory(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	uint8_t *ours, *theirs, zeros[PAGE] = { 0 }, page[PAGE];
	uint32_t ref = 0;

	ours = end_share(&front, &back, 1, true, &ref);
	assert_true(ref >= 8);
	fixture_read(front.platform, ours, page, PAGE);
	assert_memory_equal(page, zeros, PAGE);
	assert_int_equal(end_map(&back, &front, &ref, 1, RW, &theirs), 0);
	end_puts(&front, ours, "from the front");
	end_assert_string(&back, theirs, "from the front");
	end_set(&back, theirs + PAGE - 1, 7);
	assert_int_equal(end_get(&front, ours + PAGE - 1), 7);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), 0);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 1), 0);
	end_close(&front);
	end_close(&back);
}

/* Pages come in the order of the refs, whatever that is and whichever shares they are of. */
static void pages_are_mapped_in_the_order_of_the_refs(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	enum { BATCH = 156, SINGLE = 100, ALL = BATCH + SINGLE };
	uint32_t refs[ALL], mixed[ALL];
	uint8_t *ours[ALL], *theirs;

	ours[0] = end_share(&front, &back, BATCH, true, refs);
	for (int i = 1; i < BATCH; i++)
		ours[i] = ours[0] + i * (int)PAGE;
	for (int i = BATCH; i < ALL; i++)
		ours[i] = end_share(&front, &back, 1, true, &refs[i]);
	for (int i = 0; i < ALL; i++) {
		mixed[i] = refs[i * 111 % ALL]; /* 111 and 256 have no common factor: a permutation */
		end_set(&front, ours[i] + 5, (uint8_t)i);
	}
	assert_int_equal(end_map(&back, &front, mixed, ALL, RW, &theirs), 0);
	for (int i = 0; i < ALL; i++)
		assert_int_equal(end_get(&back, theirs + i * (int)PAGE + 5), (uint8_t)(i * 111 % ALL));
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, ALL), 0);
	assert_int_equal(end_map(&back, &front, refs, BATCH, PROT_READ, &theirs), 0);
	for (int i = 0; i < BATCH; i++)
		assert_int_equal(end_get(&back, theirs + i * (int)PAGE + 5), i);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, BATCH), 0);
	end_close(&front);
	end_close(&back);
}

/* Where it lies is the granter's business: the mapper, and the end of it, see no difference. */
static void a_share_may_be_moved(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	uint8_t *ours, *theirs, *at;
	uint32_t ref = 0;

	at = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	ours = end_share(&front, &back, 1, true, &ref);
	if (xen_platform_gntshr_move(front.xgs, ours, 1, at) == -ENOSYS) {
		/* Not the simulator; nor where an end's memory is not this test's. */
		assert_string_not_equal(xen_platform_name(front.platform), "local");
		assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 1), 0);
		munmap(at, PAGE);
	} else {
		assert_int_equal(end_map(&back, &front, &ref, 1, RW, &theirs), 0);
		end_puts(&front, at, "from where it is now");
		end_assert_string(&back, theirs, "from where it is now");
		assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), 0);
		assert_int_equal(xen_platform_gntshr_move(front.xgs, ours, 1, at), -EINVAL);
		assert_int_equal(xen_platform_gntshr_move(front.xgs, at, 1, at + 1), -EINVAL);
		assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 1), -EINVAL);
		assert_int_equal(xen_platform_gntshr_unshare(front.xgs, at, 1), 0);
	}
	end_close(&front);
	end_close(&back);
}

static void counts_and_rights_out_of_range_are_refused(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	uint32_t refs[257] = { 0 };
	uint8_t *page;
	void *addr;

	assert_int_equal(xen_platform_gntshr_share(front.xgs, 0, 0, true, refs, &addr), -EINVAL);
	assert_int_equal(xen_platform_gntshr_share(front.xgs, 0, 257, true, refs, &addr), -EINVAL);
	assert_int_equal(xen_platform_gntshr_share(front.xgs, UINT32_MAX, 1, true, refs, &addr), -ESRCH);
	if (fixture_traits.checks_peer)
		assert_int_equal(xen_platform_gntshr_share(front.xgs, 0x7fe0, 1, true, refs, &addr), -ESRCH);
	end_share(&front, &back, 1, true, refs);
	assert_int_equal(end_map(&back, &front, refs, 0, RW, &page), -EINVAL);
	assert_int_equal(end_map(&back, &front, refs, 257, RW, &page), -EINVAL);
	assert_int_equal(end_map(&back, &front, refs, 1, PROT_WRITE, &page), -EINVAL);
	assert_int_equal(end_map(&back, &front, refs, 1, RW | PROT_EXEC, &page), -EINVAL);
	assert_int_equal(xen_platform_gnttab_map(back.xgt, UINT32_MAX, refs, 1, RW, &addr), -ESRCH);
	assert_int_equal(xen_platform_gnttab_map(back.xgt, 0x7fe0, refs, 1, RW, &addr),
			 fixture_traits.checks_peer ? -ESRCH : -EINVAL);
	end_close(&front);
	end_close(&back);
}

static void only_the_domain_it_was_granted_to_may_map(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0), third = end_open(*state, 2);
	uint32_t refs[3], wrong;
	uint8_t *page;

	end_share(&front, &back, 2, true, refs);
	assert_int_equal(end_map(&third, &front, refs, 1, PROT_READ, &page), -EINVAL);
	assert_int_equal(end_map(&back, &third, refs, 1, PROT_READ, &page), -EINVAL);
	assert_int_equal(end_map(&front, &front, refs, 1, PROT_READ, &page), -EINVAL);
	for (int i = 0; i < 4; i++) {
		wrong = (uint32_t[]){ 2, 7, refs[1] + 1,
				      UINT32_MAX }[i]; /* 0 and 1 are domain 0's: console, store */
		assert_int_equal(end_map(&back, &front, &wrong, 1, PROT_READ, &page), -EINVAL);
	}
	/* One bad reference among good ones: nothing is mapped, as the unshare tells. */
	refs[2] = refs[1] + 1;
	assert_int_equal(end_map(&back, &front, refs, 3, RW, &page), -EINVAL);
	end_close(&front);
	end_close(&back);
	end_close(&third);
}

static void a_read_only_grant_cannot_be_written(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	uint8_t *ours, *theirs;
	uint32_t refs[2];

	ours = end_share(&front, &back, 2, false, refs);
	assert_int_equal(end_map(&back, &front, refs, 2, RW, &theirs), -EINVAL);
	assert_int_equal(end_map(&back, &front, refs, 2, PROT_READ, &theirs), 0);
	end_set(&front, ours, 1);
	end_set(&front, ours + PAGE, 2);
	assert_int_equal(end_get(&back, theirs), 1);
	assert_int_equal(end_get(&back, theirs + PAGE), 2);
	if (fixture_traits.keeps_rights)
		assert_int_equal(fixture_protect(back.platform, theirs, 2 * PAGE, RW), -EACCES);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 2), 0);
	end_close(&front);
	end_close(&back);
}

static void a_read_only_mapping_of_a_writable_grant_stays_so(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	uint8_t *theirs, *writable;
	uint32_t ref;

	end_share(&front, &back, 1, true, &ref);
	assert_int_equal(end_map(&back, &front, &ref, 1, PROT_READ, &theirs), 0);
	if (fixture_traits.keeps_rights)
		assert_int_equal(fixture_protect(back.platform, theirs, PAGE, RW), -EACCES);
	assert_int_equal(end_map(&back, &front, &ref, 1, RW, &writable), 0);
	end_set(&back, writable + 9, 9);
	assert_int_equal(end_get(&back, theirs + 9), 9);
	end_close(&front);
	end_close(&back);
}

static void a_revoked_page_stays_with_who_has_it_mapped(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	uint8_t *ours, *theirs, *again;
	uint32_t refs[3], later;

	ours = end_share(&front, &back, 3, true, refs);
	assert_int_equal(end_map(&back, &front, refs, 2, RW, &theirs), 0);
	end_puts(&front, ours, "secret");
	assert_int_equal(end_unshare(&front, ours, 3, 2), 2);
	end_assert_string(&back, theirs, "secret");
	for (int i = fixture_traits.revokes_mapped ? 0 : 2; i < 3; i++)
		assert_int_equal(end_map(&back, &front, &refs[i], 1, PROT_READ, &again), -EINVAL);
	/* What is granted next is other memory, under another reference. */
	ours = end_share(&front, &back, 1, true, &later);
	assert_true(later != refs[0] && later != refs[1]);
	assert_true(later != refs[2] || !fixture_traits.new_numbers);
	end_puts(&back, theirs, "old");
	assert_int_equal(end_get(&front, ours), 0);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 2), 0);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 1), 0);
	end_close(&front);
	end_close(&back);
}

static void a_page_may_be_mapped_twice(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	uint8_t *ours, *one, *two;
	uint32_t refs[2];

	ours = end_share(&front, &back, 1, true, refs);
	refs[1] = refs[0];
	assert_int_equal(end_map(&back, &front, refs, 2, RW, &one), 0);
	assert_int_equal(end_map(&back, &front, refs, 1, RW, &two), 0);
	end_set(&front, ours, 1);
	assert_true(end_get(&back, one) == 1 && end_get(&back, one + PAGE) == 1 && end_get(&back, two) == 1);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, one, 2), 0);
	assert_int_equal(end_unshare(&front, ours, 1, 1), 1);
	assert_int_equal(end_get(&back, two), 1);
	end_close(&front);
	end_close(&back);
}

static void what_is_not_the_handles_is_refused(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	struct end other = end_open(*state, 0), sibling = end_open(*state, 1);
	uint8_t *ours, *theirs;
	uint32_t refs[2];

	ours = end_share(&front, &back, 2, true, refs);
	assert_int_equal(end_map(&back, &front, refs, 2, RW, &theirs), 0);
	assert_int_equal(xen_platform_gntshr_unshare(sibling.xgs, ours, 2), -EINVAL);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 1), -EINVAL);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours + PAGE, 1), -EINVAL);
	assert_int_equal(xen_platform_gnttab_unmap(other.xgt, theirs, 2), -EINVAL);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 1), -EINVAL);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 2), 0);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, theirs, 2), -EINVAL);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 2), 0);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, ours, 2), -EINVAL);
	end_close(&front);
	end_close(&back);
	end_close(&other);
	end_close(&sibling);
}

static void a_domain_may_grant_to_itself(void **state)
{
	struct end a = end_open(*state, 1), b = end_open(*state, 1);
	uint8_t *ours, *theirs;
	uint32_t ref;

	ours = end_share(&a, &b, 1, true, &ref);
	assert_int_equal(end_map(&b, &a, &ref, 1, RW, &theirs), 0);
	end_set(&a, ours + 1, 3);
	assert_int_equal(end_get(&b, theirs + 1), 3);
	end_close(&a);
	end_close(&b);
}

static void exhaustion_is_refused_and_harms_nobody_else(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0), third = end_open(*state, 2);
	uint32_t ref;
	void *addr, *last = NULL;
	int err, n = 0;

	while (!(err = xen_platform_gntshr_share(front.xgs, 0, 1, true, &ref, &addr))) {
		last = addr;
		assert_true(++n < 1000000);
	}
	assert_int_equal(err, -ENOSPC);
	end_share(&third, &back, 1, true, &ref);
	end_share(&back, &third, 1, true, &ref);
	assert_int_equal(xen_platform_gntshr_unshare(front.xgs, last, 1), 0);
	end_share(&front, &back, 1, true, &ref);
	end_close(&front);
	end_close(&back);
	end_close(&third);
}

/* The same pages again and again, as often as may be: a limit stops it, and what is given back can be had again. */
static void too_many_mappings_are_refused(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 2);
	uint32_t refs[256];
	uint8_t *page, *last = NULL;
	int err, n = 0;

	end_share(&front, &back, 256, true, refs);
	while (!(err = end_map(&back, &front, refs, 256, RW, &page))) {
		last = page;
		assert_true(++n < 10000);
	}
	assert_int_equal(err, -ENOSPC);
	assert_true(n > 0);
	assert_int_equal(xen_platform_gnttab_unmap(back.xgt, last, 256), 0);
	assert_int_equal(end_map(&back, &front, refs, 256, RW, &last), 0);
	end_set(&back, last, 1);
	end_close(&front);
	end_close(&back);
}

/* A grant names who it is for, not the number it has. */
static void a_new_domain_with_an_old_domid_inherits_nothing(void **state)
{
	struct fixture *fx = *state;
	struct end front = end_open(fx, 1), second = end_open(fx, 2), reborn;
	int port = xen_platform_evtchn_bind_unbound_port(front.xce, second.domid);
	uint8_t *page;
	uint32_t ref, old;

	end_share(&front, &second, 1, true, &ref);
	end_share(&second, &front, 1, true, &old);
	fixture_end_domain(fx, 2);
	end_close(&second);
	fixture_close(fx, second.platform);
	fixture_new_domain(fx, 2);
	reborn = end_open(fx, 2);
	assert_int_equal(reborn.domid, second.domid);
	assert_int_equal(end_map(&reborn, &front, &ref, 1, PROT_READ, &page), -EINVAL);
	assert_int_equal(end_map(&front, &reborn, &old, 1, PROT_READ, &page), -EINVAL);
	assert_int_equal(xen_platform_evtchn_bind_interdomain(reborn.xce, front.domid, (uint32_t)port),
			 -EINVAL);
	end_close(&front);
	end_close(&reborn);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(a_granted_page_is_one_memory),
		CONTRACT(pages_are_mapped_in_the_order_of_the_refs),
		CONTRACT(a_share_may_be_moved),
		CONTRACT(counts_and_rights_out_of_range_are_refused),
		CONTRACT(only_the_domain_it_was_granted_to_may_map),
		CONTRACT(a_read_only_grant_cannot_be_written),
		CONTRACT(a_read_only_mapping_of_a_writable_grant_stays_so),
		CONTRACT(a_revoked_page_stays_with_who_has_it_mapped),
		CONTRACT(a_page_may_be_mapped_twice),
		CONTRACT(what_is_not_the_handles_is_refused),
		CONTRACT(a_domain_may_grant_to_itself),
		CONTRACT(exhaustion_is_refused_and_harms_nobody_else),
		CONTRACT(too_many_mappings_are_refused),
		CONTRACT(a_new_domain_with_an_old_domid_inherits_nothing),
	};

	return CONTRACT_MAIN(argc, argv, tests);
}
