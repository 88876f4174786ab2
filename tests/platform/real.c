/* SPDX-License-Identifier: MIT */
/* What only real Xen can be asked: the store rings, which kernels own; who may do what. */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include <xen/io/xs_wire.h>

#include "ends.h"

/* The indices of a ring in use count bytes, and are never more than a ring apart. */
static void assert_store_ring(const struct xenstore_domain_interface *ring)
{
	assert_true(ring->req_prod - ring->req_cons <= XENSTORE_RING_SIZE);
	assert_true(ring->rsp_prod - ring->rsp_cons <= XENSTORE_RING_SIZE);
	assert_true(ring->req_prod > 0 && ring->rsp_prod > 0);
}

static void a_guests_store_ring_is_the_one_its_kernel_uses(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform *dom0 = fixture_open(fx, 0);
	uint32_t port = 12345, before;
	void *page;

	assert_int_equal(xen_platform_foreign_store_ring(dom0, fixture_domid(fx, 1), &page, &port), 0);
	assert_int_equal(port, 12345);
	assert_store_ring(page);
	before = ((struct xenstore_domain_interface *)page)->req_prod;
	fixture_close(fx, fixture_open(fx, 1)); /* asked for through the store */
	assert_true(((struct xenstore_domain_interface *)page)->req_prod != before);
	xen_platform_foreign_store_ring_release(dom0, fixture_domid(fx, 1), page);
}

static void domain_0s_store_ring_is_its_kernels(void **state)
{
	struct xen_platform *dom0 = fixture_open(*state, 0);
	uint32_t port = 0;
	void *page;

	assert_int_equal(xen_platform_foreign_store_ring(dom0, 0, &page, &port), 0);
	assert_true(port > 0);
	assert_store_ring(page);
	xen_platform_foreign_store_ring_release(dom0, 0, page);
}

static void store_rings_are_not_for_everybody(void **state)
{
	struct fixture *fx = *state;
	struct end dom0 = end_open(fx, 0), guest = end_open(fx, 1), other = end_open(fx, 2);
	uint32_t port, ref = 1;
	uint8_t *page;
	void *ring;

	assert_int_equal(end_map(&other, &guest, &ref, 1, PROT_READ, &page), -EINVAL);
	assert_true(xen_platform_foreign_store_ring(other.platform, guest.domid, &ring, &port) < 0);
	assert_int_equal(xen_platform_foreign_store_ring(dom0.platform, 0x7fe0, &ring, &port), -ESRCH);
	assert_int_equal(xen_platform_store_ring(guest.platform, guest.xce, &ring, &port), -ENOSYS);
	assert_int_equal(xen_platform_store_ring(dom0.platform, dom0.xce, &ring, &port), -ENOSYS);
	end_close(&dom0);
	end_close(&guest);
	end_close(&other);
}

static void domains_are_known_to_domain_0_only(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform *dom0 = fixture_open(fx, 0), *guest = fixture_open(fx, 1);

	assert_int_equal(xen_platform_domid(dom0), 0);
	assert_int_equal(xen_platform_domid(guest), -ENOSYS);
	assert_int_equal(xen_platform_fd(dom0), -ENOSYS);
	assert_int_equal(xen_platform_domain_info(dom0, 0), XEN_PLATFORM_DOMAIN_EXISTS);
	assert_int_equal(xen_platform_domain_info(dom0, fixture_domid(fx, 1)), XEN_PLATFORM_DOMAIN_EXISTS);
	assert_int_equal(xen_platform_domain_info(dom0, 0x7fe0), 0);
	assert_int_equal(xen_platform_domain_info(guest, 0), -EPERM);
	assert_string_equal(xen_platform_name(dom0), "xen");
}

/* Xen binds it for any domain; it is raised in domain 0's xenstored only. */
static void a_guest_may_bind_the_virq_and_hears_nothing(void **state)
{
	struct end guest = end_open(*state, 1);

	assert_true(xen_platform_evtchn_bind_virq(guest.xce, 3) > 0);
	assert_int_equal(xen_platform_evtchn_pending(guest.xce), -EAGAIN);
	end_close(&guest);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(a_guests_store_ring_is_the_one_its_kernel_uses),
		CONTRACT(domain_0s_store_ring_is_its_kernels),
		CONTRACT(store_rings_are_not_for_everybody),
		CONTRACT(a_guest_may_bind_the_virq_and_hears_nothing),
		CONTRACT(domains_are_known_to_domain_0_only),
	};

	return CONTRACT_MAIN(argc, argv, tests);
}
