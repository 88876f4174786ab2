/* SPDX-License-Identifier: MIT */
/*
 * Deaths on the local world, of the shipped programs: SIGKILL at the states of the negotiation and amid a transfer.
 * The other end lets go and closes; what a launcher or a toolstack can put right is put right; in the end everybody
 * holds what he held before.
 *
 *     killed              alice-front in domain 1, alice-back in domain 2 (their domains end); alice-back and
 *                         alice-front in domain 0 (their launcher closes for them); xenstored; the broker
 *     states (front/back) brought about by stopping the one who would go on
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <xen/io/xenbus.h>

#include "programs.h"

enum { FRONT, BACK };
#define KILLED_STATUS (128 + SIGKILL)
#define SPARSE_BYTES (1ll << 40) /* nobody comes to its end */
#define AMID_BYTES (1u << 20)

/* -- a pair ------------------------------------------------------------------------------------- */

struct pair {
	struct programs *w;
	struct program p[2];
	const char *domid[2];
	char file[64]; /* what is sent */
	char node[2][64];
};

static void start_end(struct pair *pair, int end)
{
	const char *const front[] = { "--file", pair->file, NULL };

	program_start(pair->w, &pair->p[end], end == FRONT ? "alice-front" : "alice-back", pair->domid[end],
		      end == FRONT ? front : NULL);
}

static void pair_begin(struct programs *w, struct pair *pair, const char *front, const char *back)
{
	int fd;

	*pair = (struct pair){ .w = w, .domid = { front, back } };
	snprintf(pair->file, sizeof(pair->file), "%s/sent", w->top);
	fd = open(pair->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SPARSE_BYTES), 0);
	close(fd);
	snprintf(pair->node[FRONT], sizeof(pair->node[0]), "/local/domain/%s/device/alice_dev/0", front);
	snprintf(pair->node[BACK], sizeof(pair->node[0]), "/local/domain/%s/backend/alice_dev/%s/0", back,
		 front);
	store_mkdir(w, "/local/domain/0/error"); /* stays once there was one */
	start_end(pair, BACK);
	start_end(pair, FRONT);
}

static void pair_end(struct pair *pair)
{
	for (int end = 0; end < 2; end++) {
		kill(pair->p[end].launcher, SIGTERM);
		assert_int_equal(program_wait(&pair->p[end]), 0);
	}
}

/* 0: there is no such node. */
static unsigned int state_of(struct pair *pair, int end)
{
	char path[80], *value;
	unsigned int state;

	snprintf(path, sizeof(path), "%s/state", pair->node[end]);
	value = store_read(pair->w, path);
	state = value ? (unsigned int)atoi(value) : 0;
	free(value);
	return state;
}

struct states {
	struct pair *pair;
	unsigned int of[2]; /* 0: whichever */
};

static bool are_states(void *arg)
{
	struct states *s = arg;

	for (int end = 0; end < 2; end++)
		if (s->of[end] && state_of(s->pair, end) != s->of[end])
			return false;
	return true;
}

static void await_states(struct pair *pair, unsigned int front, unsigned int back)
{
	char what[32];

	snprintf(what, sizeof(what), "states %u/%u", front, back);
	await(are_states, &(struct states){ pair, { front, back } }, what);
}

static void toolstack(struct pair *pair, const char *verb, const char *option, int status)
{
	struct command c;

	RUN(&c, "xenbus", verb, "alice_dev", "--front", pair->domid[FRONT], "--back", pair->domid[BACK],
	    "--timeout", "60", option);
	if (c.status != status)
		fail_msg("%s: status %d, not %d: %s", verb, c.status, status, c.err);
}

static bool is_amid(void *arg)
{
	struct states *s = arg;

	return process_read(s->pair->p[FRONT].pid) > s->of[0] + AMID_BYTES;
}

/* Connected, and bytes move. */
static void await_transfer(struct pair *pair)
{
	struct states s = { pair, { 0 } };

	await_states(pair, XenbusStateConnected, XenbusStateConnected);
	s.of[0] = (unsigned int)process_read(pair->p[FRONT].pid);
	await(is_amid, &s, "a transfer");
}

static void once_more(struct pair *pair)
{
	toolstack(pair, "attach", NULL, 0);
	await_transfer(pair);
	toolstack(pair, "detach", NULL, 0);
}

/* -- the states to die in ------------------------------------------------------------------------- */

struct stage {
	const char *name;
	void (*reach)(struct pair *pair, int victim);
	/* What the survivor, front or back, comes to where the other's nodes went with its domain; or say Closed. */
	unsigned int gone[2], closed[2];
	bool asked; /* a detach is under way */
};

