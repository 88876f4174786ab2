/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_MODULEPARAM_H
#define _LINUX_MODULEPARAM_H
#include <linux/compiler.h>

/* Where modinfo(8) finds them. */
#define LINUX_UNIQUE_2(name, n) name##n
#define LINUX_UNIQUE_1(name, n) LINUX_UNIQUE_2(name, n)
#define LINUX_UNIQUE(name) LINUX_UNIQUE_1(name, __COUNTER__)
#define MODULE_INFO(tag, text)                             \
	static const char LINUX_UNIQUE(linux_info_##tag)[] \
		__attribute__((__used__, __section__(".modinfo"), __aligned__(1))) = #tag "=" text
#define MODULE_PARM_DESC(name, text) MODULE_INFO(parm, #name ":" text)

struct kernel_param;
struct kernel_param_ops {
	unsigned int flags;
	int (*set)(const char *value, const struct kernel_param *kp);
	int (*get)(char *buffer, const struct kernel_param *kp);
	void (*free)(void *arg);
};
#define KERNEL_PARAM_OPS_FL_NOARG 1u

struct kparam_string {
	unsigned int maxlen;
	char *string;
};
struct kparam_array {
	unsigned int max, elemsize;
	unsigned int *num;
	const struct kernel_param_ops *ops;
	void *elem;
};
struct kernel_param {
	const char *name;
	const struct kernel_param_ops *ops;
	void *arg;
	unsigned short perm;
	struct kernel_param *next; /* the runtime's */
	const struct kparam_array *arr;
	const struct kparam_string *str;
};

#define LINUX_PARAM_TYPE(type) \
	extern const struct kernel_param_ops param_ops_##type LINUX_SYMBOL(param_ops_##type)
LINUX_PARAM_TYPE(byte);
LINUX_PARAM_TYPE(short);
LINUX_PARAM_TYPE(ushort);
LINUX_PARAM_TYPE(int);
LINUX_PARAM_TYPE(uint);
LINUX_PARAM_TYPE(long);
LINUX_PARAM_TYPE(ulong);
LINUX_PARAM_TYPE(ullong);
LINUX_PARAM_TYPE(bool);
LINUX_PARAM_TYPE(invbool);
LINUX_PARAM_TYPE(charp);
LINUX_PARAM_TYPE(string);
LINUX_PARAM_TYPE(array);
int param_set_int(const char *value, const struct kernel_param *kp) LINUX_SYMBOL(param_set_int);
int param_set_uint(const char *value, const struct kernel_param *kp) LINUX_SYMBOL(param_set_uint);
int param_set_bool(const char *value, const struct kernel_param *kp) LINUX_SYMBOL(param_set_bool);
int param_set_charp(const char *value, const struct kernel_param *kp) LINUX_SYMBOL(param_set_charp);

void linux_param_register(struct kernel_param *param) LINUX_SYMBOL(param_register);

/* The object is loaded before its init function runs: by then all its parameters are known, and set. */
#define LINUX_PARAM(label, operations, variable, mode, array, text)                     \
	static struct kernel_param linux_param_##label = {                              \
		.name = #label,                                                         \
		.ops = (operations),                                                    \
		.arg = (void *)(variable),                                              \
		.perm = (mode),                                                         \
		.arr = (array),                                                         \
		.str = (text),                                                          \
	};                                                                              \
	static void __attribute__((__constructor__)) linux_param_register_##label(void) \
	{                                                                               \
		linux_param_register(&linux_param_##label);                             \
	}                                                                               \
	_Static_assert(1, "")
#define module_param_cb(label, operations, variable, mode) \
	LINUX_PARAM(label, operations, variable, mode, NULL, NULL)
#define module_param_named(label, variable, type, mode) \
	MODULE_INFO(parmtype, #label ":" #type);        \
	LINUX_PARAM(label, &param_ops_##type, &(variable), mode, NULL, NULL)
#define module_param(variable, type, mode) module_param_named(variable, variable, type, mode)
#define module_param_string(label, chars, len, mode)                             \
	MODULE_INFO(parmtype, #label ":string");                                 \
	static const struct kparam_string linux_string_##label = { len, chars }; \
	LINUX_PARAM(label, &param_ops_string, NULL, mode, NULL, &linux_string_##label)
#define module_param_array_named(label, variable, type, count, mode) \
	MODULE_INFO(parmtype, #label ":array of " #type);            \
	static const struct kparam_array linux_array_##label = {     \
		.max = sizeof(variable) / sizeof((variable)[0]),     \
		.elemsize = sizeof((variable)[0]),                   \
		.num = (count),                                      \
		.ops = &param_ops_##type,                            \
		.elem = (variable),                                  \
	};                                                           \
	LINUX_PARAM(label, &param_ops_array, NULL, mode, &linux_array_##label, NULL)
#define module_param_array(variable, type, count, mode) \
	module_param_array_named(variable, variable, type, count, mode)

#endif
