/* SPDX-License-Identifier: MIT */
/* Every device, as the store shows it: what `ls` prints. */
#include "toolstack.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xenbus/wire.h>

struct listing {
	struct xenbus *bus;
	struct xenbus_toolstack_entry *list;
	size_t count, capacity;
};

static int read_or_null(struct xenbus *bus, const char *dir, const char *node, char **out)
{
	int err = xenbus_read(bus, XBT_NIL, dir, node, out, NULL);

	if (err)
		*out = NULL;
	return err == -ENOENT || err == -EACCES ? 0 : err;
}

/* "<16 hex digits> <seconds>...": cuts the digits off and returns the age, or -1. */
static int64_t instance_age(struct xenbus *bus, char *instance)
{
	char *blank = instance ? strchr(instance, ' ') : NULL;
	int64_t born;

	if (!blank)
		return -1;
	*blank = '\0';
	born = strtoll(blank + 1, NULL, 10);
	return (int64_t)(xenbus_host_wallclock(bus->host) / 1000000000u) - born;
}

static int entry_errors(struct xenbus *bus, struct xenbus_toolstack_entry *e)
{
	char dir[160];
	int err;

	snprintf(dir, sizeof(dir), "/local/domain/%u/error/device/%s/%u", e->frontend_id, e->devicetype,
		 e->id);
	err = read_or_null(bus, dir, "error", &e->frontend_error);
	if (err)
		return err;
	snprintf(dir, sizeof(dir), "/local/domain/%u/error/backend/%s/%u/%u", e->backend_id, e->devicetype,
		 e->frontend_id, e->id);
	return read_or_null(bus, dir, "error", &e->backend_error);
}

/* What an action that its driver has not done yet leaves the device waiting for; NULL: there is none. */
static const char *pending(const struct xenbus_profile *profile, bool is_backend, unsigned int own,
			   unsigned int other)
{
	static const char *const texts[][2] = {
		[XENBUS_ACTION_OPEN] = { NULL, "backend driver to offer its features (InitWait)" },
		[XENBUS_ACTION_PUBLISH] = { "frontend driver to publish its ring (Initialised)", NULL },
		[XENBUS_ACTION_CONNECT] = { "frontend driver to connect (Connected)",
					    "backend driver to connect (Connected)" },
		[XENBUS_ACTION_RESET] = { "frontend driver to begin anew", "backend driver to begin anew" },
		[XENBUS_ACTION_CLOSE] = { "frontend driver to close (Closed)",
					  "backend driver to close (Closed)" },
		[XENBUS_ACTION_CLOSING] = { NULL, "backend driver to close (Closing)" },
		[XENBUS_ACTION_DRIVER] = { NULL, NULL },
	};

	return texts[profile->action[own][other]][is_backend];
}

/* Who is to move comes before who waits for that. Drivers are taken to have the default profiles. A reset by the
 * backend comes last: from outside, a frontend that has yet to connect looks like one that began anew. */
static const char *waits_for(unsigned int front, unsigned int back)
{
	const char *ours = pending(&xenbus_profile_backend, true, back, front);
	const char *theirs = pending(&xenbus_profile_frontend, false, front, back);
	bool reset = xenbus_profile_backend.action[back][front] == XENBUS_ACTION_RESET;

	if (theirs && (!ours || reset))
		return theirs;
	if (!ours)
		ours = xenbus_wait_text(false, front, back);
	return ours ? ours : xenbus_wait_text(true, back, front);
}

static int entry_fill(struct xenbus *bus, struct xenbus_toolstack_entry *e,
		      const struct toolstack_paths *paths)
{
	int64_t front_age;
	int err;

	e->frontend_state = toolstack_state(bus, XBT_NIL, paths->front);
	e->backend_state = toolstack_state(bus, XBT_NIL, paths->back);
	err = read_or_null(bus, paths->front, "instance", &e->frontend_instance);
	if (!err)
		err = read_or_null(bus, paths->back, "instance", &e->backend_instance);
	if (!err)
		err = entry_errors(bus, e);
	front_age = instance_age(bus, e->frontend_instance);
	e->age_s = instance_age(bus, e->backend_instance);
	if (e->age_s < 0)
		e->age_s = front_age;
	e->waits_for = waits_for(e->frontend_state, e->backend_state);
	return err;
}

