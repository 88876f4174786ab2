/* SPDX-License-Identifier: MIT */
/*
 * The invariants. They are judged outside the code they judge: from what reaches the store (store_apply() is
 * wrapped), and from what the simulator knows of grants and ports.
 *
 *   instance   nobody but the toolstack writes below a device's node in which another one's instance stands, or none
 *   path       each end's states follow one another as the negotiation allows
 *   live       Connected is written by an end that has its ring and its port; Initialised with the keys it announces
 *   let go     a backend that says Closing or Closed has nothing mapped
 *   closed     Closed is written by an end that has let go of ring and port
 *   once       a device has one port, however often it began anew
 *   left       an end without devices holds no grant, mapping or port
 */
#include "scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>
#include <xenbus/wire.h>

int __real_store_apply(struct store *store, struct store_input *in, struct store_effects *effects);
int __wrap_store_apply(struct store *store, struct store_input *in, struct store_effects *effects);

enum { CONNS = 256, OPEN = 32 };

/* A writer in one of its lives: a process started anew must not go on under the instance of its predecessor. */
struct visitor {
	const struct writer *writer; /* NULL: nobody */
	unsigned int life;
	bool ring; /* of its domain, whichever process uses it now */
};

struct side {
	char path[64]; /* of the device's node */
	char home[16]; /* what a relative path of its domain stands for */
	struct visitor owner,
		last_owner; /* who wrote the instance that is there, and the one before the last change */
	char instance[80];
	unsigned int state;
};

struct open_tx {
	uint32_t conn, tx;
	unsigned int touched; /* bit 0 frontend's node, bit 1 backend's */
};

static struct checker {
	struct scene *scene;
	const struct writer *accepting;
	struct visitor conns[CONNS];
	struct open_tx open[OPEN];
	struct side side[2]; /* the frontend's and the backend's */
	struct store *store; /* whose connection ours is */
	uint32_t conn;
	struct store_effects effects;
	bool busy;
	const struct writer *refused; /* whose request is to be refused */
	uint64_t refuse_in;	      /* requests from now; 0: done, or none */
} checker;

void check_accepting(const struct writer *writer)
{
	checker.accepting = writer;
}

unsigned int check_state(bool backend)
{
	return checker.side[backend].state;
}

void check_store_gone(void)
{
	checker.store = NULL;
	memset(checker.conns, 0, sizeof(checker.conns));
	memset(checker.open, 0, sizeof(checker.open));
	for (int i = 0; i < 2; i++) {
		checker.side[i].owner = (struct visitor){ 0 };
		checker.side[i].instance[0] = '\0';
		checker.side[i].state = 0;
	}
}

static struct visitor visitor_on(uint32_t conn)
{
	struct visitor who = conn < CONNS ? checker.conns[conn] : (struct visitor){ 0 };

	if (who.ring)
		who.life = who.writer->life;
	return who;
}

static struct visitor visitor(const struct writer *writer)
{
	return (struct visitor){ .writer = writer, .life = writer ? writer->life : 0 };
}

static bool is_error(const struct store_effects *effects, const struct store_effect *effect)
{
	struct xsd_sockmsg header;

	memcpy(&header, effects->bytes + effect->offset, sizeof(header));
	return header.type == XS_ERROR;
}

/* -- reading, over a connection of our own ------------------------------------------------------- */

static void connect_to(struct store *store)
{
	struct store_input in = { .type = STORE_IN_CONNECT };

	if (checker.store == store)
		return;
	checker.store = store;
	scene_expect(checker.scene, !__real_store_apply(store, &in, &checker.effects));
	checker.conn = in.conn;
	store_effects_clear(&checker.effects);
}

