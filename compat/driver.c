/* SPDX-License-Identifier: MIT */
/* Drivers and devices. */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/string.h>
#include <xen/xenbus.h>
#include "runtime.h"

struct linux_device {
	struct xenbus_device xdev;
	struct list_head link; /* rt.devices, while a driver has it; rt.refused */
	struct xenbus_driver *drv;
	char name[64]; /* "alice_dev-0" */
};

struct managed {
	struct list_head link;
	void *data[]; /* as aligned as the block is: two pointers stand before it */
};

/* What a registered driver needs of us. */
struct linux_driver {
	struct bridge_driver bridge;
	const char **types;
};

static struct bus_type frontend_bus = { .name = "xen" }, backend_bus = { .name = "xen-backend" };

static struct linux_device *of_xdev(struct xenbus_device *xdev)
{
	return container_of(xdev, struct linux_device, xdev);
}

/* -- one device -- */

/* "device/vbd/51712" is vbd-51712, "backend/vbd/1/51712" vbd-1-51712. */
static void make_name(char *name, size_t size, const char *nodename)
{
	const char *type = strchr(nodename, '/');

	strscpy(name, type ? type + 1 : nodename, size);
	for (char *slash = name; (slash = strchr(slash, '/'));)
		*slash = '-';
}

static void device_free(struct kref *kref)
{
	struct device *dev = container_of(kref, struct device, kobj.kref);
	struct linux_device *d = of_xdev(to_xenbus_device(dev));

	free((void *)d->xdev.nodename);
	free((void *)d->xdev.devicetype);
	free((void *)d->xdev.otherend);
	free((void *)d->xdev.otherend_watch.node);
	free(d);
}

void put_device(struct device *dev)
{
	if (dev)
		kref_put(&dev->kobj.kref, device_free);
}

static char *text_of(const char *fmt, const char *text)
{
	size_t len = strlen(text) + 16;
	char *copy = malloc(len);

	if (copy)
		snprintf(copy, len, fmt, text);
	return copy;
}

static int fill(struct linux_device *d, const struct bridge_device_info *info)
{
	struct xenbus_device *xdev = &d->xdev;

	xdev->nodename = text_of("%s", info->nodename);
	xdev->devicetype = text_of("%s", info->devicetype);
	xdev->otherend = text_of("%s", info->otherend);
	xdev->otherend_watch.node = text_of("%s/state", info->otherend);
	if (!xdev->nodename || !xdev->devicetype || !xdev->otherend || !xdev->otherend_watch.node)
		return -ENOMEM;
	xdev->otherend_id = (int)info->otherend_id;
	xdev->state = (enum xenbus_state)info->state;
	init_completion(&xdev->down);
	sema_init(&xdev->reclaim_sem, 1);
	make_name(d->name, sizeof(d->name), info->nodename);
	xdev->dev.kobj.name = d->name;
	xdev->dev.bus = info->is_backend ? &backend_bus : &frontend_bus;
	xdev->dev.driver = &d->drv->driver;
	mutex_init(&xdev->dev.mutex);
	INIT_LIST_HEAD(&xdev->dev.linux_attributes);
	INIT_LIST_HEAD(&xdev->dev.linux_managed);
	return 0;
}

/* In Linux a device outlives a probe that failed, and so does what the driver left pointing at it. It is kept until its node is
 * probed again or the module ends: one a node. NULL: all. */
static void forget_refused(const char *nodename)
{
	struct linux_device *d, *next;

	list_for_each_entry_safe(d, next, &rt.refused, link)
	{
		if (nodename && strcmp(d->xdev.nodename, nodename))
			continue;
		list_del(&d->link);
		put_device(&d->xdev.dev);
	}
}

void devices_reclaim(void)
{
	forget_refused(NULL);
}

static struct linux_device *device_new(struct xenbus_driver *drv, void *bus_device,
				       const struct bridge_device_info *info)
{
	struct linux_device *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	kref_init(&d->xdev.dev.kobj.kref);
	d->drv = drv;
	d->xdev.linux_bus = bus_device;
	if (fill(d, info)) {
		put_device(&d->xdev.dev);
		return NULL;
	}
	list_add_tail(&d->link, &rt.devices);
	return d;
}