/* A device's number or a domid as the toolstack writes it: decimal, nothing else. */
static bool number(const char *name, unsigned int *out)
{
	uint64_t value;

	if (wire_number(name, strlen(name), UINT32_MAX, &value))
		return false;
	*out = (unsigned int)value;
	return true;
}

/* What is not named as a device is somebody's own node: left out. */
static int listing_add(struct listing *l, unsigned int back, const char *type, const char *front,
		       const char *id)
{
	struct xenbus_toolstack_device device = { .devicetype = type, .backend_id = back };
	struct toolstack_paths paths;
	struct xenbus_toolstack_entry *e;

	if (!number(front, &device.frontend_id) || !number(id, &device.id) ||
	    toolstack_paths(&device, &paths))
		return 0;
	if (l->count == l->capacity) {
		size_t capacity = l->capacity ? l->capacity * 2 : 16;

		e = realloc(l->list, capacity * sizeof(*e));
		if (!e)
			return -ENOMEM;
		l->list = e;
		l->capacity = capacity;
	}
	e = &l->list[l->count++];
	*e = (struct xenbus_toolstack_entry){ .devicetype = strdup(type),
					      .frontend_id = device.frontend_id,
					      .backend_id = back,
					      .id = device.id };
	return e->devicetype ? entry_fill(l->bus, e, &paths) : -ENOMEM;
}

typedef int (*each_fn)(struct listing *l, const char *dir, const char *name, void *arg);

/* Calls @fn for each child; a directory that went meanwhile has none. */
static int each_child(struct listing *l, const char *dir, each_fn fn, void *arg)
{
	char **names;
	size_t count;
	int err = xenbus_directory(l->bus, XBT_NIL, dir, "", &names, &count);

	if (err)
		return err == -ENOENT ? 0 : err;
	for (size_t i = 0; i < count && !err; i++)
		err = fn(l, dir, names[i], arg);
	free(names);
	return err;
}

struct where {
	unsigned int back;
	const char *type, *front;
	bool alone; /* the store shows us our own domain only: whatever its frontends say is listed */
};

/* The console that a guest is built with has a backend's nodes, too, but no frontend below device/, and nobody negotiates
 * it: both ends know the ring from the start. */
static int is_first_console(struct listing *l, const char *dir, const char *id, const struct where *where)
{
	char below[XENSTORE_PATH_MAX + 1], home[64], *front;
	int err = strcmp(where->type, "console") ? -ENOENT : bus_path(below, dir, id);

	if (!err)
		err = read_or_null(l->bus, below, "frontend", &front);
	if (err || !front)
		return err == -ENOENT ? 0 : err;
	snprintf(home, sizeof(home), "/local/domain/%s/console", where->front);
	err = strcmp(front, home) == 0;
	free(front);
	return err;
}

static int on_id(struct listing *l, const char *dir, const char *name, void *arg)
{
	const struct where *where = arg;
	int err = is_first_console(l, dir, name, where);

	if (err)
		return err < 0 ? err : 0;
	return listing_add(l, where->back, where->type, where->front, name);
}

static int on_front(struct listing *l, const char *dir, const char *name, void *arg)
{
	struct where where = *(struct where *)arg;
	char below[XENSTORE_PATH_MAX + 1];
	int err = bus_path(below, dir, name);

	where.front = name;
	return err ? err : each_child(l, below, on_id, &where);
}