/* The answer to @op on @path into @out of @size bytes, its length; -1: an error. */
static int ask(uint32_t op, const char *path, char *out, size_t size)
{
	struct store_input in = { .type = STORE_IN_MESSAGE,
				  .conn = checker.conn,
				  .op = op,
				  .payload = path,
				  .len = (uint32_t)strlen(path) + 1 };
	const struct store_effect *effect;
	size_t len = size;

	__real_store_apply(checker.store, &in, &checker.effects);
	effect = checker.effects.list;
	in = (struct store_input){ .type = STORE_IN_DRAINED, .conn = checker.conn };
	if (checker.effects.count == 1) {
		in.bytes = effect->len;
		len = is_error(&checker.effects, effect) ? size : effect->len - sizeof(struct xsd_sockmsg);
	}
	if (len < size) {
		memcpy(out, checker.effects.bytes + effect->offset + sizeof(struct xsd_sockmsg), len);
		out[len] = '\0';
	}
	store_effects_clear(&checker.effects);
	__real_store_apply(checker.store, &in, &checker.effects);
	store_effects_clear(&checker.effects);
	return len < size ? (int)len : -1;
}

/* The value of @dir/@node in @out, "" where there is none; false then. */
static bool read_node(const char *dir, const char *node, char *out, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, node);
	if (ask(XS_READ, path, out, size) >= 0)
		return true;
	*out = '\0';
	return false;
}

static void print_below(FILE *out, const char *path, int depth)
{
	char names[4200], value[4200], below[256];
	int len = ask(XS_DIRECTORY, path, names, sizeof(names));

	for (int at = 0; at < len && depth < 12; at += (int)strlen(names + at) + 1) {
		snprintf(below, sizeof(below), "%s/%s", path[1] ? path : "", names + at);
		if (ask(XS_READ, below, value, sizeof(value)) < 0)
			strcpy(value, "?");
		fprintf(out, "%*s%s = \"%s\"\n", depth * 2, "", names + at, value);
		print_below(out, below, depth + 1);
	}
}

void check_print_store(FILE *out)
{
	if (!checker.store)
		return;
	checker.busy = true;
	print_below(out, "/", 0);
	checker.busy = false;
}

/* -- instance ------------------------------------------------------------------------------------- */

/* Below which of the two nodes is @path, or is it itself? Bits. */
static unsigned int touches(const struct writer *writer, const char *path)
{
	char whole[4200];
	unsigned int bits = 0;

	if (*path == '/')
		snprintf(whole, sizeof(whole), "%s", path);
	else
		snprintf(whole, sizeof(whole), "/local/domain/%u/%s", writer->domid, path);
	for (int i = 0; i < 2; i++) {
		size_t len = strlen(checker.side[i].path);

		if (!strncmp(whole, checker.side[i].path, len) && (!whole[len] || whole[len] == '/'))
			bits |= 1u << i;
	}
	return bits;
}

static bool is_toolstack(const struct writer *writer)
{
	return writer == &checker.scene->toolstack.writer;
}

static void judge_touch(const struct visitor *who, unsigned int touched)
{
	for (int i = 0; i < 2; i++) {
		const struct side *side = &checker.side[i];
		/* An end may give its own instance back. */
		const struct visitor *owner = side->owner.writer ? &side->owner : &side->last_owner;

		if (!(touched & 1u << i) || is_toolstack(who->writer))
			continue;
		if (owner->writer != who->writer || owner->life != who->life)
			scene_fail(
				checker.scene,
				"%s (life %u) wrote below %s, where the instance is \"%s\" of %s (life %u)",
				who->writer->name, who->life, side->path, side->instance,
				owner->writer ? owner->writer->name : "nobody", owner->life);
	}
}

/* -- path and live -------------------------------------------------------------------------------- */

static bool front_may(unsigned int from, unsigned int to)
{
	switch (to) {
	case XenbusStateInitialising: /* reopens, is reset, gives up publishing */
		return true;
	case XenbusStateInitialised:
		return from == XenbusStateInitialising;
	case XenbusStateConnected:
		return from == (checker.scene->options->scenario->straight ? XenbusStateInitialising
									   : XenbusStateInitialised);
	case XenbusStateClosing:
		return from != XenbusStateClosed;
	case XenbusStateClosed:
		return true;
	}
	return false;
}

