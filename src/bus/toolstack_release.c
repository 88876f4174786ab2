/* SPDX-License-Identifier: MIT */
/*
 * A program died and could not say Closed for its devices; whoever started it says so.
 *
 *     backend/TYPE/DOMID/ID/instance     "<16 hex digits> <seconds> <launch>"   relative to the own domain's home
 *     device/TYPE/ID/instance
 */
#include "toolstack.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRONT_LEVELS 2 /* of directories below device/, */
#define BACK_LEVELS 3  /* and below backend/ */

struct release {
	struct xenbus *bus;
	const char *launch, *what;
	int count, err; /* of devices released; the first error */
};

/* Was the device taken by a program of that launch? -ENOENT: it has no instance. */
static int is_of_launch(struct release *r, struct xenbus_transaction t, const char *node)
{
	char *instance;
	const char *launch;
	int err = xenbus_read(r->bus, t, node, "instance", &instance, NULL), is;

	if (err)
		return err;
	launch = strrchr(instance, ' ');
	is = launch && !strcasecmp(launch + 1, r->launch);
	free(instance);
	return is;
}

static const char *side_of(const char *node)
{
	return !strncmp(node, "backend/", strlen("backend/")) ? "backend" : "frontend";
}

static int say_closed(struct release *r, struct xenbus_transaction t, const char *node)
{
	char dir[XENSTORE_PATH_MAX + 1];
	int err = xenbus_printf(r->bus, t, node, "state", "%d", XenbusStateClosed);

	if (!err && snprintf(dir, sizeof(dir), "error/%s", node) < (int)sizeof(dir))
		err = xenbus_printf(r->bus, t, dir, "error", "%d %s program %s", -ESRCH, side_of(node),
				    r->what);
	return err;
}

/* 1 released; 0 not ours, or Closed already; -EAGAIN; -errno. */
static int release_once(struct release *r, const char *node)
{
	struct xenbus_transaction t;
	int err = xenbus_transaction_start(r->bus, &t), end, ours;

	if (err)
		return err;
	ours = is_of_launch(r, t, node);
	if (ours > 0) {
		unsigned int state = toolstack_state(r->bus, t, node);

		ours = state != XenbusStateClosed && state != XENBUS_STATE_GONE;
	}
	err = ours > 0 ? say_closed(r, t, node) : ours;
	end = xenbus_transaction_end(r->bus, t, err || !ours);
	return err ? err : end ? end : ours;
}

static void release_device(struct release *r, const char *node)
{
	int got = -EAGAIN;

	for (int tries = 0; tries < TOOLSTACK_TRIES && got == -EAGAIN; tries++)
		got = release_once(r, node);
	if (got > 0) {
		r->count++;
		bus_log(r->bus, XENBUS_LOG_ERROR, "%s: %s program %s: Closed for it", node, side_of(node),
			r->what);
	} else if (got && got != -ENOENT && !r->err) {
		r->err = got;
	}
}

/* All devices @levels of directories below @dir. What is gone meanwhile is no error. */
static void release_below(struct release *r, const char *dir, unsigned int levels)
{
	char below[XENSTORE_PATH_MAX + 1], **names;
	size_t count;
	int err = xenbus_directory(r->bus, XBT_NIL, dir, "", &names, &count);

	if (err && err != -ENOENT && !r->err)
		r->err = err;
	if (err)
		return;
	for (size_t i = 0; i < count; i++) {
		if (bus_path(below, dir, names[i]))
			continue;
		if (levels > 1)
			release_below(r, below, levels - 1);
		else
			release_device(r, below);
	}
	free(names);
}

int xenbus_toolstack_release(struct xenbus *bus, const char *launch, const char *what)
{
	struct release r = { .bus = bus, .launch = launch, .what = what };

	if (!xenbus_launch_valid(launch))
		return -EINVAL;
	release_below(&r, "backend", BACK_LEVELS);
	release_below(&r, "device", FRONT_LEVELS);
	return r.err ? r.err : r.count;
}
