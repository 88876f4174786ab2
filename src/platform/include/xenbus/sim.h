/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_SIM_H
#define XENBUS_SIM_H
/*
 * The world `sim`: many domains and their processes inside one, in virtual time. Whatever can happen next is
 * a choice of one scheduler, and a run is its choices.
 *
 *      scenario --- starts ---> struct sim_process: a xenbus_host and a xen_platform of its own,
 *         |                     and on them the code that ships: bus, drivers, client, xenstored
 *         '-- sim_step(): one of what can happen now is chosen and runs; then the observers look
 *
 * What can happen: a callback of one process (its loop's turn, posted work, a ready source, a due timer, the end
 * of a file transfer), time moving on to the next timer, an action of the scenario's own; and within a call
 * through the seam its failure, or the death of the process that makes it.
 *
 * Each process runs at a speed that the seed gives it and changes now and then, so that one may be far ahead of
 * another. Callbacks are atomic but for deaths: between two of them anything may happen elsewhere.
 *
 * Grants and ports are checked objects. What is an error on Xen gets Xen's answer; what no program that is right
 * does (a call on a port or address that is not the caller's, a leak at its end) is told to violation() besides.
 * Memory that was unmapped is never mapped again: who touches it gets SIGSEGV, and sim_describe() knows whose it
 * was.
 *
 * Everything is single-threaded. Errors are -errno. Two runs with the same configuration and the same code are
 * the same, byte by byte, in every process and on every machine.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct sim;
struct sim_process;
struct xen_platform;
struct xenbus_host;

/* -- the world ---------------------------------------------------------------------------------- */

struct sim_choices {
	uint32_t *made; /* alternatives << 16 | the one taken, both < 65536 */
	size_t count, capacity;
};

struct sim_config {
	uint64_t seed; /* of the choices and of all random bytes */
	const struct sim_choices
		*replay;	    /* taken first, borrowed; behind their end the seed chooses. NULL: none */
	unsigned int fail_one_in;   /* a call through the seam fails with 1/N; 0: only those asked for */
	unsigned int failures;	    /* at most so many of them */
	unsigned int ports, grants; /* a domain may have; 0: 1023 and 4096 */
	unsigned int mapped_pages;  /* a handle may have; 0: 4096 */
	/* What a program that is right never does; @text borrowed. NULL: printed, and abort(). */
	void (*violation)(void *ctx, const char *text);
	/* Every choice in words, as it is made: "d1 alice-front: port 3". NULL: not told. */
	void (*step)(void *ctx, const char *text);
	void *ctx;
};

/* Domain 0 exists; it has no process. 0 and *@out; -ENOMEM; -ENOTSUP this machine's pages are not of 4096 bytes; -errno
 * of memfd_create(2). */
int sim_new(const struct sim_config *config, struct sim **out);
/* All processes must have been freed. NULL is allowed. */
void sim_free(struct sim *sim);

/* One choice among @n (1..65535), recorded but when there is only one; 0..n-1. For scenarios, too. */
unsigned int sim_choose(struct sim *sim, unsigned int n);
/* The choices so far; borrowed until the next one. */
const struct sim_choices *sim_choices(const struct sim *sim);
/* A replayed choice had another number of alternatives than now (it is taken modulo these): code or scenario are not
 * those of the run that was recorded. */
bool sim_diverged(const struct sim *sim);

uint64_t sim_now(const struct sim *sim);   /* nanoseconds, virtual */
uint64_t sim_steps(const struct sim *sim); /* taken so far */
/* Whose callback runs; NULL: none. */
struct sim_process *sim_current(const struct sim *sim);

/* Chooses and runs one thing. False: nothing can happen, not even time. Not from within a callback or an observer; an
 * action may, to wait for what it began: others may run meanwhile. */
bool sim_step(struct sim *sim);
/* Steps until @until(@ctx). 0; -ETIMEDOUT after @max steps; -EDEADLK nothing can happen any more. */
int sim_run(struct sim *sim, bool (*until)(void *ctx), void *ctx, uint64_t max);

/* Runs after every step, at the top: no process's callback is running. Registered for good. -ENOMEM. */
int sim_observe(struct sim *sim, void (*look)(void *ctx), void *ctx);

/* Something the scenario can do, at a moment that the scheduler chooses; zero-initialise, embedded in its owner's
 * object. @run is called at the top, once for each sim_action_add(); it may add itself again. */
struct sim_action {
	const char *name;
	unsigned int weight; /* against 16 for a callback at ordinary speed; 0: 1 */
	void (*run)(struct sim_action *action);
	void *impl[3];
};
void sim_action_add(struct sim *sim, struct sim_action *action);
void sim_action_cancel(struct sim *sim, struct sim_action *action);

/* -- domains ------------------------------------------------------------------------------------- */

/* What INTRODUCE wants of a new domain; as struct xen_local_store. */
struct sim_store {
	uint64_t gfn;
	uint32_t port;
};
/* Creates @domid (1..0x7fef). 0; -EEXIST; -ENOMEM. */
int sim_domain_create(struct sim *sim, uint32_t domid, struct sim_store *store);
/* Kills its processes and ends it; VIRQ_DOM_EXC goes to who bound it. 0; -ESRCH; -EINVAL domain 0. */
int sim_domain_destroy(struct sim *sim, uint32_t domid);
/* It stops running and goes on to exist: its processes get no more turns. VIRQ_DOM_EXC. */
int sim_domain_shutdown(struct sim *sim, uint32_t domid);

/* -- processes ------------------------------------------------------------------------------------ */