static bool back_may(unsigned int from, unsigned int to)
{
	switch (to) {
	case XenbusStateInitWait:
		return from != XenbusStateInitWait;
	case XenbusStateConnected:
		return from == XenbusStateInitWait;
	case XenbusStateClosing:
	case XenbusStateClosed:
		return true;
	}
	return false;
}

static struct end *end_of(const struct writer *writer)
{
	for (struct end **end = checker.scene->ends; *end; end++)
		if (&(*end)->writer == writer)
			return *end;
	return NULL;
}

static void judge_live(const struct writer *writer, bool backend)
{
	const struct end *end = end_of(writer);
	struct sim_counts counts;

	if (!end || !end->process || end->closing)
		return; /* closing: this was on its way already */
	sim_process_counts(end->process, &counts);
	if (!counts.ports || !(backend ? counts.mappings : counts.grants))
		scene_fail(checker.scene, "%s says Connected with %zu ports, %zu pages granted, %zu mapped",
			   writer->name, counts.ports, counts.grants, counts.mappings);
}

/* A frontend frees what it granted when the backend has said that it lets go. */
static void judge_let_go(const struct writer *writer, unsigned int to)
{
	const struct end *end = end_of(writer);
	struct sim_counts counts;

	if (!end || !end->process || end->closing)
		return;
	sim_process_counts(end->process, &counts);
	if (counts.mappings)
		scene_fail(checker.scene, "%s says %s with %zu pages mapped", writer->name,
			   xenbus_strstate((enum xenbus_state)to), counts.mappings);
}

/* Closed says that nothing is held any more: the other end may count on it. */
static void judge_closed(const struct writer *writer)
{
	const struct end *end = end_of(writer);
	struct sim_counts counts;

	if (!end || !end->process || sim_process_dead(end->process))
		return;
	sim_process_counts(end->process, &counts);
	if (counts.ports || counts.grants || counts.mappings)
		scene_fail(checker.scene, "%s says Closed with %zu ports, %zu pages granted, %zu mapped",
			   writer->name, counts.ports, counts.grants, counts.mappings);
}

/* Who sees the state must find the keys: one transaction wrote them. */
static void judge_keys(void)
{
	static const char *const keys[] = { "ring-ref", "event-channel" };
	char value[32];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!read_node(checker.side[0].path, keys[i], value, sizeof(value)))
			scene_fail(checker.scene, "the frontend says Initialised without %s", keys[i]);
}

static void judge_state(const struct writer *writer, bool backend, unsigned int from, unsigned int to)
{
	if (is_toolstack(writer) || from == to)
		return;
	if (!(backend ? back_may : front_may)(from, to))
		scene_fail(checker.scene, "%s went from %s to %s", writer->name,
			   xenbus_strstate((enum xenbus_state)from), xenbus_strstate((enum xenbus_state)to));
	if (to == XenbusStateConnected)
		judge_live(writer, backend);
	if (to == XenbusStateClosed)
		judge_closed(writer);
	if (to == XenbusStateInitialised && !backend)
		judge_keys();
	if ((to == XenbusStateClosing || to == XenbusStateClosed) && backend)
		judge_let_go(writer, to);
}

/* The store's content changed, by @who (nobody: by itself): what is there now? */
static void look(const struct visitor *who, unsigned int touched)
{
	for (int i = 0; i < 2; i++) {
		struct side *side = &checker.side[i];
		char instance[sizeof(side->instance)] = "";

		read_node(side->path, "instance", instance, sizeof(instance));
		side->last_owner = side->owner;
		if (strcmp(instance, side->instance)) {
			strcpy(side->instance, instance);
			side->owner = *instance ? *who : (struct visitor){ 0 };
		}
	}
	if (who->writer)
		judge_touch(who, touched);
	for (int i = 0; i < 2; i++) {
		struct side *side = &checker.side[i];
		char text[16];
		unsigned int state = read_node(side->path, "state", text, sizeof(text))
					     ? (unsigned int)strtoul(text, NULL, 10)
					     : 0;

		if (who->writer)
			judge_state(who->writer, i, side->state, state);
		side->state = state;
	}
}

/* -- transactions ---------------------------------------------------------------------------------- */

