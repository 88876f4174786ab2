/* SPDX-License-Identifier: MIT */
/*
 * The races and bugs of the field, each provoked at a moment that the scheduler picks. Every run must end connected,
 * with a whole stream. The numbers are those of docs/races.md, which says where each was seen.
 */
#include "scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#define FRONT_DIR "/local/domain/1/device/alice_dev/0"
#define BACK_DIR "/local/domain/0/backend/alice_dev/1/0"

static void expect_connected_and_detach(struct scene *scene)
{
	scene_settle(scene);
	scene_expect(scene, both_connected(scene) && scene_whole(scene));
	scene_detach(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
	scene_expect(scene, scene_nodes(scene) == scene->nodes_before);
}

/* -- the toolstack's hand, request by request -------------------------------------------------------------- */

struct hand {
	struct scene *scene;
	uint32_t tx;
	int error; /* the first */
};

/* @text: strings, each with a NUL; all of @len. */
static void ask(struct hand *hand, uint32_t op, const char *text, size_t len)
{
	int err = scene_request(hand->scene, op, hand->tx, text, len, NULL, 0);

	if (!hand->error && err != -ENOENT)
		hand->error = err;
}

static void make(struct hand *hand, const char *path, const char *value)
{
	char text[160];
	int n = snprintf(text, sizeof(text), "%s%c%s", path, 0, value);

	ask(hand, XS_WRITE, text, (size_t)n);
}

static void make_dir(struct hand *hand, const char *path, char owner, char reader)
{
	char text[160];
	int n = snprintf(text, sizeof(text), "%s%cn%c%cr%c", path, 0, owner, 0, reader);

	ask(hand, XS_MKDIR, path, strlen(path) + 1);
	ask(hand, XS_SET_PERMS, text, (size_t)n + 1);
}

static void make_dirs(struct hand *hand)
{
	make_dir(hand, FRONT_DIR, '1', '0');
	make_dir(hand, BACK_DIR, '0', '1');
}

static void take(struct hand *hand, const char *path)
{
	ask(hand, XS_RM, path, strlen(path) + 1);
}

static void expect_done(struct hand *hand)
{
	if (hand->error)
		scene_fail(hand->scene, "the toolstack: %s", strerror(-hand->error));
}

static void poke(struct scene *scene, const char *path, const char *value)
{
	struct hand hand = { .scene = scene };

	make(&hand, path, value);
	expect_done(&hand);
}

static const char *const keys[][2] = {
	{ FRONT_DIR "/backend", BACK_DIR },  { FRONT_DIR "/backend-id", "0" }, { FRONT_DIR "/state", "1" },
	{ BACK_DIR "/frontend", FRONT_DIR }, { BACK_DIR "/frontend-id", "1" }, { BACK_DIR "/online", "1" },
	{ BACK_DIR "/state", "1" },
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))
#define FRONT_KEYS 3

static void in_a_transaction(struct scene *scene, void (*what)(struct hand *hand))
{
	int err = -EAGAIN;

	for (int tries = 0; err == -EAGAIN; tries++) {
		struct hand hand = { .scene = scene };
		char id[16] = "";

		scene_expect(scene, tries < 100);
		scene_expect(scene, !scene_request(scene, XS_TRANSACTION_START, 0, "", 1, id, sizeof(id)));
		hand.tx = (uint32_t)strtoul(id, NULL, 10);
		what(&hand);
		expect_done(&hand);
		err = scene_request(scene, XS_TRANSACTION_END, hand.tx, "T", 2, NULL, 0);
	}
	scene_expect(scene, !err);
}

/* -- 1: nodes made key by key, in any order ------------------------------------------------------------------- */

static void any_order(struct scene *scene)
{
	struct hand hand = { .scene = scene };
	unsigned char order[KEYS];

	end_start(&scene->back);
	end_start(&scene->front);
	make_dirs(&hand);
	for (unsigned int i = 0; i < KEYS; i++) {
		unsigned int at = sim_choose(scene->sim, i + 1);

		order[i] = order[at];
		order[at] = (unsigned char)i;
	}
	for (unsigned int i = 0; i < KEYS; i++) {
		make(&hand, keys[order[i]][0], keys[order[i]][1]);
		scene_some_way(scene, 60);
	}
	expect_done(&hand);
	expect_connected_and_detach(scene);
}