struct sim_process_config {
	uint32_t domid;
	const char *name; /* for people; copied, at most 31 bytes */
	/* After each callback of the process, and in turns of their own while it returned 0: the rest of the body of
	 * a loop that is not xenbus_host_run()'s. Returns in how many milliseconds it wants one at the latest; -1: after
	 * the next callback. NULL: none. */
	int (*loop)(void *ctx);
	/* It was killed. At the top, once, after the step in which it happened (at once outside of any step), but while
	 * somebody at the top dispatches it, when that is over; the place to free what is in it. NULL: whoever starts
	 * it looks at sim_process_dead(). */
	void (*died)(void *ctx, struct sim_process *process);
	void *ctx;
};
/* 0 and *@out; -ESRCH no such domain; -ENOMEM. */
int sim_process_start(struct sim *sim, const struct sim_process_config *config, struct sim_process **out);
/* The process's own. Borrowed; xen_platform_close() and xenbus_host_free() on them do nothing. Dispatching the host from
 * the top steps the whole world until the process has had a callback (1), or the timeout is over in virtual time (0), or
 * nothing can happen (-EDEADLK). With timeout 0 one callback of the process itself that can run now does, and the rest
 * of the world stands still. Who goes on dispatching in a world where nothing can happen is stopped by abort(), and
 * likewise who waits for more than 4 million steps. */
struct xenbus_host *sim_process_host(struct sim_process *process);
struct xen_platform *sim_process_platform(struct sim_process *process);
const char *sim_process_name(const struct sim_process *process);
/* Whose @platform is, one of a simulator's. */
struct sim_process *sim_process_of(struct xen_platform *platform);

/* kill -9. To all others the process is gone at once, also in the middle of a callback of its own: handles and streams
 * are closed, notifications delivered. Of the file transfers that it began some may still be done. Its memory stays: what
 * it sees of shared pages becomes a private copy, its calls answer -ENOTCONN or -ECONNRESET, and its host, dispatched,
 * runs its own callbacks alone, in order and in a time of its own. So the scenario frees what was in it with the
 * functions that ship: xenbus_close() and the like. */
void sim_process_kill(struct sim_process *process);
bool sim_process_dead(const struct sim_process *process);
/* Its end, good or bad. Nothing may be armed or open any more: that is a violation, and is cleared away. */
void sim_process_free(struct sim_process *process);

/* Who connects to @path (xenbus_stream_connect() of any process of the same domain) reaches @process: @accepted runs in it
 * as a callback with the descriptor of its end, which it owns. Until the process ends. -EEXIST; -ENOMEM. */
int sim_listen(struct sim_process *process, const char *path, void (*accepted)(void *ctx, int fd), void *ctx);

/* -- faults --------------------------------------------------------------------------------------- */

/* Calls through the seam that the process made: those of xen_platform_* (but name, domid and fd), and of the host
 * source_add, file_submit and stream_*. notify, pending, unmask, unmap, unshare, unbind and close count but cannot
 * fail. */
uint64_t sim_calls(const struct sim_process *process);
/* The @nth call from now that can fail fails, without effect, with an error that the call may have; 0: none does. */
void sim_fail_call(struct sim_process *process, uint64_t nth);
/* The process is killed when it makes the @nth call from now, before that has an effect; 0: not. */
void sim_kill_at_call(struct sim_process *process, uint64_t nth);
/* The @nth allocation from now fails; 0: none. */
void sim_fail_alloc(struct sim_process *process, uint64_t nth);
/* Did what the last of the three asked for happen? */
bool sim_fault_hit(const struct sim_process *process);
/* What is allocated at the top, outside any callback, is @process's too: it starts, say. NULL: nobody's again. What the
 * world's steps allocate while @process is dispatched remains theirs. */
void sim_alloc_at_top(struct sim *sim, struct sim_process *process);
/* For an allocator that stands before malloc: counts an allocation of the process whose callback runs. True: it shall
 * fail. False, uncounted, where none runs, sim_alloc_at_top() apart, or the simulator itself allocates. @sim may be
 * NULL. */
bool sim_alloc_fails(struct sim *sim);

/* -- looking from outside --------------------------------------------------------------------------- */

struct sim_counts {
	size_t handles, ports, grants, mappings; /* mappings and grants in pages */
	size_t pages;				 /* granted, or revoked and still mapped */
	size_t streams, sources, timers, works, files;
};
/* Of one process. The store's port and grant of a domain count for nobody. */
void sim_process_counts(const struct sim_process *process, struct sim_counts *out);
/* Of the whole world: of the dead ones, only files, and pages that others still map. */
void sim_world_counts(const struct sim *sim, struct sim_counts *out);
/* Pages that were revoked while another domain mapped them, since the beginning. */
uint64_t sim_unshared_mapped(const struct sim *sim);

/* What lies, or lay, at @address: "page 0 of grant 8 of d1, mapped by d0 alice-back, unmapped at step 812". Returns the
 * length, or 0: nothing of the simulator's. Async-signal-safe but for snprintf(). */
int sim_describe(const struct sim *sim, const void *address, char *buf, size_t size);

/* -- replay files ------------------------------------------------------------------------------------ */

/* Text, one line a run of choices. 0; -errno of the write. */
int sim_choices_write(const struct sim_choices *choices, FILE *out);
/* 0 and @out, freed with sim_choices_free(); -EINVAL malformed; -ENOMEM. */
int sim_choices_read(FILE *in, struct sim_choices *out);
void sim_choices_free(struct sim_choices *choices);

#endif