/* The driver has let go of it: what it allocated for it goes, and the device, too, unless somebody keeps a reference. */
static void device_leave(struct linux_device *d)
{
	struct device *dev = &d->xdev.dev;
	struct managed *m, *next;

	list_for_each_entry_safe(m, next, &dev->linux_managed, link)
	{
		list_del(&m->link);
		kfree(m);
	}
	dev_set_drvdata(dev, NULL);
	dev->driver = NULL;
	list_del(&d->link);
	d->xdev.linux_bus = NULL;
	put_device(dev);
}

void *linux_devm_kmalloc(struct device *dev, size_t size, gfp_t gfp, const char *where)
{
	struct managed *m = linux_kmalloc(sizeof(*m) + size, gfp, where);

	if (!m)
		return NULL;
	list_add(&m->link, &dev->linux_managed);
	return m->data;
}

/* -- what the bus calls, in the device's fiber -- */

static void callback_enter(struct task_struct *self, const char *callback, const struct linux_device *d)
{
	rt_task_enter(self, "xenwatch");
	rt.local.callback = callback;
	rt.local.device = d->name;
}

int linux_on_probe(void *linux_driver, void *bus_device, const struct bridge_device_info *info, void **device)
{
	struct xenbus_driver *drv = linux_driver;
	struct linux_device *d = device_new(drv, bus_device, info);
	struct task_struct self;
	int err;

	if (!d)
		return -ENOMEM;
	forget_refused(info->nodename);
	*device = d;
	callback_enter(&self, "probe", d);
	err = drv->probe ? drv->probe(&d->xdev, &drv->ids[info->type_index]) : 0;
	if (err > 0) {
		WARN(1, "probe() of %s returned %d, which is no error\n", drv->name, err);
		err = -EINVAL;
	}
	if (err) {
		*device = NULL;
		get_device(&d->xdev.dev);
		device_leave(d);
		list_add(&d->link, &rt.refused);
	}
	rt_task_leave(&self);
	return err;
}

void linux_on_otherend_changed(void *device, unsigned int state)
{
	struct linux_device *d = device;
	struct task_struct self;

	if (!d->drv->otherend_changed)
		return;
	callback_enter(&self, "otherend_changed", d);
	get_device(&d->xdev.dev); /* it may unregister the device */
	d->drv->otherend_changed(&d->xdev, (enum xenbus_state)state);
	put_device(&d->xdev.dev);
	rt_task_leave(&self);
}

void linux_on_remove(void *device)
{
	struct linux_device *d = device;
	struct fiber_local outer = rt.local;
	struct task_struct self;

	callback_enter(&self, "remove", d);
	if (d->drv->remove)
		d->drv->remove(&d->xdev);
	device_leave(d);
	rt_task_leave(&self);
	rt.local = outer; /* of the callback that called device_unregister() */
}

void device_unregister(struct device *dev)
{
	struct xenbus_device *xdev = to_xenbus_device(dev);
	int err = xdev->linux_bus
			  ? BLOCKS("device_unregister", -EDEADLK, bridge_device_unregister(xdev->linux_bus))
			  : 0;

	if (err)
		dev_err(dev, "device_unregister: %pe\n", ERR_PTR(err));
}

/* -- drivers -- */

static int make_types(struct linux_driver *l, const struct xenbus_driver *drv)
{
	size_t count = 0;

	while (drv->ids[count].devicetype[0])
		count++;
	l->types = calloc(count + 1, sizeof(*l->types));
	for (size_t i = 0; l->types && i < count; i++)
		l->types[i] = drv->ids[i].devicetype;
	return l->types ? 0 : -ENOMEM;
}

static int driver_register(struct xenbus_driver *drv, struct module *owner, const char *mod_name,
			   bool is_backend)
{
	struct linux_driver *l = calloc(1, sizeof(*l));
	int err = l ? make_types(l, drv) : -ENOMEM;

	if (!err) {
		if (!drv->name)
			drv->name = drv->ids[0].devicetype;
		drv->driver.name = drv->name;
		drv->driver.owner = owner;
		drv->driver.mod_name = mod_name;
		drv->driver.bus = is_backend ? &backend_bus : &frontend_bus;
		l->bridge = (struct bridge_driver){ .types = l->types,
						    .is_backend = is_backend,
						    .linux_driver = drv };
		err = bridge_register(&l->bridge, drv->name);
	}
	if (err) {
		free(l ? l->types : NULL);
		free(l);
		return err;
	}
	drv->linux_impl = l;
	list_add_tail(&drv->linux_link, &rt.drivers);
	return 0;
}

