/* SPDX-License-Identifier: MIT */
/* The toolstack's part: both ends' nodes made, waited for, and taken away. */
#include "toolstack.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenbus/wire.h>

int toolstack_paths(const struct xenbus_toolstack_device *device, struct toolstack_paths *out)
{
	size_t len = strlen(device->devicetype);

	if (!len || len > 31 ||
	    strspn(device->devicetype, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
		    len)
		return -EINVAL;
	if (device->frontend_id >= WIRE_DOMID_FIRST_RESERVED ||
	    device->backend_id >= WIRE_DOMID_FIRST_RESERVED)
		return -EINVAL;
	snprintf(out->front, sizeof(out->front), "/local/domain/%u/device/%s/%u", device->frontend_id,
		 device->devicetype, device->id);
	snprintf(out->back, sizeof(out->back), "/local/domain/%u/backend/%s/%u/%u", device->backend_id,
		 device->devicetype, device->frontend_id, device->id);
	return 0;
}

/* A directory owned by @owner that @reader may read, as libxl makes it. Permissions are not inherited in
 * that form, so each node made below it gets the same list by copy. */
static int make_dir(struct xenbus *bus, struct xenbus_transaction t, const char *path, unsigned int owner,
		    unsigned int reader)
{
	char perms[32];
	int first, second, err = xenbus_mkdir(bus, t, path, "");

	if (err)
		return err;
	first = snprintf(perms, sizeof(perms), "n%u", owner) + 1;
	second = snprintf(perms + first, sizeof(perms) - (size_t)first, "r%u", reader) + 1;
	return toolstack_set_perms(bus, t, path, perms, (size_t)(first + second));
}

static int write_keys(struct xenbus *bus, struct xenbus_transaction t, const char *dir,
		      const char *const (*keys)[2])
{
	int err = 0;

	for (; (*keys)[0] && !err; keys++)
		err = xenbus_write(bus, t, dir, (*keys)[0], (*keys)[1]);
	return err;
}

static int make_both(struct xenbus *bus, struct xenbus_transaction t,
		     const struct xenbus_toolstack_device *device, const struct toolstack_paths *paths)
{
	char front_id[12], back_id[12];
	const char *const front[][2] = {
		{ "backend", paths->back }, { "backend-id", back_id }, { "state", "1" }, { NULL, NULL }
	};
	const char *const back[][2] = { { "frontend", paths->front },
					{ "frontend-id", front_id },
					{ "online", "1" },
					{ "state", "1" },
					{ NULL, NULL } };
	int err;

	snprintf(front_id, sizeof(front_id), "%u", device->frontend_id);
	snprintf(back_id, sizeof(back_id), "%u", device->backend_id);
	xenbus_rm(bus, t, paths->front, "");
	xenbus_rm(bus, t, paths->back, "");
	err = make_dir(bus, t, paths->front, device->frontend_id, device->backend_id);
	if (!err)
		err = write_keys(bus, t, paths->front, front);
	if (!err)
		err = make_dir(bus, t, paths->back, device->backend_id, device->frontend_id);
	return err ? err : write_keys(bus, t, paths->back, back);
}

bool toolstack_has_home(struct xenbus *bus, struct xenbus_transaction t, unsigned int domid)
{
	char home[40];

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	return domid == 0 || xenbus_exists(bus, t, home, "") == 1;
}

/* Nodes that stand there are in use, unless both ends are Closed or missing. */
static bool in_use(struct xenbus *bus, struct xenbus_transaction t, const struct toolstack_paths *paths)
{
	unsigned int front = toolstack_state(bus, t, paths->front),
		     back = toolstack_state(bus, t, paths->back);

	return (front != XenbusStateClosed && front != XENBUS_STATE_GONE) ||
	       (back != XenbusStateClosed && back != XENBUS_STATE_GONE);
}

static int attach_once(struct xenbus *bus, const struct xenbus_toolstack_device *device,
		       const struct toolstack_paths *paths)
{
	struct xenbus_transaction t;
	int err = xenbus_transaction_start(bus, &t), end;

	if (err)
		return err;
	if (!toolstack_has_home(bus, t, device->frontend_id) ||
	    !toolstack_has_home(bus, t, device->backend_id))
		err = -ENOENT;
	else if (in_use(bus, t, paths))
		err = -EEXIST;
	else
		err = make_both(bus, t, device, paths);
	end = xenbus_transaction_end(bus, t, err != 0);
	return err ? err : end;
}

/* Runs @once, a transaction, until no other one was in its way. */
static int until_no_conflict(struct xenbus *bus,
			     int (*once)(struct xenbus *bus, const struct xenbus_toolstack_device *device,
					 const struct toolstack_paths *paths),
			     const struct xenbus_toolstack_device *device,
			     const struct toolstack_paths *paths)
{
	int err = -EAGAIN;

	for (int tries = 0; err == -EAGAIN && tries < TOOLSTACK_TRIES; tries++)
		err = once(bus, device, paths);
	return err;
}

int xenbus_toolstack_attach(struct xenbus *bus, const struct xenbus_toolstack_device *device)
{
	struct toolstack_paths paths;
	int err = toolstack_paths(device, &paths);

	return err ? err : until_no_conflict(bus, attach_once, device, &paths);
}

/* Do the frontend's nodes belong to a device of another backend? A guest writes what its node says: only a
 * backend that names the frontend in turn is believed. */
static bool front_is_anothers(struct xenbus *bus, struct xenbus_transaction t,
			      const struct xenbus_toolstack_device *device,
			      const struct toolstack_paths *paths)
{
	struct xenbus_toolstack_device other = *device;
	struct toolstack_paths there;
	char *named;
	bool is;

	if (xenbus_scanf(bus, t, paths->front, "backend-id", "%u", &other.backend_id) != 1 ||
	    other.backend_id == device->backend_id || toolstack_paths(&other, &there) ||
	    xenbus_read(bus, t, there.back, "frontend", &named, NULL))
		return false;
	is = !strcmp(named, paths->front);
	free(named);
	return is;
}

static int ask_to_close(struct xenbus *bus, const struct xenbus_toolstack_device *device,
			const struct toolstack_paths *paths)
{
	struct xenbus_transaction t;
	int err = xenbus_transaction_start(bus, &t), end;
	unsigned int back;

	if (err)
		return err;
	back = toolstack_state(bus, t, paths->back);
	if (back == XENBUS_STATE_GONE)
		err = toolstack_state(bus, t, paths->front) == XENBUS_STATE_GONE ||
				      front_is_anothers(bus, t, device, paths)
			      ? -ENOENT
			      : 0;
	else
		err = xenbus_write(bus, t, paths->back, "online", "0");
	if (!err && back != XENBUS_STATE_GONE && back != XenbusStateClosed)
		err = xenbus_printf(bus, t, paths->back, "state", "%d", XenbusStateClosing);
	end = xenbus_transaction_end(bus, t, err != 0);
	return err ? err : end;
}

static bool is_empty(struct xenbus *bus, struct xenbus_transaction t, const char *dir)
{
	char **names;
	size_t count;

	if (xenbus_directory(bus, t, dir, "", &names, &count))
		return false;
	free(names);
	return !count;
}

/* Removes @below of @home, and as libxl the directories that this leaves empty, but for the uppermost. */
static int remove_path(struct xenbus *bus, struct xenbus_transaction t, const char *home, const char *below)
{
	char path[2 * TOOLSTACK_PATH_MAX];
	int top = snprintf(path, sizeof(path), "%s/", home), err;

	snprintf(path + top, sizeof(path) - (size_t)top, "%s", below);
	err = xenbus_rm(bus, t, path, "");
	for (;;) {
		*strrchr(path, '/') = '\0';
		if (err || !strchr(path + top, '/') || !is_empty(bus, t, path))
			return err == -ENOENT ? 0 : err;
		err = xenbus_rm(bus, t, path, "");
	}
}

/* One end's nodes, and what it complained of. */
static int remove_end(struct xenbus *bus, struct xenbus_transaction t, unsigned int domid, const char *node)
{
	char home[32], error[TOOLSTACK_PATH_MAX + sizeof("error/")];
	const char *below = node + snprintf(home, sizeof(home), "/local/domain/%u", domid) + 1;
	int err = remove_path(bus, t, home, below);

	snprintf(error, sizeof(error), "error/%s", below);
	return err ? err : remove_path(bus, t, home, error);
}

static int remove_once(struct xenbus *bus, const struct xenbus_toolstack_device *device,
		       const struct toolstack_paths *paths)
{
	struct xenbus_transaction t;
	int err = xenbus_transaction_start(bus, &t), end;

	if (err)
		return err;
	if (!front_is_anothers(bus, t, device, paths))
		err = remove_end(bus, t, device->frontend_id, paths->front);
	if (!err)
		err = remove_end(bus, t, device->backend_id, paths->back);
	end = xenbus_transaction_end(bus, t, err != 0);
	return err ? err : end;
}

/* Nodes are there without a state: half made, or their owner took it out. */
static bool remains(struct xenbus *bus, const struct toolstack_paths *paths)
{
	return xenbus_exists(bus, XBT_NIL, paths->front, "") == 1 ||
	       xenbus_exists(bus, XBT_NIL, paths->back, "") == 1;
}

int xenbus_toolstack_detach(struct xenbus *bus, const struct xenbus_toolstack_device *device, bool force,
			    uint64_t timeout_ns)
{
	struct toolstack_paths paths;
	int err = toolstack_paths(device, &paths);

	if (!err)
		err = until_no_conflict(bus, ask_to_close, device, &paths);
	if (!err)
		err = toolstack_wait_back(bus, &paths, XenbusStateClosed, timeout_ns);
	if (err == -ETIMEDOUT && !force)
		return err;
	if (err && err != -ETIMEDOUT &&
	    (err != -ENOENT || front_is_anothers(bus, XBT_NIL, device, &paths) ||
	     (toolstack_state(bus, XBT_NIL, paths.front) == XENBUS_STATE_GONE &&
	      !(force && remains(bus, &paths)))))
		return err;
	return until_no_conflict(bus, remove_once, device, &paths);
}
