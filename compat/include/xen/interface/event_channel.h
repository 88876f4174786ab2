/* SPDX-License-Identifier: MIT */
#ifndef _XEN_INTERFACE_EVENT_CHANNEL_H
#define _XEN_INTERFACE_EVENT_CHANNEL_H
#include <xen/interface/xen.h>

typedef u32 evtchn_port_t;

#define EVTCHNOP_bind_interdomain 0
#define EVTCHNOP_close 3
#define EVTCHNOP_send 4
#define EVTCHNOP_alloc_unbound 6
#define EVTCHNOP_unmask 9

struct evtchn_alloc_unbound {
	domid_t dom;	    /* in: DOMID_SELF */
	domid_t remote_dom; /* in */
	evtchn_port_t port; /* out */
};
struct evtchn_bind_interdomain {
	domid_t remote_dom;	   /* in */
	evtchn_port_t remote_port; /* in */
	evtchn_port_t local_port;  /* out */
};
struct evtchn_close {
	evtchn_port_t port;
};
struct evtchn_send {
	evtchn_port_t port;
};
struct evtchn_unmask {
	evtchn_port_t port;
};

#endif