static bool has_instance(void *arg)
{
	struct states *s = arg;
	char path[80], *value;

	snprintf(path, sizeof(path), "%s/instance", s->pair->node[s->of[0]]);
	value = store_read(s->pair->w, path);
	free(value);
	return value != NULL;
}

/* The survivor has not looked yet. */
static void reach_taken(struct pair *pair, int victim)
{
	process_stop(pair->p[!victim].pid);
	toolstack(pair, "attach", "--no-wait", 0);
	await(has_instance, &(struct states){ pair, { (unsigned int)victim } }, "a probe");
	if (victim == BACK)
		await_states(pair, XenbusStateInitialising, XenbusStateInitWait);
}

/* The frontend has published, the backend has not seen it. */
static void reach_published(struct pair *pair, int victim)
{
	process_stop(pair->p[FRONT].pid);
	toolstack(pair, "attach", "--no-wait", 0);
	await_states(pair, XenbusStateInitialising, XenbusStateInitWait);
	process_stop(pair->p[BACK].pid);
	kill(pair->p[FRONT].pid, SIGCONT);
	await_states(pair, XenbusStateInitialised, XenbusStateInitWait);
}

/* The backend is Connected, the frontend has not seen it. */
static void reach_half(struct pair *pair, int victim)
{
	reach_published(pair, victim);
	process_stop(pair->p[FRONT].pid);
	kill(pair->p[BACK].pid, SIGCONT);
	await_states(pair, XenbusStateInitialised, XenbusStateConnected);
}

static void reach_transfer(struct pair *pair, int victim)
{
	toolstack(pair, "attach", NULL, 0);
	await_transfer(pair);
}

/* The toolstack has asked the backend to close, the victim has not looked. */
static void reach_asked(struct pair *pair, int victim)
{
	struct command c;

	reach_transfer(pair, victim);
	process_stop(pair->p[victim].pid);
	RUN(&c, "xenbus", "detach", "alice_dev", "--front", pair->domid[FRONT], "--back", pair->domid[BACK],
	    "--timeout", "0");
	assert_int_equal(c.status, 1);
	await_states(pair, 0, XenbusStateClosing);
}