static struct open_tx *find_tx(uint32_t conn, uint32_t tx)
{
	struct open_tx *unused = NULL;

	for (int i = 0; i < OPEN; i++) {
		if (checker.open[i].conn == conn && checker.open[i].tx == tx)
			return &checker.open[i];
		if (!checker.open[i].conn)
			unused = &checker.open[i];
	}
	scene_expect(checker.scene, unused);
	*unused = (struct open_tx){ conn, tx, 0 };
	return unused;
}

static bool changes(uint32_t op)
{
	return op == XS_WRITE || op == XS_MKDIR || op == XS_RM || op == XS_SET_PERMS;
}

static void end_tx(const struct visitor *who, const struct store_input *in, bool good)
{
	struct open_tx *tx = find_tx(in->conn, in->tx_id);
	unsigned int touched = tx->touched;

	*tx = (struct open_tx){ 0 };
	if (good && in->len && *(const char *)in->payload == 'T')
		look(who, touched);
}

static void message(const struct store_input *in, bool good)
{
	const struct visitor who = visitor_on(in->conn);
	unsigned int touched;

	if (!who.writer || !in->payload)
		return;
	if (in->op == XS_TRANSACTION_END) {
		end_tx(&who, in, good);
	} else if (good && changes(in->op)) {
		touched = touches(who.writer, in->payload);
		if (in->tx_id)
			find_tx(in->conn, in->tx_id)->touched |= touched;
		else
			look(&who, touched);
	}
}

static void forget(uint32_t conn, bool stays)
{
	if (conn < CONNS && !stays)
		checker.conns[conn] = (struct visitor){ 0 };
	for (int i = 0; i < OPEN; i++)
		if (checker.open[i].conn == conn)
			checker.open[i] = (struct open_tx){ 0 };
}

static void ring_of(uint32_t domid, uint32_t conn)
{
	for (struct end **end = checker.scene->ends; *end; end++)
		if ((*end)->writer.domid == domid && domid && conn < CONNS)
			checker.conns[conn] = (struct visitor){ .writer = &(*end)->writer, .ring = true };
}

static bool see_effects(const struct store_input *in, const struct store_effects *effects, size_t from)
{
	bool good = true;

	for (size_t i = from; i < effects->count; i++) {
		const struct store_effect *effect = &effects->list[i];

		if (effect->type == STORE_OUT_MAP_RING)
			ring_of(effect->domid, effect->conn);
		if (effect->type == STORE_OUT_REPLY && effect->conn == in->conn && is_error(effects, effect))
			good = false;
	}
	return good;
}

static void see_input(const struct store_input *in, bool good)
{
	const struct visitor nobody = { 0 };

	switch (in->type) {
	case STORE_IN_CONNECT:
		if (in->conn < CONNS)
			checker.conns[in->conn] = visitor(checker.accepting);
		checker.accepting = NULL;
		break;
	case STORE_IN_DISCONNECT:
		forget(in->conn, false);
		break;
	case STORE_IN_RING_RESET:
		forget(in->conn, true);
		break;
	case STORE_IN_DOMAIN_DEAD:
		look(&nobody, 0);
		break;
	case STORE_IN_MESSAGE:
		message(in, good);
		break;
	default:
		break;
	}
}

/* -- refusing ------------------------------------------------------------------------------------------- */

void check_refuse(const struct writer *writer, uint64_t nth)
{
	checker.refused = writer;
	checker.refuse_in = nth;
}

bool check_refused(void)
{
	return checker.refused && !checker.refuse_in;
}

static bool is_refused(const struct store_input *in)
{
	if (in->type != STORE_IN_MESSAGE || !checker.refuse_in ||
	    visitor_on(in->conn).writer != checker.refused)
		return false;
	return --checker.refuse_in == 0;
}