static int on_type(struct listing *l, const char *dir, const char *name, void *arg)
{
	struct where where = *(struct where *)arg;
	char below[XENSTORE_PATH_MAX + 1];
	int err = bus_path(below, dir, name);

	where.type = name;
	return err ? err : each_child(l, below, on_front, &where);
}

/* A frontend whose backend's nodes are not there, gone with a driver domain say, is no backend's to name. Which one it
 * was is the frontend's word: it harms nobody else. */
static int on_orphan(struct listing *l, const char *dir, const char *name, void *arg)
{
	const struct where *where = arg;
	struct xenbus_toolstack_device device = { .devicetype = where->type };
	struct toolstack_paths paths;
	char below[XENSTORE_PATH_MAX + 1];

	if (bus_path(below, dir, name) || !number(name, &device.id) ||
	    !number(where->front, &device.frontend_id) ||
	    xenbus_scanf(l->bus, XBT_NIL, below, "backend-id", "%u", &device.backend_id) != 1 ||
	    toolstack_paths(&device, &paths))
		return 0;
	if (where->alone ? device.backend_id == device.frontend_id
			 : toolstack_state(l->bus, XBT_NIL, paths.back) != XENBUS_STATE_GONE)
		return 0; /* its backend tells of it */
	return listing_add(l, device.backend_id, where->type, where->front, name);
}

static int on_front_type(struct listing *l, const char *dir, const char *name, void *arg)
{
	struct where where = *(struct where *)arg;
	char below[XENSTORE_PATH_MAX + 1];
	int err = bus_path(below, dir, name);

	where.type = name;
	return err ? err : each_child(l, below, on_orphan, &where);
}

static int list_domain(struct listing *l, struct where *where)
{
	char below[XENSTORE_PATH_MAX + 1];
	int err;

	snprintf(below, sizeof(below), "/local/domain/%u/device", where->back);
	err = each_child(l, below, on_front_type, where);
	snprintf(below, sizeof(below), "/local/domain/%u/backend", where->back);
	return err ? err : each_child(l, below, on_type, where);
}

static int on_domain(struct listing *l, const char *dir, const char *name, void *arg)
{
	struct where where = { .front = name };

	return number(name, &where.back) ? list_domain(l, &where) : 0;
}

/* A guest may not look at its neighbours. */
static int list_own(struct listing *l)
{
	struct where where = { .alone = true };
	char name[16];
	int got = xenbus_scanf(l->bus, XBT_NIL, "domid", "", "%u", &where.back);

	if (got != 1)
		return got < 0 ? got : -EACCES;
	snprintf(name, sizeof(name), "%u", where.back);
	where.front = name;
	return list_domain(l, &where);
}

static int by_class_front_id(const void *pa, const void *pb)
{
	const struct xenbus_toolstack_entry *a = pa, *b = pb;
	int order = strcmp(a->devicetype, b->devicetype);

	if (!order)
		order = (a->frontend_id > b->frontend_id) - (a->frontend_id < b->frontend_id);
	if (!order)
		order = (a->id > b->id) - (a->id < b->id);
	return order ? order : (a->backend_id > b->backend_id) - (a->backend_id < b->backend_id);
}

int xenbus_toolstack_list(struct xenbus *bus, struct xenbus_toolstack_entry **list, size_t *count)
{
	struct listing l = { .bus = bus };
	int err = each_child(&l, "/local/domain", on_domain, NULL);

	if (err == -EACCES)
		err = list_own(&l);
	if (err) {
		xenbus_toolstack_list_free(l.list, l.count);
		return err;
	}
	if (l.count)
		qsort(l.list, l.count, sizeof(*l.list), by_class_front_id);
	*list = l.list;
	*count = l.count;
	return 0;
}

void xenbus_toolstack_list_free(struct xenbus_toolstack_entry *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].devicetype);
		free(list[i].frontend_instance);
		free(list[i].backend_instance);
		free(list[i].frontend_error);
		free(list[i].backend_error);
	}
	free(list);
}
