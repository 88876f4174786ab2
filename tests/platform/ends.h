/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLATFORM_ENDS_H
#define TESTS_PLATFORM_ENDS_H
/* A process of a domain with one handle of each kind: what a granter or a mapper needs. */
#include <string.h>

#include "fixture.h"

struct end {
	struct xen_platform *platform;
	struct xen_platform_evtchn *xce;
	struct xen_platform_gnttab *xgt;
	struct xen_platform_gntshr *xgs;
	uint32_t domid, port; /* port: after ends_bind() */
};

static inline struct end end_open(struct fixture *fx, int domain)
{
	struct end e = { .platform = fixture_open(fx, domain), .domid = fixture_domid(fx, domain) };

	assert_int_equal(xen_platform_evtchn_open(e.platform, &e.xce), 0);
	assert_int_equal(xen_platform_gnttab_open(e.platform, &e.xgt), 0);
	assert_int_equal(xen_platform_gntshr_open(e.platform, &e.xgs), 0);
	return e;
}

static inline void end_close(struct end *e)
{
	xen_platform_gntshr_close(e->xgs);
	xen_platform_gnttab_close(e->xgt);
	xen_platform_evtchn_close(e->xce);
}

/* A channel between the two; the event of binding is taken. */
static inline void ends_bind(struct end *a, struct end *b)
{
	int port = xen_platform_evtchn_bind_unbound_port(a->xce, b->domid);

	assert_true(port > 0);
	a->port = (uint32_t)port;
	port = xen_platform_evtchn_bind_interdomain(b->xce, a->domid, a->port);
	assert_true(port > 0);
	b->port = (uint32_t)port;
	assert_int_equal(fixture_await(b->xce), b->port);
	assert_int_equal(xen_platform_evtchn_unmask(b->xce, b->port), 0);
}

/* @count pages of @e's, granted to @peer. */
static inline uint8_t *end_share(struct end *e, const struct end *peer, uint32_t count, bool writable,
				 uint32_t *refs)
{
	void *page = NULL;

	assert_int_equal(xen_platform_gntshr_share(e->xgs, peer->domid, count, writable, refs, &page), 0);
	return page;
}

static inline int end_map(struct end *e, const struct end *peer, const uint32_t *refs, uint32_t count,
			  int prot, uint8_t **out)
{
	void *page = NULL;
	int err = xen_platform_gnttab_map(e->xgt, peer->domid, refs, count, prot, &page);

	*out = page;
	return err;
}

/* -- an end's memory -- */

static inline uint8_t end_get(const struct end *e, const void *at)
{
	uint8_t byte;

	fixture_read(e->platform, at, &byte, 1);
	return byte;
}

static inline void end_set(const struct end *e, void *at, uint8_t byte)
{
	fixture_write(e->platform, at, &byte, 1);
}

static inline void end_fill(const struct end *e, void *page, uint8_t byte)
{
	uint8_t bytes[XEN_PLATFORM_PAGE_SIZE];

	memset(bytes, byte, sizeof(bytes));
	fixture_write(e->platform, page, bytes, sizeof(bytes));
}

static inline void end_puts(const struct end *e, void *at, const char *text)
{
	fixture_write(e->platform, at, text, strlen(text) + 1);
}

static inline void end_assert_string(const struct end *e, const void *at, const char *text)
{
	char there[64];

	assert_true(strlen(text) < sizeof(there));
	fixture_read(e->platform, at, there, strlen(text) + 1);
	assert_string_equal(there, text);
}

/* What unshare() says where the peer has @mapped pages of the share. */
static inline int end_unshare(struct end *e, void *page, uint32_t count, int mapped)
{
	int left = xen_platform_gntshr_unshare(e->xgs, page, count);

	return left == 0 && !fixture_traits.counts_mapped ? mapped : left;
}

#endif
