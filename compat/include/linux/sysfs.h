/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_SYSFS_H
#define _LINUX_SYSFS_H
#include <linux/kernel.h>
#include <linux/types.h>

struct device;
struct kobject;

struct attribute {
	const char *name;
	umode_t mode;
};
struct attribute_group {
	const char *name;
	umode_t (*is_visible)(struct kobject *, struct attribute *, int);
	struct attribute **attrs;
};
struct device_attribute {
	struct attribute attr;
	ssize_t (*show)(struct device *dev, struct device_attribute *attr, char *buf);
	ssize_t (*store)(struct device *dev, struct device_attribute *attr, const char *buf, size_t count);
};

#define S_IRUSR 0400
#define S_IWUSR 0200
#define S_IRUGO 0444
#define S_IRGRP 0040
#define __ATTR(label, perm, show_fn, store_fn)                                                     \
	{                                                                                          \
		.attr = { .name = #label, .mode = (perm) }, .show = (show_fn), .store = (store_fn) \
	}
#define __ATTR_RO(label) __ATTR(label, 0444, label##_show, NULL)
#define __ATTR_RW(label) __ATTR(label, 0644, label##_show, label##_store)
#define DEVICE_ATTR(label, perm, show_fn, store_fn) \
	struct device_attribute dev_attr_##label = __ATTR(label, perm, show_fn, store_fn)
#define DEVICE_ATTR_RO(label) struct device_attribute dev_attr_##label = __ATTR_RO(label)
#define DEVICE_ATTR_RW(label) struct device_attribute dev_attr_##label = __ATTR_RW(label)
#define DEVICE_ATTR_WO(label) \
	struct device_attribute dev_attr_##label = __ATTR(label, 0200, NULL, label##_store)
#define ATTRIBUTE_GROUPS(label)                                                         \
	static const struct attribute_group label##_group = { .attrs = label##_attrs }; \
	static const struct attribute_group *label##_groups[] = { &label##_group, NULL }

/* Kept, and shown nowhere: nobody calls show() or store(). 0; -EEXIST; -ENOMEM. */
int device_create_file(struct device *dev, const struct device_attribute *attr)
	LINUX_SYMBOL(device_create_file);
void device_remove_file(struct device *dev, const struct device_attribute *attr)
	LINUX_SYMBOL(device_remove_file);
int sysfs_create_group(struct kobject *kobj, const struct attribute_group *group)
	LINUX_SYMBOL(sysfs_create_group);
void sysfs_remove_group(struct kobject *kobj, const struct attribute_group *group)
	LINUX_SYMBOL(sysfs_remove_group);
int sysfs_emit(char *buf, const char *fmt, ...) LINUX_SYMBOL(sysfs_emit) __printf(2, 3);
int sysfs_emit_at(char *buf, int at, const char *fmt, ...) LINUX_SYMBOL(sysfs_emit_at) __printf(3, 4);

#endif
