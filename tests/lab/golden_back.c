/* SPDX-License-Identifier: MIT */
/* dom0's own backends. The frontend is not below device/: the guest's kernel need not see it. */
#include <string.h>
#include <unistd.h>

#include "golden_side.h"

#define BLOCK_SERVES "keys frontend=3;frontend=4"
#define NETWORK_SERVES "keys frontend=4"

static const struct golden_before befores[] = {
	{ "waits", "" },
	{ "diskless", "", "vbd", true, true },
	{ "offered", "keys frontend=3", "vbd", true, true },
	{ "answered", "keys frontend=3", "vbd", true },
	{ "serves", BLOCK_SERVES, "vbd" },
	{ "serves", NETWORK_SERVES, "vif" },
	{ "failed", "frontend=9", NULL, true },
	{ "broken", BLOCK_SERVES ";frontend=9", "vbd", true },
	{ "broken", NETWORK_SERVES ";frontend=9", "vif", true },
	{ "closing", "frontend=5" },
	{ "asked", BLOCK_SERVES ";online=0 backend=5", "vbd" },
	{ "asked", NETWORK_SERVES ";online=0 backend=5", "vif" },
	{ "closed", "frontend=6" },
	{ "released", BLOCK_SERVES ";frontend=6", "vbd", true },
	{ "released", NETWORK_SERVES ";frontend=6", "vif", true },
	{ "replaced", "both-replaced", NULL, true },
	{ "undone", BLOCK_SERVES ";both-replaced", "vbd", true },
	{ "undone", NETWORK_SERVES ";both-replaced", "vif", true },
	{ "reconfigured", "frontend=7", "vif", true },
	{ "gone", "online=0 frontend=6", NULL, true },
	{ NULL },
};

static const char *const events[] = {
	"frontend=1",
	"frontend=2",
	"frontend=3",
	"no-keys frontend=3",
	"keys frontend=3",
	"bad-keys frontend=3",
	"frontend=4",
	"no-keys frontend=4",
	"keys frontend=4",
	"bad-keys frontend=4",
	"frontend=5",
	"frontend=6",
	"frontend=7",
	"frontend=8",
	"frontend=9",
	"frontend-removed",
	"backend-removed",
	"both-removed",
	"both-replaced",
	"backend=5",
	"online=0 backend=5",
	"online=0",
	"online=0 frontend=1",
	"online=0 frontend=5",
	"online=0 frontend=6",
	"online=0 frontend-removed",
	"disk",
	NULL,
};

static const char *const names[] = { "?", "?", "waits", "?", "serves", "closing", "closed" };

static void place(struct golden *g)
{
	snprintf(g->front, sizeof(g->front), "/local/domain/%u/golden/%s/%u", g->domid, g->class, g->device);
	snprintf(g->back, sizeof(g->back), "/local/domain/0/backend/%s/%u/%u", g->class, g->domid, g->device);
}

static bool is_network(const struct golden *g)
{
	return !strcmp(g->class, "vif");
}

static void make_block(struct golden *g)
{
	golden_write(g->store, g->back, "mode", "w");
	golden_write(g->store, g->back, "type", "phy");
	if (!g->incomplete)
		golden_write(g->store, g->back, "physical-device", "%s", g->disk);
}

static void make_network(struct golden *g)
{
	golden_write(g->store, g->back, "mac", "00:16:3e:00:00:01");
	golden_write(g->store, g->back, "script", "none");
	golden_write(g->store, g->back, "hotplug-status", "connected");
	golden_write(g->store, g->front, "handle", "%u", g->device);
	golden_write(g->store, g->front, "mac", "00:16:3e:00:00:01");
}

static void make(struct golden *g)
{
	golden_write(g->store, g->front, "", "%s", "");
	golden_permit(g->store, g->front, g->domid, 0);
	golden_write(g->store, g->back, "", "%s", "");
	golden_permit(g->store, g->back, 0, g->domid);
	golden_write(g->store, g->back, "frontend-id", "%u", g->domid);
	golden_write(g->store, g->back, "frontend", "%s", g->front);
	golden_write(g->store, g->back, "online", "1");
	golden_write(g->store, g->back, "handle", "%u", g->device);
	(is_network(g) ? make_network : make_block)(g);
	golden_write(g->store, g->front, "backend-id", "0");
	golden_write(g->store, g->front, "backend", "%s", g->back);
	golden_write(g->store, g->back, "state", "1");
	golden_write(g->store, g->front, "state", "1");
}

static const char *const *keys_of(const struct golden *g)
{
	static const char *const block[] = { "ring-ref", "event-channel", NULL };
	static const char *const network[] = { "tx-ring-ref", "rx-ring-ref", "event-channel", NULL };

	return is_network(g) ? network : block;
}

static void no_keys(struct golden *g)
{
	for (const char *const *key = keys_of(g); *key; key++)
		golden_remove(g->store, g->front, *key);
}

/* Good: what the guest offers; else numbers that nobody ever offered. */
static void keys(struct golden *g, bool good)
{
	char **ref = g->refs;

	for (const char *const *key = keys_of(g); *key; key++)
		golden_write(g->store, g->front, *key, "%s", good ? *ref++ : "30000");
	if (is_network(g))
		golden_write(g->store, g->front, "request-rx-copy", "1");
	else
		golden_write(g->store, g->front, "protocol", "x86_64-abi");
}

/* -- the sentinel: closes and opens ---------------------------------------------------------------- */

static void sentinel(struct golden *g, unsigned int frontend, unsigned int answer)
{
	struct golden s = *g;

	golden_place(&s, GOLDEN_SENTINEL);
	golden_write(s.store, s.front, "state", "%u", frontend);
	golden_until_state(s.store, s.back, answer);
}

static void settle(struct golden *g)
{
	sentinel(g, 6, 6);
	sentinel(g, 1, 2);
}

static void begin(struct golden *g)
{
	golden_do(g, "both-replaced");
	golden_until_state(g->store, g->back, 2);
}

static void end(struct golden *g)
{
	golden_do(g, "both-removed");
}

/* -- the kernel --------------------------------------------------------------------------------------- */

static bool is_present(struct golden *g)
{
	char path[GOLDEN_PATH];

	snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/%s-%u-%u/driver", g->class, g->domid,
		 g->device);
	return !access(path, F_OK);
}

/* netback keeps a state of its own besides the bus's: Reconfigured, and complaints of a frontend's state, leave it as
 * it is. */
static bool is_aside(struct golden *g, unsigned int state)
{
	char path[GOLDEN_PATH], error[GOLDEN_TEXT];

	golden_error_node(g, path);
	return is_network(g) && (state == 8 || (state == 5 && golden_read(g->store, path, "error", error) &&
						strstr(error, "saw state")));
}

const struct golden_side golden_backend = {
	.befores = befores,
	.events = events,
	.names = names,
	.begin = begin,
	.end = end,
	.place = place,
	.make = make,
	.keys = keys,
	.no_keys = no_keys,
	.settle = settle,
	.is_present = is_present,
	.is_aside = is_aside,
	.is_backend = true,
};