#define DOWN 0 /* Closed, or it waits for the other to begin: before it saw it, or when it offers again */
#define CLOSED XenbusStateClosed
static const struct stage stages[] = {
	{ "taken", reach_taken, { DOWN, DOWN }, { XenbusStateInitialising, DOWN }, false },
	{ "published", reach_published, { CLOSED, CLOSED }, { CLOSED, DOWN }, false },
	{ "half connected", reach_half, { CLOSED, CLOSED }, { CLOSED, DOWN }, false },
	{ "amid a transfer", reach_transfer, { CLOSED, CLOSED }, { CLOSED, DOWN }, false },
	{ "asked to close", reach_asked, { CLOSED, CLOSED }, { CLOSED, DOWN }, true },
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

static bool is_down(void *arg)
{
	struct states *s = arg;
	const unsigned int state = state_of(s->pair, (int)s->of[0]);

	return state == (s->of[0] == FRONT ? XenbusStateInitialising : XenbusStateInitWait) ||
	       state == XenbusStateClosed;
}

static void await_survivor(struct pair *pair, int victim, unsigned int state)
{
	if (state)
		await_states(pair, victim == FRONT ? 0 : state, victim == FRONT ? state : 0);
	else
		await(is_down, &(struct states){ pair, { (unsigned int)!victim } }, "the survivor");
}

static void let_all_run(struct pair *pair)
{
	for (int end = 0; end < 2; end++)
		kill(pair->p[end].pid, SIGCONT);
}

/* -- a domain dies ---------------------------------------------------------------------------------- */

/* Its launcher is held back, to see what the survivor does alone; then it detaches and forgets. */
static void domain_dies(struct pair *pair, int victim, const struct stage *stage)
{
	stage->reach(pair, victim);
	process_stop(pair->p[victim].launcher);
	kill(pair->p[victim].pid, SIGKILL);
	let_all_run(pair);
	await_survivor(pair, victim, stage->gone[!victim]);
	kill(pair->p[victim].launcher, SIGCONT);
	assert_int_equal(program_wait(&pair->p[victim]), KILLED_STATUS);
	toolstack(pair, "detach", "--force", 1);
	start_end(pair, victim);
}

static void when_a_domain_dies(struct programs *w, int victim, const char *front, const char *back)
{
	struct census base;
	struct pair pair;

	pair_begin(w, &pair, front, back);
	/* Once for what is made with the first devices and stays. */
	for (size_t i = 0; i < STAGES; i++)
		domain_dies(&pair, victim, &stages[i]);
	census_settle(w, pair.p[!victim].pid, &base);
	for (size_t i = 0; i < STAGES; i++) {
		domain_dies(&pair, victim, &stages[i]);
		census_await(w, pair.p[!victim].pid, &base, stages[i].name);
	}
	once_more(&pair);
	pair_end(&pair);
}

static void a_frontend_domain_may_die_in_every_state(void **state)
{
	when_a_domain_dies(*state, FRONT, "1", "0");
}

static void a_driver_domain_may_die_in_every_state(void **state)
{
	when_a_domain_dies(*state, BACK, "1", "2");
}

/* -- a program of domain 0 dies ----------------------------------------------------------------------- */

/* Of an end in domain 0. */
static void error_path(struct pair *pair, int end, char *path, size_t size)
{
	snprintf(path, size, "/local/domain/0/error/%s/error", pair->node[end] + strlen("/local/domain/0/"));
}

static void check_error_node(struct pair *pair, int victim)
{
	char path[80], want[128], *said;

	error_path(pair, victim, path, sizeof(path));
	snprintf(want, sizeof(want), "-3 %s program %s (pid %d) was killed by signal 9",
		 victim == FRONT ? "frontend" : "backend", pair->p[victim].name, (int)pair->p[victim].pid);
	said = store_read(pair->w, path);
	assert_non_null(said);
	assert_string_equal(said, want);
	free(said);
}

static bool has_no_error_node(void *arg)
{
	struct states *s = arg;
	char path[80], *said;

	error_path(s->pair, (int)s->of[0], path, sizeof(path));
	said = store_read(s->pair->w, path);
	free(said);
	return !said;
}

static void program_dies(struct pair *pair, int victim, const struct stage *stage)
{
	stage->reach(pair, victim);
	kill(pair->p[victim].pid, SIGKILL);
	assert_int_equal(program_wait(&pair->p[victim]), KILLED_STATUS);
	assert_int_equal(state_of(pair, victim), XenbusStateClosed);
	check_error_node(pair, victim);
	let_all_run(pair);
	await_survivor(pair, victim, stage->closed[!victim]);
	start_end(pair, victim);
	if (!stage->asked) {
		await_transfer(pair);
		await(has_no_error_node, &(struct states){ pair, { (unsigned int)victim } },
		      "the former life's error goes");
	}
	toolstack(pair, "detach", "--force", 0);
}

static void when_a_program_dies(struct programs *w, int victim, const char *front, const char *back)
{
	struct census base;
	struct pair pair;

	pair_begin(w, &pair, front, back);
	for (size_t i = 0; i < STAGES; i++)
		program_dies(&pair, victim, &stages[i]);
	census_settle(w, pair.p[!victim].pid, &base);
	for (size_t i = 0; i < STAGES; i++) {
		program_dies(&pair, victim, &stages[i]);
		census_await(w, pair.p[!victim].pid, &base, stages[i].name);
	}
	once_more(&pair);
	pair_end(&pair);
}

static void a_backend_of_domain_0_may_die_and_connects_again(void **state)
{
	when_a_program_dies(*state, BACK, "1", "0");
}

static void a_frontend_of_domain_0_may_die_and_connects_again(void **state)
{
	when_a_program_dies(*state, FRONT, "0", "2");
}

static void write_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	for (size_t i = 0; i < size; i++)
		fputc((int)((i * 2654435761u) >> 11) & 0xff, file);
	assert_int_equal(fclose(file), 0);
}

static bool is_received(void *arg)
{
	struct pair *pair = arg;

	return program_said(&pair->p[FRONT], "Stream sent: 3000001 bytes");
}

static void a_backend_that_is_started_again_gets_the_whole_file(void **state)
{
	struct programs *w = *state;
	char received[64];
	const char *const args[] = { "--output", received, NULL };
	struct command c;
	struct pair pair;

	snprintf(received, sizeof(received), "%s/received", w->top);
	pair_begin(w, &pair, "1", "0");
	toolstack(&pair, "attach", NULL, 0);
	await_transfer(&pair);
	kill(pair.p[BACK].pid, SIGKILL);
	assert_int_equal(program_wait(&pair.p[BACK]), KILLED_STATUS);
	await_states(&pair, XenbusStateClosed, XenbusStateClosed);
	write_file(pair.file, 3000001);
	program_start(w, &pair.p[BACK], "alice-back", "0", args);
	await(is_received, &pair, "the file");
	RUN(&c, "cmp", pair.file, received);
	assert_int_equal(c.status, 0);
	pair_end(&pair);
}

