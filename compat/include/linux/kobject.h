/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_KOBJECT_H
#define _LINUX_KOBJECT_H
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/sysfs.h>

/* Part of struct device, no more: there is no tree of objects. */
struct kobject {
	const char *name;
	struct kref kref;
};
struct kobj_uevent_env;
static inline const char *kobject_name(const struct kobject *kobj)
{
	return kobj->name;
}

int add_uevent_var(struct kobj_uevent_env *env, const char *format, ...) LINUX_SYMBOL(add_uevent_var)
	__printf(2, 3); /* nobody listens: 0 */
int kobject_uevent(struct kobject *kobj, int action)
	LINUX_REFUSED("there is no udev for the devices of a module");

#endif
