/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_SIM_IMPL_H
#define PLATFORM_SIM_IMPL_H
/*
 * The simulator's objects and who owns whom.
 *
 *      sim --- domain ---- ports and grants by number; the store's page and port; listeners
 *       |--- process ----- host: works, sources, timers, files
 *       |       |--------- handles --- port | mapping | share --- what to do at its end
 *       |       |--------- streams, this end of each
 *       |       '--------- views: where it sees pages
 *       |--- segment ----- page frames of one share, in the arena
 *       '--- token ------- what stands for a descriptor: a number that only the simulator knows
 *
 * Segments and channels have several owners and count them. All lists are in the order of creation, and nothing
 * is ever ordered by address, so a run depends on its choices alone.
 *
 * Each call of a process comes through faults.h (SEAM), which counts it, and may fail it or kill its caller.
 */
#include <stdarg.h>

#include <base/list.h>
#include <base/numbers.h>
#include <xenbus/host_ops.h>
#include <xenbus/platform_ops.h>
#include <xenbus/sim.h>

#include "../host/timers.h"
#include "pages.h"

#define SIM_USEC 1000ull
#define SIM_MSEC 1000000ull
#define SIM_SEC 1000000000ull
#define SIM_TOKEN_BASE 0x40000000 /* no descriptor of the operating system's is as large */
#define SIM_FIRST_REF 8u	  /* GNTTAB_NR_RESERVED_ENTRIES */
#define SIM_STORE_REF 1u	  /* GNTTAB_RESERVED_XENSTORE */

struct sim_evtchn;
struct sim_port;
struct sim_share;

struct sim_random {
	uint64_t state;
};

/* -- the world ------------------------------------------------------------------------------------ */

enum sim_move_kind {
	SIM_MOVE_WORK,
	SIM_MOVE_SOURCE,
	SIM_MOVE_TIMER,
	SIM_MOVE_FILE,
	SIM_MOVE_ACCEPT,
	SIM_MOVE_LOOP,
	SIM_MOVE_ACTION,
	SIM_MOVE_TIME,
};

/* Something that can happen now. */
struct sim_move {
	enum sim_move_kind kind;
	struct sim_process *process; /* NULL: nobody's */
	void *object;
};

struct sim_observer {
	void (*look)(void *ctx);
	void *ctx;
};

struct sim {
	struct sim_config config;
	struct sim_random choosing, speeding;
	struct sim_choices choices;
	size_t replayed;
	bool diverged;

	uint64_t now, steps;
	uint64_t next;		/* when time moves on to */
	uint64_t speeds_until;	/* step at which speeds are drawn again */
	uint64_t waiting_until; /* a dispatch's timeout; UINT64_MAX: none */
	struct sim_process *current;
	struct sim_process *at_top; /* whose allocations outside callbacks are */
	bool inside;		/* of a call of the current process: what is allocated is the simulator's */
	unsigned int depth;	/* of steps */
	bool looking;		/* an observer runs */
	unsigned int deadlocks; /* answered in a row */
	unsigned int failures;	/* made so far */

	struct sim_move *moves;
	uint32_t *weights;
	size_t move_count, move_capacity;

	struct sim_domain *domains[XEN_PLATFORM_DOMID_FIRST_RESERVED];
	uint64_t last_serial;
	struct list processes; /* of sim_process.link, the dead included */
	struct list graves;    /* freed, for describing what was theirs */
	uint32_t started;
	struct list segments;
	struct list actions; /* of sim_action.impl */
	struct sim_observer *observers;
	size_t observer_count;
	struct sim_port *dom_exc; /* who bound VIRQ_DOM_EXC */
	struct numbers tokens;
	struct sim_arena arena;
	uint64_t unshared_mapped;
};

struct sim_domain {
	struct sim *sim;
	uint32_t domid;
	uint64_t serial; /* never reused, unlike domid: who an offer or a grant was made to */
	bool shutdown;
	struct numbers ports, grants; /* of sim_port, sim_grant */
	struct list listeners;
	struct sim_share *store_share; /* NULL in domain 0, as the next two */
	struct sim_port *store_port;
	struct sim_view *store_view; /* of who has the ring */
};

/* -- processes ------------------------------------------------------------------------------------ */

enum sim_token_kind { SIM_TOKEN_EVTCHN, SIM_TOKEN_STREAM, SIM_TOKEN_WORLD };

struct sim_token {
	enum sim_token_kind kind;
	int fd;
	struct sim_process *process;
};

struct sim_faults {
	uint64_t calls, failable, allocs;	  /* so far */
	uint64_t fail_at, kill_at, fail_alloc_at; /* 0: none */
	bool hit;
};

struct sim_gnttab {
	struct xen_platform_gnttab xgt;
	struct list link; /* process->gnttabs */
	struct list mappings;
	uint32_t pages;
};

