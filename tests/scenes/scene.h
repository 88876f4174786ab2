/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SCENES_SCENE_H
#define TESTS_SCENES_SCENE_H
/*
 * Alice's world in the simulator: the shipped xenstored, toolstack, drivers and bus, each in a process of its own.
 *
 *      d0 xenstored  <- socket -  d0 toolstack
 *          ^   ^------ socket --  d0 (or d2) back     alice's backend
 *          '---------- ring ----  d1 front            alice's frontend
 *
 * What goes wrong is told with the timeline of both ends and written down as a replay file; then the program ends.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <alice/back.h>
#include <alice/front.h>
#include <server.h>
#include <xenbus/sim.h>
#include <xenbus/toolstack.h>
#include <xenbus/xenbus.h>

#define SCENE_STEPS 200000u	/* of one run: more, and it does not end */
#define SCENE_SCHEDULES 8u	/* a sweep tries each failure in */
#define SCENE_SWEEP_MISSES 128u /* seeds in a row without a failure that end a sweep */
#define SCENE_FRONT_DOMID 1u
#define SCENE_DOMAINS 3u

struct scene;
struct timeline;

/* Who writes to the store, as the checker tells them apart. */
struct writer {
	const char *name;
	uint32_t domid;
	unsigned int life; /* how often its process was started */
};

/* A process with a bus; in it alice's frontend or backend, or neither: the toolstack's. */
struct end {
	struct scene *scene;
	struct writer writer;
	bool is_backend, is_frontend;
	struct sim_process *process; /* NULL: not running */
	struct xenbus *bus;
	struct alice_front *front;
	struct alice_back *back;
	struct xenbus_device *dev; /* the last one that changed; NULL: it is gone */
	unsigned int streams;	   /* that ended since the process began */
	unsigned int whole;	   /* of them: stored, digests equal */
	int last_error;		   /* of the last one */
	uint64_t expect_at;	   /* backend: offset of the next byte of the stream */
	bool broken;		   /* backend: it took another byte than was sent */
	bool closing;		   /* its bus is being closed */
	size_t kept;		   /* entries of its bus's trace copied */
	char launch[20];	   /* this life's, for xenbus_toolstack_release() */
	void *ctx;		   /* of who has taken its place: linux_backend.h */
	char store_path[32];	   /* the store's socket, as it calls it: so the store knows who comes */
};

/* One of the named scenarios. */
struct scenario {
	const char *name;
	const char *about;
	void (*run)(struct scene *scene);
	bool sweep; /* seed / SCENE_SCHEDULES is the number of what fails; it ends where nothing does any more */
	uint32_t back_domid;
	unsigned int fail_one_in, failures; /* as in struct sim_config */
	const char *devicetype;		    /* NULL: alice's */
	bool straight;			    /* its frontend goes from Initialising to Connected */
};
extern const struct scenario *const scenarios[]; /* NULL-terminated */

struct scene_options {
	const struct scenario *scenario;
	uint64_t seed;
	const struct sim_choices *replay; /* NULL: none */
	FILE *story;			  /* every step and line, as they come; NULL: nowhere */
	const char *directory;		  /* for replay files */
};

struct scene {
	const struct scene_options *options;
	struct sim *sim;
	struct sim_process *store_process;
	struct server server; /* valid while store_process */
	struct end toolstack, back, front;
	struct end rival;    /* another backend program of the same class and domain; not started by itself */
	struct end *ends[5]; /* those, NULL-terminated */
	struct xenbus_toolstack_device device;
	uint64_t length; /* bytes of a stream */
	char *remains;	 /* traces of buses that are gone, JSON lines */
	size_t remains_len;
	uint64_t first_ns;		       /* of their first entry; UINT64_MAX: there is none */
	FILE *traces;			       /* open_memstream() of the two above */
	struct end *victim;		       /* the one that is to die */
	struct sim_store rings[SCENE_DOMAINS]; /* by domid; port 0: no such domain */
	uint64_t nodes_before;		       /* in the store, when no device was attached yet */
	uint64_t digest;		       /* of what was said so far */
	uint64_t reconnects;		       /* of the toolstack, before the store was killed */
	unsigned int mourned;		       /* how often an end took the other for dead */
	bool detach_asked;		       /* of the toolstack, before the victim died */
	int fault;			       /* faults.c: what is to fail in the process that starts */
	bool fault_hit;			       /* what the sweep asked for did happen */
	bool task_over;
	int task_result;
	int (*task_fn)(struct xenbus *bus, void *arg);
	void *task_arg;
};

/* Runs @options->scenario from beginning to end; does not return where it fails. @digest: of everything that was
 * said and chosen, to compare runs by. @fault_hit: of a sweep. Returns the steps it took. */
