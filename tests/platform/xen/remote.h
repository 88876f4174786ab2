/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLATFORM_XEN_REMOTE_H
#define TESTS_PLATFORM_XEN_REMOTE_H
/*
 * A xen_platform whose calls the partner in a guest makes. Addresses that it returns are the partner's.
 * When the guest is gone each call answers -ENOTCONN, and closing is all that is left.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct xen_platform;
struct xen_platform_evtchn;

/* @channel belongs to the caller; *@channel is NULL when the guest has ended. NULL: the partner could not. */
struct xen_platform *remote_open(struct channel **channel);
/* Whether @platform is one. */
bool remote_is(const struct xen_platform *platform);
void remote_read(struct xen_platform *platform, const void *addr, void *buf, size_t len);
void remote_write(struct xen_platform *platform, void *addr, const void *buf, size_t len);
int remote_protect(struct xen_platform *platform, void *addr, size_t len, int prot);
bool remote_readable(struct xen_platform_evtchn *xce, int timeout_ms);

#endif
