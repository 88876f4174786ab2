/* SPDX-License-Identifier: MIT */
#include "linux_backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <base/list.h>
#include <table.h>
#include <xenbus/client.h>
#include <xenbus/platform.h>

#define RINGS 2u

struct linux_backend {
	struct scene *scene;
	struct xenbus *bus; /* with no drivers: for its store session and its fibers */
	struct golden_table table;
	struct linux_peer peer;
	const char *const *keys; /* of the rings, NULL-terminated; the port's besides */
	bool closes_first;	 /* it lets go when it says Closing, not only at Closed */
	char front[64], back[64], front_state[80];
	struct xenstore_watch nodes, other;
	bool other_fired, stop, stopped;
	struct xenbus_completion look;
	struct xen_platform_gnttab *grants;
	struct xen_platform_evtchn *events;
	void *rings[RINGS];
	int port; /* 0: nothing is mapped or bound */
	unsigned int connections;
};

/* -- what it holds of the frontend ----------------------------------------------------------------- */

static void let_go(struct linux_backend *b)
{
	for (unsigned int i = 0; i < RINGS && b->rings[i]; i++) {
		xen_platform_gnttab_unmap(b->grants, b->rings[i], 1);
		b->rings[i] = NULL;
	}
	if (b->port > 0)
		xen_platform_evtchn_unbind(b->events, (uint32_t)b->port);
	b->port = 0;
}

/* False: it is not the frontend's to give, or not any more. */
static bool take(struct linux_backend *b, const uint32_t refs[RINGS], uint32_t port)
{
	int err = 0;

	let_go(b);
	for (unsigned int i = 0; b->keys[i] && !err; i++)
		err = xen_platform_gnttab_map(b->grants, SCENE_FRONT_DOMID, &refs[i], 1,
					      PROT_READ | PROT_WRITE, &b->rings[i]);
	if (!err)
		b->port = xen_platform_evtchn_bind_interdomain(b->events, SCENE_FRONT_DOMID, port);
	if (err || b->port < 0)
		let_go(b);
	return b->port > 0;
}

static const char *keys_are(struct linux_backend *b)
{
	uint32_t refs[RINGS] = { 0 }, port;

	for (unsigned int i = 0; b->keys[i]; i++)
		if (xenbus_scanf(b->bus, XBT_NIL, b->front, b->keys[i], "%u", &refs[i]) != 1)
			return "no-keys";
	if (xenbus_scanf(b->bus, XBT_NIL, b->front, "event-channel", "%u", &port) != 1)
		return "no-keys";
	if (!strcmp(b->peer.own, "serves") || take(b, refs, port))
		return "keys";
	return "bad-keys";
}

/* -- what it says ------------------------------------------------------------------------------------ */

/* As Linux: nothing where there is no node. True: once more, it conflicted. */
static bool write_once(struct linux_backend *b, unsigned int state)
{
	struct xenbus_transaction t;
	bool there;

	if (xenbus_transaction_start(b->bus, &t))
		return false;
	there = xenbus_exists(b->bus, t, b->back, "state") == 1;
	if (there)
		xenbus_printf(b->bus, t, b->back, "state", "%u", state);
	return xenbus_transaction_end(b->bus, t, !there) == -EAGAIN;
}

static void say(struct linux_backend *b, unsigned int state)
{
	if (state == XenbusStateClosed || (state == XenbusStateClosing && b->closes_first))
		let_go(b);
	b->connections += state == XenbusStateConnected;
	report_note(b->scene, "(the Linux backend says %s)", xenbus_strstate((enum xenbus_state)state));
	while (write_once(b, state))
		;
}

static unsigned int own_node(struct linux_backend *b)
{
	return xenbus_read_unsigned(b->bus, b->back, "state", 0);
}

/* -- what it sees ------------------------------------------------------------------------------------ */

/* As tests/golden calls it. */
static void event_name(struct linux_backend *b, char event[64])
{
	unsigned int state = xenbus_read_unsigned(b->bus, b->front, "state", 0);
	const char *keys =
		state == XenbusStateInitialised || state == XenbusStateConnected ? keys_are(b) : "";

	if (state)
		snprintf(event, 64, "%s%sfrontend=%u", keys, *keys ? " " : "", state);
	else
		strcpy(event, "frontend-removed");
}

static void other_changed(struct linux_backend *b)
{
	unsigned int answers[GOLDEN_ANSWERS + 1];
	char event[64];
	int count;

	b->peer.online = xenbus_read_unsigned(b->bus, b->back, "online", 0);
	event_name(b, event);
	count = linux_peer_event(&b->peer, event, own_node(b), answers);
	if (count == -ENOENT)
		scene_fail(b->scene, "tests/golden has no row for %s when it %s", event, b->peer.own);
	for (int i = 0; i < count; i++)
		say(b, answers[i]);
	if (strcmp(b->peer.own, "serves") != 0 && strcmp(b->peer.own, "closing") != 0)
		let_go(b);
}