uint64_t scene_run(const struct scene_options *options, uint64_t *digest, bool *fault_hit);

/* A line of the story, and of what two runs are compared by. */
void scene_say(struct scene *scene, const char *who, const char *text);
/* Tells what is wrong, with the timeline, writes the replay file, and exits with 1. */
void scene_fail(struct scene *scene, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
#define scene_expect(scene, condition) \
	((condition) ? (void)0 : scene_fail(scene, "%s:%d: not so: %s", __FILE__, __LINE__, #condition))

/* -- the store's process */
void scene_store_start(struct scene *scene);
/* kill -9; the domains' rings and all content are lost. */
void scene_store_kill(struct scene *scene);
/* Makes dom0's and the domain's homes and introduces it again, as the toolstack does after a start. */
void scene_introduce(struct scene *scene);
/* Nodes in the store. */
uint64_t scene_nodes(struct scene *scene);

/* -- the ends */
/* Starts the process, its bus, and alice's driver in it. */
void end_start(struct end *end);
/* The same where something may fail that @arm arranges for the process. 0; -errno: the process has ended, and held
 * nothing. */
int end_try(struct end *end, void (*arm)(struct end *end));
/* Ends it in good order: closes the bus, frees all. */
void end_stop(struct end *end);
/* kill -9. Not from the end's own callbacks. */
void end_kill(struct end *end);
/* Creates a domain, and introduces it. */
void scene_domain_start(struct scene *scene, uint32_t domid);
/* INTRODUCE once more: its ring begins anew. */
void scene_introduce_again(struct scene *scene, uint32_t domid);
/* At once, and with it its processes. */
void scene_domain_destroy(struct scene *scene, uint32_t domid);
/* Takes its home out of the store. */
void scene_domain_forget(struct scene *scene, uint32_t domid);

/* -- waiting. Where it does not come, the run fails. */
void scene_until(struct scene *scene, bool (*condition)(struct scene *scene), const char *what);
/* Until nothing can happen any more, not even by waiting; what never rests fails. */
void scene_settle(struct scene *scene);
/* Some of the way: the scheduler says how far, fewer than @most steps. */
void scene_some_way(struct scene *scene, unsigned int most);
/* What the toolstack's fiber can be told to do; @arg is the scene. -errno of xenbus_toolstack_*(). */
int scene_do_attach(struct xenbus *bus, void *arg);
int scene_do_detach(struct xenbus *bus, void *arg);
int scene_do_detach_by_force(struct xenbus *bus, void *arg);
/* Runs fn() in a fiber of the toolstack while the world goes on. */
int scene_task(struct scene *scene, int (*fn)(struct xenbus *bus, void *arg), void *arg);
/* The same, begun; scene->task_over tells. */
void scene_task_start(struct scene *scene, int (*fn)(struct xenbus *bus, void *arg), void *arg);
/* A request of the toolstack's, outside a fiber; its answer into @reply. 0 or -errno. */
int scene_request(struct scene *scene, uint32_t op, uint32_t tx, const void *payload, size_t len, char *reply,
		  size_t size);
void scene_attach(struct scene *scene);
/* In good order, tried again where it took too long; with @force at last. */
void scene_detach(struct scene *scene);
void scene_detach_by_force(struct scene *scene);

/* Conditions. */
bool both_connected(struct scene *scene);
/* A stream has arrived, as both ends say. */
bool scene_whole(struct scene *scene);
bool scene_whole_and_connected(struct scene *scene);
bool scene_task_over(struct scene *scene);
bool both_closed(struct scene *scene);
bool no_devices(struct scene *scene);

/* What a stream consists of. */
uint8_t scene_byte(uint64_t offset);

/* -- check.c: the invariants, judged from outside */
void check_start(struct scene *scene);
void check_end(struct scene *scene);
/* The store's process is gone, and its content with it. */
void check_store_gone(void);
/* All that is in it. */
void check_print_store(FILE *out);
/* The next client that the store accepts is @writer. */
void check_accepting(const struct writer *writer);
/* States as they are in the store, 0: none. */
unsigned int check_state(bool backend);

/* The @nth request from now of @writer is refused by the store; NULL: none. */
void check_refuse(const struct writer *writer, uint64_t nth);
bool check_refused(void);

/* -- alloc.c: whose processes' allocations may fail; NULL: none */
void alloc_of(struct sim *sim);

/* -- report.c */
/* What the scenario does to the device, for the timeline. */
void report_note(struct scene *scene, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Copies what its bus traced since the last time: the trace goes with the bus. */
void report_keep(struct end *end);
void report(struct scene *scene, const char *why);
/* From now on a crash is reported as of @scene; NULL: of nobody. */
void report_crashes(struct scene *scene);

#endif
