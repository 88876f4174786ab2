/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_GUESTS_H
#define XENSTORED_GUESTS_H
/*
 * The guests' rings, and what the hypervisor tells of domains.
 *
 *      one event channel handle --- port of domain 5 --> its ring has a turn
 *                               '-- VIRQ_DOM_EXC    --> ask for every domain the store knows
 *
 * A port that was reported is masked. It is unmasked when its ring is at rest, not before: a guest that
 * floods us costs no events, and what it did meanwhile is reported then.
 */
#include <stdbool.h>
#include <stdint.h>

#include <base/idmap.h>
#include <base/list.h>
#include <xenbus/host.h>
#include <xenbus/platform.h>
#include <xenbus/store.h>

struct server;

struct guests {
	struct server *server;
	struct xen_platform *platform; /* borrowed; NULL: no hypervisor, sockets only */
	struct xen_platform_evtchn *xce;
	struct xenbus_source events; /* of xce */
	struct xenbus_source end;    /* of the world */
	uint32_t virq_port;	     /* 0: none */
	bool no_info;		     /* said once that domains cannot be asked for */
	struct idmap ports;	     /* local port -> struct guest */
	struct list all;	     /* struct guest, by .all */
	uint64_t unmapped_in;	     /* number of the store's input that last had a ring unmapped */
	uint32_t unmapped_domid;
};

void guests_init(struct guests *guests, struct server *server);
/* Takes up @platform, which is borrowed until guests_close(); NULL: none, and nothing to do. 0; -errno, logged. */
int guests_open(struct guests *guests, struct xen_platform *platform);
/* Introduces dom0, where the world has a ring for it. 0 or -errno. */
int guests_introduce_dom0(struct guests *guests);
void guests_close(struct guests *guests);

/* STORE_OUT_MAP_RING, answered with STORE_IN_MAPPED at once; STORE_OUT_UNMAP_RING. */
void guests_map(struct guests *guests, const struct store_effect *effect);
void guests_unmap(struct guests *guests, const struct store_effect *effect);

/* store_config.domain_exists; @ctx is the struct server. Where there is no hypervisor, every domain exists. */
bool guests_domain_exists(void *ctx, uint32_t domid);

#endif