/* -- 2: a frontend without a backend waits, and connects when it comes ------------------------------------------- */

static void no_backend_yet(struct scene *scene)
{
	struct hand hand = { .scene = scene };

	end_start(&scene->back);
	end_start(&scene->front);
	make_dir(&hand, FRONT_DIR, '1', '0');
	for (int i = 0; i < FRONT_KEYS; i++)
		make(&hand, keys[i][0], keys[i][1]);
	scene_settle(scene);
	scene_expect(scene, check_state(false) == XenbusStateInitialising);
	make_dir(&hand, BACK_DIR, '0', '1');
	for (size_t i = FRONT_KEYS; i < KEYS; i++)
		make(&hand, keys[i][0], keys[i][1]);
	expect_done(&hand);
	expect_connected_and_detach(scene);
}

/* -- 3, 12: a state written by somebody else ------------------------------------------------------------------------ */

/* So many steps as the seed says: 400 seeds try each moment from the attach to long after the stream. */
static void start_and_some_way(struct scene *scene)
{
	end_start(&scene->back);
	end_start(&scene->front);
	scene_attach(scene);
	for (uint64_t steps = scene->options->seed % 400; steps && sim_step(scene->sim); steps--)
		;
}

static void front_poked(struct scene *scene)
{
	start_and_some_way(scene);
	poke(scene, FRONT_DIR "/state", "1");
	expect_connected_and_detach(scene);
}

static bool back_has_opened(struct scene *scene)
{
	return check_state(true) > XenbusStateInitialising;
}

static void back_poked(struct scene *scene)
{
	static const char *const states[] = { "1", "2", "3", "7", "8" };

	start_and_some_way(scene);
	scene_until(scene, back_has_opened, "the backend offers its features");
	poke(scene, BACK_DIR "/state", states[sim_choose(scene->sim, 5)]);
	expect_connected_and_detach(scene);
}

static void closed_twice(struct scene *scene)
{
	start_and_some_way(scene);
	for (int i = 0; i < 2; i++) {
		if (scene->front.dev)
			xenbus_close_device(scene->front.dev);
		scene_some_way(scene, 30);
		if (scene->back.dev)
			xenbus_close_device(scene->back.dev);
		scene_some_way(scene, 30);
	}
	scene_settle(scene);
	xenbus_reopen_device(scene->back.dev);
	scene_some_way(scene, 100);
	xenbus_reopen_device(scene->front.dev);
	expect_connected_and_detach(scene);
}

/* -- 4, 15: both nodes removed and made again in one transaction, once and again ---------------------------------------- */

static void replace(struct hand *hand)
{
	take(hand, FRONT_DIR);
	take(hand, BACK_DIR);
	make_dirs(hand);
	for (size_t i = 0; i < KEYS; i++)
		make(hand, keys[i][0], keys[i][1]);
}

static void replaced(struct scene *scene)
{
	start_and_some_way(scene);
	in_a_transaction(scene, replace);
	expect_connected_and_detach(scene);
}

static void replaced_often(struct scene *scene)
{
	start_and_some_way(scene);
	for (unsigned int i = sim_choose(scene->sim, 8); i; i--) {
		in_a_transaction(scene, replace);
		scene_some_way(scene, 100);
	}
	expect_connected_and_detach(scene);
}

/* -- 5, 14: a node goes; nothing hangs, and nobody writes it back ------------------------------------------------------------ */

