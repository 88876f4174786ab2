/* SPDX-License-Identifier: MIT */
#ifndef BUS_TOOLSTACK_H
#define BUS_TOOLSTACK_H
/* What the toolstack's files share. */
#include "bus.h"
#include <xenbus/toolstack.h>

#define TOOLSTACK_TRIES 64 /* a transaction that conflicts that often is news by itself */

#define TOOLSTACK_PATH_MAX 112

struct toolstack_paths {
	char front[TOOLSTACK_PATH_MAX], back[TOOLSTACK_PATH_MAX];
};
/* 0; -EINVAL the class or a domid is malformed. */
int toolstack_paths(const struct xenbus_toolstack_device *device, struct toolstack_paths *out);
/* <dir>/state: 0..8, XENBUS_STATE_GONE where there is none, Unknown where it is unreadable. */
unsigned int toolstack_state(struct xenbus *bus, struct xenbus_transaction t, const char *dir);
/* Dom0 always has one. */
bool toolstack_has_home(struct xenbus *bus, struct xenbus_transaction t, unsigned int domid);
/* @perms: NUL-terminated entries, @len bytes. */
int toolstack_set_perms(struct xenbus *bus, struct xenbus_transaction t, const char *path, const char *perms,
			size_t len);
/* Until the backend's state is @state. 0, -ETIMEDOUT, -ENOENT the node is gone. */
int toolstack_wait_back(struct xenbus *bus, const struct toolstack_paths *paths, unsigned int state,
			uint64_t timeout_ns);

#endif
