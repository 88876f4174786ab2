/* SPDX-License-Identifier: MIT */
#ifndef _XEN_XENBUS_H
#define _XEN_XENBUS_H
/*
 * Linux's XenBus (of 6.1), on the project's bus. What is the same is not said again. What is not:
 *
 *   - each device has a fiber of its own; in Linux one thread serves them all, one after the other
 *   - a write below the device's own node happens only while the device is the one that was probed: -ENODEV
 *   - a device that goes while one of its callbacks runs is removed when that has returned
 *
 * All calls that speak to the store wait for its answer: from callbacks, works and kthreads, never from handlers.
 */
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/grant_table.h>
#include <xen/interface/io/xenbus.h>
#include <xen/interface/io/xs_wire.h>
#include <xen/interface/xen.h>

#define XENBUS_MAX_RING_GRANT_ORDER 4
#define XENBUS_MAX_RING_GRANTS (1U << XENBUS_MAX_RING_GRANT_ORDER)

struct xenbus_watch {
	struct list_head list; /* the runtime's */
	const char *node;
	unsigned int nr_pending; /* events that wait for callback() */
	bool (*will_handle)(struct xenbus_watch *watch, const char *path, const char *token);
	void (*callback)(struct xenbus_watch *watch, const char *path, const char *token);
	void *linux_impl; /* the runtime's; NULL: not registered */
};

struct xenbus_device {
	const char *devicetype;
	const char *nodename;
	const char *otherend;
	int otherend_id;
	struct xenbus_watch otherend_watch; /* its node is the path watched; the bus does it */
	struct device dev;
	enum xenbus_state state; /* as xenbus_switch_state() was last told, whatever the store says */
	struct completion down;
	struct work_struct work;
	struct semaphore reclaim_sem;
	atomic_t event_channels;
	atomic_t events;
	atomic_t spurious_events;
	atomic_t jiffies_eoi_delayed;
	unsigned int spurious_threshold;
	void *linux_bus; /* the bus's device; NULL: it is gone */
};

static inline struct xenbus_device *to_xenbus_device(struct device *dev)
{
	return container_of(dev, struct xenbus_device, dev);
}

struct xenbus_device_id {
	char devicetype[32]; /* an empty one ends the list */
};

struct xenbus_driver {
	const char *name; /* NULL: that of the first id */
	const struct xenbus_device_id *ids;
	bool allow_rebind; /* leaves the state as it is when it goes */
	bool not_essential;
	int (*probe)(struct xenbus_device *dev, const struct xenbus_device_id *id);
	void (*otherend_changed)(struct xenbus_device *dev, enum xenbus_state backend_state);
	void (*remove)(struct xenbus_device *dev);
	int (*suspend)(struct xenbus_device *dev); /* never called: a process is not told */
	int (*resume)(struct xenbus_device *dev);  /* never called, so */
	int (*uevent)(struct xenbus_device *dev, struct kobj_uevent_env *env); /* never called */
	struct device_driver driver;
	int (*read_otherend_details)(struct xenbus_device *dev); /* never called: the bus has read them */
	int (*is_ready)(struct xenbus_device *dev);		 /* never called: nothing boots */
	void (*reclaim_memory)(struct xenbus_device *dev);	 /* never called */
	struct list_head linux_link;				 /* the runtime's */
	void *linux_impl;
};

static inline struct xenbus_driver *to_xenbus_driver(struct device_driver *drv)
{
	return container_of(drv, struct xenbus_driver, driver);
}

int __xenbus_register_frontend(struct xenbus_driver *drv, struct module *owner, const char *mod_name)
	LINUX_SYMBOL(__xenbus_register_frontend) __must_check;
int __xenbus_register_backend(struct xenbus_driver *drv, struct module *owner, const char *mod_name)
	LINUX_SYMBOL(__xenbus_register_backend) __must_check;
