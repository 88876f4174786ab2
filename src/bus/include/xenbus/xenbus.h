/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_XENBUS_H
#define XENBUS_XENBUS_H
/*
 * The bus: Linux's XenBus API and model (include/xen/xenbus.h), with a handle instead of globals and
 * one fiber a device instead of one thread for all.
 *
 *    store events --> look bits --> [ fiber of device A ] -- blocking calls --> store session
 *    event channels, timers ------> handlers on the loop -- xenbus_post() --^
 *
 * Driver callbacks (probe, otherend_changed, publish, ...) run in their device's fiber, as straight-line
 * code that may block in the calls marked [blocks]; only that device waits. Event-channel handlers run on
 * the loop between callbacks, may not block, may run while the device's fiber is parked, and hand work to
 * the fiber with xenbus_post(). A callback that spins or makes a blocking system call stops its process.
 *
 * Watches queue nothing: an event sets a bit, and an idle fiber reads again what is now. So states can be
 * skipped; act on what is, never on how it came.
 *
 * Errors: 0 or a count, -errno on failure. Common to every [blocks] call:
 *   -ENODEV    the device is condemned (its nodes vanished or were replaced, its driver or bus closes):
 *              at once, parked calls included; unwind and return
 *   -EDEADLK   called outside a fiber, or waiting for something else than the store inside a transaction
 *   -ENOTCONN  the store's connection was lost; the device will be looked at again
 *   -ENOMEM
 * The bus, its devices and everything they own belong to one thread.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <xen/io/xenbus.h> /* enum xenbus_state: XenbusStateUnknown 0 ... XenbusStateReconfigured 8 */

#pragma GCC visibility push(default)

struct xen_platform;
struct xenbus;
struct xenbus_device;
struct xenbus_host;
struct xenbus_trace;
struct xenstore;

#define XENBUS_STATE_GONE 9 /* of an other end: seen once, now missing or unreadable */
#define XENBUS_STATES 10
#define XENBUS_MAX_RING_PAGES 256u

/* -- drivers --------------------------------------------------------------------------------- */

struct xenbus_device_id {
	char devicetype[32]; /* "vbd", "alice_dev"; an empty one ends the list */
};

/* What the framework does when it sees a pair of states; see struct xenbus_profile. */
enum xenbus_action {
	XENBUS_ACTION_NONE,    /* keep waiting */
	XENBUS_ACTION_OPEN,    /* backend: features(), then InitWait */
	XENBUS_ACTION_PUBLISH, /* frontend: publish(), then Initialised */
	XENBUS_ACTION_CONNECT, /* connect(), then Connected */
	XENBUS_ACTION_RESET, /* the other end began anew: disconnect(), release, then open or publish again */
	XENBUS_ACTION_CLOSE, /* disconnect(), release, then Closed */
	XENBUS_ACTION_CLOSING, /* disconnect(), release, then Closing: the other end still has to say Closed */
	XENBUS_ACTION_DRIVER,  /* not ours: otherend_changed() decides */
};

/* The negotiation as data: action[own state][other end's state]. What each cell means and which peers
 * need it is in docs/negotiation.md, which is made from these tables. */
struct xenbus_profile {
	const char *name;
	uint8_t action[XENBUS_STATES][XENBUS_STATES]; /* enum xenbus_action */
	bool connect_on_connected_only; /* backend: a frontend's Initialised is not enough (netfront has none) */
};
extern const struct xenbus_profile xenbus_profile_frontend; /* 1 -> 3 -> 4, as blkfront; the default */
extern const struct xenbus_profile xenbus_profile_backend;  /* 1 -> 2 -> 4, as blkback; the default */

/* A driver either negotiates itself as in Linux (otherend_changed), or leaves that to the framework and
 * fills in features, publish, connect, disconnect. Callbacks return 0, or -errno, which becomes
 * xenbus_dev_fatal(). All run in the device's fiber; any may be NULL. */
struct xenbus_driver {
	const char *name;
	const struct xenbus_device_id *ids;
	int (*probe)(struct xenbus_device *dev, const struct xenbus_device_id *id);
	/* Callbacks go on to their end as in Linux, whatever becomes of the device meanwhile: no wait of theirs fails because
	 * it is condemned, in remove() neither; what would change a node that is not the device's any more still does. */
	bool uninterrupted;
	/* Linux's way; with features/publish/connect set it is called only for XENBUS_ACTION_DRIVER. */
	void (*otherend_changed)(struct xenbus_device *dev, enum xenbus_state state);
	/* Last call for the device, in its fiber; [blocks] calls return -ENODEV there. Resources of the
	 * device (rings, mappings, ports, watches) that still stand are released after it. */
	void (*remove)(struct xenbus_device *dev);

