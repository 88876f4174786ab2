/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PEERS_MACHINE_H
#define TESTS_PEERS_MACHINE_H
/*
 * The machine that a server under xenstub.so believes to run on: one file, mapped by the server and by the
 * test that plays all of its domains.
 *
 *     page 0 .. 32751   the store ring of domain 0 .. 32751 (the file is sparse)
 *     then              struct machine: which domains there are, event channels
 *
 * and a FIFO beside it, `events`, from which the server reads its ports as from /dev/xen/evtchn: a port once,
 * and not again before it is unmasked; events in between make one. A guest's end of a channel is a counter,
 * which it waits on as a futex: a thousand guests cost no descriptor.
 */
#include <stdatomic.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

#define MACHINE_DOMAINS 32752u /* real domids; what is above is reserved */
#define MACHINE_PORTS 4096u    /* the server's, 1 and up */
#define MACHINE_PAGE 4096u

#define MACHINE_EXISTS 1u
#define MACHINE_SHUTDOWN 2u

/* An event channel's end in the server. QUEUED is in the FIFO or being handled: masked. */
enum machine_port_state { MACHINE_IDLE, MACHINE_QUEUED, MACHINE_QUEUED_AGAIN };

struct machine_domain {
	_Atomic uint32_t flags;
	_Atomic uint32_t port;	 /* the server's end of its channel, 0: not bound */
	_Atomic uint32_t events; /* raised for the guest so far; futex */
};

struct machine_port {
	_Atomic uint32_t bound;
	_Atomic uint32_t domid;
	_Atomic uint32_t state;
};

struct machine {
	_Atomic uint32_t virq; /* the port that VIRQ_DOM_EXC is bound to, 0: none */
	struct machine_port ports[MACHINE_PORTS];
	struct machine_domain domains[MACHINE_DOMAINS];
};

/* Makes @fd's file large enough. 0; -errno. */
int machine_format(int fd);
/* Maps the description, or one domain's ring page, of such a file; NULL and errno. */
struct machine *machine_map(int fd);
void machine_unmap(struct machine *machine);
struct xenstore_domain_interface *machine_map_ring(int fd, uint32_t domid);

/* An event for the server at @port, which @fifo tells it of. */
void machine_raise(struct machine *machine, int fifo, uint32_t port);
/* The server is done with one: what came meanwhile is told now. */
void machine_unmask(struct machine *machine, int fifo, uint32_t port);
/* An event for the guest. */
void machine_notify(struct machine *machine, uint32_t domid);
/* Waits until more than @seen events were raised for the guest, at most @ms. */
void machine_await(struct machine *machine, uint32_t domid, uint32_t seen, int ms);

#endif
