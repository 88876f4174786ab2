/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_MODULE_H
#define _LINUX_MODULE_H
/*
 * A module: compiled and linked as a shared object, started by `xenbus insmod` in a process of its own.
 *
 *     cc -shared -fPIC $(pkg-config --cflags xenbus-linux) -o alice_front.so alice_front.c
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

struct module {
	const char *name;
	int refs; /* taken by try_module_get() */
};
static inline bool try_module_get(struct module *module)
{
	module->refs++;
	return true;
}
static inline void __module_get(struct module *module)
{
	module->refs++;
}
static inline void module_put(struct module *module)
{
	module->refs--;
}
#define module_name(module) ((module)->name)
#define module_refcount(module) ((module)->refs)

/* What `xenbus insmod` looks for. */
int linux_module_init(void) __attribute__((__visibility__("default")));
void linux_module_exit(void) __attribute__((__visibility__("default")));
/* MODULE_LICENSE() tells a module without init function from any other shared object. */
extern const char linux_module_license[] __attribute__((__weak__, __visibility__("default")));
#define module_init(fn)             \
	int linux_module_init(void) \
	{                           \
		return fn();        \
	}                           \
	_Static_assert(1, "")
#define module_exit(fn)              \
	void linux_module_exit(void) \
	{                            \
		fn();                \
	}                            \
	_Static_assert(1, "")
#define late_initcall(fn) module_init(fn)
#define subsys_initcall(fn) module_init(fn)
#define device_initcall(fn) module_init(fn)

#define MODULE_LICENSE(text)        \
	MODULE_INFO(license, text); \
	const char linux_module_license[] = text
#define MODULE_AUTHOR(text) MODULE_INFO(author, text)
#define MODULE_DESCRIPTION(text) MODULE_INFO(description, text)
#define MODULE_VERSION(text) MODULE_INFO(version, text)
#define MODULE_ALIAS(text) MODULE_INFO(alias, text)
#define MODULE_SOFTDEP(text) MODULE_INFO(softdep, text)
#define MODULE_FIRMWARE(text) MODULE_INFO(firmware, text)
#define MODULE_IMPORT_NS(ns) MODULE_INFO(import_ns, #ns)
#define MODULE_DEVICE_TABLE(type, name) _Static_assert(1, #type)

#endif
