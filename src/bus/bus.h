/* SPDX-License-Identifier: MIT */
#ifndef BUS_BUS_H
#define BUS_BUS_H
/*
 * What the files of the bus share.
 *
 *   struct xenbus
 *     |- roots     one for each device type registered: watches backend/TYPE or device/TYPE, scans it once
 *     |- devices   by nodename; each has a task, look bits, resources, the other end's watch
 *     |- tasks     a fiber's context: what it is parked on, its transaction
 *     |- ports     event channel -> device, handler
 *     `- trace     bounded ring, published in the world's folder
 *
 * A task runs on its fiber or not at all. Bits and work may be posted from anywhere on the loop; the
 * task's fiber picks them up, and when there is nothing left it returns and gives its stack back.
 */
#include <stdbool.h>
#include <stdint.h>
#include <base/list.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/platform.h>
#include <xenbus/xenbus.h>
#include "fiber.h"

#define BUS_TRANSACTIONS_MAX 8u /* open at once a bus; the store allows a guest 10 */
#define BUS_TRANSACTION_TRIES 16
#define BUS_HASH_BUCKETS 512u
#define BUS_EVENTS_A_TURN 64

/* A fiber's context. Embedded in a device, a root or a toolstack task. */
struct task {
	struct xenbus *bus;
	struct xenbus_device *dev;    /* whose writes are guarded; NULL: none's */
	void (*main)(struct task *);  /* one run, on the fiber, until there is nothing to do */
	void (*ended)(struct task *); /* on the loop, after main returned; may free the task; may be NULL */
	struct fiber *fiber;	      /* NULL: idle */
	struct xenbus_work kick;      /* starts or resumes the fiber from the loop */
	struct xenbus_timer timer;    /* the running wait's deadline */
	struct list tx_link;	      /* in bus->tx_queue while it waits for a transaction slot */
	struct tx *tx;		      /* started or starting; NULL none */
	uint32_t tx_id;		      /* of an open one, 0 none */
	bool tx_slot, tx_guarded;     /* counts in bus->tx_open; the instance was checked in it */
	bool parked, woken, timed_out;
	bool again;	 /* kicked while it ran: main runs once more */
	bool condemned;	 /* [blocks] calls return -ENODEV */
	char blamed[48]; /* the key that the last xenbus_gather() failed on; "" none */
	bool last_words; /* condemned or not, calls work: the framework's own, or an uninterrupted driver's */
};

/* One request of a fiber; lives on its stack. */
struct bus_call {
	struct xenstore_request req;
	struct bus_batch *batch;
	bool keep; /* the answer says more than "OK" */
	int error;
	char *reply; /* malloc'ed, NUL behind len; NULL on error */
	size_t len;
};
struct bus_batch {
	struct task *task;
	size_t pending;
};

enum look {
	LOOK_INSTANCE = 1, /* the own directory may have been removed or replaced */
	LOOK_OWN = 2,	   /* own state may have been written by somebody else */
	LOOK_OTHEREND = 4, /* other end's state */
	LOOK_POLICY = 8,   /* nothing changed in the store, but what we want did */
};

enum device_phase {
	DEVICE_CANDIDATE, /* an event named its directory; not probed */
	DEVICE_PROBED,	  /* probe() succeeded */
	DEVICE_FAILED,	  /* probe() failed: kept, so that it is not tried again before its nodes change */
	DEVICE_ENDING,	  /* condemned and being removed */
};

enum condemn_reason { CONDEMN_NOT, CONDEMN_VANISHED, CONDEMN_CLOSING, CONDEMN_REFUSED };

