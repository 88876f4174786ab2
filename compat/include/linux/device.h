/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_DEVICE_H
#define _LINUX_DEVICE_H
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/pm.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

struct device;
struct device_driver;
struct module;

struct bus_type {
	const char *name;
};

struct device_driver {
	const char *name;
	struct bus_type *bus;
	struct module *owner;
	const char *mod_name;
	bool suppress_bind_attrs;
	const struct attribute_group **groups, **dev_groups;
	const struct dev_pm_ops *pm;
};

struct device {
	struct kobject kobj;
	struct device *parent;
	const char *init_name;
	struct bus_type *bus;
	struct device_driver *driver;
	void *platform_data, *driver_data;
	struct mutex mutex;
	void (*release)(struct device *dev);
	struct list_head linux_attributes; /* the runtime's: files, and devm_ memory */
	struct list_head linux_managed;
};
#define kobj_to_dev(k) container_of(k, struct device, kobj)

static inline void *dev_get_drvdata(const struct device *dev)
{
	return dev->driver_data;
}

static inline void dev_set_drvdata(struct device *dev, void *data)
{
	dev->driver_data = data;
}

/* "alice_dev-0" of a frontend, "alice_dev-1-0" of a backend for domain 1. */
static inline const char *dev_name(const struct device *dev)
{
	return dev->init_name ? dev->init_name : dev->kobj.name;
}

static inline struct device *get_device(struct device *dev)
{
	if (dev)
		kref_get(&dev->kobj.kref);
	return dev;
}

void put_device(struct device *dev) LINUX_SYMBOL(put_device);
/* Takes the device away from its driver, whose remove() runs before this returns; also from the driver's own
 * callbacks. The device's memory stays until they return. Its nodes in the store stay, too. */
void device_unregister(struct device *dev) LINUX_SYMBOL(device_unregister);
#define device_lock(dev) mutex_lock(&(dev)->mutex)
#define device_unlock(dev) mutex_unlock(&(dev)->mutex)

/* Freed when the device leaves its driver, after remove(). */
void *linux_devm_kmalloc(struct device *dev, size_t size, gfp_t gfp, const char *where)
	LINUX_SYMBOL(devm_kmalloc_at);
#define devm_kmalloc(dev, size, gfp) linux_devm_kmalloc(dev, size, gfp, LINUX_HERE)
#define devm_kzalloc(dev, size, gfp) linux_devm_kmalloc(dev, size, (gfp) | __GFP_ZERO, LINUX_HERE)
#define devm_kcalloc(dev, n, size, gfp) devm_kzalloc(dev, (n) * (size), gfp)

/* "DRIVER DEVICE: text" in the log. */
void linux_dev_printk(const char *level, const struct device *dev, const char *fmt, ...)
	LINUX_SYMBOL(dev_printk) __printf(3, 4);
#ifndef dev_fmt
#define dev_fmt(fmt) fmt
#endif
#define dev_printk(level, dev, fmt, ...) linux_dev_printk(level, dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_emerg(dev, fmt, ...) dev_printk(KERN_EMERG, dev, fmt, ##__VA_ARGS__)
#define dev_alert(dev, fmt, ...) dev_printk(KERN_ALERT, dev, fmt, ##__VA_ARGS__)
#define dev_crit(dev, fmt, ...) dev_printk(KERN_CRIT, dev, fmt, ##__VA_ARGS__)
#define dev_err(dev, fmt, ...) dev_printk(KERN_ERR, dev, fmt, ##__VA_ARGS__)
#define dev_warn(dev, fmt, ...) dev_printk(KERN_WARNING, dev, fmt, ##__VA_ARGS__)
#define dev_notice(dev, fmt, ...) dev_printk(KERN_NOTICE, dev, fmt, ##__VA_ARGS__)
#define dev_info(dev, fmt, ...) dev_printk(KERN_INFO, dev, fmt, ##__VA_ARGS__)
#ifdef DEBUG
#define dev_dbg(dev, fmt, ...) dev_printk(KERN_DEBUG, dev, fmt, ##__VA_ARGS__)
#else
#define dev_dbg(dev, fmt, ...)                                           \
	do {                                                             \
		if (0)                                                   \
			dev_printk(KERN_DEBUG, dev, fmt, ##__VA_ARGS__); \
	} while (0)
#endif
#define dev_vdbg(dev, fmt, ...) dev_dbg(dev, fmt, ##__VA_ARGS__)
#define dev_err_once(dev, fmt, ...) LINUX_ONCE(dev_err(dev, fmt, ##__VA_ARGS__))
#define dev_warn_once(dev, fmt, ...) LINUX_ONCE(dev_warn(dev, fmt, ##__VA_ARGS__))
#define dev_info_once(dev, fmt, ...) LINUX_ONCE(dev_info(dev, fmt, ##__VA_ARGS__))
#define dev_err_ratelimited(dev, fmt, ...) LINUX_RATELIMITED(dev_err(dev, fmt, ##__VA_ARGS__))
#define dev_warn_ratelimited(dev, fmt, ...) LINUX_RATELIMITED(dev_warn(dev, fmt, ##__VA_ARGS__))
#define dev_info_ratelimited(dev, fmt, ...) LINUX_RATELIMITED(dev_info(dev, fmt, ##__VA_ARGS__))
#define dev_WARN(dev, fmt, ...) WARN(1, "%s: " fmt, dev_name(dev), ##__VA_ARGS__)
int dev_err_probe(const struct device *dev, int err, const char *fmt, ...) LINUX_SYMBOL(dev_err_probe)
	__printf(3, 4);

int device_register(struct device *dev) LINUX_REFUSED("devices come from the bus");

#endif
