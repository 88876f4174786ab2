/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_TOOLSTACK_H
#define XENBUS_TOOLSTACK_H
/*
 * The toolstack's part, as libxl does it: it makes both ends' nodes, waits, and takes them away.
 *
 *   /local/domain/F/device/CLASS/ID           nF rB   backend, backend-id, state = 1
 *   /local/domain/B/backend/CLASS/F/ID        nB rF   frontend, frontend-id, online = 1, state = 1
 *
 * All [blocks]: call them from a fiber, xenbus_task_run() for example.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

struct xenbus;

struct xenbus_toolstack_device {
	const char *devicetype;		      /* 1..31 of [a-zA-Z0-9_-] */
	unsigned int frontend_id, backend_id; /* domids */
	unsigned int id;		      /* the device's number, below the class */
};

/* Makes both nodes in one transaction; a device that stands there already is -EEXIST, unless both of its
 * ends are Closed or missing. -EINVAL the class is malformed; -ENOENT a domain has no home in the store. */
int xenbus_toolstack_attach(struct xenbus *bus, const struct xenbus_toolstack_device *device);

/* Waits until @domid has a home in the store, /local/domain/DOMID: it is being built. -ETIMEDOUT after
 * @timeout_ns; -ENOTCONN the store was lost. */
int xenbus_toolstack_wait_domain(struct xenbus *bus, unsigned int domid, uint64_t timeout_ns);

/* Waits until both states are @state. -ETIMEDOUT after @timeout_ns, with *@own and *@other what they are
 * then (backend's, frontend's; may be NULL). -ENOENT the nodes went; -ENOTCONN the store was lost. */
int xenbus_toolstack_wait(struct xenbus *bus, const struct xenbus_toolstack_device *device,
			  unsigned int state, uint64_t timeout_ns, unsigned int *backend,
			  unsigned int *frontend);

/* online = 0 and the backend's state = 5 (unless it is 6) in one transaction, waits for Closed, removes in one
 * transaction both nodes, their error nodes, and the directories that this leaves empty. @force: removes them
 * after @timeout_ns whatever the states are. A frontend's node that is another backend's by now stays.
 * -ETIMEDOUT: not closed and not forced, nothing removed; -ENOENT no such device. */
int xenbus_toolstack_detach(struct xenbus *bus, const struct xenbus_toolstack_device *device, bool force,
			    uint64_t timeout_ns);

/* After the end of a program that was started with @launch in its environment (XENBUS_LAUNCH_ENV): every device of the
 * own domain, backend or frontend, whose instance is of that launch and whose state is not Closed becomes Closed, and
 * error/<nodename>/error says "<errno> backend program @what", "alice-back (pid 7) was killed by signal 9" say. Each in one
 * transaction with the look at its instance: a device that somebody took since is left alone. Returns how many there were;
 * -EINVAL @launch is malformed; an -errno of the store, after the others were tried: call it again. */
int xenbus_toolstack_release(struct xenbus *bus, const char *launch, const char *what);

/* One device as the store shows it. Strings are malloc'ed or NULL. */
struct xenbus_toolstack_entry {
	char *devicetype;
	unsigned int frontend_id, backend_id, id;
	unsigned int frontend_state, backend_state; /* 0: unreadable; XENBUS_STATE_GONE: no node */
	char *frontend_instance, *backend_instance; /* 16 hex digits */
	int64_t age_s; /* of the backend's instance (else the frontend's), seconds; -1 unknown */
	char *frontend_error, *backend_error;
	const char *waits_for; /* static; NULL: nothing */
};
/* Every device of every backend domain, and frontends whose backend's nodes are gone, sorted by class, frontend, id. *@list malloc'ed, *@count entries,
 * freed with xenbus_toolstack_list_free(). A guest, which may not look at others, gets its own domain's. */
int xenbus_toolstack_list(struct xenbus *bus, struct xenbus_toolstack_entry **list, size_t *count);
void xenbus_toolstack_list_free(struct xenbus_toolstack_entry *list, size_t count);

#pragma GCC visibility pop

#endif
