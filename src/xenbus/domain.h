/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_DOMAIN_H
#define XENBUS_DOMAIN_H
/*
 * A domain in the store, as libxl writes it: the toolstack's nodes readable by the guest, a few that are the
 * guest's own, and INTRODUCE.
 *
 *     /local/domain/N              n0 rN     name, domid, vm, store/port, store/ring-ref
 *       cpu memory device control  n0 rN
 *       data drivers feature attr error control/shutdown   nN
 *     /vm/UUID                     n0 rN     name, uuid
 */
#include <stdbool.h>
#include <stdint.h>

struct world_dir;
struct xen_local;
struct xen_local_store;
struct xenstore;

#define DOMAIN_NAME_MAX 64u
#define DOMAIN_VM_MAX 48u

struct domain {
	uint32_t domid;
	uint64_t gfn;
	uint32_t port;
	char name[DOMAIN_NAME_MAX];
	char vm[DOMAIN_VM_MAX]; /* "/vm/UUID" */
};

/* Fills @domain for the one that the broker made as @domid with the ring @store. @name NULL: "Domain-DOMID"; at
 * most DOMAIN_NAME_MAX - 1 bytes. Its /vm path is random. 0 or -errno. */
int domain_init(struct domain *domain, uint32_t domid, const struct xen_local_store *store, const char *name);

/* Writes the nodes in one transaction, then introduces the domain, which exists already. 0 or -errno: nothing
 * of it is left in the store. */
int domain_introduce(struct xenstore *xs, const struct domain *domain);
/* Takes back all that introduce() did for @domid, by whomever; what is gone already is no error. 0, or an -errno of
 * the rest. */
int domain_forget(struct xenstore *xs, uint32_t domid);

/* Has it a home in the store? */
bool domain_exists(struct xenstore *xs, uint32_t domid);

/* Detaches, by force where they do not close by themselves, all devices that have an end in @domid. 0 or -errno;
 * > 0: an exit status, told already. */
int domain_detach_devices(const char *run_dir, uint32_t domid);

/* After the domain's end: detaches its devices and forgets it, unless the end was the whole world's (`down` is
 * over once the lock is ours). Returns 0, or CLI_FAILURE after saying what could not be removed. */
int domain_clear(const struct world_dir *dir, struct xen_local *local, uint32_t domid);

/* dom0's own nodes: /local/domain/0/name and domid. */
int domain_write_dom0(struct xenstore *xs);

#endif