struct device_impl {
	struct xenbus_device dev;
	struct task task;
	struct list link;      /* bus->devices */
	struct list hash_link; /* bus->hash[] */
	struct root *root;
	enum device_phase phase;
	enum condemn_reason condemned;
	unsigned int looks;    /* enum look bits to do */
	bool dead;	       /* ended: free it when the fiber is off its stack */
	bool reprobe;	       /* its directory was touched while it ended */
	bool refused;	       /* by the store: comes again as a candidate, after a while */
	bool no_room;	       /* the last state could not be written for want of quota */
	unsigned int refusals; /* in a row, of this name */
	bool otherend_seen;    /* a state of the other end was read at least once */
	bool otherend_read;    /* it was looked at at least once, whatever was there */
	bool otherend_watched;
	bool otherend_event; /* an event came for the other end's state, and nobody has looked yet */
	bool anew_asked;     /* backend that gave up: the frontend has begun anew */
	bool gave_up;	     /* backend: an error closed it, not the frontend or the owner */
	bool spent; /* backend: a Connected that the frontend's node shows is of a connection that we have ended */
	bool state_unsure; /* a write of our state was not answered: the node may have it, or not */
	int attempted;	   /* -1, or the state whose write ended with the connection */
	bool offers_anew;  /* opened again by its owner, and the other end was not heard from since */
	bool heard;	   /* frontend: an event came on the ring that was published last, in Connected */
	bool tried_again;  /* connecting failed once, and not for good yet */
	bool live;	   /* publish() or connect() succeeded, disconnect() owed */
	bool fatal;	   /* xenbus_dev_fatal(): close when the callback returns */
	bool stay_closed;  /* xenbus_close_device(): until reopened */
	bool close_asked, reopen_asked;
	bool left;   /* by xenbus_unregister_device() */
	bool marked; /* our instance is in the store */
	bool checking, check_again;
	bool ask_instance;	       /* while probing: is it another one's? */
	struct xenstore_request check; /* reads the instance, from the loop */
	bool reported;		       /* this wait's deadline has been reported */
	bool old_error; /* the node was Closed when we took it: the error that may stand is the former life's */
	bool peer_lost;	   /* xenbus_peer_lost(): close, and do not wait for the other end */
	int lost_otherend; /* its state then */
	int stale_otherend; /* -1, or the state of the other end that was acted on already: no news until it changes */
	char *otherend_state_path;
	struct xenstore_watch otherend_watch;
	struct list watches; /* struct device_watch */
	struct xenbus_device_work *work_first, **work_last;
	struct list resources;	  /* struct resource */
	struct publish_key *keys; /* what publish_add() gathered */
	size_t key_count;
	const char *waiting; /* static text */
	const char *waiting_traced;
	uint64_t waiting_since;
	unsigned int wait_own, wait_other;
	struct xenbus_timer wait_timer;
	bool echo;		  /* we wrote our state since we last read it: its event is due */
	unsigned int looks_later; /* enum look bits that look_timer will ask for */
	struct xenbus_timer look_timer;
	struct xenbus_device_work wait_work;
};

/* A device type on one side. */
struct root {
	struct list link; /* bus->roots */
	struct xenbus *bus;
	const struct xenbus_driver *drv;
	const struct xenbus_device_id *id;
	bool is_backend;
	bool scan; /* the watch fired for the first time on this connection, or an answer was lost */
	bool closing;
	char *path; /* "backend/alice_dev" */
	struct xenstore_watch watch;
	struct task task; /* scans */
	struct xenbus_timer scan_timer;
	struct xenstore_request watch_req;
	struct xenbus_timer watch_timer; /* until the watch is asked for again */
	bool watch_refused;		 /* and said so */
	size_t devices;
};

struct publish_key {
	char *node, *value;
};

struct port {
	struct xenbus_device *dev; /* NULL: unused */
	xenbus_event_handler handler;
	void *arg;
};