/* The transaction ends all the same, without effect: the answer to this end is dropped. */
static void end_silently(struct store *store, const struct store_input *in)
{
	struct store_input end = { .type = STORE_IN_MESSAGE,
				   .conn = in->conn,
				   .op = XS_TRANSACTION_END,
				   .tx_id = in->tx_id,
				   .payload = "F",
				   .len = 2 };
	struct store_input drained = { .type = STORE_IN_DRAINED, .conn = in->conn };

	__real_store_apply(store, &end, &checker.effects);
	for (size_t i = 0; i < checker.effects.count; i++)
		drained.bytes += checker.effects.list[i].len;
	store_effects_clear(&checker.effects);
	__real_store_apply(store, &drained, &checker.effects);
	store_effects_clear(&checker.effects);
}

/* No server knows the operation: its refusal, made one for want of memory, is the answer. */
static int refuse(struct store *store, struct store_input *in, struct store_effects *effects)
{
	static const char error[] = "ENOMEM";
	size_t from = effects->count;
	struct store_input unknown = *in;
	int err;

	unknown.op = 999;
	err = __real_store_apply(store, &unknown, effects);
	for (size_t i = from; i < effects->count; i++) {
		const struct store_effect *effect = &effects->list[i];
		struct xsd_sockmsg *header = (void *)(effects->bytes + effect->offset);

		if (effect->type == STORE_OUT_REPLY && header->type == XS_ERROR &&
		    header->len == sizeof(error))
			memcpy(header + 1, error, sizeof(error));
	}
	if (in->op == XS_TRANSACTION_END)
		end_silently(store, in);
	return err;
}

int __wrap_store_apply(struct store *store, struct store_input *in, struct store_effects *effects)
{
	size_t from = effects->count;
	int err;

	if (checker.scene && !checker.busy && is_refused(in))
		return refuse(store, in, effects);
	err = __real_store_apply(store, in, effects);
	if (!checker.scene || checker.busy || err)
		return err;
	checker.busy = true;
	connect_to(store);
	see_input(in, see_effects(in, effects, from));
	checker.busy = false;
	return 0;
}

/* -- after every step -------------------------------------------------------------------------------- */

static void check_left(struct scene *scene, const struct end *end)
{
	struct xenbus_counts bus;
	struct sim_counts sim;

	if (!end->process || !end->bus || sim_process_dead(end->process))
		return;
	xenbus_counts(end->bus, &bus);
	if (bus.ports > bus.devices)
		scene_fail(scene, "%s has %zu ports for %zu devices", end->writer.name, bus.ports,
			   bus.devices);
	if (bus.devices || bus.fibers)
		return;
	sim_process_counts(end->process, &sim);
	if (sim.grants || sim.mappings || sim.ports)
		scene_fail(scene, "%s has no device, and %zu ports, %zu pages granted, %zu mapped",
			   end->writer.name, sim.ports, sim.grants, sim.mappings);
}

static void observe_step(void *ctx)
{
	struct scene *scene = ctx;

	for (struct end **end = scene->ends; *end; end++) {
		check_left(scene, *end);
		if ((*end)->closing)
			report_keep(*end);
	}
	if (sim_steps(scene->sim) > SCENE_STEPS)
		scene_fail(scene, "the run does not end");
	if (scene->back.broken)
		scene_fail(scene, "the backend took other bytes than were sent");
	if (scene->store_process && !(sim_steps(scene->sim) % 256)) {
		const char *wrong = store_check(scene->server.store);

		if (wrong)
			scene_fail(scene, "the store is broken: %s", wrong);
	}
}

void check_start(struct scene *scene)
{
	const struct xenbus_toolstack_device *d = &scene->device;

	checker = (struct checker){ .scene = scene };
	snprintf(checker.side[0].path, sizeof(checker.side[0].path), "/local/domain/%u/device/%s/%u",
		 d->frontend_id, d->devicetype, d->id);
	snprintf(checker.side[1].path, sizeof(checker.side[1].path), "/local/domain/%u/backend/%s/%u/%u",
		 d->backend_id, d->devicetype, d->frontend_id, d->id);
	if (sim_observe(scene->sim, observe_step, scene))
		scene_fail(scene, "no memory");
}

void check_end(struct scene *scene)
{
	store_effects_free(&checker.effects);
	checker.scene = NULL;
}
