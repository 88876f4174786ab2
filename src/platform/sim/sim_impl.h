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
 * Each call of a process comes through faults.c (SEAM), which counts it, and may fail it or kill its caller.
 */
#include <stdarg.h>

#include <base/list.h>
#include <base/numbers.h>
#include <xenbus/host_ops.h>
#include <xenbus/platform_ops.h>
#include <xenbus/sim.h>

#include "../host/timers.h"

#define SIM_USEC 1000ull
#define SIM_MSEC 1000000ull
#define SIM_SEC 1000000000ull
#define SIM_FIRST_REF 8u /* GNTTAB_NR_RESERVED_ENTRIES */
#define SIM_STORE_REF 1u /* GNTTAB_RESERVED_XENSTORE */

struct sim_random {
	uint64_t state;
};

/* -- pages ---------------------------------------------------------------------------------------- */

struct sim_segment {
	struct list link; /* sim->segments */
	struct sim *sim;
	uint32_t refs;
	uint64_t frame; /* the first, in the arena */
	uint32_t pages;
	bool writable; /* by the peer */
	bool granted, store;
	uint32_t mapped[]; /* pages: how often */
};

enum sim_view_state { SIM_VIEW_SHARED, SIM_VIEW_PRIVATE, SIM_VIEW_ENDED };

struct sim_view {
	struct list link; /* process->views; in none when it ended */
	struct sim_process *process;
	uint8_t *addr;
	uint32_t count;
	enum sim_view_state state;
	bool mapping, writable; /* mapping: of what another granted */
	uint32_t granter;
	uint64_t ended;	 /* step */
	uint32_t refs[]; /* count */
};

struct sim_chunk {
	uint8_t *base;
	uint32_t used; /* pages */
};