static void expect_gone(struct scene *scene)
{
	scene_settle(scene);
	scene_expect(scene, check_state(false) != XenbusStateConnected);
	scene_expect(scene, check_state(true) != XenbusStateConnected);
	scene_detach_by_force(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
	scene->front.whole = scene->back.whole = 0;
	scene_attach(scene);
	expect_connected_and_detach(scene);
}

static void back_removed(struct scene *scene)
{
	struct hand hand = { .scene = scene };

	start_and_some_way(scene);
	take(&hand, BACK_DIR);
	scene_settle(scene);
	scene_expect(scene, check_state(true) == 0);
	expect_gone(scene);
}

static void both_removed(struct scene *scene)
{
	struct hand hand = { .scene = scene };

	start_and_some_way(scene);
	take(&hand, sim_choose(scene->sim, 2) ? FRONT_DIR : BACK_DIR);
	scene_some_way(scene, 20);
	take(&hand, FRONT_DIR);
	take(&hand, BACK_DIR);
	scene_settle(scene);
	scene_expect(scene, check_state(false) == 0 && check_state(true) == 0);
	expect_gone(scene);
}

/* -- 14: an end closes and opens again so fast that the other may see no Closed between ------------------------------- */

static bool back_is_open(struct scene *scene)
{
	return scene->back.dev;
}

static bool front_is_open(struct scene *scene)
{
	return scene->front.dev;
}

static void burst(struct scene *scene, struct end *end)
{
	start_and_some_way(scene);
	for (unsigned int i = 1 + sim_choose(scene->sim, 3); i; i--) {
		scene_until(scene, end->is_backend ? back_is_open : front_is_open, "a device");
		xenbus_close_device(end->dev);
		scene_some_way(scene, 60);
		xenbus_reopen_device(end->dev);
		scene_some_way(scene, 60);
	}
	expect_connected_and_detach(scene);
}

static void back_bursts(struct scene *scene)
{
	burst(scene, &scene->back);
}

static void front_bursts(struct scene *scene)
{
	burst(scene, &scene->front);
}

/* -- 7: a frontend that says Initialised, Connected and more without a single key ------------------------------------------------ */

static void keyless_front(struct scene *scene)
{
	static const char *const states[] = { "2", "3", "4", "5", "7", "8", "9", "4294967300", "", "x" };

	end_start(&scene->back);
	scene_attach(scene);
	for (int i = 0; i < 4; i++) {
		poke(scene, FRONT_DIR "/state", states[sim_choose(scene->sim, 10)]);
		scene_some_way(scene, 100);
	}
	scene_settle(scene);
	scene_expect(scene, check_state(true) != XenbusStateConnected);
	scene_detach_by_force(scene);
	scene_until(scene, no_devices, "the devices are gone");
	end_start(&scene->front);
	scene_attach(scene);
	expect_connected_and_detach(scene);
}

/* -- 8: connecting fails: nobody says Connected (judged in every run), and both end Closed or connected -------------------------- */

static void calls_fail(struct scene *scene)
{
	end_start(&scene->back);
	end_start(&scene->front);
	sim_fail_call(scene->back.process, 1 + sim_choose(scene->sim, 100));
	sim_fail_call(scene->front.process, 1 + sim_choose(scene->sim, 100));
	scene_task(scene, scene_do_attach, scene);
	scene_settle(scene);
	scene_detach_by_force(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
	scene_expect(scene, scene_nodes(scene) == scene->nodes_before);
}

/* -- 11: the driver is unbound and bound ---------------------------------------------------------------------------------------------- */

static void rebound(struct scene *scene)
{
	start_and_some_way(scene);
	for (unsigned int i = 1 + sim_choose(scene->sim, 3); i; i--) {
		struct end *end = sim_choose(scene->sim, 2) ? &scene->front : &scene->back;

		end_stop(end);
		scene_some_way(scene, 60);
		end_start(end);
		scene_some_way(scene, 200);
	}
	expect_connected_and_detach(scene);
}

/* -- 13: the frontend's domain is introduced anew, in the middle of its messages --------------------------------------------------------- */

static void ring_reset(struct scene *scene)
{
	start_and_some_way(scene);
	scene_introduce_again(scene, SCENE_FRONT_DOMID);
	expect_connected_and_detach(scene);
}

/* -- 15: detached and attached without a pause ---------------------------------------------------------------------------------------------- */

static void quick(struct scene *scene)
{
	start_and_some_way(scene);
	for (unsigned int i = 1 + sim_choose(scene->sim, 5); i; i--) {
		scene_detach_by_force(scene);
		scene->front.whole = scene->back.whole = 0;
		scene_attach(scene);
		scene_some_way(scene, 100);
	}
	expect_connected_and_detach(scene);
}

/* -- closed by its owner, a device stays so, whatever the other end's next life offers --------------------------------- */

static void closed_for_good(struct scene *scene)
{
	const bool back = sim_choose(scene->sim, 2);
	struct end *closer = back ? &scene->back : &scene->front,
		   *other = back ? &scene->front : &scene->back;

	start_and_some_way(scene);
	scene_settle(scene);
	xenbus_close_device(closer->dev);
	scene_some_way(scene, 100);
	end_stop(other);
	scene_some_way(scene, 100);
	end_start(other);
	scene_settle(scene);
	scene_expect(scene, check_state(back) == XenbusStateClosed);
	scene->front.whole = scene->back.whole = 0;
	xenbus_reopen_device(closer->dev);
	expect_connected_and_detach(scene);
}

/* -- detached in good order, at any step of connecting: no force is needed --------------------------------- */

static void detached_while_connecting(struct scene *scene)
{
	start_and_some_way(scene);
	scene_detach(scene);
	scene_until(scene, no_devices, "the devices are gone");
	scene_settle(scene);
	scene_expect(scene, scene_nodes(scene) == scene->nodes_before);
	scene->front.whole = scene->back.whole = 0;
	scene_attach(scene);
	expect_connected_and_detach(scene);
}

/* -- a program that was taken for dead lives on, and another one takes its device ---------------------------------- */

static int release(struct xenbus *bus, void *arg)
{
	return xenbus_toolstack_release(bus, ((struct end *)arg)->launch,
					"back (simulated) was taken for dead");
}

static void taken_for_dead(struct scene *scene)
{
	start_and_some_way(scene);
	end_start(&scene->rival);
	scene_some_way(scene, 100);
	for (unsigned int i = 1 + sim_choose(scene->sim, 4); i; i--) {
		struct end *end = sim_choose(scene->sim, 2) ? &scene->back : &scene->rival;

		scene_expect(scene, scene_task(scene, release, end) >= 0);
		scene_some_way(scene, 100);
	}
	scene_settle(scene);
	scene_detach_by_force(scene);
	scene_until(scene, no_devices, "the devices are gone");
	end_stop(&scene->rival);
	scene->front.whole = scene->back.whole = 0;
	scene_attach(scene);
	expect_connected_and_detach(scene);
}

#define RACE(id, title, text, fn) const struct scenario id = { .name = title, .about = text, .run = fn }

RACE(race_1, "race-1", "nodes made key by key, in any order", any_order);
RACE(race_2, "race-2", "a frontend whose backend comes later", no_backend_yet);
RACE(race_3, "race-3", "the frontend's state poked to 1", front_poked);
RACE(race_4, "race-4", "both nodes replaced in one transaction", replaced);
RACE(race_5, "race-5", "the backend's directory removed", back_removed);
RACE(race_7, "race-7", "a frontend's states without its keys", keyless_front);
RACE(race_8, "race-8", "calls fail at random: nobody is Connected who is not", calls_fail);
RACE(race_11, "race-11", "drivers unbound and bound", rebound);
RACE(race_12, "race-12", "the backend's state poked to anything", back_poked);
RACE(race_12_twice, "race-12-twice", "both closed twice", closed_twice);
RACE(race_13, "race-13", "the ring reset in the middle of a message", ring_reset);
RACE(race_14, "race-14", "both directories removed", both_removed);
RACE(race_14_burst, "race-14-burst", "the backend closed and opened without a pause", back_bursts);
RACE(race_14_front, "race-14-front", "the frontend closed and opened without a pause", front_bursts);
RACE(race_15, "race-15", "detached and attached without a pause", quick);
RACE(race_15_replaced, "race-15-replaced", "both nodes replaced again and again", replaced_often);
RACE(race_detach, "detach-while-connecting", "detached in good order at any step", detached_while_connecting);
RACE(race_rival, "taken-for-dead", "a launch released though its program lives, beside another of its class",
     taken_for_dead);
RACE(race_closed, "closed-for-good", "closed by its owner, whatever the other end offers", closed_for_good);