int __xenbus_register_frontend(struct xenbus_driver *drv, struct module *owner, const char *mod_name)
{
	return driver_register(drv, owner, mod_name, false);
}

int __xenbus_register_backend(struct xenbus_driver *drv, struct module *owner, const char *mod_name)
{
	return driver_register(drv, owner, mod_name, true);
}

void xenbus_unregister_driver(struct xenbus_driver *drv)
{
	struct linux_driver *l = drv->linux_impl;

	if (WARN(!l, "xenbus_unregister_driver: the driver is not registered\n"))
		return;
	BLOCKS_VOID("xenbus_unregister_driver", bridge_unregister(&l->bridge));
	list_del(&drv->linux_link);
	drv->linux_impl = NULL;
	free(l->types);
	free(l);
}

void drivers_reclaim(void)
{
	while (!list_empty(&rt.drivers)) {
		struct xenbus_driver *drv = list_first_entry(&rt.drivers, struct xenbus_driver, linux_link);

		leak("the driver '%s' is still registered", drv->name);
		xenbus_unregister_driver(drv);
	}
}

unsigned int linux_device_count(void)
{
	struct list_head *link;
	unsigned int count = 0;

	list_for_each (link, &rt.devices)
		count++;
	return count;
}

void linux_each_device(void (*device)(void *ctx, const char *nodename, unsigned int state), void *ctx)
{
	struct linux_device *d;

	list_for_each_entry(d, &rt.devices, link) device(ctx, d->xdev.nodename, d->xdev.state);
}

/* -- lines about a device -- */

static void dev_vprintk(const char *level, const struct device *dev, const char *fmt, va_list *args)
{
	struct va_format text = { .fmt = fmt, .va = args };

	printk("%s%s %s: %pV", level,
	       dev->driver ? dev->driver->name
	       : dev->bus  ? dev->bus->name
			   : "",
	       dev_name(dev), &text);
}

void linux_dev_printk(const char *level, const struct device *dev, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	dev_vprintk(level, dev, fmt, &args);
	va_end(args);
}

int dev_err_probe(const struct device *dev, int err, const char *fmt, ...)
{
	va_list args;
	struct va_format text = { .fmt = fmt, .va = &args };

	va_start(args, fmt);
	linux_dev_printk(KERN_ERR, dev, "error %pe: %pV", ERR_PTR(err), &text);
	va_end(args);
	return err;
}

/* -- attributes -- */

struct attribute_file {
	struct list_head link;
	const struct device_attribute *attr;
};

int device_create_file(struct device *dev, const struct device_attribute *attr)
{
	struct attribute_file *file;

	list_for_each_entry(file, &dev->linux_attributes,
			    link) if (!strcmp(file->attr->attr.name, attr->attr.name)) return -EEXIST;
	file = block_alloc(sizeof(*file), true, "device_create_file()");
	if (!file)
		return -ENOMEM;
	file->attr = attr;
	list_add_tail(&file->link, &dev->linux_attributes);
	return 0;
}

void device_remove_file(struct device *dev, const struct device_attribute *attr)
{
	struct attribute_file *file, *next;

	list_for_each_entry_safe(file, next, &dev->linux_attributes, link)
	{
		if (file->attr != attr)
			continue;
		list_del(&file->link);
		kfree(file);
	}
}

int sysfs_create_group(struct kobject *kobj, const struct attribute_group *group)
{
	for (struct attribute **attr = group->attrs; *attr; attr++) {
		int err = device_create_file(kobj_to_dev(kobj),
					     container_of(*attr, struct device_attribute, attr));

		if (err)
			return err;
	}
	return 0;
}

void sysfs_remove_group(struct kobject *kobj, const struct attribute_group *group)
{
	for (struct attribute **attr = group->attrs; *attr; attr++)
		device_remove_file(kobj_to_dev(kobj), container_of(*attr, struct device_attribute, attr));
}

int sysfs_emit(char *buf, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vscnprintf(buf, PAGE_SIZE, fmt, args);
	va_end(args);
	return n;
}

int sysfs_emit_at(char *buf, int at, const char *fmt, ...)
{
	va_list args;
	int n;

	if (at < 0 || at >= (int)PAGE_SIZE)
		return 0;
	va_start(args, fmt);
	n = vscnprintf(buf + at, PAGE_SIZE - (size_t)at, fmt, args);
	va_end(args);
	return n;
}

int add_uevent_var(struct kobj_uevent_env *env, const char *format, ...)
{
	return 0;
}
