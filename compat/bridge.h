/* SPDX-License-Identifier: MIT */
#ifndef COMPAT_BRIDGE_H
#define COMPAT_BRIDGE_H
/*
 * Where two worlds of headers meet. Files on the Linux side see compat/include and nothing of the C library; those on the bus's
 * side see the C library, <xenbus/xenbus.h> and nothing of Linux's. Both see this page, which includes nothing: who includes it
 * has bool, size_t and the fixed-width types.
 *
 *     driver.so --linux_*--> Linux side --bridge_*--> bus side --xenbus_*, xen_platform_*-->
 *                            Linux side <--linux_on_*-- bus side
 *
 * Errors are -errno. [blocks]: in a fiber only, else -EDEADLK.
 */

/* -- the process: heap, time, log, end -- */
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
uint64_t bridge_now_ns(void);
uint64_t bridge_wallclock_ns(void);
int bridge_random(void *buf, size_t len);
/* One line, without newline; @level as in the kernel, 0..7. */
void bridge_log(int level, const char *line);
void bridge_backtrace(void (*line)(const char *text));
/* "function+0x1c" of an address in the module or the program; false: none. */
bool bridge_symbol(const void *address, char *buf, size_t size);
const char *bridge_errno_name(int err); /* "ENOENT"; NULL: none */
/* One printf conversion, @spec of it, into @buf; the length it has. */
int bridge_format(char *buf, size_t size, const char *spec, ...);
void bridge_abort(void) __attribute__((__noreturn__));
unsigned int bridge_own_domid(void);
const char *bridge_module_name(void);

/* -- fibers -- */
struct bridge_sleep { /* zero-initialised; one waits, anybody wakes */
	bool done;
	void *waiter;
};
bool bridge_in_fiber(void);
int bridge_sleep(struct bridge_sleep *sleep,
		 uint64_t timeout_ns); /* [blocks] 0; -ETIMEDOUT; 0 ns: no limit */
void bridge_wake(struct bridge_sleep *sleep);
/* @fn runs in a fiber of its own, soon. 0 or -ENOMEM. */
int bridge_task(void (*fn)(void *arg), void *arg);
/* The one timer: linux_on_timer() runs on the loop at @deadline_ns (0: never) of bridge_now_ns(). */
void bridge_timer(uint64_t deadline_ns);
void linux_on_timer(void);

/* -- devices and drivers -- */
struct bridge_driver {
	const char *const *types; /* NULL-terminated, as long as it is registered */
	bool is_backend;
	void *linux_driver;
	void *impl; /* the bridge's */
};
/* What the Linux side is told of a device; strings live as long as the device. */
struct bridge_device_info {
	const char *devicetype, *nodename, *otherend;
	unsigned int otherend_id, state;
	size_t type_index; /* of its driver's types */
	bool is_backend;
};
int bridge_register(struct bridge_driver *driver, const char *name); /* -EEXIST, -ENOMEM */
/* [blocks] until the last of its devices is gone. */
void bridge_unregister(struct bridge_driver *driver);
int bridge_device_unregister(void *bus_device);		       /* [blocks] */
int bridge_switch_state(void *bus_device, unsigned int state); /* [blocks] 1, 0, -errno as the bus's */
void bridge_dev_error(void *bus_device, int err, const char *message); /* [blocks] error/<nodename>/error */
int bridge_dev_is_online(void *bus_device);			       /* [blocks] */
/* Of each device, in its fiber. *@device is what the others are given. */
int linux_on_probe(void *linux_driver, void *bus_device, const struct bridge_device_info *info,
		   void **device);
void linux_on_otherend_changed(void *device, unsigned int state);
void linux_on_remove(void *device);

/* -- the store, all [blocks]; outputs are malloc'ed -- */
int bridge_read(uint32_t tx, const char *dir, const char *node, char **out, size_t *len);
int bridge_write(uint32_t tx, const char *dir, const char *node, const char *value);
int bridge_mkdir(uint32_t tx, const char *dir, const char *node);
int bridge_rm(uint32_t tx, const char *dir, const char *node);
int bridge_directory(uint32_t tx, const char *dir, const char *node, char ***names, size_t *count);
int bridge_tx_start(uint32_t *tx);
int bridge_tx_end(uint32_t tx, bool abort);
/* Fired on the loop for each event, the first one when it is set. @path is the event's, borrowed. */
int bridge_watch(const char *path, void (*fired)(void *ctx, const char *path), void *ctx, void **watch);
void bridge_unwatch(void *watch);

/* -- event channels: a port, > 0, or -errno; what is pending comes to linux_on_event(), masked -- */
int bridge_evtchn_alloc(unsigned int domid);
int bridge_evtchn_bind(unsigned int domid, uint32_t remote_port);
void bridge_evtchn_close(uint32_t port);
void bridge_evtchn_notify(uint32_t port);
void bridge_evtchn_unmask(uint32_t port);
void bridge_evtchn_again(uint32_t port); /* linux_on_event() soon, as if it had come now */
void linux_on_event(uint32_t port);

/* -- pages: arena.c -- */
struct arena_page;
struct arena_grant { /* what to say of one that was not ended */
	uint32_t ref;
	unsigned int domid;
	const char *where;
};
/* 1 << @order pages, zeroed, aligned to their size. NULL: no memory. */
void *arena_alloc(unsigned int order, const char *where);
/* -EINVAL: no allocated block of that order begins there. Pages that are granted are freed when their grant ends. */
int arena_free(void *addr, unsigned int order);
/* The block's order, or -EINVAL. */
int arena_order(const void *addr);
struct arena_page *arena_page(const void *addr); /* NULL: none of the arena's that is allocated */
void *arena_address(const struct arena_page *page);
void arena_get(struct arena_page *page);
bool arena_put(struct arena_page *page); /* true: that was the last reference, the caller frees it */
/* The reference, > 0; -EINVAL no page of the arena; -EBUSY it is granted, *@other says how; errors of the platform. */
int arena_grant(void *addr, unsigned int domid, bool writable, const char *where, struct arena_grant *other);
/* Pages that the other end still maps (0 where that is not known); -ENOENT there is no such grant. */
int arena_end_grant(uint32_t ref, void **addr);
/* @count pages that @domid granted. */
int bridge_map(unsigned int domid, const uint32_t *refs, unsigned int count, void **addr);
int bridge_unmap(void *addr, unsigned int count);

/* -- what was not given back, at the end -- */
/* Calls @tell for each block or grant that is left, and takes it back. */
void arena_reclaim(void (*tell_grant)(const struct arena_grant *grant),
		   void (*tell_pages)(const char *where, unsigned int pages));

/* -- the module: its own functions, found by the program -- */
struct bridge_module {
	const char *name;
	int (*init)(void);  /* NULL: none */
	void (*exit)(void); /* NULL: it cannot be unloaded in good order */
};
int linux_module_setup(const char *name);
/* "name=value" or "name"; -ENOENT the module has no such parameter; -errno of its value. */
int linux_module_set_parameter(const char *text);
int linux_module_run_init(int (*init)(void));	/* [blocks] */
void linux_module_run_exit(void (*exit)(void)); /* [blocks] */
/* [blocks] Reports and takes back what the module left. */
void linux_module_reclaim(void);
unsigned int linux_device_count(void);
/* What runs: "probe() of vbd-1-0", "insmod", a thread's name; "swapper": a handler on the loop. */
void linux_running(char *text, size_t size);
/* Calls @device for each: name, nodename, and the own state. */
void linux_each_device(void (*device)(void *ctx, const char *nodename, unsigned int state), void *ctx);

#endif