#define xenbus_register_frontend(drv) __xenbus_register_frontend(drv, THIS_MODULE, KBUILD_MODNAME)
#define xenbus_register_backend(drv) __xenbus_register_backend(drv, THIS_MODULE, KBUILD_MODNAME)
void xenbus_unregister_driver(struct xenbus_driver *drv) LINUX_SYMBOL(xenbus_unregister_driver);

struct xenbus_transaction {
	u32 id;
};
#define XBT_NIL ((struct xenbus_transaction){ 0 })

/* Results that are pointers are freed with kfree(), or are ERR_PTR(). */
char **xenbus_directory(struct xenbus_transaction t, const char *dir, const char *node, unsigned int *num)
	LINUX_SYMBOL(xenbus_directory);
void *xenbus_read(struct xenbus_transaction t, const char *dir, const char *node, unsigned int *len)
	LINUX_SYMBOL(xenbus_read);
int xenbus_write(struct xenbus_transaction t, const char *dir, const char *node, const char *string)
	LINUX_SYMBOL(xenbus_write);
int xenbus_mkdir(struct xenbus_transaction t, const char *dir, const char *node) LINUX_SYMBOL(xenbus_mkdir);
int xenbus_exists(struct xenbus_transaction t, const char *dir, const char *node) LINUX_SYMBOL(xenbus_exists);
int xenbus_rm(struct xenbus_transaction t, const char *dir, const char *node) LINUX_SYMBOL(xenbus_rm);
/* One a fiber at a time: -EBUSY. */
int xenbus_transaction_start(struct xenbus_transaction *t) LINUX_SYMBOL(xenbus_transaction_start);
int xenbus_transaction_end(struct xenbus_transaction t, int abort) LINUX_SYMBOL(xenbus_transaction_end);
int xenbus_scanf(struct xenbus_transaction t, const char *dir, const char *node, const char *fmt, ...)
	LINUX_SYMBOL(xenbus_scanf) __scanf(4, 5);
unsigned int xenbus_read_unsigned(const char *dir, const char *node, unsigned int default_val)
	LINUX_SYMBOL(xenbus_read_unsigned);
int xenbus_printf(struct xenbus_transaction t, const char *dir, const char *node, const char *fmt, ...)
	LINUX_SYMBOL(xenbus_printf) __printf(4, 5);
int xenbus_gather(struct xenbus_transaction t, const char *dir, ...) LINUX_SYMBOL(xenbus_gather);

/* The store is up by the time a module runs, so a notifier is called at once. */
int register_xenstore_notifier(struct notifier_block *nb) LINUX_SYMBOL(register_xenstore_notifier);
void unregister_xenstore_notifier(struct notifier_block *nb) LINUX_SYMBOL(unregister_xenstore_notifier);

int register_xenbus_watch(struct xenbus_watch *watch) LINUX_SYMBOL(register_xenbus_watch);
/* Its callback does not run any more when this returns, unless it is what calls. */
void unregister_xenbus_watch(struct xenbus_watch *watch) LINUX_SYMBOL(unregister_xenbus_watch);
int xenbus_watch_path(struct xenbus_device *dev, const char *path, struct xenbus_watch *watch,
		      bool (*will_handle)(struct xenbus_watch *, const char *, const char *),
		      void (*callback)(struct xenbus_watch *, const char *, const char *))
	LINUX_SYMBOL(xenbus_watch_path);
/* watch->node is kfree()d by who unregisters it, as in Linux. */
int xenbus_watch_pathfmt(struct xenbus_device *dev, struct xenbus_watch *watch,
			 bool (*will_handle)(struct xenbus_watch *, const char *, const char *),
			 void (*callback)(struct xenbus_watch *, const char *, const char *),
			 const char *pathfmt, ...) LINUX_SYMBOL(xenbus_watch_pathfmt) __printf(5, 6);

#define XENBUS_IS_ERR_READ(str)                         \
	({                                              \
		if (!IS_ERR(str) && strlen(str) == 0) { \
			kfree(str);                     \
			str = ERR_PTR(-ERANGE);         \
		}                                       \
		IS_ERR(str);                            \
	})