struct sim_arena {
	int fd, read_fd;       /* the same memfd, for reading and writing and for reading only */
	uint64_t frames, size; /* handed out; long */
	struct sim_chunk *chunks;
	size_t chunk_count;
	struct sim_view **views; /* all that ever were */
	size_t view_count, view_capacity;
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

static inline struct sim_process *sim_of_host(struct xenbus_host *host)
{
	return (struct sim_process *)host;
}

static inline struct sim_process *sim_of_platform(struct xen_platform *platform)
{
	return list_entry(platform, struct sim_process, platform);
}

/* -- event channels ------------------------------------------------------------------------------- */

struct sim_evtchn {
	struct xen_platform_evtchn xce;
	struct sim_token token;
	struct list link;  /* process->evtchns */
	struct list ports; /* of sim_port.link */
	struct list ready; /* of sim_port.ready: pending and not masked, in the order of becoming so */
};

/* Stays when one side closes its port: the other is then offered to the closer's domain again. */
struct sim_channel {
	uint32_t refs;
	bool virq;	 /* one side only */
	bool pending[2]; /* by side */
	struct sim_port *port[2];
};

struct sim_port {
	uint32_t number;
	struct sim_domain *domain;
	struct sim_evtchn *handle; /* NULL: a store port that no process has */
	struct list link, ready;
	struct sim_channel *channel;
	int side;
	bool masked;
	unsigned int passed; /* how often another was taken before it */
	uint64_t offered_to; /* serial of the domain that may bind an unbound port; 0: nobody */
};

/* What happens when a share or a mapping ends. */
struct sim_notify {
	struct sim_segment *segment; /* NULL: no byte */
	uint64_t at;		     /* of the byte in the arena */
	struct sim_channel *channel; /* NULL: no event */
	int side;		     /* to be made pending */
};

/* -- grants --------------------------------------------------------------------------------------- */

struct sim_gntshr {
	struct xen_platform_gntshr xgs;
	struct list link; /* process->gntshrs */
	struct list shares;
};

struct sim_grant {
	struct sim_share *share;
	uint32_t ref, page;
};

struct sim_share {
	struct list link; /* handle->shares */
	struct sim_domain *owner;
	uint64_t peer; /* serial of who may map */
	struct sim_segment *segment;
	struct sim_view *view; /* NULL: the store's page */
	struct sim_notify notify;
	uint32_t count;
	struct sim_grant grants[]; /* count */
};

struct sim_mapping {
	struct list link; /* handle->mappings */
	uint64_t mapper;  /* serial */
	struct sim_view *view;
	struct sim_notify notify;
	uint32_t count;
	struct {
		struct sim_segment *segment;
		uint32_t page;
	} pages[]; /* count */
};

/* -- streams -------------------------------------------------------------------------------------- */

#define SIM_STREAM_BYTES 65536u

struct sim_end {
	struct sim_token token;
	struct list link;     /* process->streams */
	struct sim_end *peer; /* NULL: closed */
	int error;	      /* told once to the next call */
	bool accepted;	      /* its owner knows of it */
	struct list waiting;  /* listener->waiting until then */
	uint32_t used, first;
	uint8_t data[SIM_STREAM_BYTES]; /* on their way to this end */
};

struct sim_listener {
	struct list link;	     /* domain->listeners */
	struct sim_process *process; /* NULL: it ended, the name is left */
	struct list waiting;	     /* of sim_end.waiting */
	uint32_t count;
	void (*accepted)(void *ctx, int fd);
	void *ctx;
	char path[];
};

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

/* -- process.c, host.c ------------------------------------------------------------------------------ */

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
struct sim_token *sim_token_of(struct sim_process *process, int fd);
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

/* -- faults.c --------------------------------------------------------------------------------------- */

enum sim_call {
	SIM_EVTCHN_OPEN,
	SIM_EVTCHN_CLOSE,
	SIM_BIND_UNBOUND,
	SIM_BIND_INTERDOMAIN,
	SIM_BIND_VIRQ,
	SIM_UNBIND,
	SIM_NOTIFY,
	SIM_PENDING,
	SIM_UNMASK,
	SIM_GNTTAB_OPEN,
	SIM_GNTTAB_CLOSE,
	SIM_MAP,
	SIM_UNMAP,
	SIM_GNTSHR_OPEN,
	SIM_GNTSHR_CLOSE,
	SIM_SHARE,
	SIM_UNSHARE,
	SIM_DOMAIN_INFO,
	SIM_STORE_RING,
	SIM_STORE_RING_RELEASE,
	SIM_FOREIGN_RING,
	SIM_FOREIGN_RING_RELEASE,
	SIM_SOURCE_ADD,
	SIM_FILE_SUBMIT,
	SIM_STREAM_CONNECT,
	SIM_STREAM_SEND,
	SIM_STREAM_RECV,
	SIM_STREAM_CLOSE,
	SIM_CALLS,
};

/* @process makes a call: 0, or what it is answered instead. Each is followed by sim_call_end(). */
int sim_call_begin(struct sim_process *process, enum sim_call call);
void sim_call_end(struct sim_process *process);
#define SEAM(process, which, call)                                \
	({                                                        \
		int seam_err_ = sim_call_begin((process), which); \
		if (!seam_err_)                                   \
			seam_err_ = (call);                       \
		sim_call_end(process);                            \
		seam_err_;                                        \
	})

/* -- pages.c ---------------------------------------------------------------------------------------- */

int sim_arena_init(struct sim_arena *arena);
void sim_arena_deinit(struct sim_arena *arena);
/* Zeroed frames. 0; -ENOMEM. */
int sim_segment_new(struct sim *sim, uint32_t pages, bool writable, struct sim_segment **out);
void sim_segment_get(struct sim_segment *segment);
void sim_segment_put(struct sim_segment *segment);
/* @count pages of address space of @process's, with nothing in them yet. 0; -ENOMEM. */
int sim_view_new(struct sim_process *process, uint32_t count, struct sim_view **out);
/* Page @at of @view and @count - 1 more show frame @frame and its followers. 0; -ENOMEM. */
int sim_view_map(struct sim_view *view, uint32_t at, uint64_t frame, uint32_t count, bool write);
/* Nobody may touch it any more. */
void sim_view_end(struct sim_view *view);
/* The same bytes, and its own from now on. */
void sim_view_privatise(struct sim_view *view);
void sim_arena_clear_byte(struct sim_arena *arena, uint64_t at);

/* -- evtchn.c --------------------------------------------------------------------------------------- */

int sim_port_new(struct sim_domain *domain, uint64_t offered_to, struct sim_port **out);
void sim_port_free(struct sim_port *port);
/* The handle that had it lets go: a store port waits for the next one, any other is freed. */
void sim_port_release(struct sim_port *port);
void sim_port_give(struct sim_port *port, struct sim_evtchn *handle);
void sim_channel_put(struct sim_channel *channel);
void sim_channel_raise(struct sim_channel *channel, int side);
/* As asked for by a call of @process for page @page of @segment. 0; -EINVAL. */
int sim_notify_set(struct sim_notify *notify, struct sim_process *process,
		   const struct xen_platform_notify *asked, struct sim_segment *segment, uint32_t page);
/* Clears the byte, then raises the event. */
void sim_notify_fire(struct sim_notify *notify);
void sim_notify_drop(struct sim_notify *notify);
/* The ports go; the handle stays, for its owner to close. */
void sim_evtchn_end(struct sim_evtchn *e);
void sim_evtchn_free(struct sim_evtchn *e);

int sim_evtchn_open(struct sim_process *process, struct xen_platform_evtchn **out);
int sim_bind_unbound(struct sim_evtchn *e, uint32_t domid);
int sim_bind_interdomain(struct sim_evtchn *e, uint32_t domid, uint32_t remote);
int sim_bind_virq(struct sim_evtchn *e, unsigned int virq);
int sim_unbind(struct sim_evtchn *e, uint32_t port);
int sim_evtchn_notify(struct sim_evtchn *e, uint32_t port);
int sim_pending(struct sim_evtchn *e);
int sim_unmask(struct sim_evtchn *e, uint32_t port);

/* -- gnttab.c, gntshr.c ------------------------------------------------------------------------------ */

void sim_gnttab_init(struct sim_gnttab *g, struct sim_process *process);
/* The mappings go; the handle stays, for its owner to close. */
void sim_gnttab_end(struct sim_gnttab *g, bool dead);
int sim_gnttab_open(struct sim_process *process, struct xen_platform_gnttab **out);
void sim_gnttab_free(struct sim_gnttab *g);
int sim_map(struct sim_gnttab *g, uint32_t domid, const uint32_t *refs, uint32_t count, bool write,
	    const struct xen_platform_notify *asked, void **addr);
int sim_unmap(struct sim_gnttab *g, void *addr, uint32_t count);

void sim_gntshr_end(struct sim_gntshr *g, bool dead);
int sim_gntshr_open(struct sim_process *process, struct xen_platform_gntshr **out);
void sim_gntshr_free(struct sim_gntshr *g);
int sim_share(struct sim_gntshr *g, uint32_t domid, uint32_t count, bool writable,
	      const struct xen_platform_notify *asked, uint32_t *refs, void **addr);
int sim_unshare(struct sim_gntshr *g, void *addr, uint32_t count);
/* The store's page of @owner, granted to the domain @peer. */
int sim_store_share(struct sim_domain *owner, uint64_t peer, struct sim_share **out);
/* Revokes; returns how many pages are still mapped. @dead: of a process that was killed. */
int sim_share_free(struct sim_share *share, bool dead);

/* -- domain.c ---------------------------------------------------------------------------------------- */

int sim_domain_new(struct sim *sim, uint32_t domid, struct sim_domain **out);
void sim_domain_free(struct sim_domain *domain);
/* As @process names it, DOMID_SELF included; NULL: there is none. */
struct sim_domain *sim_domain_named(struct sim_process *process, uint32_t domid);
int sim_domain_info(struct sim_process *process, uint32_t domid);
int sim_store_ring(struct sim_process *process, struct sim_evtchn *e, void **page, uint32_t *port);
void sim_store_ring_release(struct sim_process *process);
int sim_foreign_ring(struct sim_process *process, uint32_t domid, void **page);

/* -- streams.c ---------------------------------------------------------------------------------------- */

/* What happens to them when their process ends: closed for the others. */
void sim_streams_end(struct sim_process *process);
void sim_end_free(struct sim_end *end);
unsigned int sim_end_events(const struct sim_end *end);
void sim_listeners_free(struct sim_domain *domain);
/* The first connection that waits becomes @process's. */
void sim_accept(struct sim_process *process, struct sim_listener *listener);
int sim_stream_connect(struct sim_process *process, const char *path);
ssize_t sim_stream_send(struct sim_process *process, int fd, const void *data, size_t len);
ssize_t sim_stream_recv(struct sim_process *process, int fd, void *buf, size_t size);
void sim_stream_close(struct sim_process *process, int fd);

#endif