	const struct xenbus_profile *profile;	    /* NULL: the default of the side */
	int (*features)(struct xenbus_device *dev); /* backend: xenbus_publish_add() what we can do */
	int (*publish)(struct xenbus_device
			       *dev); /* frontend: set up rings and ports, xenbus_publish_add() their keys */
	/* The other end's keys are there: map, bind, go live; Connected is written after it. A backend's -ESTALE: what the
	 * frontend published is of a connection that is over; it is waited for until it moves on. */
	int (*connect)(struct xenbus_device *dev);
	/* Stop: no request is in flight after it, shared pages are not touched again. Called once for each
	 * successful publish() or connect(), before the framework releases pages and ports. */
	void (*disconnect)(struct xenbus_device *dev);
};

/* A device, one instance of it. Fields are the framework's, read by drivers; drvdata is the driver's. */
struct xenbus_device {
	struct xenbus *bus;
	const struct xenbus_driver *driver;
	char *devicetype;
	char *nodename;		  /* "device/vbd/0", "backend/vbd/1/0": relative to the own domain's home */
	char *otherend;		  /* "/local/domain/0/backend/vbd/1/0" */
	unsigned int otherend_id; /* domid */
	enum xenbus_state state;  /* as last written or read by us */
	enum xenbus_state otherend_state; /* as last seen; XENBUS_STATE_GONE possible */
	char instance
		[80]; /* what <nodename>/instance holds: "<16 hex digits> <seconds since 1970>[ <launch>]" */
	bool is_backend;
	void *drvdata;
	struct device_impl *impl; /* the framework's */
};

/* -- the bus --------------------------------------------------------------------------------- */

enum xenbus_log_level { XENBUS_LOG_ERROR, XENBUS_LOG_INFO, XENBUS_LOG_DEBUG };

struct xenbus_config {
	struct xenbus_host *host;      /* borrowed, outlives the bus */
	struct xen_platform *platform; /* borrowed, outlives the bus; NULL: no rings, no events */
	/* One line without newline, guest bytes escaped; borrowed for the call. NULL: lines go to stderr, as a
	 * kernel prints them, and to the log of the world, for `xenbus dmesg`: in XENBUS_RUN_DIR, on Xen /run/xenbus. */
	void (*log)(void *ctx, enum xenbus_log_level level, const char *line);
	/* @dev came, changed its state, or went (one call each); NULL: the last device of an unregistered driver
	 * is gone. For programs that wait; runs on the loop or in a fiber, and may not block. */
	void (*changed)(void *ctx, struct xenbus_device *dev);
	void *ctx;
	uint64_t wait_deadline_ns; /* a wait longer than this is reported; 0: 10 s */
	size_t trace_entries;	   /* 0: 4096 */
};

/* Who started this program: 16 to 32 hexadecimal digits, in the environment. Each device that the program takes says so
 * in its instance, so that xenbus_toolstack_release() finds them when the program has died. Anything else: nobody. */
#define XENBUS_LAUNCH_ENV "XENBUS_LAUNCH"
#define XENBUS_LAUNCH_MIN 16u
#define XENBUS_LAUNCH_MAX 32u
bool xenbus_launch_valid(const char *launch);

/* Opens a store session on the config's host and a bus on it. 0 and *@out, closed with xenbus_close();
 * errors of xenstore_open(), *@why (static, may be NULL) says where. */
int xenbus_open(const struct xenbus_config *config, struct xenbus **out, const char **why);
/* Condemns every device, runs their remove() in their fibers, releases everything and frees the bus.
 * Runs the host's loop until that is done; not from a callback. NULL is allowed. */
void xenbus_close(struct xenbus *bus);
/* The loop: the caller's (poll this, then dispatch) or xenbus_run(). See <xenbus/host.h>. */
int xenbus_fd(struct xenbus *bus);
int xenbus_dispatch(struct xenbus *bus, int timeout_ms);
int xenbus_run(struct xenbus *bus);
void xenbus_stop(struct xenbus *bus, int code);
struct xenstore *xenbus_store(struct xenbus *bus); /* borrowed */

/* Devices of the driver's ids under device/ or backend/ are probed from now on. @drv is borrowed until
 * unregistered. 0; -EEXIST an id is registered on that side; -ENOMEM. */