struct sim_process {
	struct xenbus_host host;
	struct xen_platform platform;
	struct sim *sim;
	struct sim_domain *domain; /* NULL: dead */
	struct list link;
	struct sim_process_config config;
	uint32_t domid, speed;
	char name[32];
	bool dead, told; /* told: died() ran, or must not any more */
	bool freed;

	struct list works, sources, files;
	struct timers timers;
	struct list streams; /* of sim_end.link */
	struct list evtchns, gnttabs, gntshrs, views;
	struct sim_gnttab foreign; /* store rings of others */
	struct sim_token world;
	uint64_t loop_at; /* when loop() is wanted; UINT64_MAX: after a callback */
	uint64_t callbacks;
	uint64_t dead_now; /* its time since it was killed */
	unsigned int dead_turn;
	unsigned int dispatching; /* from the top, and how deep */
	struct sim_random random;
	struct sim_faults faults;
};

/* The first two words of an armed object's impl are its link; NULL: it is not armed. */
static inline void sim_link(struct list *head, void **impl)
{
	list_add_tail(head, (struct list *)impl);
}

static inline void sim_unlink(void **impl)
{
	list_del((struct list *)impl);
	impl[0] = impl[1] = NULL;
}

static inline struct sim_process *sim_of_host(struct xenbus_host *host)
{
	return (struct sim_process *)host;
}

static inline struct sim_process *sim_of_platform(struct xen_platform *platform)
{
	return list_entry(platform, struct sim_process, platform);
}

/* -- sim.c, choices.c ------------------------------------------------------------------------------ */

uint64_t sim_random_next(struct sim_random *random);
uint64_t sim_random_below(struct sim_random *random, uint64_t n);
struct sim_random sim_random_stream(uint64_t seed, uint64_t stream);
/* One of @n by their weights. */
unsigned int sim_pick(struct sim *sim, unsigned int n, const uint32_t *weights);
/* True with one in @n. */
bool sim_pick_one_in(struct sim *sim, uint32_t n);
/* Tells config.step in words; @process NULL: nobody's. */
void sim_tell(struct sim *sim, const struct sim_process *process, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void sim_violation(struct sim *sim, const struct sim_process *process, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Nothing sensible is left to do. */
_Noreturn void sim_give_up(struct sim *sim, const char *text);

/* -- schedule.c, dispatch.c ------------------------------------------------------------------------- */

/* What @process can do; added to sim->moves. */
void sim_collect(struct sim *sim, struct sim_process *process);
/* One of sim->moves, of which there are some, runs: one step. */
void sim_take_move(struct sim *sim);
void sim_run_work(struct sim_process *process, struct xenbus_work *work);
void sim_run_source(struct sim_process *process, struct xenbus_source *source);
void sim_run_timer(struct sim_process *process, struct xenbus_timer *timer);
void sim_finish_file(struct sim_process *process, struct xenbus_file_io *io, int64_t result);
int sim_dispatch(struct xenbus_host *host, int timeout_ms);

/* -- process.c, tokens.c, host.c, files.c ------------------------------------------------------------------------------ */

extern const struct xenbus_host_ops sim_host_ops;
extern const struct xen_platform_ops sim_platform_ops;
/* Tells the owners of the processes that were killed. True: there were some. At the top. */
bool sim_tell_deaths(struct sim *sim);
/* kill -9, but nobody is told yet. */
void sim_process_die(struct sim_process *process);
void sim_processes_free(struct sim *sim);
int sim_token_add(struct sim_process *process, struct sim_token *token, enum sim_token_kind kind);
void sim_token_del(struct sim_token *token);
/* @fd as one of @process's; NULL: it is none. */
struct sim_token *sim_token_of(const struct sim_process *process, int fd);
/* XENBUS_SOURCE_*: what it is ready for. */
unsigned int sim_token_events(const struct sim_token *token);
/* What @source is to be told now; 0: nothing. */
unsigned int sim_source_events(const struct sim_process *process, const struct xenbus_source *source);
/* Sources left on @token, which is about to go: a violation, and removed. */
void sim_token_forget(struct sim_token *token);
/* Whether the transfer can go on without waiting. */
bool sim_file_ready(const struct xenbus_file_io *io);
/* Goes on with it; true and *@result: it is over. */
bool sim_file_perform(struct xenbus_file_io *io, int64_t *result);

/* -- domain.c ---------------------------------------------------------------------------------------- */

int sim_domain_new(struct sim *sim, uint32_t domid, struct sim_domain **out);
void sim_domain_free(struct sim_domain *domain);
/* As @process names it, DOMID_SELF included; NULL: there is none. */
struct sim_domain *sim_domain_named(struct sim_process *process, uint32_t domid);
int sim_domain_info(struct sim_process *process, uint32_t domid);
int sim_store_ring(struct sim_process *process, struct sim_evtchn *e, void **page, uint32_t *port);
void sim_store_ring_release(struct sim_process *process);
int sim_foreign_ring(struct sim_process *process, uint32_t domid, void **page);

#endif