struct xenbus {
	struct xenbus_config config;
	struct xenbus_host *host;
	struct xen_platform *platform;
	struct xenstore *xs;
	unsigned int domid;
	char launch[XENBUS_LAUNCH_MAX + 2]; /* " <launch>", or "" */
	struct list roots, devices, hash[BUS_HASH_BUCKETS];
	struct fiber_pool pool;
	struct task *current; /* whose fiber runs now */
	size_t tasks;	      /* toolstack tasks alive */
	size_t tx_open;
	struct list tx_queue;
	struct list orphans;   /* struct tx: transactions to end F for the condemned */
	struct list outsiders; /* struct outsider: toolstack waits, woken when the store is lost */
	uint64_t generation;   /* of the store's connection */
	bool connected, closing;
	struct xen_platform_evtchn *xce;
	struct xen_platform_gnttab *xgt;
	struct xen_platform_gntshr *xgs;
	struct xenbus_source event_source;
	struct port *ports; /* by port number */
	size_t port_slots;
	struct logfile *dmesg; /* the local world's; NULL: none, or the owner logs */
	struct ringfile *trace;
	bool trace_tried; /* to publish it */
	struct xenbus_counts counts;
};

static inline struct device_impl *impl_of(const struct xenbus_device *dev)
{
	return dev->impl;
}

/* -- task.c */
void task_init(struct task *task, struct xenbus *bus, void (*main)(struct task *),
	       void (*ended)(struct task *));
void task_fini(struct task *task);
/* From anywhere on the loop: main() runs soon, or once more. */
void task_kick(struct task *task);
/* From its fiber: leaves until woken. Returns 0; -ENODEV condemned; -ETIMEDOUT after @timeout_ns (0: none). */
int task_park(struct task *task, uint64_t timeout_ns);
/* The same, for what depends on the store's answers. The framework's last words wait only while it answers anybody:
 * -ENODEV. */
int task_park_store(struct task *task);
/* The task goes on in the loop's next turn: the caller's objects are as they were when this returns. */
void task_wake(struct task *task);
/* The same, at once where no fiber runs: the task, and what it owns, may be gone when this returns. For the
 * last act of a callback of the loop. */
void task_resume(struct task *task);
/* Parked and later blocking calls of the task return -ENODEV. */
void task_condemn(struct task *task);
/* The running task, or an error: -EDEADLK outside a fiber, -ENODEV condemned. */
int task_current(struct xenbus *bus, struct task **task);

/* -- call.c: requests from a fiber */
/* Submits; the result is in @call after bus_wait_calls(). A failure to submit is a result too. */
void bus_call_start(struct task *task, struct bus_batch *batch, struct bus_call *call, uint32_t op,
		    uint32_t tx, const struct iovec *iov, int count);
/* Parks until all are answered. 0, or -ENODEV: the outstanding ones were cancelled; replies are freed. */
int bus_wait_calls(struct bus_batch *batch, struct bus_call *calls, size_t count);
/* One request and its answer. @reply and @len may be NULL. */
int bus_call(struct task *task, uint32_t op, uint32_t tx, const struct iovec *iov, int count, char **reply,
	     size_t *len);
/* Sets @watch and waits for the answer. */
int bus_watch(struct task *task, struct xenstore_watch *watch);
int bus_call_path(struct task *task, uint32_t op, uint32_t tx, const char *path, char **reply, size_t *len);
/* "dir" or "dir/node" into @buf of XENSTORE_PATH_MAX + 1 bytes. 0, -EINVAL empty, -E2BIG too long. */
int bus_path(char *buf, const char *dir, const char *node);

/* -- transaction.c */
int tx_start(struct task *task);
int tx_end(struct task *task, bool abort);
/* Whatever the task still has open is ended F by the bus; the slot is free when that is answered. */
void tx_abandon(struct task *task);
/* -ENOTCONN where @t was opened on a connection that is gone. */
int tx_check(struct task *task, struct xenbus_transaction t);
void tx_store_lost(struct xenbus *bus);
/* Writes @keys and, where @state is not NULL, <nodename>/state in one transaction that checks the instance.
 * 0; -ENODEV replaced or gone; -ESTALE the framework negotiates, and somebody else wrote the state; -errno. */
int tx_write_guarded(struct task *task, struct xenbus_device *dev, const struct publish_key *keys,
		     size_t count, const char *state);
/* In the open transaction of @task: is the device's instance still there? 0 or -ENODEV, -errno. */
int tx_check_instance(struct task *task, struct xenbus_device *dev);