int xenbus_register_frontend(struct xenbus *bus, const struct xenbus_driver *drv);
int xenbus_register_backend(struct xenbus *bus, const struct xenbus_driver *drv);
/* No probe of it starts any more; its devices are condemned and removed (their nodes stay; a connected
 * one's state becomes Closed where its instance still stands). Returns at once; xenbus_config.changed
 * tells when the last is gone, xenbus_driver_devices() how many are left. */
void xenbus_unregister_driver(struct xenbus *bus, const struct xenbus_driver *drv);
size_t xenbus_driver_devices(struct xenbus *bus, const struct xenbus_driver *drv);

static inline void *dev_get_drvdata(const struct xenbus_device *dev)
{
	return dev->drvdata;
}
static inline void dev_set_drvdata(struct xenbus_device *dev, void *data)
{
	dev->drvdata = data;
}

/* -- states and the negotiation ---------------------------------------------------------------- */

const char *xenbus_strstate(enum xenbus_state state); /* "Initialising", ...; "Gone"; static */

/* [blocks] Writes @state into <nodename>/state, in a transaction that checks the instance. From the device's fiber, or one
 * of xenbus_task().
 * Returns 1 written; 0 it was there already; -ENODEV vanished, or replaced by another instance; -ESTALE, where
 * the framework negotiates, for states up to Connected: somebody else wrote the state meanwhile; -errno of the store. Where it is not 1, dev->state is what it was (0: what it is). */
int xenbus_switch_state(struct xenbus_device *dev, enum xenbus_state state);

/* [blocks] Linux's device_unregister(), for drivers that negotiate themselves: the device leaves its driver. remove() runs
 * now, from within the callback that calls this, then its resources are released and its state becomes Closed. @dev is valid
 * until that callback returns. Its nodes stay; they are taken again when they are made anew, or their state becomes
 * Initialising. 0, also where that was done before; -EDEADLK not in the device's own fiber. */
int xenbus_unregister_device(struct xenbus_device *dev);

/* Adds <nodename>/@node = printf(@fmt) to what the framework writes together with the next state, in one
 * transaction. In features() and publish(). 0, -ENOMEM, -E2BIG value over 4096 bytes. */
