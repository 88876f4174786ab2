/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_SPAWN_H
#define PLATFORM_LOCAL_SPAWN_H
struct xen_local_spawn;

/* A sealed memfd with what to start, the caller's; -E2BIG; other -errno. */
int spawn_text(const struct xen_local_spawn *spawn);

#endif
