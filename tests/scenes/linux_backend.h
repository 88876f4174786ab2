/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SCENES_LINUX_BACKEND_H
#define TESTS_SCENES_LINUX_BACKEND_H
/*
 * A scripted peer: Linux's blkback or netback as the lab recorded it (tests/golden), in the place of alice's backend.
 *
 *     frontend's state --watch--> event --tests/golden/DRIVER.txt--> states, written as Linux's bus writes them
 *
 * It maps what the frontend grants and binds its port, and lets go when Linux does. It has no instance and knows of none;
 * what it does is not judged, but what the frontend does is.
 */
#include "scene.h"

struct linux_backend;

/* @driver: "blkback" or "netback". In the process of scene->back, which is started. */
struct linux_backend *linux_backend_start(struct scene *scene, const char *driver);
/* Ends its process; the device is gone by then. */
void linux_backend_stop(struct linux_backend *backend);
bool linux_backend_has_device(const struct linux_backend *backend);
/* Connections that it answered with Connected so far. */
unsigned int linux_backend_connections(const struct linux_backend *backend);

#endif