/* Its launcher was killed with it, as a service manager's last resort does. */
static void a_launch_is_released_by_hand(void **state)
{
	static const char token[] = "0123456789abcdef0123456789ABCDEF";
	struct programs *w = *state;
	struct command c;
	struct pair pair;

	pair_begin(w, &pair, "1", "0");
	setenv("DEATHS_LAUNCH", token, 1);
	kill(pair.p[BACK].launcher, SIGTERM);
	assert_int_equal(program_wait(&pair.p[BACK]), 0);
	start_end(&pair, BACK);
	unsetenv("DEATHS_LAUNCH");
	toolstack(&pair, "attach", NULL, 0);
	await_transfer(&pair);
	process_stop(pair.p[BACK].pid);
	kill(pair.p[BACK].launcher, SIGKILL);
	assert_int_equal(program_wait(&pair.p[BACK]), KILLED_STATUS);
	kill(pair.p[BACK].pid, SIGKILL);
	assert_int_equal(command_wait(pair.p[BACK].pid), KILLED_STATUS);
	assert_int_equal(state_of(&pair, BACK), XenbusStateConnected);

	RUN(&c, "xenbus", "release", "--launch", "0123456789abcdef"); /* somebody else's */
	assert_int_equal(c.status, 0);
	assert_int_equal(state_of(&pair, BACK), XenbusStateConnected);
	for (int twice = 0; twice < 2; twice++) {
		RUN(&c, "xenbus", "release", "--launch", token);
		assert_int_equal(c.status, 0);
		await_states(&pair, XenbusStateClosed, XenbusStateClosed);
	}
	start_end(&pair, BACK);
	await_transfer(&pair);
	RUN(&c, "xenbus", "release", "--launch", token); /* taken by another launch */
	assert_int_equal(c.status, 0);
	assert_int_equal(state_of(&pair, BACK), XenbusStateConnected);
	toolstack(&pair, "detach", NULL, 0);
	pair_end(&pair);
}

/* -- the store dies --------------------------------------------------------------------------------- */

static void store_dies(struct programs *w)
{
	kill(w->store, SIGKILL);
	assert_int_equal(command_wait(w->store), KILLED_STATUS);
}

static void store_is_mended(struct programs *w)
{
	struct command c;

	RUN(&c, "xenbus", "up");
	assert_int_equal(c.status, 0);
	assert_non_null(strstr(c.err, "had lost its store"));
	programs_learn(w);
}

static void commands_say_that_there_is_no_store(struct pair *pair)
{
	static const char *const commands[][6] = {
		{ "xenbus", "ls" },
		{ "xenbus", "run", "true" },
		{ "xenbus", "release", "--launch", "0123456789abcdef" },
		{ "xenbus", "attach", "alice_dev", "--front=1", "--back=0" },
		{ "xenbus", "detach", "alice_dev", "--front=1", "--back=0" },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct command c;

		command_run(&c, commands[i]);
		assert_int_equal(c.status, 1);
		if (!strstr(c.err, "no store at") || !strstr(c.err, "`xenbus up` starts one"))
			fail_msg("%s: %s", commands[i][1], c.err);
	}
}

/* Nodes and watches are lost; the new store learns of the domains, programs find it and set their watches again, what
 * they had open is condemned, and the toolstack makes the devices anew. */
static void the_store_may_die_in_every_state(void **state)
{
	struct programs *w = *state;
	struct census base;
	struct command c;
	struct pair pair;

	pair_begin(w, &pair, "1", "0");
	once_more(&pair);
	census_settle(w, pair.p[FRONT].pid, &base);
	for (size_t i = 0; i < STAGES; i++) {
		stages[i].reach(&pair, BACK);
		store_dies(w);
		let_all_run(&pair);
		commands_say_that_there_is_no_store(&pair);
		store_is_mended(w);
		census_await(w, pair.p[FRONT].pid, &base, stages[i].name);
		RUN(&c, "xenbus", "ls", "--json");
		assert_string_equal(c.out, "[]\n");
		once_more(&pair);
	}
	pair_end(&pair);
}

static void a_transfer_outlives_the_store(void **state)
{
	struct programs *w = *state;
	struct states s;
	struct pair pair;

	pair_begin(w, &pair, "1", "0");
	toolstack(&pair, "attach", NULL, 0);
	await_transfer(&pair);
	store_dies(w);
	s = (struct states){ &pair, { (unsigned int)process_read(pair.p[FRONT].pid) } };
	await(is_amid, &s, "the transfer goes on");
	pair_end(&pair); /* without a store to say Closed to, too */
	assert_true(program_said(&pair.p[BACK], "no store at"));
}