int xenbus_publish_add(struct xenbus_device *dev, const char *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* [blocks] Writes what was added, and @state, in one transaction now; for Linux-style drivers.
 * As xenbus_switch_state(). */
int xenbus_publish(struct xenbus_device *dev, enum xenbus_state state);

/* [blocks] Reads the other end's state now. XenbusStateUnknown: not there (yet). */
enum xenbus_state xenbus_read_driver_state(struct xenbus_device *dev, const char *path);
/* [blocks] 1 or 0: <nodename>/online; absent counts as online for a frontend, offline for a backend. */
int xenbus_dev_is_online(struct xenbus_device *dev);
/* Asks the framework to close the device in good order, and to keep it closed until xenbus_reopen_device().
 * From a handler, the loop, or the fiber; does not block. */
void xenbus_close_device(struct xenbus_device *dev);
/* Takes that back: Closed goes to Initialising (frontend) or InitWait (backend) as soon as the peer allows. */
void xenbus_reopen_device(struct xenbus_device *dev);
/* The other end's process is gone, as the driver sees by its liveness byte (xenbus_setup_ring_notify(),
 * xenbus_map_ring_notify()): the device closes at once, whatever the other end's state still says, and opens again when
 * that has changed. Either side, where the framework negotiates or not. From a handler, the loop, or the fiber; does not
 * block. */
void xenbus_peer_lost(struct xenbus_device *dev);
/* Linux: a frontend is done: stops, releases and writes Closed. [blocks] */
void xenbus_frontend_closed(struct xenbus_device *dev);

/* [blocks] Log, and error/<nodename>/error = "<errno> <message>". dev_fatal also goes to Closing,
 * after disconnect() and release where the framework negotiates. */
void xenbus_dev_error(struct xenbus_device *dev, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void xenbus_dev_fatal(struct xenbus_device *dev, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A line in the log: "Dom0: " or "DomU: " before it, as the field's drivers print. Does not block. */
void xenbus_dev_info(struct xenbus_device *dev, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void xenbus_info(struct xenbus *bus, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What the device waits for, in words ("frontend to publish (Initialised)"), and since when on the host's
 * clock, nanoseconds; NULL: nothing. Static storage. */
const char *xenbus_waiting_for(const struct xenbus_device *dev, uint64_t *since_ns);
/* The same from states alone, for who looks from outside; NULL: nothing. */
const char *xenbus_wait_text(bool is_backend, unsigned int own, unsigned int other);

/* -- store access, all [blocks] ---------------------------------------------------------------- */

struct xenbus_transaction {
	uint32_t id;
};
#define XBT_NIL ((struct xenbus_transaction){ 0 })

/* Paths are @dir, or @dir "/" @node where @node is not empty; relative ones are below the own domain's
 * home. Writes below the own device's nodename are made in a transaction that first checks the instance
 * (-ENODEV). Outputs are malloc'ed, the caller's; strings have a NUL behind @len bytes (@len may be NULL).
 * 0 or -errno: -ENOENT there is no such node, -EACCES, -EINVAL a malformed path, -ENOSPC a quota, -EAGAIN without
 * a transaction of one's own: others were in the way of ours again and again. */
int xenbus_read(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		char **out, size_t *len);
int xenbus_write(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		 const char *string);
int xenbus_printf(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Number of conversions, > 0; -ERANGE none matched; errors of xenbus_read(). */
int xenbus_scanf(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		 const char *fmt, ...) __attribute__((format(scanf, 5, 6)));
/* The number, or @default_val: where there is none, but also where the store could not be asked. */
unsigned int xenbus_read_unsigned(struct xenbus *bus, const char *dir, const char *node,
				  unsigned int default_val);
/* Triples (const char *node, const char *fmt, void *out), ended by NULL; @fmt NULL: *out is a malloc'ed
 * string. All are read in one round trip. 0; -ERANGE one did not scan; -errno of the first that failed:
 * then nothing malloc'ed is left. */
int xenbus_gather(struct xenbus *bus, struct xenbus_transaction t, const char *dir, ...)
	__attribute__((sentinel));
int xenbus_exists(struct xenbus *bus, struct xenbus_transaction t, const char *dir,
		  const char *node); /* 1, 0 or -errno */
/* 0, too, where the node is there already; xenbus_rm(): where it is not, but its parent is. */
int xenbus_mkdir(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node);
int xenbus_rm(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node);
/* Names of children, in the store's order; one malloc'ed block, *@count of them. Directories whose listing
 * exceeds 4096 bytes are read in parts. */
int xenbus_directory(struct xenbus *bus, struct xenbus_transaction t, const char *dir, const char *node,
		     char ***names, size_t *count);
/* At most 8 transactions a bus are open at once; more wait, in the order of asking. Until the end only
 * store calls may block. -EBUSY this fiber has one open. */
int xenbus_transaction_start(struct xenbus *bus, struct xenbus_transaction *t);
/* -EAGAIN: it conflicted and nothing was written: do it all again. @abort: nothing is written, 0. */
int xenbus_transaction_end(struct xenbus *bus, struct xenbus_transaction t, bool abort);

/* A watch of the driver's. @fired runs in the device's fiber; events that come before it ran are one. */
struct xenbus_watch {
	char *path;
	void (*fired)(struct xenbus_watch *watch);
	struct xenbus_device *dev;
	void *impl; /* the framework's; NULL: not set */
};
/* Watches @path for @dev until xenbus_unwatch() or the device goes. @watch is the caller's. [blocks] */
int xenbus_watch_path(struct xenbus_device *dev, const char *path, struct xenbus_watch *watch,
		      void (*fired)(struct xenbus_watch *watch));
int xenbus_watch_pathfmt(struct xenbus_device *dev, struct xenbus_watch *watch,
			 void (*fired)(struct xenbus_watch *watch), const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void xenbus_unwatch(struct xenbus_watch *watch);

/* -- rings, grants and event channels: resources of the device, none blocks ------------------------ */

/* @count (1..XENBUS_MAX_RING_PAGES) zeroed pages granted to the other end; @refs[@count].
 * 0 and *@addr; -EINVAL, -ENOSPC, ... of xen_platform_gntshr_share(). */
int xenbus_setup_ring(struct xenbus_device *dev, unsigned int count, bool writable, void **addr,
		      uint32_t *refs);
/* As above, one page, whose byte @liveness (0..4095) becomes 0, and @port (0: none) is notified, when this
 * process ends or tears the ring down: how the other end learns of our death. */
int xenbus_setup_ring_notify(struct xenbus_device *dev, unsigned int liveness, uint32_t port, void **addr,
			     uint32_t *ref);
/* Ends the grants. A page that the other end still maps stays its to see, and is never reused. */
void xenbus_teardown_ring(struct xenbus_device *dev, void **addr);
/* Maps @count pages that the other end granted. */
int xenbus_map_ring_valloc(struct xenbus_device *dev, const uint32_t *refs, unsigned int count, bool writable,
			   void **addr);
int xenbus_map_ring_notify(struct xenbus_device *dev, uint32_t ref, unsigned int liveness, uint32_t port,
			   void **addr);
void xenbus_unmap_ring_vfree(struct xenbus_device *dev, void **addr);

/* Runs on the loop when the port was notified (any number of times). May not block. */
typedef void (*xenbus_event_handler)(struct xenbus_device *dev, void *arg);
/* Offers a port to the other end / binds the one it offered. Returns 0 and *@port. The handler runs once
 * after a bind, as on Xen. */
int xenbus_alloc_evtchn(struct xenbus_device *dev, xenbus_event_handler handler, void *arg, uint32_t *port);
int xenbus_bind_evtchn(struct xenbus_device *dev, uint32_t remote_port, xenbus_event_handler handler,
		       void *arg, uint32_t *port);
void xenbus_free_evtchn(struct xenbus_device *dev, uint32_t *port); /* and sets it to 0 */
int xenbus_notify(struct xenbus_device *dev, uint32_t port);

/* -- work, waiting and time in fibers ----------------------------------------------------------- */

/* Work for the device's fiber. Embedded in the caller's object, zero-initialised; dropped unrun when the
 * device is removed. Posting what is posted does nothing. From anywhere on the loop. */
struct xenbus_device_work {
	void (*run)(struct xenbus_device *dev, struct xenbus_device_work *work);
	struct xenbus_device_work *next; /* the framework's */
	bool posted;			 /* the framework's */
};
void xenbus_post(struct xenbus_device *dev, struct xenbus_device_work *work);

/* One fiber waits, anybody completes. Zero-initialised; may be used again. */
struct xenbus_completion {
	bool done;
	void *waiter; /* the framework's */
};
/* [blocks] until completed, at most @timeout_ns (0: no limit). 0; -ETIMEDOUT; -ENODEV. */
int xenbus_wait(struct xenbus *bus, struct xenbus_completion *completion, uint64_t timeout_ns);
void xenbus_complete(struct xenbus *bus, struct xenbus_completion *completion);
int xenbus_sleep(struct xenbus *bus, uint64_t ns); /* [blocks] */

/* A fiber without a device, for toolstack-like programs: @fn may use every [blocks] call that takes a bus;
 * @done runs on the loop with its result. 0 or -ENOMEM. The bus may not be closed before. */
int xenbus_task(struct xenbus *bus, int (*fn)(struct xenbus *bus, void *arg), void *arg,
		void (*done)(void *arg, int result));
/* The same, running the loop until it is over; for main(). Returns its result. */
int xenbus_task_run(struct xenbus *bus, int (*fn)(struct xenbus *bus, void *arg), void *arg);

/* -- trace and counts ----------------------------------------------------------------------------- */

enum xenbus_trace_kind {
	XENBUS_TRACE_STATE,    /* own state written; text: "Initialising -> InitWait" */
	XENBUS_TRACE_OTHEREND, /* other end's state seen */
	XENBUS_TRACE_STORE,    /* a store message; text: "WRITE device/alice_dev/0/state 3" */
	XENBUS_TRACE_EVENT,    /* a store event */
	XENBUS_TRACE_GRANT,    /* share, unshare, map, unmap */
	XENBUS_TRACE_EVTCHN,   /* bind, unbind */
	XENBUS_TRACE_DRIVER,   /* a driver's callback entered or left */
	XENBUS_TRACE_NOTE,     /* waits reported, oddities ignored */
	XENBUS_TRACE_WAIT,     /* what it waits for has changed; text: of xenbus_waiting_for(), "" nothing */
};
/* Always on; the oldest entries are overwritten. Those of a program with drivers lie in a file of its world, where there
 * is one (XENBUS_RUN_DIR): `xenbus trace` reads them while it runs, and after it was killed. */
struct xenbus_trace_entry {
	uint64_t time_ns;   /* host clock */
	uint8_t kind;	    /* enum xenbus_trace_kind */
	uint8_t own, other; /* states at that moment */
	char device[64];    /* nodename; "" the bus */
	char text[88];	    /* guest bytes escaped, cut */
};
/* The @index-th oldest entry still there, copied. 0, or -ENOENT past the end. */
int xenbus_trace_get(const struct xenbus *bus, size_t index, struct xenbus_trace_entry *out);
/* All entries as JSON, one object a line, to @out. 0 or -errno of the write. */
int xenbus_trace_write(const struct xenbus *bus, FILE *out);

struct xenbus_counts {
	size_t devices, fibers, stacks, shares, shared_pages, mappings, mapped_pages, ports, watches,
		transactions;
	uint64_t requests, looks, notifications, events;
};
void xenbus_counts(const struct xenbus *bus, struct xenbus_counts *out);

#pragma GCC visibility pop

#endif