bool linux_backend_has_device(const struct linux_backend *b)
{
	return *b->peer.own && strcmp(b->peer.own, "gone") != 0;
}

static void look(struct linux_backend *b)
{
	unsigned int node = own_node(b);
	bool fired = b->other_fired;

	b->other_fired = false;
	if (!node) {
		let_go(b);
		b->peer.own[0] = '\0';
	} else if (!linux_backend_has_device(b) && node == XenbusStateInitialising) {
		say(b, linux_peer_probe(&b->peer));
		fired = true; /* of a watch just set */
	}
	if (fired && linux_backend_has_device(b))
		other_changed(b);
}

static int serve(struct xenbus *bus, void *arg)
{
	struct linux_backend *b = arg;

	while (!b->stop) {
		b->look.done = false;
		look(b);
		xenbus_wait(bus, &b->look, 0);
	}
	let_go(b);
	return 0;
}

/* -- the process ------------------------------------------------------------------------------------- */

static void served(void *arg, int result)
{
	struct linux_backend *b = arg;

	b->stopped = true;
}

static void nodes_fired(struct xenstore_watch *watch, const char *path)
{
	struct linux_backend *b = list_entry(watch, struct linux_backend, nodes);

	xenbus_complete(b->bus, &b->look);
}

static void other_fired(struct xenstore_watch *watch, const char *path)
{
	struct linux_backend *b = list_entry(watch, struct linux_backend, other);

	b->other_fired = true;
	xenbus_complete(b->bus, &b->look);
}

static void set_paths(struct linux_backend *b)
{
	const struct xenbus_toolstack_device *d = &b->scene->device;

	snprintf(b->front, sizeof(b->front), "/local/domain/%u/device/%s/%u", d->frontend_id, d->devicetype,
		 d->id);
	snprintf(b->back, sizeof(b->back), "/local/domain/0/backend/%s/%u/%u", d->devicetype, d->frontend_id,
		 d->id);
	snprintf(b->front_state, sizeof(b->front_state), "%s/state", b->front);
	b->nodes = (struct xenstore_watch){ .path = b->back, .fired = nodes_fired };
	b->other = (struct xenstore_watch){ .path = b->front_state, .fired = other_fired };
}

static void open_process(struct linux_backend *b)
{
	struct end *end = &b->scene->back;
	struct xen_platform *platform;

	/* What dom0's kernel writes is the host's own doing: the rules of instances are not for it. */
	end->is_backend = false;
	strcpy(end->store_path, b->scene->toolstack.store_path);
	end_start(end);
	b->bus = end->bus;
	platform = sim_process_platform(end->process);
	scene_expect(b->scene, !xen_platform_gnttab_open(platform, &b->grants));
	scene_expect(b->scene, !xen_platform_evtchn_open(platform, &b->events));
	scene_expect(b->scene, !xenstore_watch_add(xenbus_store(b->bus), &b->nodes, NULL));
	scene_expect(b->scene, !xenstore_watch_add(xenbus_store(b->bus), &b->other, NULL));
	scene_expect(b->scene, !xenbus_task(b->bus, serve, b, served));
}

struct linux_backend *linux_backend_start(struct scene *scene, const char *driver)
{
	static const char *const block[] = { "ring-ref", NULL };
	static const char *const network[] = { "tx-ring-ref", "rx-ring-ref", NULL };
	struct linux_backend *b = calloc(1, sizeof(*b));
	unsigned int line = 0;

	scene_expect(scene, b);
	b->scene = scene;
	b->closes_first = !strcmp(driver, "netback");
	b->keys = b->closes_first ? network : block;
	b->peer.table = &b->table;
	if (golden_table_read(&b->table, driver, &line))
		scene_fail(scene, "tests/golden/%s.txt, line %u, cannot be read", driver, line);
	set_paths(b);
	open_process(b);
	return b;
}

static struct linux_backend *stopping(struct scene *scene)
{
	return scene->back.ctx;
}

static bool has_stopped(struct scene *scene)
{
	return stopping(scene)->stopped;
}

void linux_backend_stop(struct linux_backend *b)
{
	b->stop = true;
	b->scene->back.ctx = b;
	xenstore_watch_remove(xenbus_store(b->bus), &b->nodes, NULL);
	xenstore_watch_remove(xenbus_store(b->bus), &b->other, NULL);
	xenbus_complete(b->bus, &b->look);
	scene_until(b->scene, has_stopped, "the Linux backend stops");
	xen_platform_gnttab_close(b->grants);
	xen_platform_evtchn_close(b->events);
	end_stop(&b->scene->back);
	free(b);
}

unsigned int linux_backend_connections(const struct linux_backend *b)
{
	return b->connections;
}