#define XENBUS_EXIST_ERR(err) ((err) == -ENOENT || (err) == -ERANGE)

/* Sets dev->state and returns 0, whatever became of it: also where the node is gone, or is not this device's any more. */
int xenbus_switch_state(struct xenbus_device *dev, enum xenbus_state new_state)
	LINUX_SYMBOL(xenbus_switch_state);
/* @grefs are INVALID_GRANT_REF on error. */
int linux_setup_ring(struct xenbus_device *dev, gfp_t gfp, void **vaddr, unsigned int nr_pages,
		     grant_ref_t *grefs, const char *where) LINUX_SYMBOL(xenbus_setup_ring_at);
#define xenbus_setup_ring(dev, gfp, vaddr, nr_pages, grefs) \
	linux_setup_ring(dev, gfp, vaddr, nr_pages, grefs, LINUX_HERE)
void xenbus_teardown_ring(void **vaddr, unsigned int nr_pages, grant_ref_t *grefs)
	LINUX_SYMBOL(xenbus_teardown_ring);
int linux_map_ring(struct xenbus_device *dev, grant_ref_t *gnt_refs, unsigned int nr_grefs, void **vaddr,
		   const char *where) LINUX_SYMBOL(xenbus_map_ring_valloc_at);
#define xenbus_map_ring_valloc(dev, gnt_refs, nr_grefs, vaddr) \
	linux_map_ring(dev, gnt_refs, nr_grefs, vaddr, LINUX_HERE)
int xenbus_unmap_ring_vfree(struct xenbus_device *dev, void *vaddr) LINUX_SYMBOL(xenbus_unmap_ring_vfree);
int linux_alloc_evtchn(struct xenbus_device *dev, evtchn_port_t *port, const char *where)
	LINUX_SYMBOL(xenbus_alloc_evtchn_at);
#define xenbus_alloc_evtchn(dev, port) linux_alloc_evtchn(dev, port, LINUX_HERE)
int xenbus_free_evtchn(struct xenbus_device *dev, evtchn_port_t port) LINUX_SYMBOL(xenbus_free_evtchn);

enum xenbus_state xenbus_read_driver_state(const char *path) LINUX_SYMBOL(xenbus_read_driver_state);
void xenbus_dev_error(struct xenbus_device *dev, int err, const char *fmt, ...) LINUX_SYMBOL(xenbus_dev_error)
	__printf(3, 4);
void xenbus_dev_fatal(struct xenbus_device *dev, int err, const char *fmt, ...) LINUX_SYMBOL(xenbus_dev_fatal)
	__printf(3, 4);
const char *xenbus_strstate(enum xenbus_state state) LINUX_SYMBOL(xenbus_strstate);
int xenbus_dev_is_online(struct xenbus_device *dev) LINUX_SYMBOL(xenbus_dev_is_online);
int xenbus_frontend_closed(struct xenbus_device *dev) LINUX_SYMBOL(xenbus_frontend_closed);

/* Of other versions of Linux. */
int xenbus_grant_ring(struct xenbus_device *dev, void *vaddr, unsigned int nr_pages, grant_ref_t *grefs)
	LINUX_REFUSED("Linux has dropped it; xenbus_setup_ring()");
int xenbus_map_ring(struct xenbus_device *dev, grant_ref_t *refs, unsigned int n, grant_handle_t *handles,
		    unsigned long *vaddrs, bool *leaked)
	LINUX_REFUSED("Linux has dropped it; xenbus_map_ring_valloc()");
int xenbus_read_otherend_details(struct xenbus_device *dev, char *id_node, char *path_node)
	LINUX_REFUSED("the bus has read them: dev->otherend, dev->otherend_id");
void xs_suspend(void) LINUX_REFUSED("suspending is the kernel's");
void xs_resume(void) LINUX_REFUSED("suspending is the kernel's");
void xs_suspend_cancel(void) LINUX_REFUSED("suspending is the kernel's");

#endif