/* `xenbus @verb` of a device that is never ready; what it says goes to @log. */
static pid_t start_waiting(struct pair *pair, const char *verb, const char *class, const char *log)
{
	char xenbus[512];

	command_path("xenbus", xenbus, sizeof(xenbus));
	return START("sh", "-c", "exec \"$@\" >\"$0\" 2>&1", log, xenbus, verb, class, "--front",
		     pair->domid[FRONT], "--back", pair->domid[BACK], "--timeout", "3600");
}

struct waiters {
	pid_t attach, detach;
	char attach_log[64], detach_log[64];
};

static bool is_waiting(void *arg)
{
	struct pair *pair = arg;
	char *value = store_read(pair->w, "/local/domain/1/device/nobody/0/state");

	free(value);
	return value && state_of(pair, BACK) == XenbusStateClosing;
}

/* An attach of a class that has no driver, and a detach of a backend that is stopped. */
static void begin_to_wait(struct pair *pair, struct waiters *waiters)
{
	snprintf(waiters->attach_log, sizeof(waiters->attach_log), "%s/attach.log", pair->w->top);
	snprintf(waiters->detach_log, sizeof(waiters->detach_log), "%s/detach.log", pair->w->top);
	process_stop(pair->p[BACK].pid);
	waiters->attach = start_waiting(pair, "attach", "nobody", waiters->attach_log);
	waiters->detach = start_waiting(pair, "detach", "alice_dev", waiters->detach_log);
	await(is_waiting, pair, "attach and detach wait");
}

static void waiters_say(struct waiters *waiters, const char *text)
{
	assert_int_equal(command_wait(waiters->attach), 1);
	assert_int_equal(command_wait(waiters->detach), 1);
	assert_true(file_says(waiters->attach_log, text));
	assert_true(file_says(waiters->detach_log, text));
}

static void who_waits_is_told_that_the_store_died(void **state)
{
	struct programs *w = *state;
	struct waiters waiters;
	struct pair pair;

	pair_begin(w, &pair, "1", "0");
	toolstack(&pair, "attach", NULL, 0);
	await_transfer(&pair);
	begin_to_wait(&pair, &waiters);
	store_dies(w);
	waiters_say(&waiters, "the store was lost; `xenbus up` starts one");
	let_all_run(&pair);
	pair_end(&pair);
}

/* -- the broker dies ------------------------------------------------------------------------------- */

/* A power cut. Nothing of the world is left running: the teardown waits for all that there was. */
static void when_the_broker_dies_all_exit_and_say_so(void **state)
{
	struct programs *w = *state;
	struct waiters waiters;
	char log[96];
	struct pair pair;

	pair_begin(w, &pair, "1", "0");
	toolstack(&pair, "attach", NULL, 0);
	await_transfer(&pair);
	begin_to_wait(&pair, &waiters);
	let_all_run(&pair);
	kill(w->broker, SIGKILL);
	assert_int_equal(command_wait(w->broker), KILLED_STATUS);
	waiters_say(&waiters, "the store was lost");
	assert_int_equal(program_wait(&pair.p[BACK]), 1);
	assert_true(program_said(&pair.p[BACK], "alice-back: the world has ended"));
	assert_true(program_said(&pair.p[BACK], "xenbus: the world has ended"));
	assert_int_equal(program_wait(&pair.p[FRONT]), 1);
	assert_true(program_said(&pair.p[FRONT], "xenbus: the world ended"));
	command_wait_for_all();
	snprintf(log, sizeof(log), "%s/xenstored.log", w->dir);
	assert_true(file_says(log, "the world has ended"));
}

int main(void)
{
#define DEATH(test) cmocka_unit_test_setup_teardown(test, programs_setup, programs_teardown)
	const struct CMUnitTest tests[] = {
		DEATH(a_frontend_domain_may_die_in_every_state),
		DEATH(a_driver_domain_may_die_in_every_state),
		DEATH(a_backend_of_domain_0_may_die_and_connects_again),
		DEATH(a_frontend_of_domain_0_may_die_and_connects_again),
		DEATH(a_backend_that_is_started_again_gets_the_whole_file),
		DEATH(a_launch_is_released_by_hand),
		DEATH(the_store_may_die_in_every_state),
		DEATH(a_transfer_outlives_the_store),
		DEATH(who_waits_is_told_that_the_store_died),
		DEATH(when_the_broker_dies_all_exit_and_say_so),
	};

	if (getenv("DEATHS_ONLY"))
		cmocka_set_test_filter(getenv("DEATHS_ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