/* -- enumerate.c */
struct root *root_new(struct xenbus *bus, const struct xenbus_driver *drv, const struct xenbus_device_id *id,
		      bool is_backend);
void root_close(struct root *root);
void root_free_if_done(struct root *root);
struct device_impl *device_find(struct xenbus *bus, const char *nodename);

/* Lists the type's devices again in a while: one may have been missed. */
void scan_later(struct root *root);

/* -- device.c */
int device_new(struct root *root, const char *nodename);
void device_look(struct device_impl *impl, unsigned int looks);
void device_condemn(struct device_impl *impl, enum condemn_reason reason);
void device_changed(struct device_impl *impl);

/* -- refusal.c */
/* On the fiber: @doing was answered with @err (a quota, mostly), which may change without an event. */
void device_refused(struct device_impl *impl, const char *doing, int err);
/* What a refused device still has in the store. */
void refusal_give_back(struct device_impl *impl);
/* Probes the candidate after a while. */
void refusal_wait(struct device_impl *impl);

/* -- probe.c */
/* Is it there, complete and new? Marks it with a fresh instance and fills in the other end.
 * 0; -EAGAIN nothing to probe here now; -errno. */
int look_probe(struct device_impl *impl);

/* -- look.c: what is now */
/* device_look() with @looks in @in_ns, or when a look is due anyway. */
void look_later(struct device_impl *impl, unsigned int looks, uint64_t in_ns);
/* Asks whether the instance is still there; condemns the device where it is not. From anywhere. */
void look_instance(struct device_impl *impl);
/* <nodename>/state was written, by us or by somebody else: it will be read. */
void own_state_event(struct device_impl *impl);
/* Reads what @looks says and acts on it. */
void look_again(struct device_impl *impl, unsigned int looks);
int otherend_watch(struct device_impl *impl);
void otherend_unwatch(struct device_impl *impl);

/* -- decide.c */
/* What to do now; what was asked for once is thereby taken. */
enum xenbus_action next_action(struct device_impl *impl);

/* -- negotiate.c */
void negotiate(struct device_impl *impl);
/* The other end is lost and the driver negotiates itself: stop, release, Closed. */
void negotiate_alone(struct device_impl *impl);
bool driver_negotiates_itself(const struct xenbus_driver *drv);
/* disconnect() if owed, then everything shared is released. */
void negotiate_stop(struct device_impl *impl);
/* -- state.c */
int state_write(struct device_impl *impl, enum xenbus_state state);
void keys_clear(struct device_impl *impl);

/* -- wait.c */
void wait_update(struct device_impl *impl);
void wait_cancel(struct device_impl *impl);
/* What it waits for now that all has been done goes into the trace, if that is news. */
void wait_trace(struct device_impl *impl);

/* -- resource.c */
void resources_release(struct device_impl *impl);
int resources_open(struct xenbus *bus, const char **why);
void resources_close(struct xenbus *bus);

/* -- watch.c */
void watches_run(struct device_impl *impl);
void watches_remove(struct device_impl *impl);
bool watches_due(const struct device_impl *impl);

/* -- log.c */
void bus_log_open(struct xenbus *bus);
void bus_log_close(struct xenbus *bus);
/* @line has no newline, and no byte that a terminal obeys. */
void bus_log_line(struct xenbus *bus, enum xenbus_log_level level, const char *line);

/* -- toolstack_wait.c */
void toolstack_store_lost(struct xenbus *bus);

/* -- trace.c */
int bus_trace_open(struct xenbus *bus);
void bus_trace_close(struct xenbus *bus);
/* From now on others may read it, where the world has a folder. Once a bus; private it is as good. */
void trace_publish(struct xenbus *bus);
void trace_add(struct xenbus *bus, const struct xenbus_device *dev, enum xenbus_trace_kind kind,
	       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void bus_trace_message(struct xenbus *bus, bool out, uint32_t op, const void *payload, size_t len);
void bus_log(struct xenbus *bus, enum xenbus_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void bus_vlog(struct xenbus *bus, enum xenbus_log_level level, const char *prefix, const char *fmt,
	      va_list ap);

#endif
